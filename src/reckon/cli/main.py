"""The command line: each command parses, calls one function and prints. Imports are inside, so that --help answers at once."""

import json
import sys
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import click

import reckon
from reckon.cli.bench import bench
from reckon.cli.options import DEFAULT_MODEL, settings
from reckon.config import Config
from reckon.errors import ReckonError

Result = TypeVar("Result")


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


main.add_command(bench)
