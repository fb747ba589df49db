"""Compiles grammars against a checkpoint's tokenizer, under limits. Knows llguidance; no numpy, no sequences, no requests.

``grammar.py`` uses it inside the worker. As a program it tries grammars for ``engines/grammars.py``, which may kill it:
``python -m reckon.worker.compiler DIRECTORY`` says one line when it is ready, then answers each line of its input, a
job.Grammar as JSON, with a line of JSON text: what is wrong with it, empty if nothing is.
"""

import contextlib
import random
import re
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from reckon.job import Grammar

COMPILE_SECONDS = 0.3
"""CPU time that one grammar may take, or the process ends by SIGPROF: the worker compiles between two steps of everyone's."""
REHEARSAL_SECONDS = 1.0
MEMORY_BYTES = 2 << 30
REHEARSAL = 128
"""Tokens of a made-up answer that a grammar is tried with: some grammars compile and are too complex a few tokens later."""
SHOWN = 240
_OURS = re.compile(r"^at (\d+)\(\d+\): ")


def limits() -> LLParserLimits:
    """What one step may cost, in llguidance's units: about 10 ms of work, and 40 MB of lexer states for an answer."""
    return LLParserLimits(
        step_lexer_fuel=100_000,
        step_max_items=20_000,
        max_lexer_states=20_000,
        max_grammar_size=200_000,
        verbose_errors=False,
    )


def open_tokenizer(directory: Path, stop_tokens: Sequence[int] = (), vocab_size: int | None = None) -> LLTokenizer:
    """The checkpoint's tokens, added ones too: a grammar names those as ``<tool_call>``. 1 to 2 s for 150,000 tokens.

    Raises ValueError when llguidance does not take the tokenizer.
    """
    try:
        text = (directory / "tokenizer.json").read_text(encoding="utf-8")
        return LLTokenizer(text, n_vocab=vocab_size, eos_token=list(stop_tokens) or None)
    except Exception as error:  # llguidance raises what `tokenizers` raised, bare Exceptions
        raise ValueError(f"this model has no structured output: {brief(str(error))}") from None


def compiled(tokenizer: LLTokenizer, grammar: Grammar) -> LLMatcher:
    """A matcher at the beginning of an answer. Raises ValueError, in the compiler's words."""
    match grammar.format:
        case "json_schema":
            source = LLMatcher.grammar_from_json_schema(grammar.source)
        case "regex":
            source = LLMatcher.grammar_from_regex(grammar.source)
        case "lark":
            source = LLMatcher.grammar_from_lark(grammar.source)
    matcher = LLMatcher(tokenizer, source, log_level=0, limits=limits())
    raise_broken(matcher)
    return matcher


def raise_broken(matcher: LLMatcher) -> None:
    """Raises ValueError when the matcher is in its error state, which it never leaves."""
    if matcher.is_error():
        raise ValueError(brief(matcher.get_error()))


def brief(text: str) -> str:
    """The line of a report that says what is wrong, without the picture of the source around it."""
    lines = [line.strip() for line in text.replace("<non-verbose/>", "").splitlines() if line.strip()] or ["no reason given"]
    named = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    place = _OURS.match(lines[0])
    said = f"{place[0] if place else ''}{named[0]}" if named else lines[0]
    return said if len(said) <= SHOWN else f"{said[:SHOWN]}…"


def fault(tokenizer: LLTokenizer, grammar: Grammar, allow: Callable[[float], object] = lambda seconds: None) -> str:
    """What is wrong with a grammar: it does not compile, or a made-up answer meets a limit. Empty if nothing was found.

    ``allow`` is told how much CPU time comes next, 0 at the end.
    """
    try:
        allow(COMPILE_SECONDS)
        matcher = compiled(tokenizer, grammar)
        allow(REHEARSAL_SECONDS)
        rehearse(matcher, tokenizer)
    except ValueError as error:
        return str(error)
    finally:
        allow(0)
    return ""


def rehearse(matcher: LLMatcher, tokenizer: LLTokenizer) -> None:
    """Follow a random answer for some tokens, the same each time. Raises ValueError when the matcher breaks."""
    dice = random.Random(0)
    ends = sum(1 << token for token in tokenizer.eos_tokens)
    for _ in range(REHEARSAL):
        allowed = int.from_bytes(matcher.compute_bitmask(), "little") & ~ends
        raise_broken(matcher)
        if not allowed:
            return
        beyond = allowed >> (start := dice.randrange(allowed.bit_length()))
        matcher.consume_token(start + (beyond & -beyond).bit_length() - 1)
        raise_broken(matcher)
        if matcher.is_stopped():
            return


def main() -> int:
    # Ctrl-C and a manager's SIGTERM reach the whole group; this process ends when its input does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with contextlib.suppress(ValueError, OSError):  # a system without this limit still has the one of time
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        tokenizer = open_tokenizer(Path(sys.argv[1]))
    except ValueError as error:
        _say(str(error))
        return 1
    _say("")
    for line in sys.stdin.buffer:
        _say(fault(tokenizer, msgspec.json.decode(line, type=Grammar), partial(signal.setitimer, signal.ITIMER_PROF)))
    return 0


def _say(text: str) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(text) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
