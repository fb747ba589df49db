"""Scores on their way back: each with the text it belongs to, the same for any chunking, none for what a stop string cut."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.test_answer import CALL, Desk, content
from reckon.engines.scores import LEAST
from reckon.job import Alternative, CallDelta, Delta, Event, Function, Scored
from reckon.link import Score, Tokens

TEXT = "Grüße, 你好 🎈! one STEP two STOP and three"


def scores_of(tokens: list[int]) -> list[Score]:
    return [(-place / 8, [(token, -place / 8), (5, -9.0)]) for place, token in enumerate(tokens)]


def tell(desk: Desk, tokens: list[int], cuts: list[int], choice: int = 0) -> None:
    """Deliver the tokens in messages that end at ``cuts``."""
    scores, borders = scores_of(tokens), sorted({0, *(cut % len(tokens) for cut in cuts), len(tokens)})
    for start, end in itertools.pairwise(borders):
        desk.run.deliver(desk.choices[choice], Tokens(1 + choice, tokens[start:end], scores[start:end]))
    desk.end(completion=len(tokens), choice=choice)


def reported(events: list[Event], choice: int = 0) -> list[Scored]:
    return [scored for event in events if isinstance(event, Delta) and event.choice == choice for scored in event.scores]


def expected(desk: Desk, tokens: list[int]) -> list[Scored]:
    name = desk.tokenizer.token_bytes
    return [
        Scored(name(token), own, tuple(Alternative(name(other), logprob) for other, logprob in tops))
        for token, (own, tops) in zip(tokens, scores_of(tokens), strict=True)
    ]


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 100), max_size=6))
@pytest.mark.parametrize("stop", [(), ("STOP",), ("STEPS", "o ST")])
async def test_text_and_scores_do_not_depend_on_the_chunks(checkpoint: Path, stop: tuple[str, ...], cuts: list[int]) -> None:
    desk = Desk(checkpoint, stop=stop, logprobs=2)
    tokens = desk.tokenizer.encode_text(TEXT)
    tell(desk, tokens, cuts)
    events = await desk.events()
    text, found = content(events), reported(events)
    assert found == expected(desk, tokens)[: len(found)]
    joined = b"".join(scored.bytes for scored in found)
    assert joined.startswith(text.encode())
    assert len(joined) - len(found[-1].bytes) < len(text.encode()), "a token of which nothing is shown"
    if not stop:
        assert joined == TEXT.encode()


async def test_each_delta_has_the_scores_of_its_own_text(checkpoint: Path) -> None:
    """Bytes of a character and what may become a stop string wait; a score never goes before its text, nor long after it."""
    desk = Desk(checkpoint, stop=("two STAR",), logprobs=2)
    tokens = desk.tokenizer.encode_text(TEXT)
    tell(desk, tokens, [])
    text = said = b""
    for event in await desk.events():
        if isinstance(event, Delta):
            assert event.text
            text += event.text.encode()
            said += b"".join(scored.bytes for scored in event.scores)
            assert text.startswith(said)
    assert said == text == TEXT.encode()


async def test_what_a_stop_string_cut_is_not_reported(checkpoint: Path) -> None:
    desk = Desk(checkpoint, stop=("é",), logprobs=2)
    first = desk.tokenizer.encode_text("ab")
    tokens = first + desk.tokenizer.encode_text("é") + desk.tokenizer.encode_text(" more")
    tell(desk, tokens, [])
    events = await desk.events()
    assert content(events) == "ab"
    assert reported(events) == expected(desk, tokens)[: len(first)]


async def test_a_stop_that_ends_a_token_in_the_middle_keeps_its_score(checkpoint: Path) -> None:
    desk = Desk(checkpoint, stop=("llo",), logprobs=2)
    tokens = desk.tokenizer.encode_text("Hello, how are you?")
    assert len(desk.tokenizer.token_bytes(tokens[0])) > 2
    tell(desk, tokens, [])
    events = await desk.events()
    assert content(events) == "He"
    assert b"".join(scored.bytes for scored in reported(events)).startswith(b"He")
    assert len(reported(events)) <= desk.choices[0].kept


async def test_an_answer_that_ends_inside_a_character_reports_all(checkpoint: Path) -> None:
    desk = Desk(checkpoint, stop=("xyz",), logprobs=2)
    tokens = desk.tokenizer.encode_text("ab xy🎈")[:-1]
    tell(desk, tokens, [])
    events = await desk.events()
    assert content(events) == "ab xy\ufffd"
    assert reported(events) == expected(desk, tokens)


async def test_a_token_without_text_has_a_score(checkpoint: Path) -> None:
    desk = Desk(checkpoint, logprobs=2)
    end = next(token for token in desk.tokenizer.special_ids if desk.tokenizer.token_bytes(token) == b"<|im_end|>")
    tokens = [*desk.tokenizer.encode_text("ab"), end, end]
    tell(desk, tokens, [])
    events = await desk.events()
    assert content(events) == "ab"
    assert [scored.bytes for scored in reported(events)][-2:] == [b"<|im_end|>"] * 2


async def test_tokens_of_calls_come_with_an_empty_text(checkpoint: Path) -> None:
    for text in (CALL, CALL + "\n\nThat is all. " + CALL, "\n" + CALL + " ", "no call <tool_call>nonsense", CALL[:-30]):
        desk = Desk(checkpoint, tools=(Function("add"),), logprobs=2)
        tokens = desk.tokenizer.encode_text(text)
        tell(desk, tokens, [])
        events = await desk.events()
        assert reported(events) == expected(desk, tokens), text
        first = next((place for place, event in enumerate(events) if isinstance(event, CallDelta)), len(events))
        early = b"".join(scored.bytes for scored in reported(events[:first]))
        assert early.decode().strip().startswith(content(events[:first]).strip())


async def test_a_stop_behind_a_call_cuts_its_own_tokens_only(checkpoint: Path) -> None:
    desk = Desk(checkpoint, tools=(Function("add"),), stop=("STOP",), logprobs=2)
    kept, cut = desk.tokenizer.encode_text(CALL + "\n done "), desk.tokenizer.encode_text("STOP and more")
    tell(desk, kept + cut, [])
    events = await desk.events()
    assert content(events) == "Let me see.done "
    assert reported(events) == expected(desk, kept + cut)[: len(kept)]


async def test_choices_have_their_own_scores(checkpoint: Path) -> None:
    desk = Desk(checkpoint, n=2, logprobs=2)
    first, second = desk.tokenizer.encode_text("first answer"), desk.tokenizer.encode_text("second")
    tell(desk, first, [1], 0)
    tell(desk, second, [2], 1)
    events = await desk.events()
    assert (reported(events, 0), reported(events, 1)) == (expected(desk, first), expected(desk, second))


async def test_a_probability_of_0_can_be_written(checkpoint: Path) -> None:
    desk = Desk(checkpoint, logprobs=1)
    (token, *_) = desk.tokenizer.encode_text("a")
    desk.run.deliver(desk.choices[0], Tokens(1, [token], [(float("-inf"), [(token, float("-inf"))])]))
    desk.end()
    assert reported(await desk.events()) == [Scored(b"a", LEAST, (Alternative(b"a", LEAST),))]
