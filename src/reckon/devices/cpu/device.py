"""The cpu device: numba code behind the seam of devices/base.py. Owns the packed weights, the KV blocks and the threads.

Bits depend on the instruction set (``numeric_path``) and the machine code that LLVM makes for it (``toolchain``), and on
nothing else of the machine: not on threads, not on the batch.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from reckon.devices.base import Progress
from reckon.devices.batch import Batch, Sampled, SamplingRows
from reckon.devices.cpu import isa as sets
from reckon.devices.cpu.arena import arena
from reckon.devices.cpu.builder import Forms, MatrixPlan, padded
from reckon.devices.cpu.compile import target
from reckon.devices.cpu.layout import KV, Shape, kv_block_elements, matrix_plans, pack, shape_of
from reckon.devices.cpu.pace import Pace
from reckon.devices.cpu.sampling import Choice, make_choice, make_room, make_scratch
from reckon.devices.cpu.step import GROUP_ITEMS, Rows, Work, make_work, phase_names, phases, step
from reckon.devices.cpu.team import Team
from reckon.devices.memory import available_bytes
from reckon.errors import BadSetting
from reckon.models.arch import Arch
from reckon.models.weights import Weights

WHOLE, SQUEEZED, BOTH = Forms(True, False), Forms(False, True), Forms(True, True)
AUTO = "auto"
FORMS = {"whole": WHOLE, "squeezed": SQUEEZED, "both": BOTH}
IN_CACHE = 64 << 20
"""Bytes of weights that a last-level cache may hold: what need not come from memory is not worth squeezing."""
ROOM_FOR_BOTH = 1 / 3
"""Of the memory that is free: if both forms of the weights take less, both are kept. The rest is for KV blocks and others."""


class CpuDevice:
    """Qwen2 on CPU cores. ``isa`` forces an instruction set by name; ``threads`` 0 takes a thread per usable core.

    ``forms`` in which matrices are kept: one of FORMS, or "auto", which is whole if they are few, both where they leave ample
    memory besides ``reserved`` bytes, else squeezed. Raises BadSetting for another name.
    """

    name = "cpu"
    repeatable = True

    def __init__(self, threads: int = 0, isa: str = "", forms: str = "auto", reserved: int = 0) -> None:
        self._isa_name, self._isa = sets.choose(isa)
        self.numeric_path = f"cpu/{self._isa_name}"
        self.toolchain = target()
        self.threads = threads or len(os.sched_getaffinity(0))
        if forms not in (AUTO, *FORMS):
            raise BadSetting(f"weights must be one of {', '.join((AUTO, *FORMS))}, not {forms!r}")
        self._forms, self._reserved = FORMS.get(forms), reserved
        self.weights = ""

    def weight_bytes(self, arch: Arch, weights: Weights) -> int:
        return _bytes(arch, self._plan(arch, weights))

    def load(self, arch: Arch, weights: Weights, progress: Progress) -> None:
        self._arch = arch
        self._shape: Shape = shape_of(arch)
        self._plans = self._plan(arch, weights)
        kept = {plan.forms for plan in self._plans.values()}
        self.weights = "bf16, " + "; ".join(name for name, forms in FORMS.items() if forms in kept)
        with ThreadPoolExecutor(self.threads) as pool:
            self._packed = pack(arch, self._plans, weights, pool, progress)
        self._team = Team(self.threads, phases(arch.layers))
        self._pace = Pace(self.threads)
        self._scratch = make_scratch(self.threads, padded(arch.vocab_size))
        self._work = make_work(self._isa, self._shape, rows=1, sampled=1, threads=self.threads)
        self.allocate(1)
        self._compile(progress)

    def free_bytes(self) -> int:
        return available_bytes()

    def block_bytes(self) -> int:
        return 2 * sum(kv_block_elements(self._arch)) * self._arch.layers * self._arch.kv_heads

    def allocate(self, blocks: int) -> None:
        needed, free = blocks * self.block_bytes(), self.free_bytes()
        if needed > free:
            raise MemoryError(f"{blocks} KV blocks take {needed} bytes of {free} that are free")
        keys, values = kv_block_elements(self._arch)
        lead = (blocks, self._arch.layers, self._arch.kv_heads)
        self._kv = KV(**arena(keys=((*lead, keys), np.uint16), values=((*lead, values), np.uint16)))

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        self._run(batch, _NO_SAMPLING)
        return self._work.logits[: batch.sample_rows.size, : self._arch.vocab_size]

    def step(self, batch: Batch) -> Sampled:
        return self._run(batch, batch.sampling)

    def step_bytes(self, rows: int) -> int:
        return sum(plan.read_bytes(self._isa, rows) for plan in self._plans.values())

    def phase_shares(self) -> dict[str, float]:
        """Where the time of the last step went, by kind of phase, the largest first. Empty where time cannot be read."""
        began = self._team.shared.began
        shares: dict[str, float] = {}
        for name, ticks in zip(phase_names(self._arch.layers), np.diff(began).tolist(), strict=True):
            shares[name] = shares.get(name, 0.0) + ticks
        whole = float(began[-1] - began[0])
        return (
            {} if not whole else {name: shares[name] / whole for name in sorted(shares, key=shares.__getitem__, reverse=True)}
        )

    def close(self) -> None:
        self._team.close()
        del self._packed, self._kv, self._work, self._scratch

    def _run(self, batch: Batch, sampling: SamplingRows) -> Sampled:
        groups, sampled_groups = self._groups(batch)
        rows = Rows(
            batch.tokens, batch.positions, batch.sequences, batch.block_tables, batch.new_blocks, groups, batch.sample_rows,
            sampled_groups,
        )  # fmt: skip
        work = self._fitting(batch.tokens.size, batch.sample_rows.size)
        room = make_room(sampling)
        choice: Choice = make_choice(sampling, room, self._scratch)
        isa, shape, packed, kv, shared = self._isa, self._shape, self._packed, self._kv, self._team.shared
        threads, begin = self._pace.choose(batch.tokens.size), time.perf_counter()
        self._team.run(lambda rank, first: step(isa, rank, first, shared, shape, packed, kv, work, rows, choice), threads)
        self._pace.took(batch.tokens.size, threads, time.perf_counter() - begin)
        return room

    def _groups(self, batch: Batch) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Which rows attend together: of all, and of those that are sampled."""
        most, sequences = max(1, GROUP_ITEMS * self._shape.kv_heads // self._shape.heads), batch.sequences.tolist()
        every = _together(range(batch.tokens.size), sequences, most)
        if batch.sample_rows.size == batch.tokens.size:
            return every, every
        return every, _together(batch.sample_rows.tolist(), sequences, most)

    def _plan(self, arch: Arch, weights: Weights) -> dict[str, MatrixPlan]:
        if self._forms:
            return matrix_plans(arch, weights, self._forms)
        whole = matrix_plans(arch, weights, WHOLE)
        if _bytes(arch, whole) <= IN_CACHE:
            return whole
        both, free = matrix_plans(arch, weights, BOTH), self.free_bytes()
        needed = _bytes(arch, both)
        if needed <= ROOM_FOR_BOTH * free and needed + self._reserved <= free:
            return both
        return {name: replace(plan, forms=SQUEEZED) if plan.forms.squeezed else plan for name, plan in both.items()}

    def _fitting(self, rows: int, sampled: int) -> Work:
        """Buffers of at least this size: they grow to the largest batch and stay."""
        most_rows, most_sampled = len(self._work.hidden), len(self._work.logits)
        if rows > most_rows or sampled > most_sampled:
            self._work = make_work(self._isa, self._shape, max(rows, most_rows), max(sampled, most_sampled), self.threads)
        return self._work

    def _compile(self, progress: Progress) -> None:
        """One step of one token makes numba compile the step, or read it from its cache."""
        progress("compile", 0, 1)
        zeros = np.zeros(1, np.int32)
        self._run(Batch(zeros, zeros, zeros, np.zeros((1, 1), np.int32), zeros, zeros, _NO_SAMPLING), _NO_SAMPLING)
        self._pace = Pace(self.threads)  # what compiling took says nothing of steps
        progress("compile", 1, 1)


def _bytes(arch: Arch, plans: dict[str, MatrixPlan]) -> int:
    embedding = 0 if arch.tied else 2 * arch.vocab_size * arch.hidden_size
    return embedding + sum(plan.kept_bytes for plan in plans.values())


def _together(rows: Sequence[int], sequences: list[int], most: int) -> NDArray[np.int32]:
    """Cut rows, ascending, into at most so many neighbours of one sequence, [G, 2]: first row, number of rows."""
    groups, first = list[tuple[int, int]](), 0
    for i in range(1, len(rows) + 1):
        start = rows[first]
        if i == len(rows) or rows[i] != start + i - first or sequences[rows[i]] != sequences[start] or i - first == most:
            groups.append((start, i - first))
            first = i
    return np.array(groups, np.int32).reshape(-1, 2)


_FLOATS, _INTS, _START = np.zeros(0, np.float32), np.zeros(0, np.int32), np.zeros(1, np.int32)
_NO_SAMPLING = SamplingRows(
    _FLOATS, _INTS, _FLOATS, _FLOATS, _FLOATS, _FLOATS, _FLOATS, np.zeros(0, np.float64), _START, _INTS, _INTS,
    _START, _INTS, _FLOATS, np.zeros((0, 0), np.uint32), _INTS, _INTS,
)  # fmt: skip
"""No row is sampled: the step stops at the logits."""
