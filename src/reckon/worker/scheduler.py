"""Who gets how many tokens computed in the next step. Plain Python over sequences and blocks; no tensors, no sockets.

Policy, all of it: answers that are being generated come first, one token each; what is left of the step's budget goes to
prompts, oldest first, in chunks. A new answer is admitted when there is a place and room for its whole prompt. When blocks
run out, the youngest answer gives its blocks back and waits at the front of the queue; it loses time, not its tokens.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from reckon.devices.batch import BLOCK_SIZE
from reckon.job import Usage
from reckon.link import Abort, Counters, Done, Failed, FromWorker, Submit, Tokens
from reckon.worker.blocks import Blocks
from reckon.worker.sequence import MatcherMaker, Pick, Sequence, no_matcher, why_broken


@dataclass(frozen=True, slots=True)
class Piece:
    """``count`` tokens of a sequence, from ``start``, to be computed in this step."""

    sequence: Sequence
    start: int
    count: int

    @property
    def samples(self) -> bool:
        """Whether the piece reaches the end of what is known, so that the next token can be picked."""
        return self.start + self.count == len(self.sequence.tokens)


@dataclass(slots=True)
class Plan:
    """A step's work, and the blocks that change hands before it."""

    pieces: list[Piece] = field(default_factory=list)
    new_blocks: list[int] = field(default_factory=list)


class Scheduler:
    def __init__(self, blocks: Blocks, step_tokens: int, max_sequences: int, make_matcher: MatcherMaker = no_matcher) -> None:
        self.blocks = blocks
        self._make_matcher = make_matcher
        self.counters = Counters()
        self._step_tokens = max(step_tokens, max_sequences)
        self._max_sequences = max_sequences
        self._waiting: OrderedDict[int, Sequence] = OrderedDict()
        self._running: dict[int, Sequence] = {}
        self._followers: dict[int, list[Sequence]] = {}

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        return len(self._waiting) + sum(map(len, self._followers.values()))

    @property
    def idle(self) -> bool:
        return not self._running and not self._waiting

    def submit(self, submit: Submit) -> list[FromWorker]:
        """Queue an answer; its end at once if it is not to have any token, or can never have room.

        A worker that was started again may have found less memory than the one that the answer was cut to fit.
        """
        try:
            sequence = Sequence.of(submit, self._make_matcher)
        except Exception as error:  # a grammar's fault is its owner's alone, whatever it throws
            return [Failed(submit.request, why_broken(error, submit.request))]
        most = self.blocks.count * BLOCK_SIZE
        if not 0 < sequence.prompt_length < most:
            return [Failed(submit.request, f"the prompt has {sequence.prompt_length} tokens; it must have 1 to {most - 1}")]
        sequence.max_tokens = min(sequence.max_tokens, most - sequence.prompt_length)
        if sequence.complete:  # its last worker died between the last token and the end
            return [self._done(sequence, "stop", sequence.usage())]
        if sequence.generated >= sequence.max_tokens:
            return [self._done(sequence, "length", sequence.usage())]
        leader = submit.leader
        if leader is not None and (leader in self._waiting or self._prefilling(leader)):
            self._followers.setdefault(leader, []).append(sequence)
        else:
            self._waiting[sequence.request] = sequence
        return []

    def abort(self, abort: Abort) -> list[FromWorker]:
        """End an answer wherever it is; nothing if it has ended already."""
        sequence = self._waiting.get(abort.request) or self._running.get(abort.request) or self._follower(abort.request)
        return [] if sequence is None else self._finish(sequence, "abort", abort.keep)

    def schedule(self) -> Plan:
        """Choose the next step's work and give it its blocks."""
        plan, budget = Plan(), self._step_tokens
        decodes_first = sorted(self._running.values(), key=lambda sequence: sequence.missing > 1)
        for sequence in decodes_first:
            if sequence.request in self._running and budget > 0:
                budget -= self._add(plan, sequence, min(sequence.missing, budget))
        while budget > 0 and self._waiting and len(self._running) < self._max_sequences:
            sequence = next(iter(self._waiting.values()))
            if not self._admit(sequence):
                break
            budget -= self._add(plan, sequence, min(sequence.missing, budget))
        return plan

    def advance(self, plan: Plan, picks: list[Pick]) -> list[FromWorker]:
        """Take a computed step in: ``picks`` has one for each piece that samples. Returns what the API has to know."""
        out: list[FromWorker] = []
        picked = iter(picks)
        for piece in plan.pieces:
            sequence = piece.sequence
            sequence.computed = piece.start + piece.count
            if piece.count > 1 or sequence.computed % BLOCK_SIZE == 0:
                self.blocks.remember(sequence.tokens[: sequence.computed], sequence.table, sequence.salt)
            if sequence.computed >= sequence.prompt_length:
                self._free_followers(sequence.request)
            if piece.samples:
                out += self._append(sequence, next(picked))
        return out

    def fail(self, sequence: Sequence) -> None:
        """Drop a sequence that broke the step."""
        self._remove(sequence)

    def check(self) -> None:
        """Raise RuntimeError when a block is lost, held twice or held by nobody."""
        self.blocks.check([sequence.table for sequence in self._running.values()])

    def _append(self, sequence: Sequence, pick: Pick) -> list[FromWorker]:
        broken = pick.broken or _take(sequence, pick.token)
        if broken:
            self._remove(sequence)
            return [Failed(sequence.request, broken)]
        if pick.token in sequence.stop_tokens:
            return self._finish(sequence, "stop")
        out: list[FromWorker] = [Tokens(sequence.request, [pick.token], None if pick.score is None else [pick.score])]
        if sequence.complete:
            out += self._finish(sequence, "stop")
        elif sequence.generated >= sequence.max_tokens:
            out += self._finish(sequence, "length")
        return out

    def _finish(self, sequence: Sequence, reason: str, keep: int | None = None) -> list[FromWorker]:
        self._remove(sequence)
        usage = sequence.usage(keep)
        if not sequence.admitted:  # nothing was computed for it: nothing to charge
            usage = Usage()
        self.counters.discarded += sequence.generated - usage.completion_tokens if sequence.admitted else 0
        return [self._done(sequence, reason, usage)]

    def _done(self, sequence: Sequence, reason: str, usage: Usage) -> Done:
        self.counters.prompt += usage.prompt_tokens
        self.counters.cached += usage.cached_tokens
        self.counters.completion += usage.completion_tokens
        return Done(sequence.request, reason, usage)  # type: ignore[arg-type]

    def _remove(self, sequence: Sequence) -> None:
        self._waiting.pop(sequence.request, None)
        if self._running.pop(sequence.request, None) is not None:
            self.blocks.release(sequence.table)
            sequence.table = []
        for followers in self._followers.values():
            if sequence in followers:
                followers.remove(sequence)
        self._free_followers(sequence.request)

    def _admit(self, sequence: Sequence) -> bool:
        """Move a waiting sequence to the running ones if its whole prompt has room, with what the cache knows of it."""
        found = self.blocks.find(sequence.tokens, sequence.salt)
        if self._blocks_for(len(sequence.tokens)) - len(found) > self.blocks.free:
            self.blocks.release(found)
            return False
        del self._waiting[sequence.request]
        self._running[sequence.request] = sequence
        sequence.table, sequence.computed = found, len(found) * BLOCK_SIZE
        if not sequence.admitted:
            sequence.cached = min(sequence.computed, sequence.prompt_length)
            sequence.admitted = True
        return True

    def _add(self, plan: Plan, sequence: Sequence, count: int) -> int:
        """Put a piece into the plan, with its blocks; returns its tokens, 0 if the sequence itself had to give way."""
        needed = self._blocks_for(sequence.computed + count) - len(sequence.table)
        while needed > self.blocks.free:
            youngest = next(reversed(self._running.values()))
            self._preempt(plan, youngest)
            if youngest is sequence:
                return 0
        taken = self.blocks.take(needed)
        sequence.table += taken
        plan.new_blocks += taken
        plan.pieces.append(Piece(sequence, sequence.computed, count))
        return count

    def _preempt(self, plan: Plan, sequence: Sequence) -> None:
        given_back = set(sequence.table)
        plan.pieces = [piece for piece in plan.pieces if piece.sequence is not sequence]
        plan.new_blocks = [block for block in plan.new_blocks if block not in given_back]
        self.blocks.release(sequence.table)
        sequence.table, sequence.computed = [], 0
        del self._running[sequence.request]
        self._waiting[sequence.request] = sequence
        self._waiting.move_to_end(sequence.request, last=False)
        self.counters.preemptions += 1

    def _prefilling(self, request: int) -> bool:
        sequence = self._running.get(request)
        return sequence is not None and sequence.computed < sequence.prompt_length

    def _free_followers(self, leader: int) -> None:
        """The leader's prompt is in the cache, or will never be: its followers queue at the front."""
        for follower in reversed(self._followers.pop(leader, [])):
            self._waiting[follower.request] = follower
            self._waiting.move_to_end(follower.request, last=False)

    def _follower(self, request: int) -> Sequence | None:
        return next((s for followers in self._followers.values() for s in followers if s.request == request), None)

    @staticmethod
    def _blocks_for(tokens: int) -> int:
        return -(-tokens // BLOCK_SIZE)


def _take(sequence: Sequence, token: int) -> str:
    """Append the token. Returns why it could not be, if the grammar broke over it: other answers go on."""
    try:
        sequence.append(token)
    except Exception as error:
        return why_broken(error, sequence.request)
    return ""
