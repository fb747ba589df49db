"""Who gets how many tokens computed in the next step. Plain Python over sequences and blocks; no tensors, no sockets.

Policy, all of it: answers that are being generated come first, one token each; what is left of the step's budget goes to
prompts, oldest first, in chunks. A new answer is admitted when there is a place and room for its whole prompt. When blocks
run out, the youngest answer gives its blocks back and waits at the front of the queue; it loses time, not its tokens. An
answer with a grammar waits beside the queue until that is compiled, and so nobody waits behind it. Budget that nobody needs
goes to guesses of what running answers will say next (drafts.py), where they make tokens cheaper.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from reckon.devices.batch import BLOCK_SIZE
from reckon.job import Usage
from reckon.link import Abort, Counters, Done, EndReason, Failed, FromWorker, Submit, Tokens
from reckon.worker.blocks import Blocks
from reckon.worker.drafts import Drafter, StepCost, Worth
from reckon.worker.past import Pasts
from reckon.worker.sequence import MatcherMaker, Pick, Sequence, failure, no_matcher


@dataclass(frozen=True, slots=True)
class Piece:
    """``count`` tokens of a sequence, from ``start``, to be computed in this step, and guesses of what comes after them."""

    sequence: Sequence
    start: int
    count: int
    drafts: tuple[int, ...] = ()

    @property
    def rows(self) -> int:
        return self.count + len(self.drafts)

    @property
    def samples(self) -> bool:
        """Whether the piece reaches the end of what is known, so that the next token can be picked."""
        return self.start + self.count == len(self.sequence.tokens)


@dataclass(slots=True)
class Plan:
    """A step's work, and the blocks that change hands before it."""

    pieces: list[Piece] = field(default_factory=list)
    new_blocks: list[int] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(piece.rows for piece in self.pieces)


class Scheduler:
    """``cost`` wants to be told how long steps take. Without ``drafts`` nothing is guessed."""

    def __init__(
        self,
        blocks: Blocks,
        step_tokens: int,
        max_sequences: int,
        make_matcher: MatcherMaker = no_matcher,
        *,
        drafts: bool = True,
    ) -> None:
        self.blocks = blocks
        self.cost = StepCost()
        self._drafts = drafts
        self._pasts = Pasts()
        self._make_matcher = make_matcher
        self.counters = Counters()
        self._step_tokens = max(step_tokens, max_sequences)
        self._max_sequences = max_sequences
        self._uncompiled: OrderedDict[int, Sequence] = OrderedDict()
        self._waiting: OrderedDict[int, Sequence] = OrderedDict()
        self._running: dict[int, Sequence] = {}
        self._following: dict[int, Sequence] = {}
        self._followers: dict[int, list[int]] = {}

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        return len(self._uncompiled) + len(self._waiting) + len(self._following)

    @property
    def uncompiled(self) -> int:
        return len(self._uncompiled)

    @property
    def steps(self) -> bool:
        """Whether there is work for a step."""
        return bool(self._running or self._waiting)

    @property
    def idle(self) -> bool:
        return not self.steps and not self._uncompiled

    def submit(self, submit: Submit) -> list[FromWorker]:
        """Queue an answer; its end at once if it has all its tokens already, or can never have room.

        A worker that was started again may have found less memory than the one that the answer was cut to fit.
        """
        sequence = Sequence.of(submit)
        most = self.blocks.count * BLOCK_SIZE
        if not 0 < sequence.prompt_length < most:
            return [Failed(submit.request, f"the prompt has {sequence.prompt_length} tokens; it must have 1 to {most - 1}")]
        sequence.max_tokens = min(sequence.max_tokens, most - sequence.prompt_length)
        leader = submit.leader
        if sequence.generated and leader is not None and (first := self._find(leader)):
            first.admitted = True  # an earlier worker computed the prompt that they share, so it is there to be charged
        if over := self._over(sequence):
            return over
        if leader is not None and (leader in self._uncompiled or leader in self._waiting or self._prefilling(leader)):
            self._follow(leader, [sequence])
        else:
            self._queue(sequence)
        return []

    def compile(self) -> list[FromWorker]:
        """Compile the grammar that has waited longest. Takes long: the loop decides when."""
        sequence = next(iter(self._uncompiled.values()))
        try:
            sequence.follow(self._make_matcher)
        except Exception as error:  # a grammar's fault is its owner's alone, whatever it throws
            return self._fail(sequence, error)
        del self._uncompiled[sequence.request]
        if over := self._over(sequence):
            return over
        self._queue(sequence, first=sequence.admitted or sequence.leader is not None)
        return []

    def abort(self, abort: Abort) -> list[FromWorker]:
        """End an answer wherever it is; nothing if it has ended already."""
        sequence = self._find(abort.request)
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
        if self._drafts and budget > 0:
            self._guess(plan, budget)
        return plan

    def advance(self, plan: Plan, picks: list[list[Pick]]) -> list[FromWorker]:
        """Take a computed step in: ``picks`` has, for each piece that samples, one after its last token and each guess.

        Returns what the API has to know.
        """
        out: list[FromWorker] = []
        picked = iter(picks)
        for piece in plan.pieces:
            sequence = piece.sequence
            found = _confirmed(piece, next(picked)) if piece.samples else []
            right = max(0, len(found) - 1)
            sequence.computed = piece.start + piece.count + right
            if sequence.computed // BLOCK_SIZE > piece.start // BLOCK_SIZE:
                known = [*sequence.tokens, *piece.drafts[:right]] if right else sequence.tokens
                self.blocks.remember(known, sequence.computed, sequence.table, sequence.chain)
            if sequence.computed >= sequence.prompt_length:
                self._free_followers(sequence.request)
            self.counters.drafted += len(piece.drafts)
            self.counters.accepted += right
            if found:
                out += self._append(sequence, found)
        return out

    def fail(self, sequence: Sequence) -> None:
        """Drop a sequence that broke the step."""
        self._remove(sequence, Usage())

    def check(self) -> None:
        """Raise RuntimeError when a block is lost, held twice or held by nobody."""
        self.blocks.check([sequence.table for sequence in self._running.values()])

    def _over(self, sequence: Sequence) -> list[FromWorker]:
        """The end of an answer whose last worker died between its last token and its end; nothing for any other."""
        if sequence.complete:
            return self._finish(sequence, "stop")
        if not sequence.uncompiled and 0 < sequence.max_tokens <= sequence.generated:
            return self._finish(sequence, "length")
        return []

    def _queue(self, sequence: Sequence, *, first: bool = False) -> None:
        """To where it has to wait next."""
        queue = self._uncompiled if sequence.uncompiled else self._waiting
        queue[sequence.request] = sequence
        queue.move_to_end(sequence.request, last=not first)

    def _append(self, sequence: Sequence, found: list[Pick]) -> list[FromWorker]:
        """Take the tokens that a step found, up to the end of the answer."""
        tokens, scores, end = [], [], list[FromWorker]()
        for pick in found:
            end, said = self._take(sequence, pick)
            if said:
                tokens.append(pick.token)
                scores.append(pick.score)
            if end or not said:
                break
        given = [score for score in scores if score is not None] or None
        return [Tokens(sequence.request, tokens, given), *end] if tokens else end

    def _take(self, sequence: Sequence, pick: Pick) -> tuple[list[FromWorker], bool]:
        """Take one token: the end of the answer, if that is what it brings, and whether the token is a part of the answer."""
        if not sequence.max_tokens:  # its prompt is in the cache now, which is all that was wanted
            return self._finish(sequence, "length"), False
        error = pick.error or _accept(sequence, pick.token)
        if error is not None:
            if not sequence.may_begin_anew:
                return self._fail(sequence, error), False
            self._begin_anew(sequence)
            return [], False
        if pick.token in sequence.stop_tokens:
            return self._finish(sequence, "stop"), False
        if sequence.complete:
            return self._finish(sequence, "stop"), True
        return (self._finish(sequence, "length") if sequence.generated >= sequence.max_tokens else []), True

    def _finish(self, sequence: Sequence, reason: EndReason, keep: int | None = None) -> list[FromWorker]:
        usage = sequence.usage(keep)
        self._remove(sequence, usage)
        if sequence.drafter is not None:
            sequence.drafter.end(sequence.tokens)
        self.counters.discarded += sequence.generated - usage.completion_tokens if sequence.admitted else 0
        return [Done(sequence.request, reason, usage)]

    def _fail(self, sequence: Sequence, error: Exception) -> list[FromWorker]:
        """End an answer whose matcher raised."""
        failed = failure(sequence.request, error, sequence.usage())
        self._remove(sequence, failed.usage)
        return [failed]

    def _begin_anew(self, sequence: Sequence) -> None:
        """Its matcher broke: it waits for another one, and the token that was picked is picked again by that."""
        self._give_back(sequence)
        sequence.matcher = None
        self._queue(sequence, first=True)

    def _remove(self, sequence: Sequence, usage: Usage) -> None:
        """The answer is over, and ``usage`` is what it is charged."""
        self.counters.prompt += usage.prompt_tokens
        self.counters.cached += usage.cached_tokens
        self.counters.completion += usage.completion_tokens
        self._uncompiled.pop(sequence.request, None)
        self._waiting.pop(sequence.request, None)
        if sequence.request in self._running:
            self._give_back(sequence)
        if sequence.leader is not None and sequence.request in self._following:
            del self._following[sequence.request]
            self._followers[sequence.leader].remove(sequence.request)
        self._pass_on(sequence, paid=not sequence.pays_prompt or usage.prompt_tokens > 0)

    def _pass_on(self, leader: Sequence, *, paid: bool) -> None:
        """A leader ended before its prompt was computed: its first follower leads the others, and pays if it did not."""
        followers = self._released(leader.request)
        if followers:
            heir, *rest = followers
            heir.pays_prompt = not paid
            self._follow(heir.request, rest)
            self._queue(heir, first=True)

    def _admit(self, sequence: Sequence) -> bool:
        """Move a waiting sequence to the running ones if its whole prompt has room, with what the cache knows of it."""
        if not self.blocks.room_for(sequence.tokens, sequence.chain):
            return False
        found = self.blocks.find(sequence.tokens, sequence.chain)
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
        self._add_blocks(plan, sequence, sequence.computed + count)
        plan.pieces.append(Piece(sequence, sequence.computed, count))
        return count

    def _guess(self, plan: Plan, budget: int) -> None:
        """Add guesses to the pieces of running answers, as long as they are worth it. They never cost anybody a block."""
        decoding = [place for place, piece in enumerate(plan.pieces) if piece.samples]
        worth = Worth(self.cost, plan.rows, len(decoding))
        for place in decoding:
            piece = plan.pieces[place]
            sequence = piece.sequence
            if worth.hopeless:
                break
            if piece.count > 1 or not sequence.may_be_guessed:
                continue
            sequence.drafter = sequence.drafter or Drafter(self._pasts.of(sequence.salt), sequence.prompt_length)
            most = min(budget, sequence.max_tokens - sequence.generated - 1, self._room(sequence))
            guesses = sequence.drafter.guess(sequence.tokens, most, worth.take)
            if guesses:
                budget -= len(guesses)
                self._add_blocks(plan, sequence, len(sequence.tokens) + len(guesses))
                plan.pieces[place] = Piece(sequence, piece.start, piece.count, tuple(guesses))

    def _room(self, sequence: Sequence) -> int:
        """How many more tokens a sequence's blocks can take, and one more block if there is one that nobody will miss."""
        spare = self.blocks.free > len(self._running)
        return (len(sequence.table) + spare) * BLOCK_SIZE - len(sequence.tokens)

    def _add_blocks(self, plan: Plan, sequence: Sequence, tokens: int) -> None:
        """The blocks for so many tokens, which the caller knows to be there."""
        taken = self.blocks.take(max(0, self._blocks_for(tokens) - len(sequence.table)))
        sequence.table += taken
        plan.new_blocks += taken

    def _preempt(self, plan: Plan, sequence: Sequence) -> None:
        given_back = set(sequence.table)
        plan.pieces = [piece for piece in plan.pieces if piece.sequence is not sequence]
        plan.new_blocks = [block for block in plan.new_blocks if block not in given_back]
        self._give_back(sequence)
        self._waiting[sequence.request] = sequence
        self._waiting.move_to_end(sequence.request, last=False)
        self.counters.preemptions += 1

    def _give_back(self, sequence: Sequence) -> None:
        """Of a running answer: what it holds. It has to be computed again, if it goes on."""
        del self._running[sequence.request]
        self.blocks.release(sequence.table)
        sequence.table, sequence.computed = [], 0

    def _prefilling(self, request: int) -> bool:
        sequence = self._running.get(request)
        return sequence is not None and sequence.computed < sequence.prompt_length

    def _free_followers(self, leader: int) -> None:
        """The leader's prompt is in the cache: its followers queue at the front."""
        for follower in reversed(self._released(leader)):
            self._queue(follower, first=True)

    def _follow(self, leader: int, followers: list[Sequence]) -> None:
        """They wait until the leader's prompt is computed, or the leader is gone."""
        for follower in followers:
            follower.leader = leader
            self._following[follower.request] = follower
            self._followers.setdefault(leader, []).append(follower.request)

    def _released(self, leader: int) -> list[Sequence]:
        """Those that wait for this leader, in their order; they do so no longer."""
        return [self._following.pop(follower) for follower in self._followers.pop(leader, [])]

    def _find(self, request: int) -> Sequence | None:
        for place in (self._uncompiled, self._waiting, self._running, self._following):
            if request in place:
                return place[request]
        return None

    @staticmethod
    def _blocks_for(tokens: int) -> int:
        return -(-tokens // BLOCK_SIZE)


def _confirmed(piece: Piece, picks: list[Pick]) -> list[Pick]:
    """The picks that stand: each follows from tokens that were picked themselves."""
    right = 0
    while right < len(piece.drafts) and picks[right].token == piece.drafts[right]:
        right += 1
    return picks[: right + 1]


def _accept(sequence: Sequence, token: int) -> Exception | None:
    """Append the token. Returns what the grammar raised over it: other answers go on."""
    try:
        sequence.append(token)
    except Exception as error:
        return error
    return None
