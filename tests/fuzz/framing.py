"""Hostile HTTP: headers, framing and manners, around bodies that may be valid. ``attack(seed, number)`` is the one entrance."""

import gzip
import random
from collections.abc import Callable
from typing import TypeAlias

from tests.fuzz.attack import CHAT, KEY, Attack, post
from tests.fuzz.bodies import SPOILERS, dumped, untouched, valid

Framer: TypeAlias = Callable[[random.Random], Attack]

BOMB = gzip.compress(bytes(100_000_000), 1)
HEADERS = (
    b"content-encoding: gzip", b"content-encoding: br", b"content-encoding: gzip, gzip", b"content-encoding: \xff",
    b"accept: text/html", b"accept-encoding: *;q=0", b"expect: 100-continue", b"expect: the unexpected", b"upgrade: websocket",
    b"connection: upgrade\r\nupgrade: h2c", b"range: bytes=0-0", b"x-forwarded-for: " + b"1," * 2000,
    b"cookie: " + b"a=b;" * 2000,
    b"authorization: Basic Og==", b"authorization: Bearer ", b"x: \x00", b"x: \x01\x02", b"x : y", b": y", b"x", b" folded",
    b"x: " + b"y" * 60_000, b"x-request-id: ../../\xff", b"x-api-key: " + b"k" * 9000, b"content-length: 5",
    b"transfer-encoding: chunked", b"transfer-encoding: gzip", b"host: a\r\nhost: b", b"x-reckon-seed: 1\nx: 2",
)  # fmt: skip
TYPES = (
    b"text/plain", b"", b"application/json; charset=utf-16", b"application/xml", b"multipart/form-data; boundary=", b"\xff",
    b"application/json;;;", b"application/json; charset=", b"APPLICATION/JSON", b"application/json, application/json",
)  # fmt: skip
PATHS = (
    b"/", b"//", b"/v1", CHAT + b"/", CHAT + b"?" + b"a" * 60_000, b"/v1/../../etc/passwd", b"/%00", b"/v1/models/%ff%fe",
    b"/v1/models/" + b"a" * 9000, b"/v1/models/..%2f..%2f", b"/v1/usage?since=nan", b"/metrics", b"/health?x=%", b"*",
    b"http://elsewhere/v1/models", b"/v1/models/\xff", b"/v1/models/ x", b"/openapi.json", b"/models/" + b"%2e%2e/" * 50,
)  # fmt: skip
METHODS = (
    b"GET",
    b"PUT",
    b"DELETE",
    b"HEAD",
    b"OPTIONS",
    b"TRACE",
    b"CONNECT",
    b"PATCH",
    b"post",
    b"G\x00T",
    b"PRI",
    b"X" * 5000,
)
LENGTHS = (b"-1", b"1e3", b"0x10", b"99999999999999999999", b"9000000", b"", b"5, 5", b"+5", b" 7 ", b"\xd9\xa1")


def spoiled(rng: random.Random) -> Attack:
    spoiler = rng.choice(SPOILERS)
    return Attack(f"body {spoiler.__name__}", (post(spoiler(rng)),))


def headers(rng: random.Random) -> Attack:
    """Whether these are answered is up to the parser: some leave a body that never ends."""
    lines = [rng.choice(HEADERS) for _ in range(rng.choice([1, 1, 3, 200]))]
    return Attack("headers", (post(untouched(rng), *lines),), expects=0)


def media(rng: random.Random) -> Attack:
    return Attack("content type", (post(untouched(rng), content_type=rng.choice(TYPES)),))


def zipped(rng: random.Random) -> Attack:
    body = dumped(valid(rng))
    packed = rng.choice([gzip.compress(body), gzip.compress(body)[:-6], BOMB, gzip.compress(BOMB), b"\x1f\x8b" + body, body])
    return Attack(
        "gzip", (post(packed, b"content-encoding: " + rng.choice([b"gzip", b"GZIP", b"x-gzip", b"deflate", b"zstd"])),)
    )


def places(rng: random.Random) -> Attack:
    method = rng.choice([*METHODS, b"GET", b"GET", b"POST", b"POST"])
    version = rng.choice([b"HTTP/1.1"] * 5 + [b"HTTP/1.0", b"HTTP/9.9", b""])
    first = b" ".join([method, rng.choice(PATHS), version])
    lines = [first, b"host: reckon", b"authorization: Bearer " + KEY, b"connection: close"]
    return Attack("method and path", (b"\r\n".join(lines) + b"\r\n\r\n",), expects=0)


def keys(rng: random.Random) -> Attack:
    key = rng.choice(
        [b"", b"rk-" + b"a" * 43, KEY + b"x", KEY[:-1], b"\xff" * 40, b"a" * 50_000, b"' or 1=1 --", b"Bearer " + KEY]
    )
    return Attack("key", (post(untouched(rng)).replace(KEY, key),))


def lengths(rng: random.Random) -> Attack:
    request = post(untouched(rng))
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"content-length")]
    lines.append(b"content-length: " + rng.choice(LENGTHS))
    return Attack("content length", (b"\r\n".join(lines) + b"\r\n\r\n" + body,), expects=0, half_close=rng.random() < 0.5)


def chunked(rng: random.Random) -> Attack:
    body = untouched(rng)
    head = post(b"").partition(b"content-length")[0] + b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    whole = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    single = b"".join(b"1;%s\r\n%c\r\n" % (b"x" * rng.choice([0, 0, 50]), byte) for byte in body) + b"0\r\n\r\n"
    bad = [
        b"%x\r\n%s" % (len(body) + 5, body), b"ffffffffffffffffff\r\n" + body, b"-5\r\n" + body, b"zz\r\n" + body,
        whole[:-5], whole.replace(b"\r\n", b"\n"), b"0\r\n\r\n" + whole, b"%x;%s\r\n%s" % (len(body), b"e" * 60_000, body),
        b"%x\r\n%s\r\n0\r\n%s\r\n\r\n" % (len(body), body, b"trailer: x\r\n" * 500), rng.randbytes(200),
    ]  # fmt: skip
    if rng.random() < 0.4:
        return Attack("chunked", (head + rng.choice([whole, single]),))
    return Attack("chunked badly", (head + rng.choice(bad),), expects=0, half_close=rng.random() < 0.5)


def pipelined(rng: random.Random) -> Attack:
    """Several requests in one write: each is answered, in order."""
    count = rng.randint(2, 6)
    bodies = [rng.choice(SPOILERS)(rng) for _ in range(count)]
    bodies = [body if len(body) < 50_000 else untouched(rng) for body in bodies]
    parts = [post(body, close=number == count - 1) for number, body in enumerate(bodies)]
    return Attack("pipelined", (b"".join(parts),), expects=count)


def slow(rng: random.Random) -> Attack:
    """The body comes in pieces. The head does not: an early refusal of it would meet what is still written as a reset."""
    body = rng.choice(SPOILERS)(rng)[:3000]
    head = post(body)[: -len(body) or None]
    step = max(1, len(body) // rng.randint(2, 8))
    return Attack("slow", (head, *(body[start : start + step] for start in range(0, len(body), step))), pause=0.02)


def half_closed(rng: random.Random) -> Attack:
    """Our direction is closed, at the end or in the middle of the body."""
    request = post(untouched(rng))
    cut = rng.choice([len(request), rng.randrange(len(request))])
    return Attack("half closed", (request[:cut],), expects=0, half_close=True)


def vanishing(rng: random.Random) -> Attack:
    request = post(dumped(valid(rng) | {"max_tokens": 200, "stream": rng.random() < 0.5}))
    cut = rng.choice([len(request), len(request), rng.randrange(len(request))])
    return Attack("vanishing", (request[:cut],), expects=0, vanish=True)


def held(rng: random.Random) -> Attack:
    request = post(untouched(rng))
    return Attack("held open", (request[: rng.randrange(len(request))],), expects=0, hold=True)


def garbage(rng: random.Random) -> Attack:
    raw = rng.choice([rng.randbytes(300), b"\x16\x03\x01" + rng.randbytes(200), b"\r\n" * 500,
                      b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /\r\n", b"\x00" * 1000, b"POST " * 20_000])  # fmt: skip
    return Attack("garbage", (raw,), expects=0, half_close=rng.random() < 0.5)


FRAMERS: tuple[Framer, ...] = (
    headers, media, zipped, places, keys, lengths, chunked, pipelined, slow, half_closed, vanishing, held, garbage,
)  # fmt: skip
SPOILED = 0.7
"""The part of the requests that is proper HTTP with a spoiled body."""


def attack(seed: int, number: int) -> Attack:
    """The request with this number: the same bytes whenever it is asked for."""
    rng = random.Random(f"{seed}/{number}")
    return spoiled(rng) if rng.random() < SPOILED else rng.choice(FRAMERS)(rng)
