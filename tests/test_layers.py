"""The tree keeps its rules: layers, sides, no hidden imports, no cycles, no long files, and what each process brings along."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from layers import MAX_FILE_LINES, PEER_LIBRARIES, PEERS, RANK, breaches, cycle, libraries, long_functions

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {name_of(path): path.read_text(encoding="utf-8") for path in sorted(SRC.rglob("*.py"))}

LONG_FUNCTIONS = {
    "reckon.devices.cpu.step.step": "one compiled call is one step: the model's layers in order, a barrier after each phase",
}
BROUGHT_ALONG = {"llvmlite": "numba"}
"""Libraries that are not declared because a declared one is pinned to exactly the version that fits."""


@pytest.mark.parametrize("module", SOURCES)
def test_imports(module: str) -> None:
    assert breaches(module, SOURCES[module]) == []


def test_every_package_has_a_layer() -> None:
    packages = {path.name for path in (SRC / "reckon").iterdir() if path.is_dir() and any(path.glob("*.py"))}
    modules = {path.stem for path in (SRC / "reckon").glob("*.py")} - {"__init__"}
    assert packages | modules == set(RANK)


def test_no_cycles() -> None:
    assert cycle(SOURCES) == []


def test_init_files_are_empty() -> None:
    inits = {name_of(path): path.read_text() for path in SRC.rglob("__init__.py")}
    (docstring, version) = ast.parse(inits.pop("reckon")).body
    assert isinstance(docstring, ast.Expr)
    assert isinstance(version, ast.Assign) and ast.unparse(version.targets[0]) == "__version__"
    assert set(inits.values()) == {""}


def test_every_module_says_what_it_is() -> None:
    silent = [module for module, source in SOURCES.items() if source and not ast.get_docstring(ast.parse(source))]
    assert silent == []


def test_no_file_is_too_long() -> None:
    lengths = {module: source.count("\n") for module, source in SOURCES.items()}
    assert {module: length for module, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_no_function_is_too_long_without_a_reason() -> None:
    assert [name for module, source in SOURCES.items() for name in long_functions(module, source)] == list(LONG_FUNCTIONS)


def test_libraries_are_those_that_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared, optional = (
        {re.split(r"[^\w-]", requirement)[0].replace("-", "_") for requirement in requirements}
        for requirements in (project["dependencies"], extras["cuda"] + extras["plots"])
    )
    ours = {module: source for module, source in SOURCES.items() if not module.startswith(PEERS)}
    used = set().union(*(libraries(module, source) for module, source in ours.items()))
    for library, bringer in BROUGHT_ALONG.items():
        assert any(re.match(rf"{library}\b", requirement) for requirement in importlib.metadata.requires(bringer) or [])
    assert used - optional - BROUGHT_ALONG.keys() == declared  # both ways: nothing is declared that is not used


def test_every_script_for_a_peer_has_a_rule() -> None:
    assert {module.removeprefix(PEERS) for module in SOURCES if module.startswith(PEERS)} == set(PEER_LIBRARIES)


WEB = {"alembic", "httpx", "huggingface_hub", "jinja2", "sqlalchemy", "starlette", "tokenizers", "uvicorn"}
NUMBERS = {"numba", "llvmlite", "torch", "transformers", "triton"}


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("reckon.cli.main", WEB | NUMBERS | {"msgspec", "numpy", "rich"}),
        ("reckon.cli.serve", NUMBERS | {"numpy", "reckon.devices", "reckon.models", "reckon.worker"}),
        ("reckon.cli.chat", NUMBERS | {"numpy", "reckon.api", "reckon.engines", "starlette", "uvicorn"}),
        # numba reads where its cache is when it is imported, and ``select`` says where.
        ("reckon.bench.engine", NUMBERS),
        ("reckon.bench.guessing", NUMBERS),
        ("reckon.bench.versus.ours", NUMBERS),
        ("reckon.worker.__main__", WEB | NUMBERS | {"click", "rich", "prometheus_client", "psycopg"}),
        (
            "reckon.worker.loop",
            WEB | NUMBERS | {"reckon.api", "reckon.catalog", "reckon.engines", "reckon.ledger", "reckon.text"},
        ),
    ],
)
def test_what_a_process_does_not_load(module: str, absent: set[str]) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert module in loaded
    assert loaded & absent == set()


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("reckon.job", "from reckon.config import load", "reckon.job:1 imports config, which is above job"),
        ("reckon.errors", "import reckon.job", "imports job, which is of the same rank as errors"),
        ("reckon.api.app", "from reckon.pages import views", "imports pages, which is above api"),
        ("reckon.api.app", "from reckon.devices import select", "imports devices, which is on the other side of the link"),
        ("reckon.worker.loop", "import reckon.ledger.db", "imports ledger, which is on the other side of the link"),
        ("reckon.devices.base", "from reckon.config import Config", "imports config, which is on the other side of the link"),
        ("reckon.models.arch", "from reckon.text.template import ChatTemplate", "imports text, which is on the other side"),
        ("reckon.api.app", "from reckon.cli.serve import serve", "imports cli, which is above api"),
        ("reckon.api.app", "from reckon.novel import x", "imports novel from api: one of them has no layer"),
        (
            "reckon.api.asking.schema",
            "from reckon.api.auth import Guard",
            "imports reckon.api.auth, which is outside reckon.api.a",
        ),
        ("reckon.api.asking.schema", "from reckon.api.answers import sse", "imports reckon.api.answers, which is outside"),
        ("reckon.api.answers.sse", "from reckon.api import asking", "imports reckon.api, which is outside reckon.api.answers"),
        ("reckon.novel.app", "from reckon.api import x", "imports api from novel: one of them has no layer"),
        ("reckon.api.app", "from .chat import Chat", "imports relatively"),
        ("reckon.api.app", "from . import chat", "imports relatively"),
        ("reckon.api.app", "def f():\n    import json", "reckon.api.app:2 imports json inside something"),
        ("reckon.api.app", "if True:\n    import json", "reckon.api.app:2 imports json inside something"),
        ("reckon.devices.base", "def f():\n    import numpy", "imports numpy inside something"),
        ("reckon.api.app", "from typing import TYPE_CHECKING", "names TYPE_CHECKING"),
        ("reckon.api.app", "import typing\nif typing.TYPE_CHECKING:\n    pass", "names TYPE_CHECKING"),
        ("reckon.api.app", "import importlib\nimportlib.import_module('torch')", "names import_module"),
        ("reckon.api.app", "__import__('torch')", "names __import__"),
        ("reckon.api.app", "import numpy as np", "imports numpy, which api does without"),
        ("reckon.worker.loop", "from starlette.routing import Route", "imports starlette, which worker does without"),
        ("reckon.link", "import numpy", "imports numpy, which link does without"),
        ("reckon.devices.cpu.step", "import torch", "imports torch, which only the cuda device may"),
        ("reckon.cli.serve", "def f():\n    import torch", "imports torch, which only the cuda device may"),
        ("reckon.bench.serve", "from matplotlib.figure import Figure", "imports matplotlib, which only reckon.bench.plot may"),
        ("reckon.bench.peers.for_vllm", "from reckon.job import Job", "imports reckon, which for_vllm does without"),
        ("reckon.bench.peers.for_vllm", "import llama_cpp", "imports llama_cpp, which for_vllm does without"),
        ("reckon.bench.peers.for_vllm", "def f():\n    import vllm", "imports vllm inside something"),
        ("reckon.bench.peers.orders", "import numpy", "imports numpy, which orders does without"),
        (
            "reckon.bench.versus.ours",
            "from reckon.bench.peers import for_vllm",
            "imports reckon.bench.peers, which is for another",
        ),
        ("reckon.cli.main", "def f():\n    import reckon.bench.peers.for_vllm", "which is for another interpreter"),
    ],
)
def test_a_bad_import_is_caught(module: str, source: str, complaint: str) -> None:
    (found,) = breaches(module, source)
    assert complaint in found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("reckon.api.app", "import reckon\nfrom reckon.api.chat import Chat\nfrom reckon.engines.pool import Pool"),
        ("reckon.api.asking.schema", "from reckon.api.asking import fields\nfrom reckon.job import Job"),
        ("reckon.cli.main", "def f():\n    from reckon.worker.loop import serve"),
        ("reckon.devices.select", "def f():\n    from reckon.devices.reference import ReferenceDevice"),
        ("reckon.bench.peers.for_vllm", "import os\nimport vllm\nfrom orders import serve"),
        ("reckon.bench.versus.ours", "from reckon.bench.peers.orders import serve"),
        ("reckon.devices.cuda.decoder", "import torch\nimport triton.language as tl"),
        ("reckon.worker.loop", "from reckon.devices.base import Device\nfrom reckon.link import Submit\nimport numpy"),
    ],
)
def test_a_good_import_is_not(module: str, source: str) -> None:
    assert breaches(module, source) == []


def test_a_cycle_is_caught() -> None:
    sources = {
        "reckon.api": "",
        "reckon.api.a": "from reckon.api import b",
        "reckon.api.b": "def f():\n    import reckon.api.c",
        "reckon.api.c": "from reckon.api.a import x",
        "reckon.api.d": "from reckon.api.a import x",
    }
    assert cycle(sources) == ["reckon.api.a", "reckon.api.b", "reckon.api.c", "reckon.api.a"]
    assert cycle(sources | {"reckon.api.c": ""}) == []


def test_a_long_function_is_caught() -> None:
    def function(lines: int) -> str:
        return "class C:\n    @property\n    def f(self):\n" + "        pass\n" * (lines - 1)

    assert long_functions("reckon.x", function(41)) == ["reckon.x.C.f"]
    assert long_functions("reckon.x", function(40)) == []


def test_libraries_are_found() -> None:
    assert libraries(
        "reckon.x", "import os\nimport numpy.typing\nfrom reckon import job\ndef f():\n    from rich import print"
    ) == {
        "numpy",
        "rich",
    }
