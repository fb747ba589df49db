"""The seam every device stands behind: take the weights, own the KV blocks, turn a Batch into tokens.

A device promises that a row's logits depend on its own sequence only, bit for bit: never on what else is in the batch, on
where a prompt was cut into chunks, on cached blocks or on threads. One suite of tests holds each device to it.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from reckon.devices.batch import Batch, Sampled
from reckon.models.arch import Arch
from reckon.models.weights import Weights

Progress = Callable[[str, int, int], None]
"""Called as progress(phase, done, total) while a device loads and compiles."""


class Device(Protocol):
    """Order of calls: load, allocate, then step as often as wanted, then close. Not thread-safe: one caller."""

    name: str
    numeric_path: str
    """How numbers are computed, such as "cpu/avx512bf16". Part of the system fingerprint."""
    toolchain: tuple[str, ...]
    """What else decides the bits besides weights and our code: compilers and libraries with their versions, and what of the
    processor they compile for. Its digest is a part of the system fingerprint."""
    weights: str
    """How weights are kept, in words, once they are loaded."""
    repeatable: bool
    """Whether the device keeps the promise above, today and after a restart. One that does not is named in every answer."""

    def load(self, arch: Arch, weights: Weights, progress: Progress) -> None:
        """Take the weights into the device's own layout and make its code ready. ``weights`` may be closed afterwards."""

    def weight_bytes(self, arch: Arch, weights: Weights) -> int:
        """Memory that ``load`` will take for the weights, in bytes."""

    def step_bytes(self, rows: int) -> int:
        """What a step of so many rows reads of the weights, in bytes."""

    def free_bytes(self) -> int:
        """Memory that could be given to KV blocks now, in bytes."""

    def block_bytes(self) -> int:
        """Memory of one KV block, all layers, keys and values, in bytes."""

    def allocate(self, blocks: int) -> None:
        """Make ``blocks`` KV blocks, numbered from 0. Raises MemoryError."""

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Compute all rows, write their keys and values, and return the logits of the sampled rows, [R, vocab].

        The array belongs to the device and is overwritten by the next call.
        """

    def step(self, batch: Batch) -> Sampled:
        """``logits``, then the sampler: the next token of each sampled row, and the log probabilities that rows ask for."""

    def close(self) -> None:
        """Give threads and memory back."""
