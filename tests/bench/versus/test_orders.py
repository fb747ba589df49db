"""``peers/orders.py`` beside a small engine, in a directory of its own and a plain interpreter: as it runs for a peer."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reckon.bench.peers import orders
from reckon.bench.versus.contestant import Contestant
from reckon.bench.versus.resident import Lost
from reckon.bench.versus.tally import Burst

ENGINE = """
import hashlib
from orders import serve

class Engine:
    done = []
    def load(self, order): return {"versions": {"engine": "1"}, "settings": order}
    def open(self, prompts, tokens): self.prompts, self.tokens = prompts, tokens
    def step(self):
        hashlib.sha256(bytes(20_000_000))
        self.tokens -= 1
        return len(self.prompts) if self.tokens > 0 else 0
    def close(self): print("closed", self.tokens, flush=True)
    def prefill(self, prompt):
        print("prefill", sorted(prompt) == prompt, len(prompt), max(prompt) < 50, flush=True)
        if prompt in self.done: raise ValueError("seen before")
        self.done.append(prompt)
        return len(prompt) % 2

serve(Engine())
"""
OPEN = {"do": "open", "batch": 3, "prompt": 5, "tokens": 10, "vocab": 50, "seed": 1}


@pytest.fixture
def contestant(tmp_path: Path) -> Iterator[Contestant]:
    shutil.copy(orders.__file__, tmp_path)
    (tmp_path / "engine.py").write_text(ENGINE)
    made = Contestant("engine", [sys.executable, "-S", str(tmp_path / "engine.py")], os.environ, tmp_path / "log")
    made.start()
    yield made
    made.end()


def ask(contestant: Contestant, kind: Any = dict[str, Any], **order: Any) -> Any:
    return contestant.ask(order, kind, 30.0)


def test_a_whole_case(contestant: Contestant, tmp_path: Path) -> None:
    assert ask(contestant, do="load", threads=2)["settings"] == {"do": "load", "threads": 2}
    assert ask(contestant, **OPEN) == {}
    burst = ask(contestant, Burst, do="decode", batch=3, steps=4)
    assert len(burst.samples) == 4
    assert all(sample.seconds > 0 and sample.waited >= 0 for sample in burst.samples)
    assert sum(sample.seconds for sample in burst.samples) <= burst.seconds
    assert burst.used > 0
    assert ask(contestant, do="close") == {}
    assert (tmp_path / "log").read_text() == "closed 4\n"  # of 10: two steps to warm up, four counted


def test_prompts_are_random_and_differ_by_seed(contestant: Contestant, tmp_path: Path) -> None:
    for seed in (1, 2):
        assert len(ask(contestant, Burst, **(OPEN | {"do": "prefill", "batch": 1, "prompt": 9, "seed": seed})).samples) == 1
    assert (tmp_path / "log").read_text() == "prefill False 9 True\n" * 2
    with pytest.raises(Lost, match="'prefill' failed: ValueError: seen before"):
        ask(contestant, **(OPEN | {"do": "prefill", "batch": 1, "prompt": 9, "seed": 2}))


def test_who_does_too_little_has_no_sample(contestant: Contestant) -> None:
    with pytest.raises(Lost, match="'prefill' failed: RuntimeError: 1 answers got 0 tokens"):
        ask(contestant, **(OPEN | {"do": "prefill", "batch": 1, "prompt": 8}))
    ask(contestant, **OPEN)
    with pytest.raises(Lost, match="'decode' failed: RuntimeError: 3 answers got 0 tokens"):
        ask(contestant, do="decode", batch=3, steps=20)


def test_an_unknown_order(contestant: Contestant) -> None:
    with pytest.raises(Lost, match="'dance' failed: ValueError: there is no order 'dance'"):
        ask(contestant, do="dance")


def test_another_process_on_the_same_core_is_seen(contestant: Contestant) -> None:
    """The contestant and a process that never rests share one core: by the scheduler's own books the steps were disturbed."""
    core = {min(os.sched_getaffinity(0))}
    spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        os.sched_setaffinity(spinner.pid, core)
        os.sched_setaffinity(contestant.pid, core)
        ask(contestant, **(OPEN | {"tokens": 100}))
        burst = ask(contestant, Burst, do="decode", batch=3, steps=30)
    finally:
        spinner.kill()
        spinner.wait()
    assert any(sample.disturbed(0.0) for sample in burst.samples)
    assert burst.busy > burst.used
