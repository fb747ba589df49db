"""How fast this machine's memory can be read: the limit that a decode step is held against. Knows no model."""

import threading
import time

import numpy as np

BYTES = 256 << 20
"""Read by each thread: more than any cache holds."""
ROUNDS = 5


def read_rate(threads: int) -> float:
    """Bytes per second that ``threads`` threads read together; the best of some rounds: only disturbance makes it less."""
    pieces = [np.ones(BYTES // 8, np.uint64) for _ in range(threads)]
    best = 0.0
    for _ in range(ROUNDS):
        readers = [threading.Thread(target=piece.max) for piece in pieces]
        begin = time.perf_counter()
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        best = max(best, threads * BYTES / (time.perf_counter() - begin))
    return best
