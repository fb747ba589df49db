"""A pace for tests: which number of threads enters a step must not matter, so every step has another one."""

from reckon.devices.cpu.pace import Pace


class Restless(Pace):
    """All threads, one less, and so on, then all again."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self._most, self._steps = threads, 0

    def choose(self, rows: int) -> int:
        self._steps += 1
        return self._most - (self._steps - 1) % self._most
