"""The command line: each command parses, calls one function and prints. Imports are inside, so that --help answers at once."""

import functools
import json
import sys
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import click

import reckon
from reckon.config import SETTINGS, Config, Setting, load
from reckon.errors import ReckonError

Command = TypeVar("Command", bound=Callable[..., Any])
Result = TypeVar("Result")
DEFAULT_MODEL = "reckon/abacus"
WRITTEN = click.Path(dir_okay=False, writable=True, path_type=Path)


def settings(*names: str) -> Callable[[Command], Command]:
    """Give a command the flags of these rows of SETTINGS (all, if none is named) and pass it the checked Config."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_config(*args: Any, **kwargs: Any) -> Any:
            flags = {setting.name: kwargs.pop(setting.name, None) for setting in SETTINGS}
            return command(load(flags), *args, **kwargs)

        decorated: Any = with_config
        for setting in reversed(SETTINGS):
            if not names or setting.name in names:
                decorated = _option(setting)(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate


def _option(setting: Setting) -> Callable[[Any], Any]:
    words = f"  [{'|'.join(setting.choices)}]" if setting.choices else ""
    shown = "" if setting.default in ("", 0, 0.0) else f"  [default: {setting.default}]"
    flags = f"{setting.flag}/--no-{setting.flag[2:]}" if isinstance(setting.default, bool) else setting.flag
    return click.option(flags, setting.name, default=None, help=setting.help + words + shown)


def _nano_dollars(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """USD as they are written, without a float between."""
    if value is None:
        return None
    try:
        amount = Decimal(value)
        if not (amount.is_finite() and 0 <= amount < 10**9):
            raise InvalidOperation
    except InvalidOperation:
        raise click.BadParameter(f"{value!r} is not an amount in USD of at least 0 and less than 1e9") from None
    return int(amount * 10**9)


def _sizes(context: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    """Numbers divided by commas."""
    sizes = [int(size) if size.strip().isdecimal() else 0 for size in value.split(",")]
    if min(sizes) < 1:
        raise click.BadParameter(f"{value!r} must be numbers of at least 1, divided by commas")
    return sizes


def _rates(context: click.Context, parameter: click.Parameter, value: str) -> list[float]:
    """Requests per second, divided by commas."""
    try:
        rates = [float(rate) for rate in value.split(",")]
        if not all(0 < rate < 1e6 for rate in rates):
            raise ValueError
    except ValueError:
        raise click.BadParameter(f"{value!r} must be numbers over 0 and under a million, divided by commas") from None
    return rates


def _in_ledger(config: Config, work: Callable[[Any], Result], *, reads_only: bool = False) -> Result:
    from reckon.ledger.db import Ledger

    with closing(Ledger(config.database)) as ledger:
        return ledger.run_now(work, reads_only=reads_only)


class Group(click.Group):
    """Shows our own errors as one sentence, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ReckonError as error:
            raise click.ClickException(error.message) from None


class Incomparable(click.ClickException):
    """Nothing could be compared, which is not the same as a difference."""

    exit_code = 2


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(reckon.__version__)
def main() -> None:
    """reckon: an inference cloud in a box that can be checked."""


@main.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@settings()
def serve(config: Config, models: tuple[str, ...]) -> None:
    """Serve models behind the OpenAI API.

    MODEL is a catalogue id, a checkpoint directory, a hub id, or ID=DIRECTORY; reckon/abacus if none is given.
    """
    from reckon.cli.serve import serve as run

    sys.exit(run(config, models or (DEFAULT_MODEL,)))


@main.command()
@click.option("--url", default=None, help="Base URL of the server; default is the one on this machine.")
@click.option("--key", envvar="RECKON_KEY", default=None, help="API key; without one, a key for this conversation is made.")
@click.option("--model", default=None, help="Model id; default is the first that the server has.")
@click.option("--system", default=None, help="A system message.")
@click.option("--temperature", type=float, default=None, help="Between 0 and 2; default is the server's.")
@click.option("--seed", type=int, default=None, help="The same seed gives the same answer.")
@click.argument("message", nargs=-1)
@settings("host", "port", "home", "database", "token")
def chat(config: Config, url: str | None, key: str | None, model: str | None, message: tuple[str, ...], **options: Any) -> None:
    """Talk to a model in the terminal; with MESSAGE, ask that and end."""
    from reckon.cli.chat import converse

    converse(config, url, key, model, " ".join(message), {name: value for name, value in options.items() if value is not None})


@main.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command("create")
@click.argument("name")
@click.option("--admin", is_flag=True, help="May read /metrics and everybody's usage.")
@click.option("--model", "models", multiple=True, help="Only for this model; may be given several times.")
@click.option("--limit", "limit_nano", callback=_nano_dollars, metavar="USD", help="Most that the key may spend.")
@settings("home", "database")
def keys_create(config: Config, name: str, admin: bool, models: tuple[str, ...], limit_nano: int | None) -> None:
    """Make a key and show it once."""
    from reckon.ledger.accounts import create_key

    _, secret = _in_ledger(config, lambda db: create_key(db, name, admin=admin, models=models, limit_nano=limit_nano))
    click.echo(secret)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@settings("home", "database")
def keys_list(config: Config, as_json: bool) -> None:
    """Show all keys, revoked ones too; the secrets are not stored."""
    import msgspec

    from reckon.cli import tables
    from reckon.ledger.accounts import list_keys

    rows = _in_ledger(config, list_keys, reads_only=True)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(rows), indent=2))
    else:
        tables.keys(rows)


@keys.command("revoke")
@click.argument("key")
@settings("home", "database")
def keys_revoke(config: Config, key: str) -> None:
    """Revoke a key, by its name or id. What it is running now goes on."""
    from reckon.ledger.accounts import revoke_key

    row = _in_ledger(config, lambda db: revoke_key(db, key))
    if row is None:
        raise click.ClickException(f"no live key has the name or id {key!r}")
    click.echo(f"revoked {row.name} ({row.hint})")


@main.command()
@click.argument("key", default="")
@settings("host", "port", "home", "database", "token")
def link(config: Config, key: str) -> None:
    """Print a link that signs a browser in, once.

    KEY is the name or id of a key in use; an administrator's if none is given.
    """
    from reckon.cli.client import url_of
    from reckon.cli.link import sign_in_link

    url = _in_ledger(config, lambda db: sign_in_link(db, url_of(config.host, config.port), config.token, key))
    if url is None:
        raise click.ClickException(
            f"no live key has the name or id {key!r}" if key else "there is no administrator's key in use"
        )
    click.echo(url)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def models(as_json: bool) -> None:
    """Show the catalogue."""
    import msgspec

    from reckon.catalog.card import catalogue
    from reckon.cli import tables

    cards = list(catalogue().values())
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(cards), indent=2))
    else:
        tables.models(cards)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@settings("home", "database")
def usage(config: Config, as_json: bool) -> None:
    """Show what each key used and what it cost."""
    import msgspec

    from reckon.cli import tables
    from reckon.ledger.usage import by_key

    rows = _in_ledger(config, by_key, reads_only=True)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(rows), indent=2))
    else:
        tables.usage(rows)


@main.group()
def bench() -> None:
    """Measure: the engine alone, a server under load, the peers beside us."""


@bench.command("engine")
@click.argument("model", default=DEFAULT_MODEL)
@click.option("--batches", default="1,8,32", callback=_sizes, help="Numbers of answers at a time.", show_default=True)
@click.option("--prompt", default=256, type=click.IntRange(min=1), help="Prompt tokens of each.", show_default=True)
@click.option("--tokens", default=64, type=click.IntRange(min=2), help="Tokens generated of each.", show_default=True)
@settings("device", "threads", "home", "step_tokens", "kv_memory_gb", "drafts")
def bench_engine(config: Config, model: str, batches: list[int], prompt: int, tokens: int) -> None:
    """Prefill and decode of the engine, scheduler and sampler included, on random prompts."""
    from reckon.bench.engine import measure

    measure(config, model, batches, prompt, tokens)


@bench.command("serve")
@click.option("--url", default=None, help="Base URL of any OpenAI-compatible server; default is the one on this machine.")
@click.option("--key", envvar="RECKON_KEY", default=None, help="API key; without one, a key for this run is made.")
@click.option("--model", default=DEFAULT_MODEL, help="Model id.", show_default=True)
@click.option("--rate", "rates", default="1,2,4", callback=_rates, help="Requests per second, one run each.", show_default=True)
@click.option("--prompt", default=256, type=click.IntRange(min=1), help="Prompt tokens of each.", show_default=True)
@click.option("--tokens", default=128, type=click.IntRange(min=1), help="Answer tokens of each.", show_default=True)
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="How long requests arrive at each rate.")
@click.option("--requests", type=click.IntRange(min=1), help="How many arrive; 30 seconds' worth if neither is given.")
@click.option("--seed", default=0, type=click.IntRange(min=0), help="Of arrivals and prompts.", show_default=True)
@click.option("--ttft-bound", type=click.FloatRange(min=0), metavar="MS", help="Good answers begin within so many ms.")
@click.option("--itl-bound", type=click.FloatRange(min=0), metavar="MS", help="Good answers take at most so many ms a token.")
@click.option("--timeout", default=600.0, type=click.FloatRange(min=1), help="Seconds for one request.", show_default=True)
@click.option("--json", "record", type=WRITTEN, help="Write the record of the measurement here.")
@click.option("--plot", type=WRITTEN, help="Draw the distributions into this PNG; needs the extra 'plots'.")
@settings("host", "port", "home", "database", "token")
def bench_serve(config: Config, **options: Any) -> None:
    """A running server under an open-loop load: Poisson arrivals that do not wait for late answers."""
    from reckon.cli.load import offer

    offer(config, **options)


@bench.command("api")
@click.option("--streams", default=2000, type=click.IntRange(min=1), help="Streams at the same time.", show_default=True)
@click.option(
    "--queued", default=10_000, type=click.IntRange(min=1), help="Answers that wait in the scheduler.", show_default=True
)
@click.option("--requests", default=1000, type=click.IntRange(min=1), help="Requests of one client.", show_default=True)
@click.option("--seconds", default=2.0, type=click.FloatRange(min=0.1), help="With all streams at once.", show_default=True)
@click.option("--json", "record", type=WRITTEN, help="Write the record of the measurement here.")
def bench_api(streams: int, queued: int, requests: int, seconds: float, record: Path | None) -> None:
    """What the API adds to the engine's time, over an engine that computes nothing; and the scheduler with a long queue."""
    from reckon.cli.overhead import overhead

    overhead(streams, queued, requests, seconds, record)


@main.command("eval")
@click.argument("suite", default="abacus")
@click.option("--model", default=None, help="Model id; default is the one that the suite is for.")
@click.option("--url", default=None, help="Base URL of the server; default is the one on this machine.")
@click.option("--key", envvar="RECKON_KEY", default=None, help="API key; without one, a key for this run is made.")
@click.option(
    "--limit", default=0, type=click.IntRange(min=0), help="Most problems of each kind; 0 takes all.", show_default=True
)
@click.option("--concurrency", default=32, type=click.IntRange(1, 200), help="Requests at a time.", show_default=True)
@click.option("--sampled", is_flag=True, help="Also at temperature 0.7: one answer, and the majority of four.")
@click.option("--wrong", default=0, type=click.IntRange(min=0), help="Wrong answers of each kind to print.", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@settings("host", "port", "home", "database", "token")
def evaluate(config: Config, suite: str, **options: Any) -> None:
    """Put a suite of problems to a server and count the right answers.

    SUITE is a suite of the package or a file of problems. Ends with 1 when a kind stays below its bar.
    """
    from reckon.cli.eval import evaluate as run

    sys.exit(0 if run(config, suite, **options) else 1)


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--url", default=None, help="Base URL of the server; default is the one on this machine.")
@click.option("--key", envvar="RECKON_KEY", default=None, help="API key; without one, a key for this run is made.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@settings("host", "port", "home", "database", "token")
def replay(config: Config, files: tuple[Path, ...], url: str | None, key: str | None, as_json: bool) -> None:
    """Make recorded requests again and compare the answers.

    FILE is a recording, as `reckon serve --record` writes it, or a file with one in each line. Ends with 0 when all are equal,
    with 1 when a promise is broken (the same fingerprint, other bytes), and with 2 when one cannot be compared or nothing
    promised the same.
    """
    from reckon.cli.replay import run

    try:
        code = run(config, files, url=url, key=key, as_json=as_json)
    except ReckonError as error:
        raise Incomparable(error.message) from None
    sys.exit(code)
