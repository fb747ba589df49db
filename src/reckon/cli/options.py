"""Flags that commands have in common: the rows of SETTINGS, and a checked Config made of them."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from reckon.config import SETTINGS, Setting, load

Command = TypeVar("Command", bound=Callable[..., Any])
DEFAULT_MODEL = "reckon/abacus"


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
