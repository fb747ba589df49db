import gzip
import json
import zlib
from typing import Any

import pytest

from api.desk import CHAT, Desk, chat_body
from reckon.api.asking import body
from reckon.errors import UnsupportedMediaType

JSON = {"content-type": "application/json"}
GZIP = {**JSON, "content-encoding": "gzip"}
BODY = json.dumps(chat_body()).encode()


async def sent(desk: Desk, content: Any, headers: Any = GZIP, path: str = CHAT) -> tuple[int, str]:
    response = await desk.client().post(path, content=content, headers=headers)
    return response.status_code, response.json().get("error", {}).get("message", "")


@pytest.mark.parametrize("declared", ["gzip", "GZIP", "x-gzip"])
async def test_a_gzipped_body(desk: Desk, declared: str) -> None:
    async def drop_by_drop() -> Any:
        for byte in gzip.compress(BODY):
            yield bytes([byte])

    headers = {**JSON, "content-encoding": declared}
    assert (await sent(desk, gzip.compress(BODY), headers))[0] == 200
    assert (await sent(desk, drop_by_drop(), headers))[0] == 200
    assert (await sent(desk, BODY, {**JSON, "content-encoding": "identity"}))[0] == 200
    text = gzip.compress(json.dumps({"model": "fake/model", "prompt": "a"}).encode())
    assert (await sent(desk, text, headers, "/v1/completions"))[0] == 200


@pytest.mark.parametrize("declared", ["br", "deflate", "zstd", "gzip, gzip", "gzip, br"])
async def test_other_encodings_are_named(desk: Desk, declared: str) -> None:
    status, message = await sent(desk, BODY, {**JSON, "content-encoding": declared})
    assert (status, message) == (415, f"content-encoding must be gzip or absent, not {declared}.")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (BODY, "The body is not valid gzip: "),
        (zlib.compress(BODY), "The body is not valid gzip: "),
        (gzip.compress(BODY)[:-4], "The body's gzip is not complete."),
        (b"", "The body's gzip is not complete."),
        (gzip.compress(BODY)[:-8] + b"\0" * 8, "The body is not valid gzip: "),
        (gzip.compress(BODY) + b"more", "The body goes on after the end of its gzip."),
        (gzip.compress(BODY) * 2, "The body goes on after the end of its gzip."),
        (gzip.compress(b"{"), "The body is not valid JSON: "),
    ],
)
async def test_broken_gzip(desk: Desk, content: bytes, says: str) -> None:
    status, message = await sent(desk, content)
    assert status == 400 and message.startswith(says)


async def test_a_second_part_after_the_end(desk: Desk) -> None:
    async def two() -> Any:
        yield gzip.compress(BODY)
        yield b"more"

    assert await sent(desk, two()) == (400, "The body goes on after the end of its gzip.")


async def test_the_limit_holds_for_the_inflated_body(make_desk: Any) -> None:
    desk = make_desk(max_body_mb=0.001)
    fitting = BODY + b" " * (1000 - len(BODY))
    assert (await sent(desk, gzip.compress(fitting)))[0] == 200
    status, message = await sent(desk, gzip.compress(fitting + b" "))
    assert (status, message) == (413, "The body is larger than 1000 bytes when it is inflated, the limit of this server.")


async def test_a_bomb_is_given_up_at_the_limit(make_desk: Any) -> None:
    """200 MB of zeros in 200 kB: what is inflated is never much more than the limit."""
    desk = make_desk(max_body_mb=1)
    bomb = zlib.compressobj(9, zlib.DEFLATED, body.GZIP)
    content = b"".join(bomb.compress(bytes(1 << 24)) for _ in range(12)) + bomb.flush()
    assert len(content) < 1_000_000
    assert (await sent(desk, content))[0] == 413


def test_media_types() -> None:
    for good in ("application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'):
        body.check_media_type(good)
    for bad in (
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "application/jsonx",
    ):
        with pytest.raises(UnsupportedMediaType, match=r"^content-type must be"):
            body.check_media_type(bad)
