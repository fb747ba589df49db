"""Our own engine as the API sees it: prompt to token ids, ids over the link, text back; and the care of the worker process.

A worker that dies or stalls is replaced. What it was working on is submitted again with the tokens it had given (the
journal), and goes on as if nothing had happened: the next token depends on tokens, seed and position only.
"""

import asyncio
import contextlib
import itertools
import logging
import operator
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import msgspec

from reckon.catalog.card import Card
from reckon.catalog.generation import sampling_defaults
from reckon.config import Config
from reckon.engines.answer import Choice, Gone, Message, NativeRun, Turns
from reckon.engines.base import Health, Prepared
from reckon.engines.child import Child, ChildDied, Watch
from reckon.engines.grammars import Grammars
from reckon.errors import (
    ContextLengthExceeded,
    EngineUnavailable,
    InvalidField,
    InvalidRequest,
    QueueFull,
    SetupError,
)
from reckon.job import Job
from reckon.link import Abort, Counters, Done, Failed, Launch, LinkClosed, Stepped, Submit, Tokens
from reckon.text.template import ChatTemplate
from reckon.text.tokenizer import Tokenizer

log = logging.getLogger(__name__)

RESTARTS_PER_REQUEST = 2
"""A request that was there when this many workers died is not given to another: it may be the cause."""
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0
"""A worker that lived this long is not held responsible for the one before it."""
RATE_WINDOW = 64
LONG_TEXT = 16_384
"""Characters of a prompt from which on tokenising would hold up everyone else's streams."""


class NativeEngine:
    """engines/base.py over one worker process."""

    def __init__(self, card: Card, directory: Path, config: Config, watch: Watch) -> None:
        self.card = card
        self.fingerprint = ""
        self.repeatable = False
        self.defaults: Mapping[str, float] = sampling_defaults(directory) if config.sampling_defaults == "model" else {}
        self.context = card.context
        self.restarts = 0
        self._config = config
        self._watch = watch
        self._tokenizer = Tokenizer.from_directory(directory)
        self._stop_tokens: list[int] = []
        self._vocab_size = 0
        self._template = ChatTemplate.from_directory(directory)
        self._grammars = Grammars(directory)
        self._launch = _launch(directory, config)
        self._child: Child | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)
        self._open: dict[int, tuple[NativeRun, Choice]] = {}
        self._pulse = Stepped(0, 0, 0, 0, Counters())
        self._pulse_time = 0.0
        self._counters = Counters()
        self._counted_before = Counters()
        self._finish_times: deque[float] = deque(maxlen=RATE_WINDOW)

    async def start(self) -> None:
        """Start the first worker. Raises SetupError when it cannot serve this model."""
        try:
            self._adopt(await Child.start(self._launch, self._watch))
        except ChildDied as error:
            raise SetupError(str(error)) from error
        self._supervisor = asyncio.create_task(self._supervise())

    async def prepare(self, job: Job) -> Prepared:
        self._check_tokens(job)
        if job.grammar is not None:
            await self._grammars.check(job.grammar)
        param = "messages" if job.prompt is None else "prompt"
        texts = [job.prompt or "", *(message.content or "" for message in job.messages)]
        # Tokenising megabytes takes seconds: what is too long by its bytes alone is not tokenised at all.
        self._check_length(sum(map(self._tokenizer.fewest_tokens, texts)), param, "at least ")
        long = sum(map(len, texts)) >= LONG_TEXT
        prompt = await asyncio.to_thread(self._encode, job) if long else self._encode(job)
        if not prompt:
            raise InvalidRequest(f"{param} must come to at least one token.", param=param)
        self._check_length(len(prompt), param)
        room = self.context - len(prompt)
        return Prepared(job, prompt, room if job.max_tokens is None else min(job.max_tokens, room))

    def admit(self, prepared: Prepared) -> None:
        if self._child is None:
            raise EngineUnavailable(f"the engine of {self.card.id} is being started again", retry_after=2)
        places = self._config.max_sequences + self._config.max_queue
        missing = len(self._open) + prepared.job.n - places
        if missing > 0:
            raise QueueFull(
                f"{len(self._open)} answers are running or waiting for {self.card.id}, of at most {places}",
                retry_after=self._seconds_for(missing),
            )

    def run(self, prepared: Prepared) -> NativeRun:
        submits = self._submits(prepared)
        choices = [Choice(submit, prepared, self._tokenizer) for submit in submits]
        if not self._open:
            self._pulse_time = time.monotonic()  # an idle worker is not a stalled one
        run = NativeRun(choices, self._abort, self._discard)
        for choice in choices:
            self._open[choice.submit.request] = (run, choice)
        self._send(*submits)
        return run

    def health(self) -> Health:
        pulse, ready, stalled = self._pulse, self._child is not None, self._stalled()
        state = "stalled" if stalled else "ready" if ready else "restarting" if self.restarts else "starting"
        return Health(ready, not stalled, state, pulse.running, pulse.waiting, self.restarts, pulse.used_blocks)

    def counters(self) -> Counters:
        """Tokens by the workers' own counts, over all of them."""
        return self._counters

    def summary(self) -> str:
        """One line for whoever started the server: where it runs, how much it can hold, how long loading took."""
        if self._child is None:
            return "not running"
        ready = self._child.ready
        phases = ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in ready.seconds.items())
        kv = f"KV cache {ready.kv_bytes / 1e6:,.0f} MB for {ready.kv_tokens:,} tokens"
        return f"{ready.device}, context {self.context:,}, {kv} ({phases})"

    @property
    def worker_pid(self) -> int | None:
        return None if self._child is None else self._child.pid

    async def close(self) -> None:
        if self._supervisor is not None:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
        if self._child is not None:
            await self._child.stop()
            self._child = None
        await self._grammars.close()
        self._give_up("the server is shutting down")

    def _check_tokens(self, job: Job) -> None:
        """Raises InvalidField for a token id that the model does not have."""
        for param, tokens in (("logit_bias", [token for token, _ in job.logit_bias]), ("stop_token_ids", job.stop_tokens)):
            for token in tokens:
                if not 0 <= token < self._vocab_size:
                    raise InvalidField(
                        f"{param} must name tokens from 0 to {self._vocab_size - 1}, for the vocabulary of {self.card.id} "
                        f"has {self._vocab_size}; got {token}.",
                        param=param,
                    )

    def _check_length(self, tokens: int, param: str, about: str = "") -> None:
        """Raises ContextLengthExceeded when so many tokens leave no room for an answer."""
        if tokens >= self.context:
            come, leave = ("come", "leave") if param == "messages" else ("comes", "leaves")
            raise ContextLengthExceeded(
                f"This model's maximum context length is {self.context} tokens, "
                f"but the {param} {come} to {about}{tokens} tokens and {leave} no room for an answer.",
                param=param,
            )

    def _encode(self, job: Job) -> list[int]:
        if job.prompt is not None:
            return self._tokenizer.encode_text(job.prompt)
        return self._tokenizer.encode(self._template.render(job.messages, job.tools, job.continues))

    def _submits(self, prepared: Prepared) -> list[Submit]:
        """One per choice; the others follow the first, which computes the prompt for all."""
        job = prepared.job
        numbers = [next(self._numbers) for _ in range(job.n)]
        stop_tokens = sorted({*job.stop_tokens, *(() if job.ignore_eos else self._stop_tokens)})
        bias, logprobs = sorted(dict(job.logit_bias).items()), -1 if job.logprobs is None else job.logprobs
        return [
            Submit(
                number, prepared.prompt, job.sampling, prepared.max_tokens, stop_tokens, job.account, choice,
                leader=numbers[0] if choice else None, grammar=job.grammar, bias=bias, logprobs=logprobs,
            )
            for choice, number in enumerate(numbers)
        ]  # fmt: skip

    def _send(self, *messages: Submit | Abort) -> None:
        """To the worker there is. If there is none, the journal speaks: Submits wait in it, Aborts are answered from it."""
        if self._child is not None:
            with contextlib.suppress(LinkClosed):
                self._child.link.send(*messages)
                return
        for message in messages:
            if isinstance(message, Abort) and message.request in self._open:
                self._end_by_journal(self._open[message.request][1], message.keep)

    def _abort(self, abort: Abort) -> None:
        self._send(abort)

    def _discard(self, tokens: int) -> None:
        correction = Counters(completion=-tokens, discarded=tokens)
        self._counted_before = _sum(self._counted_before, correction)
        self._counters = _sum(self._counters, correction)

    def _deliver(self, message: Message) -> None:
        entry = self._open.get(message.request)
        if entry is None:
            return
        if not isinstance(message, Tokens):
            del self._open[message.request]
            self._finish_times.append(time.monotonic())
        entry[0].deliver(entry[1], message)

    def _end_by_journal(self, choice: Choice, keep: int | None) -> None:
        """For a worker that is gone, and counted in its place."""
        done = choice.end_by_journal(keep)
        prompt, cached, completion = done.usage.prompt_tokens, done.usage.cached_tokens, done.usage.completion_tokens
        self._counted_before = _sum(self._counted_before, Counters(prompt, cached, completion))
        self._counters = _sum(self._counters, Counters(prompt, cached, completion))
        self._deliver(done)

    async def _supervise(self) -> None:
        """Read the link for ever; when the worker is lost, start another and go on."""
        pause = 0.0
        while True:
            born = time.monotonic()
            await self._read_until_lost()
            pause = 0.0 if time.monotonic() - born > STEADY_SECONDS else min(max(2 * pause, 0.1), LONGEST_PAUSE)
            self._settle_lost()
            while self._child is None:
                await asyncio.sleep(pause)
                try:
                    self._adopt(await Child.start(self._launch, lambda loading: None))
                except Exception as error:  # whatever it is, trying again is all there is to do
                    log.error("the worker of %s does not start: %s", self.card.id, error)
                    pause = min(max(2 * pause, 0.1), LONGEST_PAUSE)
                    self._give_up("the engine was lost and does not start again")
            log.warning("the worker of %s is back; %d answers go on", self.card.id, len(self._open))

    async def _read_until_lost(self) -> None:
        child = self._child
        if child is None:
            return
        turns, watchdog = Turns(), asyncio.create_task(self._watch_stalls(child))
        try:
            while True:
                for message in await child.link.receive():
                    if isinstance(message, Stepped):
                        self._pulse, self._pulse_time = message, time.monotonic()
                        self._counters = _sum(self._counted_before, message.counters)
                    elif isinstance(message, Tokens | Done | Failed):
                        self._deliver(message)
                        await turns.gave(ended=not isinstance(message, Tokens))
        except (LinkClosed, msgspec.DecodeError) as error:
            log.error("the worker of %s (process %d) is gone: %s", self.card.id, child.pid, error)
        finally:
            watchdog.cancel()
        self._child, self.restarts = None, self.restarts + 1
        child.kill()
        try:
            await child.stop()
        except asyncio.CancelledError:
            await child.stop()  # nobody else knows of it any more
            raise

    async def _watch_stalls(self, child: Child) -> None:
        while True:
            await asyncio.sleep(min(1.0, self._config.stall_seconds / 4))
            if self._stalled():
                log.error("the worker of %s made no step for %.0f s; replacing it", self.card.id, self._config.stall_seconds)
                child.kill()
                return

    def _stalled(self) -> bool:
        return bool(self._open) and self._child is not None and time.monotonic() - self._pulse_time > self._config.stall_seconds

    def _adopt(self, child: Child) -> None:
        """A new worker: its facts, and the answers that the old one left behind."""
        before = self.fingerprint
        self._child = child
        # A request that leaves its sampling to the model is another one where the model's own defaults hold.
        self.fingerprint = child.ready.fingerprint + ("-own-defaults" if self.defaults else "")
        self.repeatable = child.ready.repeatable
        self.context = min(self.card.context, child.ready.context)
        self._stop_tokens, self._vocab_size = child.ready.stop_tokens, child.ready.vocab_size
        self._pulse_time = time.monotonic()
        if before not in ("", self.fingerprint):
            log.error("the worker of %s is another engine now: it was %s and is %s", self.card.id, before, self.fingerprint)
            self._give_up("the engine was lost, and the one that came back would not go on with the same bytes")
        self._send(*(choice.again() for _, choice in self._open.values()))

    def _settle_lost(self) -> None:
        """After a death: end what was being stopped anyway, and what has seen too many deaths."""
        self._counted_before, self._pulse = self._counters, Stepped(0, 0, 0, 0, Counters())
        for request, (_, choice) in list(self._open.items()):
            choice.restarts += 1
            if choice.stopping:
                self._end_by_journal(choice, choice.kept)
            elif choice.restarts > RESTARTS_PER_REQUEST:
                self._deliver(Failed(request, f"the engine was lost {choice.restarts} times while it worked on this request"))

    def _give_up(self, message: str) -> None:
        for request in list(self._open):
            self._deliver(Gone(request, message))

    def _seconds_for(self, places: int) -> float:
        """How long until ``places`` more answers have finished, by the rate of the last ones. A second where none is known."""
        if len(self._finish_times) < 2:
            return 1.0
        rate = (len(self._finish_times) - 1) / max(time.monotonic() - self._finish_times[0], 1e-3)
        return places / rate


def _launch(directory: Path, config: Config) -> Launch:
    return Launch(
        model=str(directory.absolute()),
        device=config.device,
        cache=str(config.home / "compiled"),
        threads=config.threads,
        kv_bytes=config.kv_bytes,
        context=config.max_context,
        step_tokens=config.step_tokens,
        max_sequences=config.max_sequences,
        weights=config.weights,
        drafts=config.drafts,
        self_check=config.self_check,
        log_level=config.log_level,
    )


def _sum(a: Counters, b: Counters) -> Counters:
    return Counters(*map(operator.add, msgspec.structs.astuple(a), msgspec.structs.astuple(b)))
