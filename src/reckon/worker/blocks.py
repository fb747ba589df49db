"""Bookkeeping of the KV blocks: who holds which, and which still hold a prefix that somebody may ask for again.

Knows block numbers and token ids; the memory itself belongs to the device. The scheduler is the only caller.

A block is in exactly one of three places:
    held     some sequences' tables have it; ``holders`` counts them
    kept     nobody holds it, but its content is known by a hash and can be taken up again; the oldest is evicted first
    empty    nobody holds it and nothing is known of it
"""

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence

import numpy as np

from reckon.devices.batch import BLOCK_SIZE

Hash = bytes


class Blocks:
    def __init__(self, count: int) -> None:
        self.count = count
        self._empty = list(range(count - 1, -1, -1))
        self._kept: OrderedDict[int, Hash] = OrderedDict()
        self._holders: Counter[int] = Counter()
        self._by_hash: dict[Hash, int] = {}
        self._hashes: dict[int, Hash] = {}

    @property
    def free(self) -> int:
        """Blocks that could be given out now."""
        return len(self._empty) + len(self._kept)

    @property
    def used(self) -> int:
        return self.count - self.free

    def find(self, tokens: Sequence[int], salt: str) -> list[int]:
        """The blocks that hold the longest known prefix of ``tokens``, now held by the caller too.

        The last token is never found: somebody has to compute it to know what follows.
        """
        found = []
        for digest in _chain(tokens[: len(tokens) - 1], salt):
            block = self._by_hash.get(digest)
            if block is None:
                break
            found.append(block)
        for block in found:
            self._kept.pop(block, None)
            self._holders[block] += 1
        return found

    def take(self, count: int) -> list[int]:
        """``count`` blocks for new content, empty ones first. The caller has looked at ``free``."""
        taken = []
        for _ in range(count):
            if self._empty:
                block = self._empty.pop()
            else:
                block, digest = self._kept.popitem(last=False)
                del self._by_hash[digest], self._hashes[block]
            self._holders[block] = 1
            taken.append(block)
        return taken

    def remember(self, tokens: Sequence[int], table: Sequence[int], salt: str) -> None:
        """Make the full blocks of computed ``tokens`` findable. A content that is known already stays where it is."""
        for block, digest in zip(table, _chain(tokens, salt), strict=False):
            if block not in self._hashes and digest not in self._by_hash:
                self._by_hash[digest], self._hashes[block] = block, digest

    def release(self, table: Iterable[int]) -> None:
        """The caller lets go of its blocks. The end of a prefix is evicted before its beginning, which more can share."""
        for block in reversed(list(table)):
            self._holders[block] -= 1
            if self._holders[block] > 0:
                continue
            del self._holders[block]
            if block in self._hashes:
                self._kept[block] = self._hashes[block]
            else:
                self._empty.append(block)

    def check(self, tables: Iterable[Sequence[int]]) -> None:
        """Raise RuntimeError unless exactly the given tables hold blocks and every block is in one place."""
        held = Counter(block for table in tables for block in table)
        if held != self._holders:
            raise RuntimeError(f"blocks are held {dict(self._holders)} times, but tables have {dict(held)}")
        places = sorted([*self._empty, *self._kept, *self._holders])
        if places != list(range(self.count)):
            raise RuntimeError("a block is lost or in two places")
        if {
            block: digest for digest, block in self._by_hash.items()
        } != self._hashes or not self._kept.keys() <= self._hashes.keys():
            raise RuntimeError("the prefix index does not match the blocks")


def _chain(tokens: Sequence[int], salt: str) -> Iterable[Hash]:
    """A hash for each full block, of its tokens and all before them. Another salt shares nothing: tenants cannot probe."""
    parent = hashlib.blake2b(salt.encode(), digest_size=16).digest()
    for start in range(0, len(tokens) - BLOCK_SIZE + 1, BLOCK_SIZE):
        content = np.array(tokens[start : start + BLOCK_SIZE], np.int32).tobytes()
        parent = hashlib.blake2b(parent + content, digest_size=16).digest()
        yield parent
