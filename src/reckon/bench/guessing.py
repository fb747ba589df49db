"""What ``reckon bench drafts`` does: answers one by one with guesses and without, in turns, through the real scheduler.

What guesses gain depends on what is said and on what was said before. Here it is a suite's questions with long answers,
shuffled; the same with each asked twice in a row, of which the second is timed; and lists to be repeated. Times are of the
steps after an answer's first token. Both ways have to say the same, token for token, or the bench ends.
"""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

import msgspec
from rich.progress import Progress
from rich.table import Table

from reckon.bench import record
from reckon.bench.document import GAIN_COLUMNS, gain_cells
from reckon.bench.engine import SALT, Bench, loaded
from reckon.catalog.source import resolve
from reckon.config import Config
from reckon.errors import SetupError
from reckon.evals.suite import Suite, read
from reckon.job import Message, Sampling
from reckon.link import Failed, Submit
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


@dataclass(frozen=True, slots=True)
class Question:
    """``timed``: whether its answer counts. The seed goes with the question, so that the same question has the same answer."""

    prompt: list[int]
    seed: int
    timed: bool = True


@dataclass(slots=True)
class Played:
    """Answers in the order of the questions, each with the token that ends it: a step found that too.

    Of those that count: the tokens after the first ones, their steps and seconds.
    """

    answers: list[list[int]] = field(default_factory=list)
    tokens: int = 0
    steps: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Gain:
    """Of one kind of text, medians over the rounds; ``ratios`` are how many times faster guesses made each round."""

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
    asked, lists = _questions(resolve(model).directory, read(suite).limited(limit), limit)
    with loaded(config, model, max(len(question.prompt) for question in asked + lists) + MOST, 1) as bench:
        answers = play(bench, asked, temperature, drafts=False).answers
        long = [question for question, answer in zip(asked, answers, strict=True) if len(answer) >= LONG]
        twice = [Question(question.prompt, question.seed, timed) for question in long for timed in (False, True)]
        texts = {f"answers of {LONG} tokens or more": long, "the same at once again": twice, "lists to repeat": lists}
        gains = []
        with Progress(console=screen(120), transient=True) as bar:
            for what, questions in bar.track(texts.items(), description="measuring"):
                if questions:
                    gains.append(_gain(bench, what, questions, rounds, temperature))
        measured = Measured(model, bench.device.numeric_path, bench.threads, rounds, temperature, gains)
    _show(measured)
    if json_file:
        record.write(json_file, record.record("drafts", msgspec.to_builtins(measured)))
    return measured


def play(bench: Bench, questions: Sequence[Question], temperature: float, *, drafts: bool) -> Played:
    """One after the other, in a scheduler that has seen nothing before. Raises SetupError when one has no room."""
    scheduler, played = Scheduler(Blocks(bench.blocks), bench.config.step_tokens, 1, drafts=drafts), Played()
    for number, question in enumerate(questions):
        sampling = Sampling(seed=question.seed, temperature=temperature)
        for message in scheduler.submit(Submit(number, question.prompt, sampling, MOST, bench.stop_tokens, SALT)):
            raise SetupError(message.message if isinstance(message, Failed) else "an answer ended before it began")
        seconds, steps, first, answer = 0.0, 0, 0, list[int]()
        while not scheduler.idle:
            plan, took = bench.step(scheduler)
            (piece,) = plan.pieces
            answer = piece.sequence.tokens[len(question.prompt) :]
            if piece.start < len(question.prompt):
                first = len(answer)
            else:
                seconds, steps = seconds + took, steps + 1
        played.answers.append(answer)
        if question.timed:
            played.tokens += len(answer) - first
            played.steps += steps
            played.seconds += seconds
    return played


def _gain(bench: Bench, what: str, questions: Sequence[Question], rounds: int, temperature: float) -> Gain:
    """All rounds, both ways in turns: who goes first changes, since a machine that gets slower hurts the second."""
    without, with_guesses, found = list[float](), list[float](), Played()
    for number in range(rounds):
        ways = {drafts: play(bench, questions, temperature, drafts=drafts) for drafts in (number % 2 == 0, number % 2 == 1)}
        plain, guessed = ways[False], ways[True]
        if plain.answers != guessed.answers:
            raise SetupError("guesses changed an answer: this device does not keep its promise (docs/repeat.md)")
        if not plain.tokens:
            raise SetupError(f"there is nothing to time in {what}: no answer has more than a token")
        found.tokens, found.steps = found.tokens + guessed.tokens, found.steps + guessed.steps
        without.append(plain.seconds / plain.tokens * 1e3)
        with_guesses.append(guessed.seconds / guessed.tokens * 1e3)
    ratios = [slow / fast for slow, fast in zip(without, with_guesses, strict=True)]
    return Gain(
        what, sum(question.timed for question in questions), found.tokens // rounds, statistics.median(without),
        statistics.median(with_guesses), found.tokens / found.steps, ratios,
    )  # fmt: skip


def _questions(directory: Path, suite: Suite, lists: int) -> tuple[list[Question], list[Question]]:
    """The suite's plain questions, its kinds mixed, and so many lists of numbers to be repeated."""
    tokenizer, template, random = Tokenizer.from_directory(directory), ChatTemplate.from_directory(directory), Random(0)

    def question(seed: int, messages: Sequence[Message]) -> Question:
        return Question(tokenizer.encode(template.render(messages)), seed)

    plain = [
        [Message(turn["role"], turn["content"]) for turn in problem.messages]
        for problem in suite.problems
        if not (problem.tools or problem.response_format or problem.continue_final_message)
    ]
    random.shuffle(plain)
    numbers = [", ".join(str(random.randrange(10, 1000)) for _ in range(NUMBERS)) for _ in range(lists)]
    repeated = [[Message("user", f"Repeat after me: {each}")] for each in numbers]
    return [question(*each) for each in enumerate(plain)], [question(*each) for each in enumerate(repeated)]


def _show(measured: Measured) -> None:
    table = Table(*GAIN_COLUMNS)
    for gain in measured.gains:
        table.add_row(*gain_cells(asdict(gain)))
    screen(120).print(table)
