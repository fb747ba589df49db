"""From a worker's messages to events, without a worker: text, calls, stop strings, endings, the journal."""

import asyncio
import gc
import itertools
import weakref
from pathlib import Path
from typing import Any

import pytest

from engines.conftest import played
from reckon.engines.answer import Choice, NativeRun
from reckon.engines.base import Prepared
from reckon.errors import EngineFailed, InvalidGrammar
from reckon.job import CallDelta, Delta, Event, Finish, Function, Grammar, Job, Message, Sampling, Usage
from reckon.link import Abort, Done, Failed, Submit, Tokens
from reckon.text.tokenizer import Tokenizer

NUMBERS = itertools.count(1)
CALL = 'Let me see.\n<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": [2, 3]}}\n</tool_call>'


class Desk:
    """A run of ``n`` choices whose worker is this test."""

    def __init__(
        self,
        checkpoint: Path,
        n: int = 1,
        seed: int = 1,
        prompt: tuple[int, ...] = (5, 6, 7),
        logprobs: int = -1,
        **fields: Any,
    ) -> None:
        self.tokenizer = Tokenizer.from_directory(checkpoint)
        sampling, messages = Sampling(seed=seed), (Message("user", "Hello"),)
        job = Job(f"chatcmpl-{next(NUMBERS)}", "test/random", "account", messages, sampling, n=n, **fields)
        self.aborts: list[Abort] = []
        submits = [
            Submit(
                1 + i,
                list(prompt),
                sampling,
                50,
                [],
                "account",
                i,
                leader=1 if i else None,
                grammar=job.grammar,
                logprobs=logprobs,
            )
            for i in range(n)
        ]
        self.choices = [Choice(submit, Prepared(job, list(prompt), 50), self.tokenizer) for submit in submits]
        self.discarded: list[int] = []
        self.run = NativeRun(self.choices, self.aborts.append, self.discarded.append)

    def say(self, text: str, choice: int = 0) -> int:
        """Deliver the text token by token; returns how many tokens it has."""
        tokens = self.tokenizer.encode_text(text)
        for token in tokens:
            self.run.deliver(self.choices[choice], Tokens(1 + choice, [token]))
        return len(tokens)

    def end(self, reason: str = "stop", completion: int = 9, choice: int = 0) -> None:
        usage = Usage(0 if choice else 3, 0, completion)
        self.run.deliver(self.choices[choice], Done(1 + choice, reason, usage))  # type: ignore[arg-type]

    async def events(self) -> list[Event]:
        return await played(self.run)


def content(events: list[Event], choice: int = 0) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta) and event.choice == choice)


async def test_text_and_ending(checkpoint: Path) -> None:
    desk = Desk(checkpoint)
    desk.say("Grüße, 你好 🎈!")
    desk.end("length")
    events = await desk.events()
    assert content(events) == "Grüße, 你好 🎈!"
    assert events[-1] == Finish(0, "length", Usage(3, 0, 9))
    assert not desk.aborts


async def test_a_stop_string_ends_the_answer_and_says_what_was_kept(checkpoint: Path) -> None:
    desk = Desk(checkpoint, stop=("STOP",))
    before = desk.say("one two ST")
    needed = desk.say("OP") + before
    desk.say(" and more that nobody wants")
    desk.end("abort", needed)
    events = await desk.events()
    assert content(events) == "one two "
    assert events[-1] == Finish(0, "stop", Usage(3, 0, needed), "STOP")
    assert desk.aborts == [Abort(1, desk.choices[0].kept)]
    assert before < desk.choices[0].kept <= needed


@pytest.mark.parametrize("listening", [False, True])
async def test_a_worker_that_was_done_before_it_heard_of_the_stop_string_charges_no_more(
    checkpoint: Path, listening: bool
) -> None:
    desk = Desk(checkpoint, stop=("STOP",))
    heard = asyncio.create_task(desk.events())
    if listening:
        await asyncio.sleep(0)
    count = desk.say("one two STOP") + desk.say(" and more that nobody wants")
    desk.end("length", count)
    assert (desk.choices[0].kept > 0) == listening
    events = await heard
    assert events[-1] == Finish(0, "stop", Usage(3, 0, desk.choices[0].kept), "STOP")
    assert 0 < desk.choices[0].kept < count
    assert desk.discarded == [count - desk.choices[0].kept]
    assert await desk.run.cancel() == events[-1].usage


async def test_calls_become_deltas_with_one_id(checkpoint: Path) -> None:
    desk = Desk(checkpoint, tools=(Function("add"),))
    desk.say(CALL)
    desk.end()
    events = await desk.events()
    calls = [event for event in events if isinstance(event, CallDelta)]
    assert content(events) == "Let me see."
    assert [call.name for call in calls if call.name] == ["add"]
    assert sum(call.id is not None for call in calls) == 1
    assert "".join(call.arguments for call in calls) == '{"a": 1, "b": [2, 3]}'
    assert isinstance(events[-1], Finish)
    assert events[-1].reason == "tool_calls"


async def test_ids_of_calls_repeat_with_the_request_and_with_nothing_else(checkpoint: Path) -> None:
    async def ids(**asked: Any) -> list[str | None]:
        desk = Desk(checkpoint, n=2, tools=(Function("add"),), **asked)
        for choice in range(2):
            desk.say(CALL + CALL, choice)
            desk.end(choice=choice)
        return [event.id for event in await desk.events() if isinstance(event, CallDelta) and event.id]

    asked = [await ids(), await ids(seed=2), await ids(prompt=(5, 6, 7, 8))]
    assert len({one for found in asked for one in found}) == 12
    assert await ids() == asked[0]


async def test_a_call_cut_by_length_says_length(checkpoint: Path) -> None:
    desk = Desk(checkpoint, tools=(Function("add"),))
    desk.say(CALL[:-25])
    desk.end("length")
    events = await desk.events()
    assert isinstance(events[-1], Finish)
    assert events[-1].reason == "length"


async def test_without_tools_the_tags_are_text(checkpoint: Path) -> None:
    desk = Desk(checkpoint)
    desk.say(CALL)
    desk.end()
    assert content(await desk.events()) == CALL


async def test_choices_end_each_for_itself_and_share_the_prompt(checkpoint: Path) -> None:
    desk = Desk(checkpoint, n=2)
    desk.say("first", 0)
    desk.say("second", 1)
    desk.end("stop", 4, 1)
    desk.say(" more", 0)
    desk.end("stop", 5, 0)
    events = await desk.events()
    assert (content(events, 0), content(events, 1)) == ("first more", "second")
    assert await desk.run.cancel() == Usage(3, 0, 9)
    assert not desk.aborts


async def test_a_failed_choice_fails_the_run_and_cancel_stops_the_others(checkpoint: Path) -> None:
    desk = Desk(checkpoint, n=2)
    desk.say("first", 0)
    desk.run.deliver(desk.choices[1], Failed(2, "it broke"))
    with pytest.raises(EngineFailed, match="it broke"):
        await desk.events()

    def answer(abort: Abort) -> None:
        desk.aborts.append(abort)
        desk.end("abort", 1, 0)

    desk.run._abort = answer  # the test plays the engine
    assert await desk.run.cancel() == Usage(3, 0, 1)
    assert desk.aborts == [Abort(1, None)]


async def test_the_journal_goes_on_after_the_last_token_given(checkpoint: Path) -> None:
    desk = Desk(checkpoint)
    desk.say("half an answer")
    again = desk.choices[0].again()
    assert again.generated == desk.tokenizer.encode_text("half an answer")
    assert (again.request, again.prompt, again.sampling, again.max_tokens) == (1, [5, 6, 7], Sampling(seed=1), 50)


async def test_nothing_after_the_end_is_heard(checkpoint: Path) -> None:
    desk = Desk(checkpoint)
    desk.say("all")
    desk.end()
    desk.say(" too late")
    desk.end("length", 99)
    assert content(await desk.events()) == "all"
    assert await desk.run.cancel() == Usage(3, 0, 9)


LARK = Grammar("lark", 'start: call\ncall: function_2\nfunction_2: "a"')


@pytest.mark.parametrize(
    ("grammar", "fault", "param", "says"),
    [
        (Grammar("regex", "a+"), "it broke", "response_format", "response_format cannot be followed: it broke."),
        (LARK, "at 3(1): it broke", "tools.2.function.parameters", "tools.2.function.parameters cannot be followed: it broke."),
    ],
)
async def test_a_grammar_that_breaks_is_its_owners_fault(
    checkpoint: Path, grammar: Grammar, fault: str, param: str, says: str
) -> None:
    """And the owner pays: what was computed may have been read."""
    desk = Desk(checkpoint, grammar=grammar)
    desk.say("aaa")
    desk.run.deliver(desk.choices[0], Failed(1, fault, "grammar", Usage(3, 0, 2)))
    with pytest.raises(InvalidGrammar) as caught:
        await desk.events()
    assert (caught.value.param, caught.value.message) == (param, says)
    assert await desk.run.cancel() == Usage(3, 0, 2)


async def test_each_choice_stops_at_its_own_place_across_the_tokens_of_a_character(checkpoint: Path) -> None:
    """No beginning of a stop string is shown, whatever follows it, and what only looks like one is text."""
    stop = "é🎈S"
    desk = Desk(checkpoint, n=2, stop=("never", stop))
    assert len(desk.tokenizer.encode_text(stop)) > len(stop), "the characters are of several tokens each"
    texts = ("a" + stop + "b", "é🎈é🎈x " + stop)
    kept = [desk.say(text[: text.index(stop) + len(stop)], choice) for choice, text in enumerate(texts)]
    desk.say("b", 0)
    for choice, count in enumerate(kept):
        desk.end("abort", count, choice)
    events = await desk.events()
    assert [content(events, choice) for choice in range(2)] == ["a", "é🎈é🎈x "]
    assert [event.stop for event in events if isinstance(event, Finish)] == [stop, stop]
    assert sorted((abort.request, abort.keep) for abort in desk.aborts) == [(1, kept[0]), (2, kept[1])]


class Listener:
    """Knows the run that it listens to, as an exchange does."""

    def __init__(self, run: NativeRun, raises: bool) -> None:
        self.run = run
        self.heard: list[Event] = []
        self._raises = raises

    def take(self, event: Event) -> None:
        self.heard.append(event)
        if self._raises:
            raise ValueError("no")


def go_on(desk: Desk, ended: str) -> None:
    desk.say("all")
    if ended == "whole":
        desk.end()
    elif ended == "failed":
        desk.run.deliver(desk.choices[0], Failed(1, "it broke"))


async def listened(checkpoint: Path, ended: str) -> "weakref.ref[Listener]":
    """A run that was listened to until it ended like that; there is nobody left who needs it."""
    desk = Desk(checkpoint)
    listener = Listener(desk.run, ended == "refused")
    playing = asyncio.ensure_future(desk.run.play(listener.take))
    await asyncio.sleep(0)
    # Not from here: a failure's traceback would keep this frame, and with it the task.
    asyncio.get_running_loop().call_soon(go_on, desk, ended)
    await asyncio.sleep(0)
    if ended == "left":
        playing.cancel()
    await asyncio.wait({playing})
    desk.say(" too late")
    assert (playing.cancelled(), playing.cancelled() or playing.exception() is not None) == (ended == "left", ended != "whole")
    assert len(listener.heard) == {"whole": 3, "refused": 1}.get(ended, 2)
    return weakref.ref(listener)


@pytest.mark.parametrize("ended", ["whole", "failed", "left", "refused"])
async def test_a_run_that_is_over_keeps_nobody(checkpoint: Path, ended: str) -> None:
    """Not even as garbage that a collection would have to find."""
    gc.disable()
    try:
        assert (await listened(checkpoint, ended))() is None
    finally:
        gc.enable()
