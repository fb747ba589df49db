"""Tensors become matrices: they are cut into panels and squeezed, if that saves anything. Called by layout.py, at load."""

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reckon.devices.cpu.arena import Plan
from reckon.devices.cpu.codes import BASE_BITS, CODES, SPAN, SQUEEZED_PAIR, WHOLE_PAIR, squeeze
from reckon.devices.cpu.intrinsics import PANEL
from reckon.devices.cpu.isa import Isa
from reckon.devices.cpu.matrix import Matrix, reads_squeezed

MOST_EXCEPTIONS = 1 / 100
"""Of the weights that are looked at. With so many, the list has a sixth of what squeezing saves, and every span has some.
Random weights have one in 10,000: what is less than about a 16,000th of the largest."""
SAMPLE_ROWS = 16
"""Of each tensor, to see whether it is worth squeezing."""


def padded(size: int) -> int:
    """``size`` rounded up to whole panels."""
    return -(-size // PANEL) * PANEL


def worth_squeezing(sample: NDArray[np.uint16]) -> bool:
    """Whether bf16 like these [N, K] are."""
    seen = np.bincount((sample.reshape(-1) >> 8) & 0x7F, minlength=128)
    within = np.convolve(seen, np.ones(CODES, np.int64), "valid").max()
    return bool(within >= (1 - MOST_EXCEPTIONS) * seen.sum())


class Forms(NamedTuple):
    """In which forms matrices are kept."""

    whole: bool
    squeezed: bool


@dataclass(frozen=True, slots=True)
class MatrixPlan:
    """A matrix to be: [rows, columns] in each of the layers."""

    layers: int
    rows: int
    columns: int
    forms: Forms

    @property
    def whole(self) -> Plan:
        return self._panels(self.forms.whole, self.columns // 2 * WHOLE_PAIR), np.uint16

    @property
    def squeezed(self) -> Plan:
        return self._panels(self.forms.squeezed, self.columns // 2 * SQUEEZED_PAIR), np.uint16

    @property
    def spans(self) -> Plan:
        return self._panels(self.forms.squeezed, -(-self.columns // (2 * SPAN)) + 1), np.int64

    @property
    def kept_bytes(self) -> int:
        """All forms together, without the few exceptions."""
        return self._squeezed_bytes + self._whole_bytes

    def read_bytes(self, isa: Isa, rows: int) -> int:
        """What a product with so many rows reads."""
        return self._squeezed_bytes if reads_squeezed(isa, *self.forms, rows) else self._whole_bytes

    @property
    def _squeezed_bytes(self) -> int:
        return math.prod(self.squeezed[0]) * 2 + math.prod(self.spans[0]) * 8

    @property
    def _whole_bytes(self) -> int:
        return math.prod(self.whole[0]) * 2

    def _panels(self, kept: bool, size: int) -> tuple[int, int, int]:
        return self.layers if kept else 0, padded(self.rows) // PANEL, size


class Builder:
    """Fills the memory of one matrix, layer after layer, by the threads of ``pool``."""

    def __init__(
        self,
        plan: MatrixPlan,
        pool: Executor,
        whole: NDArray[np.uint16],
        squeezed: NDArray[np.uint16],
        spans: NDArray[np.int64],
    ) -> None:
        self._plan, self._pool, self._whole, self._squeezed, self._spans = plan, pool, whole, squeezed, spans
        self._exceptions: dict[tuple[int, int], NDArray[np.int64]] = {}

    def fill(self, layer: int, tensors: Sequence[NDArray[np.uint16]], which: slice = slice(None)) -> None:
        """The rows of the tensors [n, K], one after the other, become the layer's panels, or ``which`` of them."""
        panels = range(self._whole.shape[1])[which]

        def fill_panel(number: int) -> None:
            panel = np.zeros((self._plan.columns // 2, PANEL), np.uint32)  # a pair of k is one word
            _gather(tensors, number * PANEL, panel)
            self._put(layer, panels[number], panel)

        list(self._pool.map(fill_panel, range(len(panels))))

    def _put(self, layer: int, number: int, panel: NDArray[np.uint32]) -> None:
        if self._plan.forms.whole:
            self._whole[layer, number] = panel.view(np.uint16).reshape(-1)
        if self._plan.forms.squeezed:
            exceptions = np.empty(2 * panel.size, np.int64)
            pairs = self._squeezed[layer, number].view(np.uint8).reshape(len(panel), -1)
            count = squeeze(panel.view(np.uint16).reshape(-1, PANEL, 2), pairs, self._spans[layer, number], exceptions)
            self._exceptions[layer, number] = exceptions[:count].copy()

    def matrix(self) -> Matrix:
        """The matrix, when all of it has been filled."""
        places = sorted(self._exceptions)
        counts = np.array([0, *(self._exceptions[place].size for place in places)], np.int64)
        for (layer, panel), before in zip(places, counts.cumsum().tolist(), strict=False):
            self._spans[layer, panel] += before << BASE_BITS
        exceptions = np.concatenate([np.zeros(0, np.int64), *(self._exceptions[place] for place in places)])
        return Matrix(self._plan.columns // 2, self._whole, self._squeezed, self._spans, exceptions)


def _gather(tensors: Sequence[NDArray[np.uint16]], first: int, whole: NDArray[np.uint32]) -> None:
    """Rows [first, first + PANEL) of the tensors, one after the other, -> whole [K / 2, PANEL], as far as there are any."""
    begin = 0
    for tensor in tensors:
        from_row, to_row = max(first, begin), min(first + PANEL, begin + len(tensor))
        if from_row < to_row:
            rows = tensor[from_row - begin : to_row - begin].view(np.uint32)
            whole[:, from_row - first : to_row - first] = rows.T
        begin += len(tensor)
