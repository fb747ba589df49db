"""Tries grammars before a job is admitted, in a process that may be killed. Knows the process; llguidance is in there only.

A grammar that does not compile, or takes too long, or too much memory, is refused here, and neither the worker nor this
process has seen it. ``native.prepare`` calls ``check``. One grammar is tried at a time; what was found out is remembered.
"""

import asyncio
import contextlib
import logging
import os
import re
import signal
import sys
from collections import OrderedDict
from pathlib import Path

import msgspec

from reckon.engines.child import kill
from reckon.errors import EngineUnavailable, InvalidGrammar
from reckon.job import Grammar

log = logging.getLogger(__name__)

MAX_SOURCE = 65_536
"""Bytes of a grammar. A request's tools, with their schemas, are one grammar."""
START_SECONDS = 60.0
ANSWER_SECONDS = 20.0
"""The process ends itself by CPU time; this is for one that does not get any, or hangs."""
REMEMBERED = 256
TOO_LONG = "it takes too long to compile"
DEADLY = "it is too large or too deeply nested to compile"
_PLACE = re.compile(r"^at (\d+)\(\d+\): ")
_RULE = re.compile(r"^function_(\d+):")


class CompilerLost(Exception):
    """The process ended instead of answering; the message says what to hold against the grammar."""


class Grammars:
    """The compiler's process for one checkpoint: started for the first grammar, and again after a grammar that killed it."""

    def __init__(self, directory: Path, remembered: int = REMEMBERED) -> None:
        self._directory = directory
        self._remembered = remembered
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._faults: OrderedDict[Grammar, str] = OrderedDict()

    @property
    def pid(self) -> int | None:
        """The process, if there is one now."""
        return None if self._process is None else self._process.pid

    async def check(self, grammar: Grammar) -> None:
        """Raises InvalidGrammar, naming the field, when the grammar cannot be followed; EngineUnavailable if nobody can say."""
        if (size := len(grammar.source.encode())) > MAX_SOURCE:
            raise refusal(grammar, f"it must not be longer than {MAX_SOURCE} bytes, and has {size}")
        if grammar not in self._faults:
            async with self._turn:
                if grammar not in self._faults:
                    self._faults[grammar] = await self._fault(grammar)
        self._faults.move_to_end(grammar)
        fault = self._faults[grammar]
        if len(self._faults) > self._remembered:
            self._faults.popitem(last=False)
        if fault:
            raise refusal(grammar, fault)

    async def close(self) -> None:
        await self._end()

    async def _fault(self, grammar: Grammar) -> str:
        """A process can die of something else than its grammar, but hardly twice."""
        try:
            return await self._ask(grammar)
        except CompilerLost:
            log.warning("the process that tries grammars was lost; trying the grammar once more")
        try:
            return await self._ask(grammar)
        except CompilerLost as error:
            return str(error)

    async def _ask(self, grammar: Grammar) -> str:
        """What the compiler says of a grammar. Raises CompilerLost; whatever else happens, no half-read answer stays behind."""
        if self._process is None or self._process.returncode is not None:
            await self._start()
        try:
            return await self._exchange(msgspec.json.encode(grammar) + b"\n", ANSWER_SECONDS)
        except CompilerLost:
            code = await self._end()
            if code == -signal.SIGPROF:
                return TOO_LONG
            raise CompilerLost(DEADLY) from None
        except TimeoutError:
            await self._end()
            return TOO_LONG
        except BaseException:
            await self._end()
            raise

    async def _start(self) -> None:
        await self._end()
        environment = {name: value for name, value in os.environ.items() if name != "RECKON_TOKEN"}
        pipe = asyncio.subprocess.PIPE
        command = (sys.executable, "-m", "reckon.worker.compiler", str(self._directory))
        self._process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, env=environment)
        try:
            refused = await self._exchange(b"", START_SECONDS)
        except (CompilerLost, TimeoutError):
            code = await self._end()
            raise EngineUnavailable(f"the process that tries grammars does not start (code {code})") from None
        except BaseException:
            await self._end()
            raise
        if refused:
            await self._end()
            raise InvalidGrammar(f"{refused[0].upper()}{refused[1:]}.")

    async def _exchange(self, line: bytes, seconds: float) -> str:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None or process.stdin.is_closing():
            raise CompilerLost(DEADLY)
        with contextlib.suppress(ConnectionError):  # the end of its output says the same
            process.stdin.write(line)
            await process.stdin.drain()
        async with asyncio.timeout(seconds):  # before Python 3.12 wait_for may swallow a cancellation
            reply = await process.stdout.readline()
        if not reply.endswith(b"\n"):
            raise CompilerLost(DEADLY)
        return msgspec.json.decode(reply, type=str)

    async def _end(self) -> int | None:
        """Kill the process, if it has not ended, and say how it ended."""
        process, self._process = self._process, None
        if process is None:
            return None
        kill(process)
        return await process.wait()


def refusal(grammar: Grammar, fault: str) -> InvalidGrammar:
    """Names the field. A Lark grammar is ours, made of the client's schemas: its rule tells whose schema it was."""
    if grammar.format != "lark":
        return InvalidGrammar(f"response_format cannot be followed: {_PLACE.sub('', fault)}.", param="response_format")
    place = _PLACE.match(fault)
    lines = grammar.source.split("\n")
    line = lines[int(place[1]) - 1] if place and int(place[1]) <= len(lines) else ""
    if rule := _RULE.match(line):
        param = f"tools.{rule[1]}.function.parameters"
    else:
        param = "response_format" if line.startswith("answer") else "tools"
    return InvalidGrammar(f"{param} cannot be followed: {_PLACE.sub('', fault)}.", param=param)
