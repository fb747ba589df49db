"""When Python collects garbage: a full collection goes through all that lives, and every stream waits meanwhile.

Answers leave no cycles behind, connections do. So full collections are made when nobody is being answered, and in between only
when very much has gathered. To go through what 2,000 streams hold took 80 to 280 ms.
"""

import asyncio
import gc
from collections.abc import Callable

THRESHOLDS = (700, 10, 300)
"""Python's; the last is thirty times its default: two million objects, some 200 MB if all of them were garbage."""
LOOK_SECONDS = 5.0


class Garbage:
    """``busy`` says whether anybody is being answered."""

    def __init__(self, busy: Callable[[], bool]) -> None:
        self._busy = busy

    def begin(self) -> None:
        """What is there by now stays: a full collection that goes through all of the start takes 0.1 s or more."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)

    async def watch(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Collect if nobody waits, and anything has outlived two young collections since the last full one."""
        if gc.get_count()[2] and not self._busy():
            gc.collect()
