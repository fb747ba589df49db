"""A device that computes nothing and sees every mistake of the bookkeeping, and a driver that steps a scheduler and checks it.

``FakeDevice`` keeps the token of each KV slot. The next token is a function of the tokens it reads back through the block
table, and of the row's random number: a wrong table, a stale block or a lost prefix gives another answer than ``expected``.
"""

import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from reckon.devices.base import Device, Progress
from reckon.devices.batch import BLOCK_SIZE, Batch, Sampled, SamplingRows
from reckon.devices.philox import uniform
from reckon.devices.sampling import unpack
from reckon.job import Sampling, Usage
from reckon.link import Abort, Done, Failed, FromWorker, Score, Submit, Tokens
from reckon.models.arch import Arch
from reckon.models.weights import Weights
from reckon.worker.blocks import Blocks
from reckon.worker.runner import Runner
from reckon.worker.scheduler import Plan, Scheduler
from reckon.worker.sequence import MatcherMaker, Sequence, no_matcher

VOCAB = 40
UNWRITTEN = -1


class FakeDevice:
    """``poison`` are tokens that make a step raise; ``free`` are the bytes it says it has."""

    name = "fake"
    numeric_path = "fake/exact"
    toolchain = ("fake 1",)
    weights = "none"
    repeatable = True

    def __init__(self, poison: Iterable[int] = (), free: int = 1 << 30) -> None:
        self.poison = frozenset(poison)
        self.free = free
        self.steps = 0
        self.closed = False
        self.memory = np.zeros((0, BLOCK_SIZE), np.int32)  # [blocks, BLOCK_SIZE]
        self.guessed = np.zeros((0, BLOCK_SIZE), np.bool_)  # What may turn out wrong, and is then overwritten.

    def load(self, arch: Arch, weights: Weights, progress: Progress) -> None:
        progress("weights", 1, 1)

    def free_bytes(self) -> int:
        return self.free

    def weight_bytes(self, arch: Arch, weights: Weights) -> int:
        return weights.total_bytes

    def step_bytes(self, rows: int) -> int:
        return 0

    def block_bytes(self) -> int:
        return 1000

    def allocate(self, blocks: int) -> None:
        if blocks * self.block_bytes() > self.free:
            raise MemoryError("no")
        self.memory = np.full((blocks, BLOCK_SIZE), 7, np.int32)  # garbage, until a block is cleared
        self.guessed = np.zeros((blocks, BLOCK_SIZE), np.bool_)

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        raise NotImplementedError

    def step(self, batch: Batch) -> Sampled:
        self.steps += 1
        if self.poison.intersection(batch.tokens.tolist()):
            raise ArithmeticError("poison")
        self.memory[batch.new_blocks] = UNWRITTEN
        slots = batch.block_tables[batch.sequences, batch.positions // BLOCK_SIZE], batch.positions % BLOCK_SIZE
        before = self.memory[slots]
        free = (before == UNWRITTEN) | (before == batch.tokens) | self.guessed[slots]
        assert np.all(free), "a slot of somebody else is overwritten"
        self.memory[slots] = batch.tokens
        self._check_rows(batch)
        sampled = [zlib.crc32(self._read(batch, row).tobytes()) for row in batch.sample_rows.tolist()]
        self.guessed[slots] = self._guesses(batch)
        return _sample(sampled, batch.sampling)

    def close(self) -> None:
        self.closed = True

    def _check_rows(self, batch: Batch) -> None:
        """A sequence's rows are neighbours, and what is sampled of them are the last ones."""
        changes = np.flatnonzero(np.diff(batch.sequences)) + 1
        assert batch.sequences[[0, *changes]].tolist() == list(range(len(batch.block_tables)))
        sampled = np.isin(np.arange(len(batch.tokens)), batch.sample_rows)
        for rows in np.split(sampled, changes):
            assert not np.any(rows[:-1] & ~rows[1:])

    def _guesses(self, batch: Batch) -> NDArray[np.bool_]:
        """Which rows are guesses: those after a sampled row of the same sequence."""
        sampled = np.isin(np.arange(len(batch.tokens)), batch.sample_rows)
        return np.concatenate([[False], sampled[:-1] & (batch.sequences[1:] == batch.sequences[:-1])])

    def _read(self, batch: Batch, row: int) -> NDArray[np.int32]:
        """What a row attends to."""
        length = int(batch.positions[row]) + 1
        table = batch.block_tables[batch.sequences[row]][: -(-length // BLOCK_SIZE)]
        content = self.memory[table].reshape(-1)[:length]
        assert (content != UNWRITTEN).all(), "a row attends to a token that was not computed"
        return content


def _pick(crc: int, number: float) -> int:
    return zlib.crc32(np.float64(number).tobytes(), crc) % VOCAB


def _sample(crcs: list[int], rows: SamplingRows) -> Sampled:
    """What a mask forbids is never picked. A token's score is its own number, and the lowest ids are the likeliest."""
    count, most = len(crcs), max(0, int(rows.logprobs.max(initial=0)))
    tokens = np.array([_pick(crc, number) for crc, number in zip(crcs, rows.uniform, strict=True)], np.int32)
    for row in np.flatnonzero(rows.mask_rows >= 0):
        allowed = np.flatnonzero(unpack(rows.masks[rows.mask_rows[row]], VOCAB))
        tokens[row] = allowed[tokens[row] % len(allowed)] if len(allowed) else 0
    places = np.broadcast_to(np.arange(most), (count, most))
    shown = places < rows.logprobs[:, None]
    own = np.where(rows.logprobs >= 0, -tokens, np.nan).astype(np.float32)
    return Sampled(
        tokens, own, np.where(shown, places, -1).astype(np.int32), np.where(shown, -places, np.nan).astype(np.float32)
    )


def expected(submit: Submit) -> tuple[list[int], str]:
    """The completion that a request has to get, its stop token included, and how it ends: from its own fields alone."""
    positions = np.arange(len(submit.prompt), len(submit.prompt) + submit.max_tokens)
    numbers = uniform(submit.sampling.seed, submit.choice, positions)
    crc, tokens = zlib.crc32(np.array(submit.prompt, np.int32).tobytes()), []
    for number in numbers:
        tokens.append(_pick(crc, number))
        if tokens[-1] in submit.stop_tokens:
            return tokens, "stop"
        crc = zlib.crc32(np.int32(tokens[-1]).tobytes(), crc)
    return tokens, "length"


def text(length: int, seed: int = 0) -> list[int]:
    """Tokens of a prompt; a longer one of the same seed begins with a shorter one."""
    return np.random.default_rng(seed).integers(0, VOCAB, 4096)[:length].tolist()


def ask(request: int, prompt: list[int] | int, max_tokens: int = 10, *, seed: int | None = None, **fields: object) -> Submit:
    """A Submit; ``prompt`` may be a length, and is then text of the request's own."""
    prompt = text(prompt, request) if isinstance(prompt, int) else prompt
    sampling = fields.pop("sampling", Sampling(seed=request if seed is None else seed))
    fields = {"stop_tokens": [], "salt": "a", **fields}
    return Submit(request, prompt, sampling, max_tokens, **fields)  # type: ignore[arg-type]


class Driver:
    """A scheduler and a runner, without link and loop. Every step is checked; what comes out is kept by request."""

    def __init__(
        self,
        blocks: int,
        step_tokens: int = 512,
        max_sequences: int = 64,
        device: Device | None = None,
        make_matcher: MatcherMaker = no_matcher,
        drafts: bool = True,
    ) -> None:
        if device is None:
            device = FakeDevice()
            device.allocate(blocks)
        self.runner = Runner(device, VOCAB)
        self.scheduler = Scheduler(Blocks(blocks), step_tokens, max_sequences, make_matcher, drafts=drafts)
        self.guessing = drafts
        self.budget = max(step_tokens, max_sequences)
        self.submits: dict[int, Submit] = {}
        self.keeps: dict[int, int | None] = {}
        self.tokens: dict[int, list[int]] = {}
        self.scores: dict[int, list[Score | None]] = {}
        self.ends: dict[int, list[Done | Failed]] = {}
        self.admissions: list[int] = []  # requests in the order in which they were worked on first
        self.steps = 0
        self._seen: dict[int, Sequence] = {}

    def submit(self, *submits: Submit) -> None:
        for submit in submits:
            self.submits[submit.request] = submit
            self.tokens[submit.request] = list(submit.generated)
            self.scores[submit.request] = []
            self.ends[submit.request] = []
            self._take(self.scheduler.submit(submit))
            self.scheduler.check()

    def abort(self, request: int, keep: int | None = None) -> None:
        if not self.ends[request]:
            self.keeps[request] = keep
        self._take(self.scheduler.abort(Abort(request, keep)))
        self.scheduler.check()

    def step(self) -> Plan:
        while self.scheduler.uncompiled:
            self._take(self.scheduler.compile())
            self.scheduler.check()
        if self.scheduler.idle:
            return Plan()
        plan = self.scheduler.schedule()
        self._check_plan(plan)
        for piece in plan.pieces:
            if piece.sequence.request not in self._seen:
                self.admissions.append(piece.sequence.request)
                self._seen[piece.sequence.request] = piece.sequence
        self._take(self.scheduler.advance(plan, self.runner.run(plan)))
        self.scheduler.check()
        self.steps += 1
        return plan

    def finish(self) -> None:
        """Step until there is no work. The oldest answer moves by a token a step, whatever happens: that bounds the steps."""
        bound = self.steps + sum(len(submit.prompt) + submit.max_tokens for submit in self.submits.values())
        while not self.scheduler.idle:
            assert self.steps <= bound, "livelock"
            self.step()
        blocks = self.scheduler.blocks
        assert (self.scheduler.running, self.scheduler.waiting, blocks.used, blocks.free) == (0, 0, 0, blocks.count)

    def run(self, *submits: Submit) -> dict[int, list[int]]:
        """The completions of requests that are submitted at once."""
        self.submit(*submits)
        self.finish()
        return {submit.request: self.tokens[submit.request] for submit in submits}

    def end(self, request: int) -> Done:
        (end,) = self.ends[request]
        assert isinstance(end, Done)
        return end

    def check_answers(self) -> None:
        """Each request ended once, in the right tokens, and the counters are the sum of what was charged."""
        for request, submit in self.submits.items():
            tokens, reason = expected(submit)
            end, given = self.end(request), self.tokens[request]
            shown = [token for token in tokens if token not in submit.stop_tokens]
            if end.reason == "abort":
                assert given == shown[: len(given)]
            else:
                assert (given, end.reason) == (shown, reason)
            assert end.usage == self._owed(submit, end, len(tokens)), request
            self._check_prompt_is_paid_once(submit)
        usage = sum((self.end(request).usage for request in self.submits), Usage())
        counters = self.scheduler.counters
        assert (counters.prompt, counters.cached, counters.completion) == (
            usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens,
        )  # fmt: skip
        assert counters.discarded == self._discarded()

    def _owed(self, submit: Submit, end: Done, whole: int) -> Usage:
        """Nothing if nothing was done for it; else its prompt, and the tokens that were given, or kept of them.

        Of the choices of a job one pays the prompt, which ``_check_prompt_is_paid_once`` looks after.
        """
        resumed = submit.generated or any(other.generated for other in self.submits.values() if other.leader == submit.request)
        if submit.request not in self._seen and not resumed and end.reason == "abort":
            return Usage()
        keep = self.keeps.get(submit.request)
        given = len(self.tokens[submit.request]) if end.reason == "abort" else whole
        completion = given if keep is None else min(given, keep)
        if submit.leader is not None and not end.usage.prompt_tokens:
            return Usage(completion_tokens=completion)
        cached = end.usage.cached_tokens
        assert cached % BLOCK_SIZE == 0 and 0 <= cached < len(submit.prompt)
        return Usage(len(submit.prompt), cached, completion)

    def _check_prompt_is_paid_once(self, leader: Submit) -> None:
        """By the choices of a job together, unless there was nothing to pay for."""
        group = [leader, *(submit for submit in self.submits.values() if submit.leader == leader.request)]
        if leader.leader is None:
            worked = any(submit.request in self._seen or submit.generated for submit in group)
            paid = [self.end(submit.request).usage.prompt_tokens for submit in group]
            assert [tokens for tokens in paid if tokens] == [len(leader.prompt)] * worked, (leader.request, paid)

    def _discarded(self) -> int:
        kept = ((len(self.tokens[request]), keep) for request, keep in self.keeps.items() if keep is not None)
        return sum(max(0, given - keep) for given, keep in kept)

    def _take(self, messages: list[FromWorker]) -> None:
        for message in messages:
            assert isinstance(message, Tokens | Done | Failed)
            assert not self.ends[message.request], f"something after the end of {message.request}"
            if isinstance(message, Tokens):
                self.tokens[message.request] += message.ids
                self.scores[message.request] += message.scores or [None] * len(message.ids)
            else:
                self.ends[message.request].append(message)

    def _check_plan(self, plan: Plan) -> None:
        self.scheduler.check()
        assert plan.pieces, "there is work, but the plan is empty"
        assert plan.rows <= self.budget
        requests = [piece.sequence.request for piece in plan.pieces]
        assert len(set(requests)) == len(requests)
        assert all(piece.count > 0 and piece.start == piece.sequence.computed for piece in plan.pieces)
        # What is new are blocks past those that hold computed tokens, but for those that guesses have asked for before.
        new = [block for piece in plan.pieces for block in piece.sequence.table[-(-piece.start // BLOCK_SIZE) :]]
        assert len(set(plan.new_blocks)) == len(plan.new_blocks) and set(plan.new_blocks) <= set(new)
        assert self.guessing or len(plan.new_blocks) == len(new)
        decoding = {request for request, seq in self._seen.items() if seq.table and seq.missing == 1 and seq.generated}
        assert decoding <= set(requests), "an answer that holds its blocks gets no token"
        assert not any(self.ends[request] for request in requests)
