"""What ``reckon chat`` does: a conversation in the terminal, streamed, with tokens per second and cost after each answer.

An ordinary client: it knows the HTTP API and nothing behind it.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import click
import httpx

from reckon.cli.client import address, key_to
from reckon.config import Config
from reckon.errors import BadSetting


@dataclass(slots=True)
class Answer:
    """One answer as it came: its text, and what the last chunk said of it."""

    text: str = ""
    first_seconds: float = 0.0
    seconds: float = 0.0
    finish_reason: str = ""
    usage: dict[str, Any] = field(default_factory=dict)

    def meter(self) -> str:
        tokens = self.usage.get("completion_tokens", 0)
        rate = tokens / self.seconds if self.seconds else 0.0
        cost = self.usage.get("estimated_cost", 0.0)
        cut = "" if self.finish_reason == "stop" else f", ended by {self.finish_reason}"
        return f"{tokens} tokens, {rate:.0f} tokens/s, first after {self.first_seconds * 1e3:.0f} ms, ${cost:.9f}{cut}"


def converse(
    config: Config, url: str | None, key: str | None, model: str | None, message: str, options: dict[str, Any]
) -> None:
    """Ask ``message`` and end, or talk until the input ends. Raises BadSetting for whatever prevents it."""
    server = address(config, url)
    with key_to(config, server, key, "chat") as secret, httpx.Client(base_url=server, timeout=None) as client:
        client.headers["Authorization"] = f"Bearer {secret}"
        talk = Conversation(client, model or _first_model(client), options)
        if message:
            talk.ask(message)
            return
        click.echo(f"Talking to {talk.model}. An empty line or Ctrl-D ends.")
        while line := _line():
            talk.ask(line)


class Conversation:
    """The messages so far; each answer is added to them."""

    def __init__(self, client: httpx.Client, model: str, options: dict[str, Any]) -> None:
        self.model = model
        self._client = client
        system = options.pop("system", None)
        self._options = options
        self._messages = [{"role": "system", "content": system}] if system else []

    def ask(self, text: str) -> Answer:
        """Send one more message and print the answer as it comes."""
        self._messages.append({"role": "user", "content": text})
        body = {"model": self.model, "messages": self._messages, "stream": True, **self._options}
        begin, answer = time.monotonic(), Answer()
        for chunk in _chunks(self._client, body):
            for choice in chunk["choices"]:
                piece = choice["delta"].get("content") or ""
                if piece and not answer.text:
                    answer.first_seconds = time.monotonic() - begin
                answer.text += piece
                answer.finish_reason = choice["finish_reason"] or answer.finish_reason
                click.echo(piece, nl=False)
            answer.usage = chunk.get("usage") or answer.usage
        answer.seconds = time.monotonic() - begin
        click.echo()
        click.secho(answer.meter(), dim=True, err=True)
        self._messages.append({"role": "assistant", "content": answer.text})
        return answer


def _chunks(client: httpx.Client, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    with _reaching(client), client.stream("POST", "/v1/openai/chat/completions", json=body) as response:
        if response.status_code != 200:
            response.read()
            raise BadSetting(_message(response))
        for line in response.iter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                chunk = json.loads(line.removeprefix("data: "))
                if "error" in chunk:
                    raise BadSetting(chunk["error"]["message"])
                yield chunk


def _first_model(client: httpx.Client) -> str:
    with _reaching(client):
        response = client.get("/v1/models")
    if response.status_code != 200:
        raise BadSetting(_message(response))
    try:
        return str(response.json()["data"][0]["id"])
    except (ValueError, LookupError, TypeError):
        raise BadSetting(f"{client.base_url} answers, but not with a list of models: is it reckon?") from None


@contextmanager
def _reaching(client: httpx.Client) -> Iterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        raise BadSetting(f"no server answers at {client.base_url} ({error}); `reckon serve` starts one") from None


def _message(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return f"the server answered {response.status_code}"


def _line() -> str:
    try:
        return input("> ").strip()
    except (EOFError, KeyboardInterrupt):
        return ""
