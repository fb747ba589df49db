"""Weights in 12 bits: any bits come back as they were, and products are those of the whole weights, bit for bit."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from tests.devices.checkpoints import SHAPES, write

from reckon import config
from reckon.devices.cpu.amx import close_tiles, open_tiles
from reckon.devices.cpu.arena import arena
from reckon.devices.cpu.builder import Builder, Forms, MatrixPlan, worth_squeezing
from reckon.devices.cpu.codes import BASE_BITS, SPAN, WHOLE_PAIR
from reckon.devices.cpu.device import AUTO, FORMS, CpuDevice
from reckon.devices.cpu.intrinsics import PANEL
from reckon.devices.cpu.isa import TILE_ROWS, Isa, available, operand_dtype
from reckon.devices.cpu.matrix import Matrix, expand, read_row
from reckon.devices.cpu.multiply import multiply
from reckon.errors import BadSetting, UnsupportedModel
from reckon.models.arch import read_arch
from reckon.models.weights import Weights, round_bf16, widen_bf16
from reckon.worker.runner import Runner

BOTH = Forms(whole=True, squeezed=True)
BEHIND = TILE_ROWS - 1
"""Rows that sets with tiles take behind the last one."""


def normal(rows: int, columns: int, seed: int = 0) -> NDArray[np.uint16]:
    """Random weights, of which some are far from the others, and some are zero."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((rows, columns)).astype(np.float32) * np.float32(0.02)
    values[rng.random(values.shape) < 0.002] *= np.float32(1e-7)
    values[rng.random(values.shape) < 0.001] = 0
    return round_bf16(values)


def any_bits(rows: int, columns: int) -> NDArray[np.uint16]:
    """Every bf16 there is, infinities and what is no number included."""
    return np.random.default_rng(1).integers(0, 1 << 16, (rows, columns)).astype(np.uint16)


def build(tensors: list[NDArray[np.uint16]], forms: Forms = BOTH, layers: int = 1) -> Matrix:
    plan = MatrixPlan(layers, sum(map(len, tensors)), tensors[0].shape[1], forms)
    memory = arena(whole=plan.whole, squeezed=plan.squeezed, spans=plan.spans)
    with ThreadPoolExecutor(2) as pool:
        builder = Builder(plan, pool, **memory)
        for layer in range(layers):
            builder.fill(layer, tensors)
    return builder.matrix()


@numba.njit
def expanded(isa: Isa, matrix: Matrix, layer: int, panel: int, room: NDArray[np.uint16], out: NDArray[np.uint16]) -> None:
    for first in range(0, matrix.pairs, SPAN):
        count = min(SPAN, matrix.pairs - first)
        expand(isa, matrix, layer, panel, first, count, room, 0)
        out[first * WHOLE_PAIR : (first + count) * WHOLE_PAIR] = room[: count * WHOLE_PAIR]


@numba.njit
def product(isa: Isa, matrix: Matrix, layer: int, panel: int, x, out, strip) -> None:  # type: ignore[no-untyped-def]
    before = open_tiles(isa)
    multiply(isa, matrix, layer, panel, x, 0, x.shape[1], out, 0, PANEL, len(x) - BEHIND, 1, strip)
    close_tiles(isa, before)


@numba.njit
def row_of(matrix: Matrix, n: int, out: NDArray[np.float32]) -> None:
    read_row(matrix, n, out)


@pytest.fixture(scope="module", params=available().values(), ids=available().keys())
def isa(request: pytest.FixtureRequest) -> Isa:
    return request.param


@pytest.fixture
def room() -> NDArray[np.uint16]:
    return arena(room=((max(isa.strip_spans for isa in available().values()) * SPAN * WHOLE_PAIR,), np.uint16))["room"]


@pytest.mark.parametrize(
    "tensors",
    [[normal(128, 64)], [normal(100, 90), normal(70, 90, 1)], [any_bits(64, 130)], [np.zeros((64, 64), np.uint16)]],
    ids=["even", "ragged", "any bits", "zeros"],
)
def test_weights_come_back_as_they_were(isa: Isa, tensors: list[NDArray[np.uint16]], room: NDArray[np.uint16]) -> None:
    matrix = build(tensors, layers=2)
    for layer, panel in np.ndindex(matrix.whole.shape[:2]):
        out = np.zeros(matrix.whole.shape[2], np.uint16)
        expanded(isa, matrix, layer, panel, room, out)
        assert np.array_equal(out, matrix.whole[layer, panel])


@pytest.mark.parametrize("forms", [Forms(True, False), Forms(False, True), BOTH], ids=["whole", "squeezed", "both"])
def test_a_row_is_read_as_it_was(forms: Forms) -> None:
    bits = np.concatenate([normal(100, 90), any_bits(4, 90)])
    matrix = build([bits], forms)
    for n in range(len(bits)):
        out = np.zeros(bits.shape[1], np.float32)
        row_of(matrix, n, out)
        assert np.array_equal(out.view(np.uint32), widen_bf16(bits[n]).view(np.uint32))


@pytest.mark.parametrize("columns", [64, 90, 32 * 5 + 2, 64 * 5 + 10])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 6, 7, 8, 13, 40, 70])
def test_products_are_those_of_whole_weights(isa: Isa, rows: int, columns: int, room: NDArray[np.uint16]) -> None:
    values = np.random.default_rng(4).standard_normal((192, columns)).astype(np.float32)
    bits = round_bf16(np.where(np.abs(values) < 1e-3, np.float32(1e-3), values))
    bits[70, 3], bits[100, columns - 1], bits[190, 2] = 0, 0x8001, 0x3000  # exceptions, in some spans
    whole, squeezed = build([bits], Forms(True, False)), build([bits], Forms(False, True))
    assert squeezed.exceptions.size == 3
    clean = np.diff(squeezed.spans[0] >> BASE_BITS, axis=1) == 0
    assert clean.any() and not clean.all()  # spans are multiplied on both ways
    x = widen_bf16(normal(rows + BEHIND, columns, seed=2))
    if operand_dtype(isa) is np.uint16:
        x = round_bf16(x)
    start = np.random.default_rng(3).standard_normal((rows + BEHIND, PANEL)).astype(np.float32)
    for panel in range(whole.whole.shape[1]):
        expected, found = start.copy(), start.copy()
        product(isa, whole, 0, panel, x, expected, room)
        product(isa, squeezed, 0, panel, x, found, room)
        assert np.array_equal(found[:rows].view(np.uint32), expected[:rows].view(np.uint32))
        assert not (expected == start)[:rows].all(axis=1).any()


def test_what_is_saved(isa: Isa) -> None:
    plan = MatrixPlan(2, 640, 896, BOTH)
    matrix = build([normal(640, 896)], layers=2)
    assert plan.kept_bytes == matrix.whole.nbytes + matrix.squeezed.nbytes + matrix.spans.nbytes
    assert plan.read_bytes(isa, isa.squeezed_rows) == matrix.squeezed.nbytes + matrix.spans.nbytes < 0.755 * matrix.whole.nbytes
    assert plan.read_bytes(isa, isa.squeezed_rows + 1) == matrix.whole.nbytes
    assert MatrixPlan(2, 640, 896, Forms(False, True)).read_bytes(isa, 64) == plan.read_bytes(isa, 1)
    assert MatrixPlan(2, 640, 896, Forms(True, False)).read_bytes(isa, 1) == plan.read_bytes(isa, 64)


def test_what_is_worth_squeezing() -> None:
    assert worth_squeezing(normal(200, 128))
    assert worth_squeezing(np.zeros((3, 64), np.uint16))
    assert not worth_squeezing(any_bits(200, 128))
    half = normal(64, 128)
    half[:, ::2] = 0
    assert not worth_squeezing(half)  # every zero would be an exception


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices load, and neither compile nor make KV blocks; no model is small enough for a cache."""
    monkeypatch.setattr("reckon.devices.cpu.device.IN_CACHE", 0)
    monkeypatch.setattr(CpuDevice, "allocate", lambda self, blocks: None)
    monkeypatch.setattr(CpuDevice, "_compile", lambda self, progress: None)


def loaded(device: CpuDevice, directory: Path) -> CpuDevice:
    device.load(read_arch(directory), Weights.open(directory), lambda *_: None)
    device._team.close()
    return device


@pytest.mark.parametrize(
    ("forms", "free", "reserved", "kept"),
    [
        ("whole", 1 << 40, 0, "bf16, whole"),
        ("squeezed", 1 << 40, 0, "bf16, squeezed"),
        ("both", 1, 0, "bf16, both"),
        ("auto", 1 << 40, 0, "bf16, both"),
        ("auto", 1, 0, "bf16, squeezed"),
        ("auto", 1 << 40, 1 << 40, "bf16, squeezed"),  # both would take memory that is asked for KV blocks
    ],
)
@pytest.mark.usefixtures("idle")
def test_which_forms_are_kept(
    forms: str, free: int, reserved: int, kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = write(tmp_path / "model", SHAPES[0])
    monkeypatch.setattr(CpuDevice, "free_bytes", lambda self: free)
    device = CpuDevice(1, forms=forms, reserved=reserved)
    arch = read_arch(directory)
    needed = device.weight_bytes(arch, Weights.open(directory))
    loaded(device, directory)
    assert device.weights == kept
    one, many = device.step_bytes(1), device.step_bytes(64)
    assert one < many if kept == "bf16, both" else one == many
    embedding = 0 if arch.tied else 2 * arch.vocab_size * arch.hidden_size  # of which a step reads a row
    assert needed == embedding + (one + many if one < many else one)


@pytest.mark.usefixtures("idle")
def test_a_matrix_that_cannot_be_squeezed_stays_whole(tmp_path: Path) -> None:
    directory = write(tmp_path / "model", SHAPES[0])
    tensors = load_file(directory / "model.safetensors")
    name = "model.layers.1.mlp.down_proj.weight"
    tensors[name] = torch.where(torch.arange(tensors[name].shape[1]) % 2 == 0, tensors[name], torch.zeros(()))
    save_file(tensors, directory / "model.safetensors")
    device = loaded(CpuDevice(1, forms="squeezed"), directory)
    assert device.weights == "bf16, whole; squeezed"
    assert device._packed.down.squeezed.size == 0 < device._packed.down.whole.size
    assert device._packed.out.whole.size == 0 < device._packed.out.squeezed.size


@pytest.mark.usefixtures("idle")
def test_other_types_are_rounded_and_then_squeezed(tmp_path: Path) -> None:
    directory = write(tmp_path / "model", SHAPES[0])
    bf16 = loaded(CpuDevice(1, forms="squeezed"), directory)._packed
    tensors = {name: tensor.float() for name, tensor in load_file(directory / "model.safetensors").items()}
    save_file(tensors, directory / "model.safetensors")
    float32 = loaded(CpuDevice(1, forms="squeezed"), directory)._packed
    for one, other in zip(bf16.gate_up, float32.gate_up, strict=True):
        assert np.array_equal(one, other)


def test_weights_that_fit_into_a_cache_stay_whole(tmp_path: Path) -> None:
    directory = write(tmp_path / "model", SHAPES[0])
    arch, weights = read_arch(directory), Weights.open(directory)
    auto, whole, squeezed = (CpuDevice(1, forms=forms).weight_bytes(arch, weights) for forms in ("auto", "whole", "squeezed"))
    assert auto == whole > squeezed


def test_a_model_is_refused_by_what_its_form_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = write(tmp_path / "model", SHAPES[0])
    monkeypatch.setattr(CpuDevice, "free_bytes", lambda self: 1000)
    with pytest.raises(UnsupportedModel, match=r"the weights take 0\.\d GB and cpu has 0\.0 GB free"):
        Runner(CpuDevice(1, forms="squeezed")).load(read_arch(directory), Weights.open(directory), lambda *_: None)


def test_a_form_that_is_none() -> None:
    with pytest.raises(BadSetting, match="weights must be one of auto, whole, squeezed, both, not 'tight'"):
        CpuDevice(1, forms="tight")
    assert (AUTO, *FORMS) == config.FORMS
