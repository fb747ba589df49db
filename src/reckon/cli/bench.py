"""``reckon bench``: each command parses, calls one function of the bench and lets it print."""

from pathlib import Path
from typing import Any

import click

from reckon.cli.drawing import drawing
from reckon.cli.options import DEFAULT_MODEL, settings
from reckon.config import Config

WRITTEN = click.Path(dir_okay=False, writable=True, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FILE = click.Path(path_type=Path)
SECONDS = click.FloatRange(min=0.1)


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


def _sizes_or_none(context: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    """The same, or the word none."""
    return [] if value == "none" else _sizes(context, parameter, value)


@click.group()
def bench() -> None:
    """Measure: the engine and its guesses, the API, a server under load, the peers beside us."""


@bench.command("engine")
@click.argument("model", default=DEFAULT_MODEL)
@click.option("--batches", default="1,2,4,8,16,32", callback=_sizes, help="Numbers of answers at a time.", show_default=True)
@click.option("--contexts", default="256", callback=_sizes, help="Tokens that stand before each answer.", show_default=True)
@click.option("--steps", default=32, type=click.IntRange(min=2), help="Steps timed of each.", show_default=True)
@click.option("--prefill/--no-prefill", default=True, help="Time a prompt of each context too.", show_default=True)
@click.option("--json", "json_file", type=WRITTEN, help="Write the record of the measurement here.")
@click.option("--plot", type=WRITTEN, help="Draw step times by context into this PNG; needs the extra 'plots'.")
@settings("device", "threads", "weights", "home", "step_tokens", "kv_memory_gb", "drafts")
def bench_engine(config: Config, model: str, plot: Path | None, **options: Any) -> None:
    """Prefill and decode of the engine, scheduler and sampler included, on random prompts."""
    from reckon.bench.engine import measure

    pictures = drawing(plot) if plot else None
    measured = measure(config, model, **options)
    if pictures and plot:
        pictures.draw_contexts(plot, measured)


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
@click.option("--json", "json_file", type=WRITTEN, help="Write the record of the measurement here.")
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
@click.option("--json", "json_file", type=WRITTEN, help="Write the record of the measurement here.")
def bench_api(streams: int, queued: int, requests: int, seconds: float, json_file: Path | None) -> None:
    """What the API adds to the engine's time, over an engine that computes nothing; and the scheduler with a long queue."""
    from reckon.cli.overhead import overhead

    overhead(streams, queued, requests, seconds, json_file)


@bench.command("drafts")
@click.argument("model", default=DEFAULT_MODEL)
@click.option("--suite", default="abacus", help="A suite of the package or a file of problems.", show_default=True)
@click.option(
    "--limit", default=6, type=click.IntRange(min=1), help="Most problems of each kind, and lists.", show_default=True
)
@click.option("--rounds", default=5, type=click.IntRange(min=1), help="Turns with guesses and without.", show_default=True)
@click.option("--temperature", default=0.0, type=click.FloatRange(min=0, max=2), help="Of the sampler.", show_default=True)
@click.option("--json", "json_file", type=WRITTEN, help="Write the record of the measurement here.")
@settings("device", "threads", "weights", "home", "step_tokens", "kv_memory_gb")
def bench_drafts(config: Config, **options: Any) -> None:
    """What guessing ahead gains, for one answer at a time: a suite's questions, the same again, lists to be repeated."""
    from reckon.bench.guessing import measure

    measure(config, **options)


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
@click.option("--json", "json_file", type=WRITTEN, help="Write everything there, down to the samples.")
@settings("device", "threads", "weights", "home", "step_tokens", "kv_memory_gb")
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


@bench.command("document")
@click.argument("records", nargs=-1, required=True, type=FILE)
def bench_document(records: tuple[Path, ...]) -> None:
    """Print a page of measurements, made of the RECORDS that the other commands wrote with --json."""
    from reckon.bench.document import page
    from reckon.bench.record import read

    click.echo(page([read(record) for record in records]), nl=False)
