"""The shipped chat template, so that training and serving cannot disagree about a prompt's text."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment

TEMPLATE = Path(__file__).with_name("chat_template.jinja")


def environment() -> ImmutableSandboxedEnvironment:
    """jinja2 as transformers sets it up: white space trimmed, ``tojson`` without HTML escapes."""
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    made.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return made


TEMPLATE_TEXT = environment().from_string(TEMPLATE.read_text())


def render(messages: Sequence[Any], add_generation_prompt: bool = False, tools: Sequence[Any] | None = None) -> str:
    """The template's text of the messages."""
    return TEMPLATE_TEXT.render(messages=messages, add_generation_prompt=add_generation_prompt, tools=tools)
