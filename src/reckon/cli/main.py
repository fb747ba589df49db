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
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FILE = click.Path(path_type=Path)
SECONDS = click.FloatRange(min=0.1)


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


def _sizes_or_none(context: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    """The same, or the word none."""
    return [] if value == "none" else _sizes(context, parameter, value)


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
@settings("device", "threads", "home", "step_tokens", "kv_memory_gb")
def bench_engine(config: Config, model: str, batches: list[int], prompt: int, tokens: int) -> None:
    """Prefill and decode of the engine, scheduler and sampler included, on random prompts."""
    from reckon.bench.engine import measure

    measure(config, model, batches, prompt, tokens)


@bench.command("versus")
@click.argument("model", default=DEFAULT_MODEL)
@click.option(
    "--peer", "peers", multiple=True, metavar="NAME=VENV", help="A peer's virtual environment; may be given for each."
)
@click.option("--gguf", type=FILE, help="Weights for llama.cpp; made once with gguf of its environment if not given.")
@click.option("--ir", type=DIRECTORY, help="Weights for openvino; made once with optimum-cli of its environment if not given.")
@click.option("--dtype", default="auto", type=click.Choice(["auto", "bfloat16", "float32"]), help="Of vllm and transformers.")
@click.option("--decode", default="1,8,32", callback=_sizes_or_none, help="Answers at a time, or none.", show_default=True)
@click.option("--prompt", default=256, type=click.IntRange(min=1), help="Prompt tokens of these.", show_default=True)
@click.option("--prefill", default="256,2048", callback=_sizes_or_none, help="Prompts alone, or none.", show_default=True)
@click.option("--rounds", default=6, type=click.IntRange(min=1), help="Turns of every contestant.", show_default=True)
@click.option("--steps", default=8, type=click.IntRange(min=1), help="Decode steps of a turn.", show_default=True)
@click.option("--load-seconds", default=900.0, type=SECONDS, help="How long a contestant may load.", show_default=True)
@click.option("--turn-seconds", default=300.0, type=SECONDS, help="How long a turn may take.", show_default=True)
@click.option("--http", is_flag=True, help="Servers instead of engines: clients that stream one completion after another.")
@click.option("--clients", default="1,8", callback=_sizes, help="Of these, how many at a time.", show_default=True)
@click.option("--tokens", default=32, type=click.IntRange(min=1), help="Of these, tokens of an answer.", show_default=True)
@click.option("--json", "json_file", type=NEW_FILE, help="Write everything there, down to the samples.")
@settings("device", "threads", "home", "step_tokens", "kv_memory_gb")
def bench_versus(config: Config, model: str, **options: Any) -> None:
    """The engine beside its peers: the same prompts, in turns, samples that were disturbed left out. See docs/bench.md.

    With --http, reckon serve beside the servers of vllm and llama.cpp.
    """
    from reckon.cli.versus import engines, servers

    (servers if options.pop("http") else engines)(config, model, options)


@bench.command("checkpoint")
@click.argument("directory", type=NEW_FILE)
@click.option("--shape", required=True, type=click.Choice(["0.5b", "1.5b"]), help="Of which published Qwen2.5.")
@click.option("--seed", default=0, type=click.IntRange(min=0), help="The same makes the same weights.", show_default=True)
@click.option("--tokenizer", type=FILE, help="A tokenizer.json; abacus's own if not given.")
def bench_checkpoint(directory: Path, shape: str, seed: int, tokenizer: Path | None) -> None:
    """Write a checkpoint with random weights, as fast as a real one of that shape, to measure with."""
    from reckon.bench.checkpoint import SHAPES, write

    weights = write(directory, SHAPES[shape], seed, tokenizer)
    click.echo(f"{directory}: {weights / 1e6:,.0f} million weights")


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
