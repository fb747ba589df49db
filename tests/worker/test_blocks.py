"""Blocks against a model of a few lines, and each promise alone."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from reckon.devices.batch import BLOCK_SIZE
from reckon.worker.blocks import Blocks, Chain

COUNT = 9
SALTS = ("a", "b")

Known = tuple[str, tuple[int, ...]]
"""A tenant and the tokens up to the end of a block: what a block's content depends on."""


def text(blocks: int, first: int = 0, part: int = 1) -> list[int]:
    """``blocks`` full blocks and ``part`` tokens; ``first`` is the first token, the rest is always the same."""
    return [first, *range(1, blocks * BLOCK_SIZE + part)]


def prefixes(tokens: list[int], salt: str) -> list[Known]:
    return [(salt, tuple(tokens[:end])) for end in range(BLOCK_SIZE, len(tokens) + 1, BLOCK_SIZE)]


class BlocksMachine(RuleBasedStateMachine):
    """Tenants take up what is known of a text, take new blocks for the rest, compute it, let go of it."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = Blocks(COUNT)
        self.tables: list[tuple[str, list[int], list[int]]] = []  # salt, tokens, table
        self.index: dict[Known, int] = {}
        self.kept: list[int] = []  # next to be evicted first

    @rule(
        salt=st.sampled_from(SALTS),
        blocks=st.integers(0, 4),
        first=st.integers(0, 2),
        part=st.integers(0, BLOCK_SIZE - 1),
    )
    def start(self, salt: str, blocks: int, first: int, part: int) -> None:
        tokens = text(blocks, first, part)
        known = []
        for prefix in prefixes(tokens[:-1], salt):
            if prefix not in self.index:
                break
            known.append(self.index[prefix])
        room = self.blocks.room_for(tokens, Chain(salt))
        found = self.blocks.find(tokens, Chain(salt))
        assert found == known
        self.kept = [block for block in self.kept if block not in found]
        needed = -(-len(tokens) // BLOCK_SIZE) - len(found)
        assert room == (needed <= self.blocks.free)
        self.tables.append((salt, tokens, found))
        if needed > self.blocks.free:
            self.let_go(len(self.tables) - 1)
        else:
            self.tables[-1] = (salt, tokens, found + self.take(needed))

    def take(self, count: int) -> list[int]:
        empty = self.blocks.free - len(self.kept)
        evicted, self.kept = self.kept[: max(0, count - empty)], self.kept[max(0, count - empty) :]
        self.index = {known: block for known, block in self.index.items() if block not in evicted}
        held = {block for _, _, table in self.tables for block in table}
        taken = self.blocks.take(count)
        assert len(set(taken)) == count and not held.intersection(taken) and not set(self.kept).intersection(taken)
        assert taken[count - len(evicted) :] == evicted
        return taken

    @precondition(lambda self: self.tables)
    @rule(data=st.data())
    def compute(self, data: st.DataObject) -> None:
        salt, tokens, table = data.draw(st.sampled_from(self.tables))
        computed = tokens[: data.draw(st.integers(0, len(tokens)))]
        self.blocks.remember(tokens, len(computed), table, Chain(salt))
        for block, known in zip(table, prefixes(computed, salt), strict=False):
            if known not in self.index and block not in self.index.values():
                self.index[known] = block

    @precondition(lambda self: self.tables)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.let_go(data.draw(st.integers(0, len(self.tables) - 1)))

    def let_go(self, place: int) -> None:
        _, _, table = self.tables.pop(place)
        self.blocks.release(table)
        holders = Counter(block for _, _, other in self.tables for block in other)
        self.kept += [block for block in reversed(table) if not holders[block] and block in self.index.values()]

    @invariant()
    def nothing_is_lost(self) -> None:
        tables = [table for _, _, table in self.tables]
        self.blocks.check(tables)
        held = {block for table in tables for block in table}
        assert (self.blocks.used, self.blocks.free) == (len(held), COUNT - len(held))


TestBlocks = BlocksMachine.TestCase
TestBlocks.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def computed(blocks: Blocks, tokens: list[int], salt: str = "a") -> list[int]:
    """A table of a text that was computed."""
    table = blocks.take(-(-len(tokens) // BLOCK_SIZE))
    blocks.remember(tokens, len(tokens), table, Chain(salt))
    return table


def test_another_tenant_finds_nothing() -> None:
    blocks = Blocks(COUNT)
    table = computed(blocks, text(2), "a")
    assert blocks.find(text(2), Chain("b")) == []
    assert blocks.find(text(2), Chain("")) == []
    assert blocks.find(text(2), Chain("a")) == table[:2]


@pytest.mark.parametrize(("asked", "found"), [(text(2, part=0), 1), (text(2), 2), (text(2, part=BLOCK_SIZE - 1), 2), ([0], 0)])
def test_the_last_token_is_never_found(asked: list[int], found: int) -> None:
    blocks = Blocks(COUNT)
    table = computed(blocks, text(2, part=0))
    assert blocks.find(asked, Chain("a")) == table[:found]


def test_a_difference_at_the_start_hides_all_that_follows() -> None:
    blocks = Blocks(COUNT)
    computed(blocks, text(3))
    assert blocks.find(text(3, first=5), Chain("a")) == []
    changed = text(3)
    changed[BLOCK_SIZE] += 1
    assert len(blocks.find(changed, Chain("a"))) == 1


def test_what_is_not_computed_is_not_found() -> None:
    blocks = Blocks(COUNT)
    table = blocks.take(3)
    blocks.remember(text(3), 2 * BLOCK_SIZE - 1, table, Chain("a"))
    assert blocks.find(text(3), Chain("a")) == table[:1]


def test_the_oldest_goes_first_and_the_end_of_a_prefix_before_its_beginning() -> None:
    blocks = Blocks(4)
    old, new = computed(blocks, text(2, 0, part=0)), computed(blocks, text(2, 1, part=0))
    blocks.release(old)
    blocks.release(new)
    assert [blocks.take(1)[0] for _ in range(4)] == [old[1], old[0], new[1], new[0]]
    assert blocks.find(text(2, 0), Chain("a")) == blocks.find(text(2, 1), Chain("a")) == []


def test_use_makes_young() -> None:
    blocks = Blocks(2)
    first, second = computed(blocks, text(1, 0, part=0)), computed(blocks, text(1, 1, part=0))
    blocks.release(first)
    blocks.release(second)
    blocks.release(blocks.find(text(1, 0), Chain("a")))
    assert blocks.take(1) == second


def test_empty_blocks_are_taken_before_a_known_one() -> None:
    blocks = Blocks(3)
    known = computed(blocks, text(1, part=0))
    blocks.release(known)
    assert not set(known).intersection(blocks.take(2))
    assert blocks.find(text(1), Chain("a")) == known


def test_a_shared_block_stays_until_the_last_lets_go() -> None:
    blocks = Blocks(1)
    table = computed(blocks, text(1, part=0))
    again = blocks.find(text(1), Chain("a"))
    blocks.release(table)
    assert (again, blocks.free) == (table, 0)
    blocks.release(again)
    assert blocks.free == 1


def test_the_same_content_in_two_places_is_known_in_the_first() -> None:
    blocks = Blocks(2)
    first, second = computed(blocks, text(1, part=0)), computed(blocks, text(1, part=0))
    assert blocks.find(text(1), Chain("a")) == first
    blocks.release(second)
    blocks.check([first, first])


def test_check_sees_a_lost_block() -> None:
    blocks = Blocks(2)
    blocks.take(1)
    with pytest.raises(RuntimeError, match=r"held .* but tables have \{\}"):
        blocks.check([])


def test_check_sees_a_table_that_holds_nothing() -> None:
    blocks = Blocks(2)
    with pytest.raises(RuntimeError, match="but tables have"):
        blocks.check([[0]])


def test_check_sees_a_block_in_two_tables() -> None:
    blocks = Blocks(2)
    table = blocks.take(1)
    with pytest.raises(RuntimeError, match="but tables have"):
        blocks.check([table, table])


def test_check_sees_a_block_that_was_released_twice() -> None:
    blocks = Blocks(2)
    table = blocks.take(1)
    blocks.release(table)
    blocks.release(table)
    with pytest.raises(RuntimeError):
        blocks.check([])


def test_check_sees_a_block_in_two_places() -> None:
    blocks = Blocks(2)
    table = blocks.take(1)
    blocks._empty += table
    with pytest.raises(RuntimeError, match="lost or in two places"):
        blocks.check([table])


def test_check_sees_an_index_that_lies() -> None:
    blocks = Blocks(2)
    table = computed(blocks, text(1, part=0))
    blocks._by_hash.clear()
    with pytest.raises(RuntimeError, match="index does not match"):
        blocks.check([table])


class Read(list[int]):
    """Tokens that count how many blocks of them were looked at."""

    looked = 0

    def __getitem__(self, place: Any) -> Any:
        self.looked += 1
        return super().__getitem__(place)


def test_a_block_is_hashed_once_however_often_it_is_asked_for() -> None:
    chain, tokens = Chain("a"), Read(text(2))
    first = list(chain.hashes(tokens, len(tokens)))
    tokens += text(1, first=9)
    assert list(chain.hashes(tokens, len(tokens))) == list(Chain("a").hashes(list(tokens), len(tokens)))
    assert list(chain.hashes(tokens, len(tokens)))[:2] == first
    assert (len(first), tokens.looked) == (2, 3)


def test_no_block_is_hashed_that_nobody_asks_for() -> None:
    blocks, tokens = Blocks(COUNT), Read(text(5))
    assert blocks.find(tokens, Chain("a")) == []
    assert tokens.looked == 1
