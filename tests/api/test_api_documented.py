"""docs/api.md against the code: its tables are generated here, its examples are run against a real port."""

import contextlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.desk import Desk, served
from fakes import CARD, FakeEngine, say
from reckon.api import completions, messages
from reckon.api.asking import fields
from reckon.api.asking.reading import Field
from reckon.job import CallDelta, Finish, Usage

DOC = Path(__file__).parents[2] / "docs" / "api.md"
ADDRESS = "http://127.0.0.1:8000"
CALL = (CallDelta(0, 0, '{"a":12,"b":30}', "call_1", "add"), Finish(0, "tool_calls", Usage()))


def table(rows: tuple[Field, ...]) -> str:
    """A table of fields, as it stands in the page."""
    lines = ["| field | must be | default | what it is |", "|---|---|---|---|"]
    for row in rows:
        default = "required" if row.required else "" if row.default in (None, ()) else f"`{json.dumps(row.default)}`"
        description = row.description if row.effect else f"Without effect: {row.description}"
        cells = (f"`{row.name}`", row.rule, default, description)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOC.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def abacus(make_desk: Any) -> Desk:
    desk: Desk = make_desk(FakeEngine(msgspec.structs.replace(CARD, id="reckon/abacus")))
    return desk


@pytest.mark.parametrize(
    ("name", "rows"), [("chat", fields.FIELDS), ("completions", completions.FIELDS), ("messages", messages.FIELDS)]
)
def test_the_tables_are_those_of_the_code(name: str, rows: tuple[Field, ...]) -> None:
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n?<!-- end -->", DOC.read_text(), re.DOTALL)
    assert found is not None and found[1] == table(rows), f"put this into {DOC.name}:\n{table(rows)}"


def test_the_endpoints_are_those_of_the_code(abacus: Desk) -> None:
    routes: dict[tuple[str, str, str], list[str]] = {}
    for entry in abacus.app.entries:
        summary = entry.about.summary if entry.about else ""
        routes.setdefault((entry.method, entry.access, summary), []).append(f"`{entry.path.replace(':path', '')}`")
    rows = [f"| {method} | {', '.join(paths)} | {access} | {summary} |" for (method, access, summary), paths in routes.items()]
    assert re.findall(r"^\| (?:GET|POST) .*$", DOC.read_text(), re.MULTILINE) == rows


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_examples_in_curl(abacus: Desk) -> None:
    with served(abacus.app) as address:
        for example in examples("bash"):
            ran = subprocess.run(
                ["bash", "-ec", example.replace(ADDRESS, address)],
                capture_output=True,
                text=True,
                timeout=20,
                env={"PATH": "/usr/bin:/bin", "RECKON_KEY": abacus.key},
            )
            assert ran.returncode == 0 and ran.stdout.startswith(("{", "data: {")), ran
            assert not re.search(r'^(data: )?{"error"', ran.stdout, re.MULTILINE), ran


def test_the_examples_in_python(abacus: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(served(abacus.app))
        stack.callback(lambda: names["client"].close())
        for example in examples("python"):
            if "tools=" in example:
                abacus.engine.enqueue(*CALL)
            if "json_schema" in example:
                abacus.engine.enqueue(*say('{"sum": 2}'))
            code = example.replace(ADDRESS, address).replace('os.environ["RECKON_KEY"]', repr(abacus.key))
            exec(compile(code, str(DOC), "exec"), names)
    assert names["messages"][-1] == {"role": "tool", "tool_call_id": "call_1", "content": "42"}
    assert " Hi!" in capsys.readouterr().out
