"""What the tests of the command line hold in their hands: a way to type, a server to talk to, a refusal to read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from click.testing import Result

from fakes import FakeEngine
from reckon.ledger.accounts import KeyRow, list_keys
from reckon.ledger.db import Ledger

Type: TypeAlias = Callable[..., Result]


@dataclass
class Server:
    """``reckon serve`` without its process: the app over a FakeEngine and the ledger of ``home``."""

    url: str
    engine: FakeEngine
    ledger: Ledger

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]

    def stored_keys(self) -> list[KeyRow]:
        return self.ledger.run_now(list_keys)


Start: TypeAlias = Callable[..., Server]


def refusal(result: Result) -> str:
    """The one sentence on stderr of a command that ended as it should when it cannot do what it was told."""
    assert isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code == 1
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith("Error: ")
    return sentence.removeprefix("Error: ")
