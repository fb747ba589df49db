"""The API tab's examples: each request in curl, Python and JavaScript, and an answer that was really given to it.

Answers come from ``recorded.json``, which ``tests/browser/record.py`` writes from a running server. Knows no HTTP.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from markupsafe import Markup

from reckon.api import spec
from reckon.catalog.card import Card
from reckon.pages.colouring import coloured
from reckon.pages.rendering import HERE

RECORDED = HERE / "recorded.json"
VARIANT = "openai-chat-completions"
ENDPOINT, _ = spec.VARIANTS[VARIANT]
LANGUAGES = (("curl", "bash"), ("Python", "python"), ("JavaScript", "javascript"))
"""What readers choose from, and how the highlighter calls it."""


class Recording(msgspec.Struct, frozen=True):
    """An answer's body as it came, from which ``model``, when (unix seconds), and the server's ``system_fingerprint``."""

    model: str
    created: int
    fingerprint: str
    body: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A request in one language. ``markup`` is ``text`` with its parts in classes."""

    language: str
    text: str
    markup: Markup


@dataclass(frozen=True, slots=True)
class Example:
    """``body`` is the request's JSON on one line. ``answer`` is None where nothing was recorded."""

    name: str
    body: str
    samples: tuple[Sample, ...]
    answer: Markup | None
    recording: Recording | None
    stream: bool


def requests(card: Card, model: str) -> dict[str, dict[str, Any]]:
    """The examples' bodies by name, addressed to ``model``."""
    hello = [{"role": "user", "content": "Hello!"}]
    return {
        "simple": {"model": model, "messages": hello},
        "conversation": {"model": model, "messages": msgspec.to_builtins(card.conversation)},
        "streaming": {"model": model, "stream": True, "messages": hello},
    }


def examples(card: Card, origin: str) -> dict[str, Example]:
    """By name, with the reader's own address of this server filled in."""
    return {name: _example(card, name, body, origin) for name, body in requests(card, card.id).items()}


def _example(card: Card, name: str, body: dict[str, Any], origin: str) -> Example:
    writers = (curl, python, javascript)
    samples = [
        Sample(language, text, coloured(text, lexer))
        for (language, lexer), write in zip(LANGUAGES, writers, strict=True)
        for text in (write(body, origin),)
    ]
    recording = recordings().get(card.id, {}).get(name)
    answer = None if recording is None else _answer(recording.body, bool(body.get("stream")))
    return Example(name, json.dumps(body), tuple(samples), answer, recording, bool(body.get("stream")))


def _answer(body: str, stream: bool) -> Markup:
    if stream:
        return coloured(body.strip(), "text")
    return coloured(json.dumps(json.loads(body), indent=4, ensure_ascii=False), "json")


@cache
def recordings() -> Mapping[str, Mapping[str, Recording]]:
    """By the id of the model whose page shows them, then by the example's name."""
    return msgspec.json.decode(RECORDED.read_bytes(), type=dict[str, dict[str, Recording]])


def curl(body: Mapping[str, Any], origin: str) -> str:
    text = json.dumps(body, indent=2, ensure_ascii=False).replace("\n", "\n    ")
    return f"""curl "{origin}{ENDPOINT}" \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer $RECKON_KEY" \\
  -d {shlex.quote(text)}"""


def python(body: Mapping[str, Any], origin: str) -> str:
    """With OpenAI's own package, which has to be pointed here and nothing else."""
    arguments = "".join(f"\n    {name}={_python(value)}," for name, value in body.items())
    whole, stream = "print(answer.to_json(indent=4))", "for chunk in answer:\n    print(chunk.to_json(indent=None))"
    return f"""import os

from openai import OpenAI

client = OpenAI(base_url="{origin}/v1/openai", api_key=os.environ["RECKON_KEY"])
answer = client.chat.completions.create({arguments}
)
{stream if body.get("stream") else whole}"""


def javascript(body: Mapping[str, Any], origin: str) -> str:
    """With nothing but what Node and browsers bring."""
    text = json.dumps(body, indent=2, ensure_ascii=False).replace("\n", "\n  ")
    show = (
        "for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {\n  process.stdout.write(text);\n}"
        if body.get("stream")
        else "console.log(JSON.stringify(await answer.json(), null, 4));"
    )
    return f"""const answer = await fetch("{origin}{ENDPOINT}", {{
  method: "POST",
  headers: {{
    "Content-Type": "application/json",
    Authorization: `Bearer ${{process.env.RECKON_KEY}}`,
  }},
  body: JSON.stringify({text}),
}});
{show}"""


def _python(value: Any) -> str:
    """A value as Python source, a message a line."""
    if isinstance(value, list):
        return "[" + "".join(f"\n        {_python(item)}," for item in value) + "\n    ]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {_python(item)}" for key, item in value.items()) + "}"
    return repr(value) if isinstance(value, bool) else json.dumps(value, ensure_ascii=False)
