"""The fingerprint: a change of anything that decides the bits changes it, and nothing else does."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from reckon.devices.base import Device
from reckon.devices.cpu.compile import target
from reckon.devices.cpu.device import CpuDevice
from reckon.devices.cpu.isa import available
from reckon.devices.reference import ReferenceDevice
from reckon.worker.fingerprint import ON_THE_WAY, PACKAGE, engine_digest, fingerprint, sources
from worker.driving import FakeDevice

MODEL = "0123456789abcdef"


class OtherPath(FakeDevice):
    numeric_path = "fake/rounded"


class OtherTools(FakeDevice):
    toolchain = ("fake 2",)


@dataclass
class Tree:
    """Our sources, to be changed."""

    package: Path

    def print(self) -> str:
        return fingerprint(FakeDevice(), MODEL, self.package)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(Path(shutil.copytree(PACKAGE, tmp_path / "reckon", ignore=shutil.ignore_patterns("checkpoints", "static"))))


def test_it_names_version_path_and_model() -> None:
    shown = fingerprint(FakeDevice(), MODEL, version="9.8.7")
    name, version, device, path, model = shown.split("-")
    assert (name, device, model) == ("reckon", "fake", MODEL)
    assert version == f"9.8.7+{engine_digest()}"
    assert path.startswith("exact+")


def test_another_model_version_path_or_toolchain_is_another_fingerprint() -> None:
    prints = [
        fingerprint(FakeDevice(), MODEL),
        fingerprint(FakeDevice(), "fedcba9876543210"),
        fingerprint(FakeDevice(), MODEL, version="0.0.0"),
        fingerprint(OtherPath(), MODEL),
        fingerprint(OtherTools(), MODEL),
    ]
    assert len(set(prints)) == len(prints)
    assert prints[0] == fingerprint(FakeDevice(), MODEL)


def test_every_instruction_set_and_device_has_its_own() -> None:
    devices: list[Device] = [ReferenceDevice(), *(CpuDevice(1, isa) for isa in available())]
    assert len({fingerprint(device, MODEL) for device in devices}) == len(devices)
    assert all(device.repeatable for device in devices)
    assert fingerprint(CpuDevice(1), MODEL) == fingerprint(CpuDevice(2), MODEL)


def test_the_toolchain_of_compiled_code_has_compilers_and_processor() -> None:
    parts = target()
    assert [part.split()[0] for part in parts[:3]] == ["numba", "llvmlite", "numpy"]
    assert len(parts) == 8 and all(parts[:4]) and "+" in parts[-1]


@pytest.mark.parametrize("place", ON_THE_WAY)
def test_a_change_of_code_that_decides_changes_it(tree: Tree, place: str) -> None:
    before = tree.print()
    source = next(file for file in sources(tree.package) if file.is_relative_to(tree.package / place))
    source.write_text(source.read_text() + "#")
    assert tree.print() != before


def test_a_file_more_or_a_file_of_another_name_changes_it(tree: Tree) -> None:
    prints = [tree.print()]
    (tree.package / "devices" / "more.py").write_text("")
    prints.append(tree.print())
    (tree.package / "devices" / "more.py").rename(tree.package / "devices" / "most.py")
    prints.append(tree.print())
    assert len(set(prints)) == 3


@pytest.mark.parametrize("place", ["pages/site.py", "ledger/usage.py", "cli/main.py", "api/auth.py"])
def test_a_change_of_code_that_does_not_decide_leaves_it(tree: Tree, place: str) -> None:
    before = tree.print()
    source = tree.package / place
    source.write_text(source.read_text() + "#")
    assert tree.print() == before


def test_libraries_count_by_their_versions_there_or_not() -> None:
    assert len({engine_digest(libraries=names) for names in (("jinja2",), ("tokenizers",), ("no-such-library",), ())}) == 4
