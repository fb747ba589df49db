"""How many threads enter a step: all, or one alone where that is faster, as it is for a tiny model whose cores others want too.

Threads that take part meet after each phase, and one that the system has put aside holds up the others for a slice of its
scheduler, some milliseconds: many times what a short step takes. Bits do not depend on threads, so each step may choose anew.
What it chooses by is what steps took, all threads and one alone; the one that is not chosen is tried now and then.
"""

SHORT_SECONDS = 0.005
"""What takes longer either way is for all: a slice more or less is little to it, and one thread alone may take very long."""
FALL, RISE = 0.5, 0.25
"""How far what is known of a way follows a step that was faster, or slower: one slow step among many is an accident."""
STEPS_BETWEEN = 32
"""Steps until the slower way is tried again, times how much slower it was: trying costs about three hundredths of the time."""


class _Kind:
    """Steps of about the same number of rows: what each way takes, by threads, and when the slower one is tried next."""

    __slots__ = ("seconds", "until_trial")

    def __init__(self) -> None:
        self.seconds: dict[int, float] = {}
        self.until_trial = 1.0


class Pace:
    """Asked before each step (``choose``) and told after it (``took``)."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._kinds: dict[int, _Kind] = {}

    def choose(self, rows: int) -> int:
        """The number of threads for a step of so many rows."""
        kind = self._kinds.get(rows.bit_length())
        if self._threads == 1 or kind is None or min(kind.seconds.values()) > SHORT_SECONDS:
            return self._threads
        faster = min(kind.seconds, key=kind.seconds.__getitem__)
        kind.until_trial -= 1
        return faster if kind.until_trial > 0 else self._other(faster)

    def took(self, rows: int, threads: int, seconds: float) -> None:
        """What a step took with so many threads."""
        kind = self._kinds.setdefault(rows.bit_length(), _Kind())
        before = kind.seconds.get(threads, seconds)
        change = min(seconds, 2 * before) - before
        kind.seconds[threads] = before + (RISE if change > 0 else FALL) * change
        if kind.until_trial <= 0:
            times = kind.seconds.values()
            kind.until_trial = STEPS_BETWEEN * max(times) / min(times)

    def _other(self, threads: int) -> int:
        return 1 if threads == self._threads else self._threads
