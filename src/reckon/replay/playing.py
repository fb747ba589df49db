"""Sends a recorded request to a server again, with its seed, and has both answers judged. Knows HTTP and nothing behind it."""

from typing import Any

import httpx

from reckon.errors import BadSetting
from reckon.replay.answer import Tree, promised, whole
from reckon.replay.recording import FINGERPRINT, SEED, Recording
from reckon.replay.verdict import Verdict, judge


def replay(client: httpx.Client, recording: Recording) -> Verdict:
    """Raises BadSetting when no server answers; whatever else is in the way is an ``incomparable`` verdict."""
    try:
        recorded = _told("the recorded answer", recording.response)
        body = seeded(recording)
    except BadSetting as error:
        return Verdict("incomparable", error.message)
    response = _post(client, recording.request.path, body)
    try:
        now = _told("the answer now", _content(response))
    except BadSetting as error:
        return Verdict("incomparable", error.message)
    fingerprints = (
        recorded.get("system_fingerprint") or recording.header(FINGERPRINT),
        now.get("system_fingerprint") or response.headers.get(FINGERPRINT, ""),
    )
    return judge(promised(recorded), promised(now), *fingerprints)


def seeded(recording: Recording) -> dict[str, Any]:
    """The body with the seed that the server drew, if it drew one. Raises BadSetting when that is not known and matters."""
    body = recording.request.body
    if body.get("seed") is not None or body.get("temperature") == 0:
        return body
    seed = recording.header(SEED)
    if not seed.isdecimal():
        raise BadSetting(f"the seed is not known: the request has none, and the recording not the header {SEED} of its answer")
    return {**body, "seed": int(seed)}


def _told(which: str, response: dict[str, Any] | str | list[dict[str, Any]]) -> Tree:
    try:
        return whole(response)
    except BadSetting as error:
        raise BadSetting(f"{which} cannot be compared: {error.message}") from None
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise BadSetting(f"{which} cannot be compared: it is none of this API's ({error!r})") from None


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> httpx.Response:
    try:
        return client.post(path, json=body)
    except httpx.TransportError as error:
        raise BadSetting(f"no server answers at {client.base_url} ({error}); `reckon serve` starts one") from None


def _content(response: httpx.Response) -> dict[str, Any] | str:
    """Raises BadSetting for what is neither a stream nor a JSON object."""
    if response.headers.get("content-type", "").startswith("text/event-stream"):
        return response.text
    try:
        content = response.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise BadSetting(f"status {response.status_code} without a JSON object: {response.text[:200]!r}")
    return content
