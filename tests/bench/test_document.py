"""The page of measurements, from records as the benches write them."""

from typing import Any

import pytest

from reckon.bench.document import page
from reckon.bench.record import read, record, write
from reckon.errors import BadSetting

ENGINE = {
    "model": "a/b", "path": "cpu/avx2", "threads": 2, "load_seconds": 1.5, "memory_gb_per_second": 12.34,
    "prefill": [{"context": 2048, "tokens_per_second": 1234.5}],
    "decode": [
        {
            "context": 256, "batch": 8, "step_ms": 4.256, "tokens_per_second": 1480.2, "tokens_per_step": 9.5,
            "read_gb_per_second": 3.21, "phases": {"attend": 0.41, "norm": 0.01},
        }
    ],
}  # fmt: skip
FOUND = {"seconds": 0.0675, "tokens_per_second": 14.8, "good": 20, "samples": 24, "ratio": 0.44}
VERSUS: dict[str, Any] = {
    "model": "a/b", "threads": 2, "rounds": 3, "steps": 8,
    "contestants": {
        "reckon": {"versions": {"reckon": "1"}, "settings": {"path": "cpu|avx2"}, "lost": None},
        "llama.cpp": {"lost": "it died"},
    },
    "cases": [
        {
            "kind": "decode", "batch": 1, "prompt": 256,
            "contestants": {"reckon": FOUND, "llama.cpp": {**FOUND, "seconds": None}},
        },
        {"kind": "prefill", "batch": 1, "prompt": 2048, "contestants": {"reckon": FOUND}},
    ],
}  # fmt: skip
SPREAD = {"count": 10, "p50": 0.0005, "p95": 0.0007, "p99": 0.0009, "most": 0.001}
API = {
    "scheduler": [{"queue": "empty", "waiting": 10000, "step": SPREAD}],
    "requests": [
        {
            "what": "one client", "first": SPREAD, "whole": SPREAD, "requests_per_second": 900.0,
            "cpu_per_request": 0.001, "blocked": 0.002,
        }
    ],
    "streams": [
        {
            "streams": 2000, "complete": 2000, "tokens_per_second": 40000.0, "user_per_token": 1e-5, "system_per_token": 5e-6,
            "busy": 0.5, "blocked": [0.001, 0.002, 0.003], "collected": [0, 0, 0], "memory_mb": 200.0,
        }
    ],
    "send_seconds": 4e-6,
    "hold_up_seconds": 0.0042,
}  # fmt: skip


def section(bench: str, numbers: Any) -> str:
    return page([record(bench, numbers, ["/x/y/reckon", "bench", bench, "--key", "secret"])])


def test_who_when_where_and_how() -> None:
    text = section("engine", ENGINE)
    assert text.startswith("# Measurements\n")
    assert "```\nreckon bench engine --key …\n```" in text
    assert "secret" not in text and " cores, " in text and "python 3." in text


def test_the_engine() -> None:
    text = section("engine", ENGINE)
    assert "## The engine: a/b on cpu/avx2" in text
    assert "| 2,048 | 1,234 |" in text
    assert "| 256 | 8 | 4.26 | 1,480 | 9.50 | 3.2 | attend 41% |" in text
    assert "12.3 GB/s by 2 threads" in text


def test_what_guesses_gain() -> None:
    gain = {"what": "lists", "answers": 6, "tokens": 1234, "ms_without": 0.9, "ms_with": 0.3, "tokens_per_step": 4.5}
    numbers = {
        "model": "a/b", "path": "cpu/avx2", "threads": 2, "rounds": 3, "temperature": 0.7,
        "gains": [{**gain, "ratios": [3.0, 2.5, 3.5]}],
    }  # fmt: skip
    text = section("drafts", numbers)
    assert "## What guesses gain: a/b on cpu/avx2, one answer at a time, 3 rounds, temperature 0.7" in text
    assert "| lists | 6 | 1,234 | 0.900 | 0.300 | 4.50 | 3.00 (2.50, 3.50) |" in text


def test_a_contest() -> None:
    text = section("versus", VERSUS)
    assert "| reckon | reckon 1 | path cpu¦avx2 |  |" in text
    assert "| llama.cpp |  |  | it died |" in text
    assert "| decode 1 | reckon | 67.5 | 14.8 | 0.44 | 20 of 24 |" in text
    assert "| decode 1 | llama.cpp | disturbed |" in text
    assert "| prefill 2,048 | reckon |" in text


def turn(rate: float, *, disturbed: bool = False) -> dict[str, Any]:
    return {"tokens_per_second": rate, "first_seconds": [0.1, 0.2, 0.9], "disturbed": disturbed}


SERVERS = {
    "model": "05b", "threads": 2, "rounds": 3,
    "servers": {name: {"version": "1.2", "command": [name, "serve"]} for name in ("reckon", "vllm", "llama.cpp")},
    "lost": {"reckon": None, "vllm": None, "llama.cpp": "it ended"},
    "clients": {
        "1": {
            "reckon": [turn(30), turn(20), turn(60)],
            "vllm": [turn(10), turn(10, disturbed=True), turn(15)],
            "llama.cpp": [],
        },
    },
}  # fmt: skip


def test_servers() -> None:
    text = section("versus", SERVERS)
    assert "## Beside the peers' servers: 05b, 2 threads, 3 rounds" in text
    assert "| vllm | 1.2 | `vllm serve` |  |" in text and "| llama.cpp | 1.2 | `llama.cpp serve` | it ended |" in text
    assert "| 1 | reckon | 30 | 1 | 200.0 | 3 of 3 |" in text
    assert "| 1 | vllm | 12.5 | 3.5 | 200.0 | 2 of 3 |" in text
    assert "| 1 | llama.cpp |  |  | disturbed | 0 of 0 |" in text


def test_the_api() -> None:
    text = section("api", API)
    assert "| one client | 0.50 / 0.90 | 0.50 / 0.90 | 900 | 1.00 | 2.0 |" in text
    assert "| 2,000 | 2,000 | 40,000 | 10.0 + 5.0 | 1.0 / 2.0 / 3.0 | 200 |" in text
    assert "| empty | 10,000 | 500 / 900 |" in text
    assert "for up to 4.2 ms" in text


def test_a_server_under_load() -> None:
    text = section("serve", [{"rate": 2.0, "good": 1.9, "path": "/x"}])
    assert "| good | rate |" in text and "| 1.9 | 2 |" in text


def test_what_has_no_place_on_the_page() -> None:
    with pytest.raises(BadSetting, match="must be one of engine, drafts, versus, api, serve, not 'x'"):
        section("x", {})


def test_what_is_no_record(tmp_path: Any) -> None:
    write(tmp_path / "good.json", record("engine", ENGINE))
    assert read(tmp_path / "good.json")["numbers"] == ENGINE
    for name, text in (("broken.json", "{"), ("other.json", "[]"), ("half.json", '{"bench": "engine"}')):
        (tmp_path / name).write_text(text)
        with pytest.raises(BadSetting, match=f"{name} is no record of a bench"):
            read(tmp_path / name)
    with pytest.raises(BadSetting, match=r"missing\.json is no record"):
        read(tmp_path / "missing.json")
