"""What holds for every page: the policy, nothing inline, landmarks, sizes, caching, and errors as pages for browsers only."""

import gzip
import json
import posixpath
import re

import httpx
import pytest

from pages.site import QWQ, TABS, Html, Site
from reckon.pages import files
from reckon.pages.rendering import HERE

PAGES = ["/", "/signin", *(QWQ + tab for tab in TABS), *("/fake/model" + tab for tab in TABS)]
FIRST_PAINT = 100_000
"""Bytes transferred, compressed, for everything a page loads by itself."""
IMPORT = re.compile(r"""(?:import|from)\s*\(?\s*["']([^"']+)["']""")


@pytest.mark.parametrize("path", PAGES)
async def test_every_page(site: Site, path: str) -> None:
    response = await site.get(path, signed_in=True)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    check_headers(response)
    assert response.headers["cache-control"] == "no-store"
    html = Html(response.text)
    check_nothing_inline(html)
    check_landmarks(html)
    assert site.key not in response.text


def check_headers(response: httpx.Response) -> None:
    policy = dict(part.strip().split(" ", 1) for part in response.headers["content-security-policy"].split(";"))
    assert "unsafe" not in response.headers["content-security-policy"]
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert "http" not in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


def check_nothing_inline(html: Html) -> None:
    scripts = [script for script in html.all("script") if script.get("type") != "application/json"]
    assert all(script["src"].startswith("/static/") for script in scripts)
    assert html.all("style") == []
    for tag, attributes in html.elements:
        assert "style" not in attributes, tag
        assert not any(name.startswith("on") for name in attributes), tag
        for name in {"src", "action", "srcset"} & attributes.keys():
            assert attributes[name].startswith("/"), attributes
    assert all(link["href"].startswith("/") for link in html.all("link"))


def check_landmarks(html: Html) -> None:
    for tag in ("header", "main", "footer", "h1", "title"):
        assert html.all(tag), tag
    assert len(html.all("main")) == len(html.all("h1")) == 1
    assert html.all("a")[0]["href"] == "#content"
    assert html.all("html")[0]["lang"] == "en"
    assert all("alt" in image for image in html.all("img"))
    ids = [attributes["id"] for _, attributes in html.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def loaded(html: Html) -> set[str]:
    """The files of ours that a browser fetches for a page by itself, modules' imports included."""
    found = {link["href"] for link in html.all("link")} | {image["src"] for image in html.all("img")}
    waiting = [script["src"] for script in html.all("script") if "src" in script]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            source = (HERE / name.lstrip("/")).read_text()
            waiting += [posixpath.normpath(posixpath.join(posixpath.dirname(name), to)) for to in statically(source)]
    return found


def statically(source: str) -> list[str]:
    """What a module imports before it runs; import() comes later."""
    return re.findall(r"""^(?:import\b[^"';()]*|export\s*(?:\*|{[^}]*})\s*from\s*)["']([^"']+)["']""", source, re.MULTILINE)


@pytest.mark.parametrize("path", PAGES)
async def test_first_paint_is_small(site: Site, path: str) -> None:
    client = site.client(signed_in=True)
    async with client.stream("GET", path) as response:
        sizes = {path: len(b"".join([part async for part in response.aiter_raw()]))}
    html = Html((await client.get(path)).text)
    for name in loaded(html):
        async with client.stream("GET", name) as response:
            assert response.status_code == 200, name
            sizes[name] = len(b"".join([part async for part in response.aiter_raw()]))
    assert sum(sizes.values()) < FIRST_PAINT, sizes


async def test_modules_import_what_is_there(site: Site) -> None:
    for path in (HERE / "static").rglob("*.js"):
        for to in IMPORT.findall(path.read_text()) if "vendor" not in path.parts else []:
            if to.startswith(("/", ".")):
                name = "/" + str(path.relative_to(HERE))
                target = posixpath.normpath(posixpath.join(posixpath.dirname(name), to))
                assert (await site.get(target)).status_code == 200, f"{name} imports {to}"


async def test_pages_are_compressed_for_who_can_read_it(site: Site) -> None:
    packed = await site.get("/", headers={"accept-encoding": "gzip"})
    plain = await site.get("/", headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text
    assert int(packed.headers["content-length"]) < len(plain.content) / 2


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("reckon.css", "text/css; charset=utf-8"),
        ("page.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
async def test_a_file_is_typed_and_asked_about_again(site: Site, name: str, kind: str) -> None:
    first = await site.get(f"/static/{name}")
    assert first.headers["content-type"] == kind
    assert first.content == (files.ROOT / name).read_bytes()
    check_headers(first)
    again = await site.get(f"/static/{name}", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = await site.get(f"/static/{name}", headers={"if-none-match": '"something-else"'})
    assert other.status_code == 200


@pytest.mark.parametrize(
    "name", ["../site.py", "..%2fsite.py", "%2e%2e/views.py", "/etc/passwd", "", "playground", "nothing.js"]
)
async def test_only_files_of_ours_are_served(site: Site, name: str) -> None:
    response = await site.get(f"/static/{name}", headers={"accept": "*/*"})
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


def test_a_file_is_packed_once() -> None:
    file = files.find("icon.svg")
    assert file.body == gzip.decompress(file.packed)
    assert file is files.find("icon.svg")


@pytest.mark.parametrize("path", ["/Qwen/QwQ", "/nobody/nothing", "/Qwen", "/Qwen/QwQ-32B-Preview/nothing", "/favicon.ico"])
async def test_what_is_not_there_is_a_page_for_browsers(site: Site, path: str) -> None:
    response = await site.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    check_headers(response)
    check_landmarks(Html(response.text))
    assert path in response.text


async def test_what_is_not_there_is_an_envelope_for_programs(site: Site) -> None:
    for headers in ({"accept": "*/*"}, {"accept": "application/json"}):
        response = await site.get("/nobody/nothing", headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


async def test_an_api_error_is_a_page_for_browsers_too(site: Site) -> None:
    response = await site.get("/v1/usage")
    assert response.status_code == 401
    assert "<h1>Sign in first</h1>" in response.text
    wrong = await site.get("/v1/completions")
    assert wrong.status_code == 405
    assert "does not take GET" in wrong.text


async def test_hostile_addresses_are_only_text(site: Site) -> None:
    response = await site.get("/<script>alert(1)</script>/x")
    assert response.status_code == 404
    assert "<script>alert" not in response.text
    searched = await site.get("/", params={"q": '"><script>alert(1)</script>'})
    assert "<script>alert" not in searched.text
    hosted = await site.get("/fake/model/api", headers={"host": 'evil"><script>alert(1)</script>'})
    assert "<script>alert" not in hosted.text


async def test_pages_are_not_in_openapi(site: Site) -> None:
    paths = json.loads((await site.get("/openapi.json")).text)["paths"]
    assert "/" not in paths
    assert not any("static" in path for path in paths)
