"""The settings, in one table that feeds the command line, the environment, reckon.toml and the docs. Reads, never writes.

A value comes from the first that has it: the flag, the environment variable, ``reckon.toml`` in the home directory, the
default. A bad value is refused by its name, wherever it came from.
"""

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reckon.errors import BadSetting


@dataclass(frozen=True, slots=True)
class Setting:
    """One row. ``env`` is the variable's name; ``low`` and ``high`` bound numbers, ``choices`` are the only words taken."""

    name: str
    default: Any
    help: str
    env: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        return self.env or f"RECKON_{self.name.upper()}"

    @property
    def rule(self) -> str:
        """What a value must be besides its type; empty when any will do."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.high is not None:
            return f"between {self.low} and {self.high}"
        if self.low is not None:
            return f"at least {self.low}"
        return "not empty" if isinstance(self.default, str) and self.default else ""

    def parse(self, value: Any, origin: str) -> Any:
        """The value in the default's type. Raises BadSetting naming the setting, the rule, the value and its origin."""
        kind = type(self.default)
        try:
            parsed = _typed(kind, value)
        except (TypeError, ValueError):
            raise BadSetting(f"{self.name} from {origin} must be of type {kind.__name__}, not {value!r}") from None
        parsed = parsed.lower() if self.choices else parsed
        if not self._allows(parsed):
            raise BadSetting(f"{self.name} from {origin} must be {self.rule}, not {parsed!r}")
        return parsed

    def _allows(self, parsed: Any) -> bool:
        if isinstance(parsed, str):
            return parsed in self.choices if self.choices else bool(parsed or not self.default)
        return (self.low is None or parsed >= self.low) and (self.high is None or parsed <= self.high)


def _typed(kind: Any, value: Any) -> Any:
    """Text is read; what has a type already, as in TOML, must have the right one (1 is a good float, 1.5 and true no int)."""
    if isinstance(value, str):
        parsed = _boolean(value) if kind is bool else kind(value)
    elif type(value) is kind or (kind is float and type(value) is int):
        parsed = kind(value)
    else:
        raise TypeError
    if kind is float and not math.isfinite(parsed):
        raise ValueError
    return parsed


def _boolean(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError
    return words[text.lower()]


ORIGINS = ("page", "model")
LEVELS = ("debug", "info", "warning", "error", "critical")
DEVICES = ("auto", "cpu", "reference")
"""What devices/select.py knows, so that a wrong name is refused before a worker is started. A test holds both together."""
FORMS = ("auto", "whole", "squeezed", "both")
"""In which forms devices/cpu/device.py keeps weights."""

SETTINGS = (
    Setting("host", "127.0.0.1", "Address to listen on.", env="HOST"),
    Setting("port", 8000, "Port to listen on; 0 takes a free one.", env="PORT", low=0, high=65535),
    Setting("home", "~/.reckon", "Directory of the ledger, compiled code and reckon.toml.", env="RECKON_HOME"),
    Setting("database", "", "SQLAlchemy URL of the ledger; empty means ledger.db in the home directory."),
    Setting("token", "", "An administrator's key that is accepted besides the stored ones; not stored.", env="RECKON_TOKEN"),
    Setting("device", "auto", "Where models run; auto takes the fastest there is.", choices=DEVICES),
    Setting("threads", 0, "Threads of the cpu device; 0 means one per core this process may use.", low=0, high=1024),
    Setting(
        "weights",
        "auto",
        "How the cpu device keeps weights: squeezed to three quarters without loss, which a few answers at a "
        "time are faster with, whole for many, or both; auto takes both where memory is ample, else squeezed, and few whole.",
        choices=FORMS,
    ),
    Setting("kv_memory_gb", 0.0, "Memory for the KV cache in GB; 0 means a share of what is free.", low=0),
    Setting("max_context", 0, "Longest context in tokens; 0 means the model's own.", low=0),
    Setting("step_tokens", 512, "Most tokens computed in one step: decodes first, the rest is prefill.", low=16, high=65536),
    Setting("max_sequences", 64, "Most answers generated at the same time.", low=1, high=4096),
    Setting("max_queue", 256, "Most answers waiting for a place; more are refused with 429.", low=0),
    Setting("max_body_mb", 8.0, "Largest request body in MB.", low=0.001, high=1024),
    Setting("max_concurrent", 200, "Most requests of one key at the same time.", low=1),
    Setting("sampling_defaults", "page", "Whose sampling defaults hold: the page's or the checkpoint's own.", choices=ORIGINS),
    Setting("record", "", "Directory to keep all requests and answers in, for reckon replay. It holds all that was said."),
    Setting("stall_seconds", 60.0, "A worker that has work but makes no step for so long is replaced.", low=1),
    Setting("drain_seconds", 30.0, "How long running answers may take to finish after Ctrl-C.", low=0),
    Setting("drafts", True, "Guess tokens ahead from earlier text, checked in the same step: faster, same bytes."),
    Setting("self_check", False, "Prove the bookkeeping of the KV blocks whenever a worker has nothing to do."),
    Setting("log_level", "warning", "How much is logged.", choices=LEVELS),
)
"""The table. Names are flags (``--step-tokens``), variables (``RECKON_STEP_TOKENS``) and keys of reckon.toml."""


@dataclass(frozen=True, slots=True)
class Config:
    """All settings, checked. Made by ``load`` only; the fields are the rows of SETTINGS."""

    host: str
    port: int
    home: Path
    database: str
    token: str
    device: str
    threads: int
    weights: str
    kv_memory_gb: float
    max_context: int
    step_tokens: int
    max_sequences: int
    max_queue: int
    max_body_mb: float
    max_concurrent: int
    sampling_defaults: str
    record: str
    stall_seconds: float
    drain_seconds: float
    drafts: bool
    self_check: bool
    log_level: str

    @property
    def kv_bytes(self) -> int:
        """``kv_memory_gb`` in bytes; 0 as well where nothing is asked for."""
        return int(self.kv_memory_gb * 1e9)


def load(flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Settle every row of SETTINGS. ``flags`` holds what the command line gave (None values count as not given).

    Raises BadSetting for a wrong value, for a reckon.toml that cannot be read, and for a key in it that no row has.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    environ = os.environ if environ is None else environ
    rows = {setting.name: setting for setting in SETTINGS}
    home = _directory(_settle(rows["home"], given, environ, {}))
    stored = _stored(home / "reckon.toml", rows)
    values = {name: _settle(row, given, environ, stored) for name, row in rows.items()}
    values["home"] = home
    values["database"] = values["database"] or f"sqlite:///{home / 'ledger.db'}"
    return Config(**values)


def _settle(row: Setting, given: Mapping[str, Any], environ: Mapping[str, str], stored: Mapping[str, Any]) -> Any:
    if row.name in given:
        return row.parse(given[row.name], f"the flag {row.flag}")
    if environ.get(row.variable):
        return row.parse(environ[row.variable], f"the environment variable {row.variable}")
    if row.name in stored:
        return row.parse(stored[row.name], "reckon.toml")
    return row.default


def _directory(home: str) -> Path:
    try:
        return Path(home).expanduser().absolute()
    except RuntimeError:
        raise BadSetting(f"home must be a directory, and there is no such user: {home!r}") from None


def _stored(path: Path, rows: Mapping[str, Setting]) -> dict[str, Any]:
    try:
        stored = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise BadSetting(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"{path} is not valid TOML: {error}") from None
    if "home" in stored:
        raise BadSetting(f"{path} cannot set home, where it lies itself, to {stored['home']!r}; use --home or RECKON_HOME")
    for key in stored:
        if key not in rows:
            raise BadSetting(
                f"{path} has the unknown setting {key!r}; known are {', '.join(name for name in rows if name != 'home')}"
            )
    return stored
