"""Bookkeeping of the KV blocks: who holds which, and which still hold a prefix that somebody may ask for again.

Knows block numbers and token ids; the memory itself belongs to the device. The scheduler is the only caller.

A block is in exactly one of three places:
    held     some sequences' tables have it; ``holders`` counts them
    kept     nobody holds it, but its content is known by a hash and can be taken up again; the oldest is evicted first
    empty    nobody holds it and nothing is known of it
"""

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from reckon.devices.batch import BLOCK_SIZE

Hash = bytes


class Chain:
    """A hash for each full block of one sequence, of its tokens and all before them; each is made once, when it is asked for.

    Another salt shares nothing: tenants cannot probe.
    """

    def __init__(self, salt: str) -> None:
        self._hashes = [_digest(salt.encode())]  # the first stands before all blocks

    def hashes(self, tokens: Sequence[int], count: int) -> Iterator[Hash]:
        """Of the full blocks of tokens[:count]. Between calls, ``tokens`` may grow and does not change otherwise."""
        for place in range(1, count // BLOCK_SIZE + 1):
            if place == len(self._hashes):
                content = np.array(tokens[(place - 1) * BLOCK_SIZE : place * BLOCK_SIZE], np.int32).tobytes()
                self._hashes.append(_digest(self._hashes[-1] + content))
            yield self._hashes[place]


def _digest(content: bytes) -> Hash:
    return hashlib.blake2b(content, digest_size=16).digest()


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

    def room_for(self, tokens: Sequence[int], chain: Chain) -> bool:
        """Whether all of ``tokens`` could be held now, with what ``find`` would find of them. Nothing changes hands."""
        missing, free = -(-len(tokens) // BLOCK_SIZE), self.free
        for digest in chain.hashes(tokens, len(tokens) - 1):
            block = self._by_hash.get(digest)
            if block is None:
                break
            missing -= 1
            free -= block in self._kept
        return missing <= free

    def find(self, tokens: Sequence[int], chain: Chain) -> list[int]:
        """The blocks that hold the longest known prefix of ``tokens``, now held by the caller too.

        The last token is never found: somebody has to compute it to know what follows.
        """
        found = []
        for digest in chain.hashes(tokens, len(tokens) - 1):
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

    def remember(self, tokens: Sequence[int], computed: int, table: Sequence[int], chain: Chain) -> None:
        """Make the full blocks of tokens[:computed] findable. A content that is known already stays where it is."""
        for block, digest in zip(table, chain.hashes(tokens, computed), strict=False):
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
