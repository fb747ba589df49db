"""The Playground's modules that need no browser, by node's own test runner; and that what is vendored is what it says it is."""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools import need

HERE = Path(__file__).parent
STATIC = Path(__file__).parents[3] / "src" / "reckon" / "pages" / "static"
VENDOR = STATIC / "vendor"
SUITES = sorted(path.name for path in HERE.glob("*.test.mjs"))

UNCHANGED = {
    "stix-two-math/stix-two-math-latin-400-normal.woff2": "8b2a6834cfe1f4e0f3724ffa59fe92000013fc5a4c41e6a3f438006c26c60f0d",
    "markdown-it/markdown-it.esm.min.mjs": "d5432491790141da046b1197353705db03264f40b5727f3b4b591f5aba193e30",
    "temml/Temml-Local.css": "544f4e3fee4c36f4568e4f145fa626dc9573c5f4c96c523aadcc433c3989a239",
    "temml/Temml.woff2": "fc70501355ae6d38ff0b80f825af153557d5f2f474198d6b9b7dd2d3a291a0cc",
    "temml/temml.min.js": "1ab19148afe0dbc836b7a74f344071b3f3a70a7a8259ae4049e76894fcdf8d95",
}
"""SHA-256 of the files as npm has them."""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the modules beside their tests, and a package.json that calls them modules: node wants to be told."""
    need("node")
    need("bash")
    room = tmp_path_factory.mktemp("modules")
    for name in ("playground", "vendor"):
        shutil.copytree(STATIC / name, room / name)
    for suite in SUITES:
        shutil.copy(HERE / suite, room)
    (room / "package.json").write_text(json.dumps({"type": "module"}))
    return room


@pytest.mark.parametrize("suite", SUITES)
def test_module(room: Path, suite: str) -> None:
    done = subprocess.run(["node", "--test", suite], cwd=room, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = re.search(r"tests (\d+)", done.stdout)
    assert ran is not None and int(ran[1]) > 1, done.stdout


@pytest.mark.parametrize("module", sorted(path.name for path in (STATIC / "playground").iterdir()))
def test_no_module_makes_elements_or_programs_of_text(module: str) -> None:
    text = (STATIC / "playground" / module).read_text()
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function", text) == []
    assert text.startswith("/**"), "a module says what it is"


@pytest.mark.parametrize("name", UNCHANGED)
def test_vendored_files_are_unchanged(name: str) -> None:
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == UNCHANGED[name]


@pytest.mark.parametrize("library", sorted(path.name for path in VENDOR.iterdir()))
def test_vendored_libraries_say_what_they_are(library: str) -> None:
    what, where, unchanged = (VENDOR / library / "VERSION").read_text().splitlines()
    assert re.fullmatch(r".* \d+\.\d+\.\d+, (MIT|OFL-1\.1)", what)
    assert re.fullmatch(r"from https://registry\.npmjs\.org/\S+\.tgz \(sha512-\S{88}\)", where)
    kept = {Path(name).name for name in unchanged.removeprefix("unchanged: ").split(", ")}
    there = {path.name for path in (VENDOR / library).iterdir()} - {"VERSION", "LICENSE"}
    assert kept == there == {Path(name).name for name in UNCHANGED if name.startswith(f"{library}/")}
    assert "permission" in (VENDOR / library / "LICENSE").read_text().lower()
