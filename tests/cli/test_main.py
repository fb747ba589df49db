"""The command line: what it lists, makes and prints, and that every refusal is one sentence."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import reckon as package
from cli.desk import Type, refusal
from reckon.catalog.card import Price, catalogue
from reckon.cli.main import main
from reckon.config import SETTINGS
from reckon.job import Usage
from reckon.ledger.accounts import Account, create_key, find_key, list_keys
from reckon.ledger.db import Ledger
from reckon.ledger.usage import Reservation, reserve, settle


def commands(command: click.Command = main, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))


def command_at(path: tuple[str, ...]) -> click.Command:
    found: click.Command = main
    for name in path:
        assert isinstance(found, click.Group)
        found = found.commands[name]
    return found


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{home}/ledger.db")
    yield ledger
    ledger.close()


def spend(ledger: Ledger, account: Account, request: str) -> None:
    opening = Reservation(request, account.id, account.key_id, "fake/model", Price(120, 180), 1000, 50, seed=1, stream=False)
    ledger.run_now(lambda db: reserve(db, opening))
    ledger.run_now(lambda db: settle(db, request, Usage(1000, 16, 7), "stop", first_token_ms=1.0, total_ms=2.0))


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_help(path: tuple[str, ...], reckon: Type) -> None:
    command = command_at(path)
    for flag in ("--help", "-h"):
        result = reckon(*path, flag)
        assert result.exit_code == 0
        assert result.stdout.startswith(" ".join(["Usage: reckon", *path]))
        assert (command.help or "").partition("\n")[0] in " ".join(result.stdout.split())
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help and parameter.help.endswith((".", "]")), parameter.opts


def test_serve_has_a_flag_for_every_setting(reckon: Type) -> None:
    options = {option.name: option for option in command_at(("serve",)).params if isinstance(option, click.Option)}
    assert list(options) == [setting.name for setting in SETTINGS]
    for setting in SETTINGS:
        assert setting.flag in options[setting.name].opts
        switch = isinstance(setting.default, bool)
        assert options[setting.name].is_flag == switch
        assert bool(options[setting.name].secondary_opts) == switch


def test_version(reckon: Type) -> None:
    assert package.__version__ in reckon("--version").stdout


def test_a_key_is_shown_once_and_works_until_it_is_revoked(reckon: Type, ledger: Ledger) -> None:
    made = reckon("keys", "create", "alice", "--model", "a/b", "--model", "c/d", "--limit", "0.001", "--admin")
    secret = made.stdout.strip()
    assert (made.exit_code, made.stdout) == (0, f"{secret}\n")
    account = ledger.run_now(lambda db: find_key(db, secret))
    assert account is not None
    assert (account.name, account.admin, account.models, account.limit_nano) == ("alice", True, ("a/b", "c/d"), 1_000_000)
    listed = reckon("keys", "list")
    assert secret not in listed.stdout
    assert all(word in listed.stdout for word in ("alice", secret[-4:], "admin", "a/b, c/d", "$0.001", "live"))

    revoked = reckon("keys", "revoke", "alice")
    assert (revoked.exit_code, revoked.stdout) == (0, f"revoked alice (rk-…{secret[-4:]})\n")
    assert ledger.run_now(lambda db: find_key(db, secret)) is None
    assert "revoked 2" in reckon("keys", "list").stdout
    assert reckon("keys", "create", "alice").exit_code == 0


def test_keys_as_json(reckon: Type) -> None:
    assert json.loads(reckon("keys", "list", "--json").stdout) == []
    reckon("keys", "create", "bob")
    (row,) = json.loads(reckon("keys", "list", "--json").stdout)
    assert row["name"] == "bob" and row["key_id"].startswith("key_") and row["revoked"] is None and row["models"] == []
    assert reckon("keys", "revoke", row["key_id"]).exit_code == 0


def test_names_are_text_not_markup(reckon: Type) -> None:
    name = "[red]:key:[/b]"
    reckon("keys", "create", name)
    assert name in reckon("keys", "list").stdout


def test_a_key_that_is_not_there(reckon: Type) -> None:
    assert refusal(reckon("keys", "revoke", "nobody")) == "no live key has the name or id 'nobody'"
    reckon("keys", "create", "alice")
    reckon("keys", "revoke", "alice")
    assert refusal(reckon("keys", "revoke", "alice")) == "no live key has the name or id 'alice'"


def test_a_bad_key_is_not_made(reckon: Type) -> None:
    assert refusal(reckon("keys", "create", "")) == "name must be 1 to 100 printable characters, not ''"
    reckon("keys", "create", "alice")
    assert "name 'alice' is taken" in refusal(reckon("keys", "create", "alice"))


@pytest.mark.parametrize("limit", ["nan", "inf", "-1", "much", "1e9", "1e999999999"])
def test_a_bad_limit(limit: str, reckon: Type, ledger: Ledger) -> None:
    result = reckon("keys", "create", "alice", "--limit", limit)
    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
    assert f"{limit!r} is not an amount in USD" in result.stderr
    assert ledger.run_now(list_keys) == []


def test_a_limit_is_exact(reckon: Type, ledger: Ledger) -> None:
    reckon("keys", "create", "alice", "--limit", "123456.000000001")
    assert [row.limit_nano for row in ledger.run_now(list_keys)] == [123456_000000001]


def test_models(reckon: Type) -> None:
    shown = reckon("models").stdout
    assert all(model in shown for model in catalogue())
    assert "32,768" in shown and "0.12/0.18" in shown
    listed = json.loads(reckon("models", "--json").stdout)
    assert {card["id"]: card["price"] for card in listed}["Qwen/QwQ-32B-Preview"] == {"input": 120, "output": 180}


def test_usage(reckon: Type, ledger: Ledger) -> None:
    assert reckon("usage").exit_code == 0
    assert json.loads(reckon("usage", "--json").stdout) == []
    account, _ = ledger.run_now(lambda db: create_key(db, "alice"))
    for request in ("req_1", "req_2"):
        spend(ledger, account, request)
    shown = reckon("usage").stdout
    assert all(word in shown for word in ("alice", "fake/model", "2,000", "32", "14", "$0.000242520"))
    (row,) = json.loads(reckon("usage", "--json").stdout)
    assert row["totals"] == {
        "requests": 2,
        "prompt_tokens": 2000,
        "cached_tokens": 32,
        "completion_tokens": 14,
        "cost_nano": 242_520,
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--device", "gpu"), "device from the flag --device must be one of auto, cpu, reference, not 'gpu'"),
        (("--port", "x"), "port from the flag --port must be of type int, not 'x'"),
        (("--log-level", "loud"), "log_level from the flag --log-level must be one of debug, info, "),
        (("--database", "mysql://x/y"), "database must be a sqlite or postgresql URL, not 'mysql'"),
        (("abacus",), "'abacus' is neither a directory nor a model id like owner/name"),
        (("reckon/abacus", "reckon/abacus"), "two models have the id reckon/abacus, "),
        (("--host", "a..b"), "cannot listen on a..b port 0: "),
    ],
)
def test_a_server_that_cannot_start_says_why(arguments: tuple[str, ...], sentence: str, reckon: Type) -> None:
    assert refusal(reckon("serve", "--port", "0", *arguments)).startswith(sentence)


def test_a_port_in_use(reckon: Type) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        begin = time.monotonic()
        assert refusal(reckon("serve", "--port", port)) == f"cannot listen on 127.0.0.1 port {port}: Address already in use"
        assert time.monotonic() - begin < 5  # nothing was loaded first


def test_a_broken_reckon_toml(reckon: Type, home: Path) -> None:
    (home / "reckon.toml").write_text("prot = 1")
    for command in (("serve",), ("keys", "list"), ("usage",), ("chat", "Hi"), ("bench", "engine")):
        assert "has the unknown setting 'prot'" in refusal(reckon(*command))


def test_a_ledger_that_cannot_be_opened(reckon: Type, home: Path) -> None:
    (home / "ledger.db").write_bytes(b"This is no database, and long enough to be none for sure." * 20)
    for command in (("keys", "list"), ("keys", "create", "alice"), ("usage",), ("chat", "Hi")):
        assert "file is not a database" in refusal(reckon(*command))


def test_unknown_words(reckon: Type) -> None:
    for arguments in (("sevre",), ("serve", "--prot", "1"), ("keys", "create"), ("keys", "delete")):
        result = reckon(*arguments)
        assert (result.exit_code, type(result.exception)) == (2, SystemExit)
        assert result.stderr.startswith("Usage: reckon")
