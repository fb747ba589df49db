"""What ``reckon serve`` does: open the ledger, start the engines with a progress bar, listen, print, drain on Ctrl-C.

The one place that puts config, catalogue, engines, ledger and API together.
"""

import asyncio
import fcntl
import json
import logging
import os
import resource
import shlex
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from reckon.api.app import Entry, create_app
from reckon.api.garbage import Garbage
from reckon.api.recording import Recorder, writable
from reckon.catalog.source import Source, resolve
from reckon.cli.client import EVERYWHERE, url_of
from reckon.cli.link import LINK_MINUTES, sign_in_link
from reckon.config import Config
from reckon.engines.child import Watch
from reckon.engines.native import NativeEngine
from reckon.engines.pool import Pool
from reckon.errors import BadSetting
from reckon.ledger.accounts import create_key, list_keys
from reckon.ledger.db import Ledger
from reckon.ledger.usage import recover
from reckon.link import Loading
from reckon.pages.frames import refused
from reckon.pages.site import entries

T = TypeVar("T")

PHASES = {
    "device": "starting the device for",
    "weights": "loading the weights of",
    "digest": "checking the files of",
    "grammars": "reading the tokens of",
    "compile": "compiling the step for",
}
FIRST_KEY = "first"
OPEN_FILES = 1 << 14
"""For so many the system's table of them has room from the beginning. Linux doubles it when it is full, and in a process with
threads whoever opens a file waits meanwhile until each core has passed by: it was the event loop, for 4 to 8 ms, at its 256th,
512th and 1,024th client."""


def serve(config: Config, models: Sequence[str]) -> int:
    """Serve until told to stop. Returns the exit code. Raises SetupError when it cannot start."""
    logging.basicConfig(level=config.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Names of models and directories are printed as they are: "[red]" or ":key:" in one is text.
    console = Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
    more_files(0)  # every stream is one
    if config.record:
        writable(_kept(config))  # before anything is loaded, as the address below
    with listen(config) as sock:
        return run(_serve(config, models, sock, console))


async def _serve(config: Config, models: Sequence[str], sock: socket.socket, console: Console) -> int:
    begin = time.monotonic()
    sources = _resolve(models)
    ledger = Ledger(config.database)
    try:
        ledger.claim()
        await ledger.run(recover)
        pool = await _start_engines(config, sources, console)
        try:
            await answer(config, pool, ledger, sock, lambda: _greet(config, sources, ledger, sock, console, begin))
        finally:
            await pool.close()
    finally:
        ledger.close()
    console.print("Stopped; every answer that was running is settled.")
    return 0


def _resolve(models: Sequence[str]) -> list[Source]:
    """Raises BadSetting also when two would answer to one id."""
    sources = [resolve(model) for model in models]
    directories: dict[str, Path] = {}
    for source in sources:
        if source.card.id in directories:
            both = f"{directories[source.card.id]} and {source.directory}"
            raise BadSetting(f"two models have the id {source.card.id}, {both}; name one of them as ID=DIRECTORY")
        directories[source.card.id] = source.directory
    return sources


async def _start_engines(config: Config, sources: Sequence[Source], console: Console) -> Pool:
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        engines = {
            source.card.id: NativeEngine(source.card, source.directory, config, _bar(progress, source.card.id))
            for source in sources
        }
        pool = Pool(engines)
        await pool.start()
    for model, engine in engines.items():
        console.print(f"{model}: {engine.summary()}")
    return pool


def _bar(progress: Progress, model: str) -> Watch:
    """A watcher that moves one bar per phase."""
    bars: dict[str, TaskID] = {}

    def watch(loading: Loading) -> None:
        if loading.phase not in bars:
            bars[loading.phase] = progress.add_task(f"{PHASES.get(loading.phase, loading.phase)} {model}", total=loading.total)
        progress.update(bars[loading.phase], completed=loading.done, total=loading.total)

    return watch


async def answer(
    config: Config,
    pool: Pool,
    ledger: Ledger,
    sock: socket.socket,
    greet: Callable[[], Awaitable[None]],
    extra: Sequence[Entry] = (),
) -> None:
    """Run uvicorn on our socket. Ctrl-C lets running answers finish, for as long as ``drain_seconds`` says."""
    app = create_app(config, pool, ledger, [*entries(config, pool, ledger), *extra], refused)
    server = _Server(
        uvicorn.Config(
            Recorder(app, _kept(config)) if config.record else app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=max(1, round(config.drain_seconds)),
        )
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.handle_exit, number, None)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    garbage = Garbage(busy=lambda: bool(server.server_state.tasks))
    garbage.begin()
    watching = asyncio.create_task(garbage.watch())
    if server.started:
        await greet()
    await task
    watching.cancel()


class _Server(uvicorn.Server):
    """uvicorn raises the signal again when it has stopped, which would skip what we still have to settle."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def _greet(
    config: Config, sources: Sequence[Source], ledger: Ledger, sock: socket.socket, console: Console, begin: float
) -> None:
    host, port = sock.getsockname()[:2]
    url = url_of(host, port)
    where = " and every address of this machine" if host in EVERYWHERE else ""
    console.print(f"Listening on {url}{where} after {time.monotonic() - begin:.1f} s.  Ctrl-C drains and stops.")
    if config.record:
        console.print(f"Recording every request and its answer in {_kept(config)}.")
    key = await _first_key(config, ledger)
    if key is not None:
        console.print(f"\nYour key, made now and shown once:\n\n  {key}")
    link = await ledger.run(lambda db: sign_in_link(db, url, config.token))
    if link is not None:
        console.print(f"\nThe pages, signed in (this link works once, within {LINK_MINUTES} minutes):\n\n  {link}")
    console.print(f"\nTry it:\n\n{curl(url, key, sources[0].card.id)}\n")


def _kept(config: Config) -> Path:
    return Path(config.record).expanduser().absolute()


async def _first_key(config: Config, ledger: Ledger) -> str | None:
    """A key for a server that has none: whoever starts it must be able to use it."""
    if config.token:
        return None
    keys = await ledger.run(list_keys)
    if any(key.revoked is None for key in keys):
        return None
    _, secret = await ledger.run(lambda db: create_key(db, FIRST_KEY, admin=True))
    return secret


def curl(url: str, key: str | None, model: str) -> str:
    """The page's first example with this server's address, key and model."""
    body = f"""{{
      "model": {json.dumps(model, ensure_ascii=False)},
      "messages": [
        {{
          "role": "user",
          "content": "Hello!"
        }}
      ]
    }}"""
    return f"""curl "{url}/v1/openai/chat/completions" \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer {key or "$RECKON_TOKEN"}" \\
  -d {shlex.quote(body)}"""


def listen(config: Config) -> socket.socket:
    """Take the address before anything is loaded: a port in use should not cost a minute of loading."""
    try:
        family = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)[0][0]
        # With the protocol's name asyncio turns Nagle's algorithm off; without it, a frame waits for the ACK of the one before.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise _unusable(config, error) from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((config.host, config.port))
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise _unusable(config, error) from None
    return sock


def _unusable(config: Config, error: OSError | UnicodeError) -> BadSetting:
    return BadSetting(f"cannot listen on {config.host} port {config.port}: {getattr(error, 'strerror', None) or error}")


def run(main: Coroutine[Any, Any, T]) -> T:
    """On uvicorn's choice of event loop, which is uvloop where there is one."""
    with asyncio.Runner(loop_factory=uvicorn.Config("", loop="auto", log_config=None).get_loop_factory()) as runner:
        return runner.run(main)


def more_files(needed: int) -> None:
    """Raise this process's limit of open files to what the system allows, and make room for OPEN_FILES of them.

    Raises BadSetting where the limit is not ``needed``.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if needed > hard:
        raise BadSetting(f"{needed} open files are needed and the system allows {hard}; see `ulimit -Hn`")
    with Path(os.devnull).open("rb") as some:
        os.close(fcntl.fcntl(some, fcntl.F_DUPFD_CLOEXEC, min(hard, OPEN_FILES) - 1))
