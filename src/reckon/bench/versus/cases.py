"""What is measured: how many answers at a time, with prompts of which length. Every contestant gets the same."""

from dataclasses import dataclass
from typing import Any, Literal

SLACK = 128
"""Tokens that an answer may have beyond those counted: engines that begin an answer before the last prompt is done go ahead."""


@dataclass(frozen=True, slots=True)
class Case:
    """``decode``: steps of ``batch`` answers. ``prefill``: one prompt up to its first token (``batch`` is 1)."""

    kind: Literal["decode", "prefill"]
    batch: int
    prompt: int

    def __str__(self) -> str:
        return f"decode B={self.batch}, context {self.prompt:,}" if self.kind == "decode" else f"prefill {self.prompt:,}"

    @property
    def tokens(self) -> int:
        """Tokens of one sample: a step moves every answer by one, a prompt is computed whole."""
        return self.batch if self.kind == "decode" else self.prompt


@dataclass(frozen=True, slots=True)
class Course:
    """The cases, and how often: ``rounds`` of one prompt or ``steps`` steps each."""

    cases: list[Case]
    rounds: int
    steps: int

    @classmethod
    def of(cls, decode: list[int], prompt: int, prefill: list[int], rounds: int, steps: int) -> "Course":
        cases = [Case("decode", batch, prompt) for batch in decode] + [Case("prefill", 1, length) for length in prefill]
        return cls(cases, rounds, steps)

    @property
    def answer_tokens(self) -> int:
        """Most tokens of an answer in a decode case."""
        return self.rounds * self.steps + SLACK

    @property
    def context(self) -> int:
        """Longest sequence of all cases."""
        return max(case.prompt + (self.answer_tokens if case.kind == "decode" else 1) for case in self.cases)

    @property
    def sequences(self) -> int:
        """Most answers at a time."""
        return max(case.batch for case in self.cases)

    def orders(self, number: int, vocab: int) -> dict[str, Any]:
        """What ``open`` and the first ``prefill`` of a case say; the seed makes prompts that no other case has."""
        case = self.cases[number]
        return {
            "batch": case.batch, "prompt": case.prompt, "tokens": self.answer_tokens, "vocab": vocab, "seed": number << 32
        }  # fmt: skip
