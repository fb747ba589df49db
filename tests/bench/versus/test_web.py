"""Servers in turns: a closed loop of clients against fake servers, what counts, and what puts one out."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.versus.scripts import FAKE_SERVER
from reckon.bench.versus.clients import Streamed, Wanted, words_of
from reckon.bench.versus.conductor import Patience
from reckon.bench.versus.servers import Server, free_port
from reckon.bench.versus.tally import Burst
from reckon.bench.versus.web import Turn, WebConductor, WebRecord, show
from reckon.catalog.card import CHECKPOINTS

WANTED = Wanted(clients=3, times=2, prompt=5, tokens=2)
PATIENCE = 30.0


@pytest.fixture
def server(tmp_path: Path) -> Any:
    def make(name: str, **script: Any) -> Server:
        path, port = tmp_path / f"{name}.json", free_port()
        path.write_text(json.dumps({"journal": str(tmp_path / "journal"), **script}))
        command = [sys.executable, str(FAKE_SERVER), str(path), "--port", str(port)]
        return Server(name, "1.0", command, os.environ, tmp_path / f"{name}.log", port, "key")

    return make


def play(*servers: Server, rounds: int = 2, load: float = PATIENCE, order: float = PATIENCE) -> WebRecord:
    return WebConductor([WANTED], rounds, [" a", " b"], Patience(load, order), lambda line: None).play(servers)


def test_every_client_streams_its_answers_in_every_round(server: Any) -> None:
    record = play(server("a"), server("b"))
    assert record.lost == {}
    assert {name: len(turns) for name, turns in record.turns[3].items()} == {"a": 2, "b": 2}
    for turn in record.turns[3]["a"]:
        assert len(turn.answers) == 6
        assert all(0 < answer.first <= answer.seconds and answer.tokens == 2 for answer in turn.answers)
        assert turn.rate == pytest.approx(12 / turn.burst.seconds)
        assert turn.burst.used > 0


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ({"die": True}, "ended while it was starting with code 5: no model"),
        ({"status": 503}, "it answered 503: too bad"),
        ({"reason": "stop"}, "an answer ended with 'stop' and not at its 8 tokens"),
        ({"more": [{"error": "engine"}]}, "a stream broke off: engine"),
    ],
)
def test_a_server_that_fails_is_out_and_the_others_go_on(script: Any, sentence: str, server: Any) -> None:
    record = play(server("bad", **script), server("good"))
    assert record.lost == {"bad": sentence}
    assert [*record.turns[3]] == ["good"] and len(record.turns[3]["good"]) == 2


def test_a_server_that_does_not_answer_in_time(server: Any) -> None:
    assert play(server("a"), load=0.0).lost == {"a": "did not answer in time"}


def test_a_server_whose_answers_hang(server: Any) -> None:
    assert play(server("a", seconds=600.0), order=0.5).lost == {"a": "its answers took more than 0.5 s"}


def test_prompts_are_made_of_words_that_are_one_token() -> None:
    words = words_of(CHECKPOINTS / "abacus" / "tokenizer.json")
    assert len(words) > 20 and all(word.startswith(" ") and word[1:].isalpha() for word in words)


def turn(tokens: int, seconds: float, taken: float = 0.0) -> Turn:
    return Turn([Streamed(0.5, seconds, tokens)], Burst([], seconds, seconds, seconds + taken))


def test_rates_and_ratios_of_the_good_rounds() -> None:
    turns = {
        "ours": [turn(100, 1.0), turn(50, 1.0), turn(100, 1.0, taken=1.0)],
        "theirs": [turn(50, 1.0), turn(50, 1.0), turn(1, 1.0)],
        "disturbed": [turn(50, 1.0, taken=1.0)],
    }
    console = Console(record=True, width=140)
    show(console, WebRecord({4: turns}, {"gone": "it died"}), ["ours", "theirs", "disturbed", "gone"], 2)
    rows = [
        [cell.strip() for cell in line.strip("│").split("│")] for line in console.export_text().splitlines() if line[0] == "│"
    ]
    assert rows == [
        ["4", "ours", "75.0", "", "500", "2 of 3"],
        ["4", "theirs", "50.0", "1.50 (1.00–2.00)", "500", "3 of 3"],
        ["4", "disturbed", "disturbed", "", "", "0 of 1"],
        ["4", "gone", "it died", "", "", "0 of 0"],
    ]
