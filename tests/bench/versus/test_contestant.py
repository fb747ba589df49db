"""A child that answers, fails, dies, hangs or talks nonsense; and that has no core between its orders."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bench.versus.scripts import Stage
from reckon.bench.versus.contestant import Contestant
from reckon.bench.versus.resident import Lost
from reckon.bench.versus.tally import Burst

PATIENCE = 30.0


def load(contestant: Contestant, seconds: float = PATIENCE) -> Any:
    contestant.start()
    return contestant.ask({"do": "load"}, dict[str, Any], seconds)


def lost(contestant: Contestant, seconds: float = PATIENCE) -> str:
    with pytest.raises(Lost) as caught:
        load(contestant, seconds)
    return str(caught.value)


def state(pid: int) -> str:
    """The letter of /proc: T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_answers_in_the_order_of_the_orders(stage: Stage) -> None:
    contestant = stage.contestant("a", load={"first": 1}, open={"second": 2})
    assert load(contestant) == {"first": 1}
    assert contestant.ask({"do": "open"}, dict[str, int], PATIENCE) == {"second": 2}
    assert "harms nobody" in (stage.directory / "a.log").read_text()


def test_it_is_stopped_while_it_has_no_order(stage: Stage) -> None:
    contestant = stage.contestant("a")
    load(contestant)
    pid = contestant.pid
    deadline = time.monotonic() + PATIENCE
    while state(pid) != "T" and time.monotonic() < deadline:  # the signal has been sent; the kernel delivers it
        time.sleep(0.01)
    assert state(pid) == "T"
    contestant.ask({"do": "open"}, dict[str, Any], PATIENCE)
    contestant.end()
    assert not Path(f"/proc/{pid}").exists()
    contestant.end()  # twice is no harm


def test_one_that_dies(stage: Stage) -> None:
    assert lost(stage.contestant("a", load="die")) == "ended during 'load' with code 3: the last word"


def test_one_that_hangs(stage: Stage) -> None:
    assert lost(stage.contestant("a", load="hang"), 0.2) == "no answer to 'load' within 0.2 s"


def test_one_that_fails(stage: Stage) -> None:
    assert lost(stage.contestant("a", load={"error": "ValueError: no"})) == "'load' failed: ValueError: no"


def test_one_that_talks_nonsense(stage: Stage) -> None:
    assert lost(stage.contestant("a", load="hello")).startswith("answered 'load' with nonsense: ")
    contestant = stage.contestant("b", decode={"samples": [{"seconds": "long", "waited": 0}]})
    load(contestant)
    with pytest.raises(Lost, match=r"answered 'decode' with nonsense: .*\$\.samples\[0\]\.seconds"):
        contestant.ask({"do": "decode"}, Burst, PATIENCE)


def test_one_that_is_not_there(stage: Stage) -> None:
    contestant = Contestant("a", [str(stage.directory / "python")], os.environ, stage.directory / "a.log")
    assert lost(contestant) == f"{stage.directory}/python cannot be run: No such file or directory"
    contestant.end()


ABANDON = """
import os, signal, sys
from pathlib import Path
from bench.versus.scripts import Stage
contestant = Stage(Path(sys.argv[1])).contestant("a")
contestant.start()
contestant.ask({"do": "load"}, dict, 30.0)
print(contestant.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_stopped_one_does_not_outlive_its_parent(tmp_path: Path) -> None:
    """Nobody is left to wake it up, so that it could notice: the kernel kills it."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    words = [sys.executable, "-c", ABANDON, str(tmp_path)]
    parent = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    pid, deadline = int(parent.stdout), time.monotonic() + PATIENCE
    while Path(f"/proc/{pid}").exists() and state(pid) != "Z" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{pid}").exists() or state(pid) == "Z"
