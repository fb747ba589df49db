"""What ``reckon bench drafts`` does: answers one by one with guesses and without, in turns, through the real scheduler.

What guesses gain depends on what is said. Here it is a suite's questions with long answers, the same questions once more, and
lists to be repeated. Prompts are left out of the times. Both ways have to say the same, token for token, or the bench ends.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import msgspec
from rich.progress import Progress
from rich.table import Table

from reckon.bench import record
from reckon.bench.engine import SALT, Bench, loaded
from reckon.catalog.source import resolve
from reckon.config import Config
from reckon.errors import SetupError
from reckon.evals.suite import Suite, read
from reckon.job import Message, Sampling
from reckon.link import Submit
from reckon.screen import screen
from reckon.text.template import ChatTemplate
from reckon.text.tokenizer import Tokenizer
from reckon.worker.blocks import Blocks
from reckon.worker.scheduler import Scheduler

LONG = 64
"""Tokens that a long answer has at least."""
MOST = 700
"""Tokens of an answer; a model that does not end is cut there."""
NUMBERS = 16
"""In a list that is to be repeated."""

Prompt = list[int]
Answer = list[int]


@dataclass(slots=True)
class Played:
    """Answers in the order of their prompts, and what computing their tokens took."""

    answers: list[Answer] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Gain:
    """Of one kind of text: times are medians over the rounds, ``ratios`` are how many times faster guesses made each round."""

    what: str
    answers: int
    tokens: int
    ms_without: float
    ms_with: float
    tokens_per_step: float
    ratios: list[float]


@dataclass(frozen=True, slots=True)
class Measured:
    model: str
    path: str
    threads: int
    rounds: int
    temperature: float
    gains: list[Gain]


def measure(
    config: Config, model: str, suite: str, limit: int, rounds: int, temperature: float, json_file: Path | None = None
) -> Measured:
    """Print a table of what guesses gain. Raises SetupError when the model cannot be loaded, or guesses change an answer."""
    directory = resolve(model).directory
    asked, lists = _prompts(directory, read(suite).limited(limit), limit)
    with loaded(config, model, max(map(len, asked + lists)) + MOST, 1) as bench:
        answers = play(bench, asked, temperature, drafts=False).answers
        asked = [prompt for prompt, answer in zip(asked, answers, strict=True) if len(answer) >= LONG]
        texts = {
            f"answers of {LONG} tokens or more": (asked, 0),
            "the same once more": (asked * 2, len(asked)),
            "lists to repeat": (lists, 0),
        }
        gains = []
        with Progress(console=screen(120), transient=True) as bar:
            for what, (prompts, first) in bar.track(texts.items(), description="measuring"):
                if prompts:
                    gains.append(_gain(bench, what, prompts, first, rounds, temperature))
        measured = Measured(model, bench.device.numeric_path, bench.threads, rounds, temperature, gains)
    _show(measured)
    if json_file:
        record.write(json_file, record.record("drafts", msgspec.to_builtins(measured)))
    return measured


def play(bench: Bench, prompts: Sequence[Prompt], temperature: float, *, drafts: bool) -> Played:
    """One after the other; nothing is known of them before the first."""
    scheduler, played = Scheduler(Blocks(bench.blocks), bench.config.step_tokens, 1, drafts=drafts), Played()
    for number, prompt in enumerate(prompts):
        sampling = Sampling(seed=number, temperature=temperature)
        scheduler.submit(Submit(number, prompt, sampling, MOST, bench.stop_tokens, SALT))
        seconds, steps, answer = 0.0, 0, list[int]()
        while not scheduler.idle:
            plan, took = bench.step(scheduler)
            (piece,) = plan.pieces
            answer = piece.sequence.tokens[len(prompt) :]
            if piece.start >= len(prompt):
                seconds, steps = seconds + took, steps + 1
        played.answers.append(answer)
        played.seconds.append(seconds)
        played.steps.append(steps)
    return played


def _gain(bench: Bench, what: str, prompts: Sequence[Prompt], first: int, rounds: int, temperature: float) -> Gain:
    """Of the answers from ``first`` on, all rounds with both ways in turns."""
    without, with_guesses, steps, tokens = list[float](), list[float](), 0, 0
    for _ in range(rounds):
        plain = play(bench, prompts, temperature, drafts=False)
        guessed = play(bench, prompts, temperature, drafts=True)
        if plain.answers != guessed.answers:
            raise SetupError("guesses changed an answer: this device does not keep its promise (docs/repeat.md)")
        # The first token of an answer comes with its prompt.
        tokens, steps = sum(len(answer) - 1 for answer in plain.answers[first:]), sum(guessed.steps[first:])
        without.append(sum(plain.seconds[first:]) / tokens * 1e3)
        with_guesses.append(sum(guessed.seconds[first:]) / tokens * 1e3)
    ratios = [slow / fast for slow, fast in zip(without, with_guesses, strict=True)]
    count = len(prompts) - first
    return Gain(what, count, tokens, statistics.median(without), statistics.median(with_guesses), tokens / steps, ratios)


def _prompts(directory: Path, suite: Suite, count: int) -> tuple[list[Prompt], list[Prompt]]:
    """The suite's plain questions, and so many lists of numbers to be repeated."""
    tokenizer, template = Tokenizer.from_directory(directory), ChatTemplate.from_directory(directory)
    random = Random(0)
    lists = [", ".join(str(random.randrange(10, 1000)) for _ in range(NUMBERS)) for _ in range(count)]
    plain = [
        [Message(turn["role"], turn["content"]) for turn in problem.messages]
        for problem in suite.problems
        if not (problem.tools or problem.response_format or problem.continue_final_message)
    ]

    def encode(messages: Sequence[Message]) -> Prompt:
        return tokenizer.encode(template.render(messages))

    return list(map(encode, plain)), [encode([Message("user", f"Repeat after me: {numbers}")]) for numbers in lists]


def _show(measured: Measured) -> None:
    table = Table("what", "answers", "tokens", "ms/token without", "with", "tokens/step", "times faster (least, most)")
    for gain in measured.gains:
        ratios = f"{statistics.median(gain.ratios):.2f} ({min(gain.ratios):.2f}, {max(gain.ratios):.2f})"
        times = f"{gain.ms_without:.3f}", f"{gain.ms_with:.3f}", f"{gain.tokens_per_step:.2f}"
        table.add_row(gain.what, str(gain.answers), f"{gain.tokens:,}", *times, ratios)
    screen(120).print(table)
