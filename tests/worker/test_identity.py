"""What a seeded request answers does not depend on anything else, on real devices: company, chunks, cache, memory, restarts."""

import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest

from reckon.devices.base import Device
from reckon.devices.batch import BLOCK_SIZE, Batch, Sampled
from reckon.devices.cpu.device import CpuDevice
from reckon.devices.reference import ReferenceDevice
from reckon.job import Sampling
from reckon.link import Score, Submit
from reckon.models.arch import read_arch
from reckon.models.weights import Weights
from worker.conftest import TINY
from worker.driving import Driver, ask, text

Answers = dict[int, tuple[list[int], list[Score | None], str, int, int]]
"""By request: tokens, their scores, reason, prompt tokens and completion tokens."""


class StrictCpuDevice(CpuDevice):
    """Two threads, and the logits after the same tokens have to be the same bits whenever they are computed again."""

    def __init__(self) -> None:
        super().__init__(2)
        self._known: dict[bytes, int] = {}

    def allocate(self, blocks: int) -> None:
        super().allocate(blocks)
        self._tokens = np.zeros((blocks, BLOCK_SIZE), np.int32)

    def step(self, batch: Batch) -> Sampled:
        self._tokens[batch.block_tables[batch.sequences, batch.positions // BLOCK_SIZE], batch.positions % BLOCK_SIZE] = (
            batch.tokens
        )
        for row, logits in zip(batch.sample_rows, self.logits(batch), strict=True):
            past = self._tokens[batch.block_tables[batch.sequences[row]]].reshape(-1)[: batch.positions[row] + 1]
            crc = zlib.crc32(logits.tobytes())
            assert self._known.setdefault(past.tobytes(), crc) == crc, "logits depend on the company"
        return super().step(batch)


FACTORIES: dict[str, Callable[[], Device]] = {"reference": ReferenceDevice, "cpu": StrictCpuDevice}
RESTARTED: dict[str, list[Callable[[], Device]]] = {
    "reference": [ReferenceDevice],
    "cpu": [partial(CpuDevice, 1), partial(CpuDevice, 2), partial(CpuDevice, 3)],
}
COUNT = 24
OTHERS = 64
ROOMY = 240
TIGHT = 4  # of which the largest request takes 3

SETTINGS: list[dict[str, float]] = [
    {"temperature": 0},
    {"temperature": 0.7, "top_k": 20},
    {"top_p": 0.8},
    {"temperature": 1.5, "min_p": 0.05, "presence_penalty": 1.0},
    {"temperature": 0, "repetition_penalty": 1.3, "frequency_penalty": 0.5},
    {"temperature": 0.9, "top_k": 50, "top_p": 0.95, "repetition_penalty": 0.8},
    {},
]


def request(number: int) -> Submit:
    """Some prompts share a beginning, some fill several blocks, most answers cross into another block somewhere."""
    prompt = text((3, 50, 60, 62, 64, 130)[number % 6], number % 2)
    prompt = [token * 3 % TINY.vocab for token in prompt] if number % 5 else prompt
    sampling = Sampling(number // 2, **SETTINGS[number % len(SETTINGS)])  # type: ignore[arg-type]
    scores = number % 4 - 1
    return ask(
        number, prompt, 6 + number % 11 * 2, sampling=sampling, stop_tokens=[1, 2], choice=number % 2, logprobs=scores
    )  # fmt: skip


REQUESTS = [request(number) for number in range(COUNT)]
CROWD = [msgspec.structs.replace(request(number), request=1000 + number) for number in range(COUNT, COUNT + OTHERS)]


def answers(driver: Driver, *submits: Submit) -> Answers:
    found: Answers = {}
    for number, tokens in driver.run(*submits).items():
        end = driver.end(number)
        scores = driver.scores[number]
        found[number] = tokens, scores, end.reason, end.usage.prompt_tokens, end.usage.completion_tokens
    return found


def loaded(factory: Callable[[], Device], checkpoint: Path) -> Device:
    device = factory()
    arch, weights = read_arch(checkpoint), Weights.open(checkpoint)
    device.load(arch, weights, lambda phase, done, total: None)
    weights.close()
    device.allocate(ROOMY)
    return device


@pytest.fixture(scope="module", params=FACTORIES.values(), ids=FACTORIES.keys())
def device(request: pytest.FixtureRequest, tiny: Path) -> Iterator[Device]:
    device = loaded(request.param, tiny)
    yield device
    device.close()


@pytest.fixture(scope="module")
def alone(device: Device) -> Answers:
    """Each request by itself, in an empty worker that guesses nothing. All other workers here guess."""
    found: Answers = {}
    for asked in REQUESTS:
        found |= answers(Driver(ROOMY, device=device, drafts=False), asked)
    return found


def test_the_requests_say_something(alone: Answers) -> None:
    completions = [tuple(tokens) for tokens, *_ in alone.values()]
    assert len(set(completions)) > COUNT - 3
    assert max(map(len, completions)) > 20
    assert sum(len(set(tokens)) for tokens in completions) > 150


@pytest.mark.parametrize("step_tokens", [16, 512])
def test_together_with_a_cold_and_a_warm_cache(device: Device, alone: Answers, step_tokens: int) -> None:
    driver = Driver(ROOMY, step_tokens, 16, device)
    assert answers(driver, *REQUESTS) == alone
    cold = driver.scheduler.counters.cached
    assert answers(driver, *reversed(REQUESTS)) == alone
    assert driver.scheduler.counters.cached > cold


def test_with_guesses(device: Device, alone: Answers) -> None:
    """Some are right and some are wrong, and there is more than one in a step."""
    right = drafted = steps = 0
    for asked in REQUESTS:
        driver = Driver(ROOMY, device=device)
        assert answers(driver, asked) == {asked.request: alone[asked.request]}
        right += driver.scheduler.counters.accepted
        drafted += driver.scheduler.counters.drafted
        steps += driver.steps
    assert 0 < right < drafted
    assert steps == sum(len(tokens) + (reason == "stop") for tokens, _, reason, *_ in alone.values()) - right


def test_among_64_others(device: Device, alone: Answers) -> None:
    driver = Driver(ROOMY, 256, OTHERS + COUNT, device)
    together = answers(driver, *CROWD[::2], *REQUESTS, *CROWD[1::2])
    assert {number: together[number] for number in alone} == alone
    assert driver.scheduler.counters.preemptions == 0


def test_by_other_devices_of_other_numbers_of_threads(device: Device, alone: Answers, tiny: Path) -> None:
    """As after a restart: the checkpoint is read again."""
    for factory in RESTARTED[device.name]:
        other = loaded(factory, tiny)
        assert answers(Driver(ROOMY, 64, 16, other), *REQUESTS) == alone, factory
        other.close()


def test_with_so_few_blocks_that_answers_give_way(device: Device, alone: Answers) -> None:
    driver = Driver(TIGHT, 32, 8, device)
    assert answers(driver, *REQUESTS) == alone
    assert driver.scheduler.counters.preemptions > 3


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_resumed_from_a_journal(device: Device, alone: Answers, share: float) -> None:
    """Another worker has the tokens and none of the keys and values."""
    resumed = []
    for asked in REQUESTS:
        tokens, *_ = alone[asked.request]
        resumed.append(msgspec.structs.replace(asked, generated=tokens[: round(share * len(tokens))]))
    found = answers(Driver(ROOMY, 64, 16, device), *resumed)
    for asked in resumed:
        tokens, scores, *rest = alone[asked.request]
        assert found[asked.request] == (tokens, scores[len(asked.generated) :], *rest)


def test_one_resumed_at_each_of_its_tokens(device: Device, alone: Answers) -> None:
    longest = max(REQUESTS, key=lambda asked: len(alone[asked.request][0]))
    tokens, *_ = alone[longest.request]
    cuts = [
        msgspec.structs.replace(longest, request=100 + cut, salt=str(cut), generated=tokens[:cut])
        for cut in range(len(tokens) + 1)
    ]
    assert list(Driver(ROOMY, 512, 32, device).run(*cuts).values()) == [tokens] * len(cuts)
