"""Plays a course: loads the contestants, lets them take turns, and keeps what each of them measured.

Case by case. In a case every contestant computes the prompts once and keeps them; then come rounds, in each of which everybody
takes a few steps, in an order that moves on by one a round. So what is compared was measured within seconds of each other.
Who fails is out, with a sentence, and the others go on.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import msgspec

from reckon.bench.versus.cases import Case, Course
from reckon.bench.versus.contestant import Contestant
from reckon.bench.versus.resident import Lost
from reckon.bench.versus.tally import Burst

Notice = Callable[[str], None]
"""Called with what is being done, a line each."""


class Loaded(msgspec.Struct):
    """What a contestant says of itself."""

    versions: dict[str, str]
    settings: dict[str, str]
    seconds: float = 0.0


@dataclass(slots=True)
class Record:
    """What came of a course. ``lost`` has a sentence for everybody who is out, with what they measured before kept."""

    loaded: dict[str, Loaded] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    bursts: dict[Case, dict[str, list[Burst]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that a contestant has: to load, and for any other order."""

    load: float
    order: float


class Conductor:
    def __init__(self, course: Course, vocab: int, patience: Patience, notice: Notice) -> None:
        self._course = course
        self._vocab = vocab
        self._patience = patience
        self._notice = notice
        self.record = Record()

    def play(self, contestants: list[Contestant], orders: dict[str, dict[str, Any]]) -> Record:
        """``orders`` has by name what only that contestant is told when it loads."""
        with ExitStack() as stack:
            for contestant in contestants:
                stack.callback(contestant.end)
                self._try(self._load, contestant, orders[contestant.name])
            for number in range(len(self._course.cases)):
                self._case(number, contestants)
        return self.record

    def _load(self, contestant: Contestant, own: dict[str, Any]) -> None:
        self._notice(f"loading {contestant.name}")
        begin = time.monotonic()
        contestant.start()
        order = {"do": "load", "context": self._course.context, "sequences": self._course.sequences, **own}
        loaded = contestant.ask(order, Loaded, self._patience.load)
        loaded.seconds = time.monotonic() - begin
        self.record.loaded[contestant.name] = loaded

    def _case(self, number: int, contestants: list[Contestant]) -> None:
        case, order = self._course.cases[number], self._course.orders(number, self._vocab)
        bursts = self.record.bursts.setdefault(case, {})
        first = {"do": "open", **order} if case.kind == "decode" else {"do": "prefill", **order}
        for contestant in self._left(contestants):
            self._notice(f"{case}: {contestant.name} warms up")
            self._try(self._ask, contestant, first, dict[str, Any])
        for turn in range(self._course.rounds):
            self._notice(f"{case}: round {turn + 1} of {self._course.rounds}")
            left = self._left(contestants)
            start = turn % len(left) if left else 0
            order["seed"] += 1
            for contestant in left[start:] + left[:start]:
                self._try(self._burst, contestant, case, order, bursts)
        if case.kind == "decode":
            for contestant in self._left(contestants):
                self._try(self._ask, contestant, {"do": "close"}, dict[str, Any])

    def _burst(self, contestant: Contestant, case: Case, order: dict[str, Any], bursts: dict[str, list[Burst]]) -> None:
        do = {"do": case.kind, **order, "steps": self._course.steps}
        bursts.setdefault(contestant.name, []).append(self._ask(contestant, do, Burst))

    def _ask(self, contestant: Contestant, order: dict[str, Any], kind: Any) -> Any:
        return contestant.ask(order, kind, self._patience.order)

    def _left(self, contestants: list[Contestant]) -> list[Contestant]:
        return [contestant for contestant in contestants if contestant.name not in self.record.lost]

    def _try(self, work: Callable[..., Any], contestant: Contestant, *arguments: Any) -> None:
        """Who is lost in his work is out."""
        try:
            work(contestant, *arguments)
        except Lost as lost:
            self._notice(f"{contestant.name} is out: {lost}")
            self.record.lost[contestant.name] = str(lost)
            contestant.end()
