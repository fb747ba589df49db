import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.models.files import write_raw, write_tensors

from reckon.errors import UnsupportedModel
from reckon.models.arch import Arch
from reckon.models.weights import (
    EMBEDDING,
    HEAD,
    Weights,
    expected_shapes,
    head_name,
    layer_names,
    round_bf16,
    widen_bf16,
)

Tensors = dict[str, NDArray[Any]]

ARCH = Arch(
    vocab_size=11,
    hidden_size=6,
    layers=2,
    heads=2,
    kv_heads=1,
    head_dim=16,
    intermediate_size=10,
    rms_norm_eps=1e-6,
    rope_theta=1e4,
    context=64,
    tied=False,
    qkv_bias=True,
)


def random_tensors(arch: Arch = ARCH) -> Tensors:
    rng = np.random.default_rng(0)
    return {name: rng.integers(0, 2**15, shape, np.uint16) for name, shape in expected_shapes(arch).items()}


def save(directory: Path, tensors: Tensors) -> Weights:
    directory.mkdir(exist_ok=True)
    (directory / "config.json").write_text("{}")
    write_tensors(directory / "model.safetensors", tensors)
    return Weights.open(directory)


def save_shards(directory: Path, tensors: Tensors, shards: int = 3) -> Weights:
    directory.mkdir(exist_ok=True)
    (directory / "config.json").write_text("{}")
    files = {name: f"model-{index % shards}.safetensors" for index, name in enumerate(tensors)}
    for file in set(files.values()):
        write_tensors(directory / file, {name: array for name, array in tensors.items() if files[name] == file})
    write_index(directory, files)
    return Weights.open(directory)


def write_index(directory: Path, files: Any) -> None:
    (directory / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))


def test_names_of_a_layer() -> None:
    assert layer_names(3).q_bias == "model.layers.3.self_attn.q_proj.bias"
    assert head_name(ARCH) == HEAD
    assert head_name(replace(ARCH, tied=True)) == EMBEDDING


@pytest.mark.parametrize("store", [save, save_shards])
def test_tensors_by_name(tmp_path: Path, store: Callable[[Path, Tensors], Weights]) -> None:
    tensors = random_tensors()
    weights = store(tmp_path, tensors)
    weights.check(ARCH)
    assert set(weights.names) == set(tensors)
    assert weights.total_bytes == sum(array.nbytes for array in tensors.values())
    for name, array in tensors.items():
        assert weights.shape(name) == array.shape
        assert np.array_equal(weights.bf16(name), array)
        assert np.array_equal(weights.f32(name).view(np.uint32), array.astype(np.uint32) << 16)


def test_bf16_is_a_view_of_the_file(tmp_path: Path) -> None:
    weights = save(tmp_path, random_tensors())
    first, second = weights.bf16(EMBEDDING), weights.bf16(EMBEDDING)
    assert np.shares_memory(first, second)
    assert not first.flags.owndata
    assert not first.flags.writeable
    copy = weights.f32(EMBEDDING)
    copy[:] = 0
    assert weights.bf16(EMBEDDING).any()


def test_views_outlive_close(tmp_path: Path) -> None:
    tensors = random_tensors()
    weights = save(tmp_path, tensors)
    view = weights.bf16(EMBEDDING)
    weights.close()
    assert np.array_equal(view, tensors[EMBEDDING])
    assert weights.names == ()


def test_an_odd_header_costs_a_copy_and_changes_nothing(tmp_path: Path) -> None:
    bits = np.arange(8, dtype=np.uint16)
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2, 4], "data_offsets": [0, 16]}})
    write_raw(tmp_path / "model.safetensors", (header + " " * (1 - len(header) % 2)).encode(), bits.tobytes())
    found = Weights.open(tmp_path).bf16("w")
    assert found.flags.aligned
    assert np.array_equal(found, bits.reshape(2, 4))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_other_floats_are_rounded(tmp_path: Path, dtype: type) -> None:
    values = np.random.default_rng(1).normal(0, 1, (7, 5)).astype(dtype)
    weights = save(tmp_path, {"w": values})
    assert np.array_equal(weights.f32("w"), values.astype(np.float32))
    assert np.array_equal(weights.bf16("w"), torch.from_numpy(values).bfloat16().view(torch.uint16).numpy())
    weights.f32("w")[:] = 0


def test_rounding_is_that_of_torch() -> None:
    bits = np.random.default_rng(2).integers(0, 2**32, 100_000, np.uint32)
    ties = (np.arange(2**16, dtype=np.uint32) << 16) + 0x8000
    values = np.concatenate([bits, ties, ties - 1, ties + 1, ties ^ 0x8000]).view(np.float32)
    found = widen_bf16(round_bf16(values))
    expected = torch.from_numpy(values).bfloat16().float().numpy()
    assert np.array_equal(found, expected, equal_nan=True)
    assert np.array_equal(np.signbit(found), np.signbit(values))


def test_widening_is_exact() -> None:
    bits = np.arange(2**16, dtype=np.uint16)
    assert np.array_equal(widen_bf16(bits), torch.from_numpy(bits).view(torch.bfloat16).float().numpy(), equal_nan=True)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("qkv_bias", [True, False])
def test_check_names_each_missing_tensor(tmp_path: Path, tied: bool, qkv_bias: bool) -> None:
    arch = replace(ARCH, tied=tied, qkv_bias=qkv_bias)
    tensors = random_tensors(arch)
    save(tmp_path, tensors).check(arch)
    assert len(tensors) == 2 * (12 if qkv_bias else 9) + (2 if tied else 3)
    for name in tensors:
        with pytest.raises(UnsupportedModel, match=f"lacks the tensor '{name}'"):
            save(tmp_path, {other: array for other, array in tensors.items() if other != name}).check(arch)


def test_check_names_each_misshapen_tensor(tmp_path: Path) -> None:
    tensors = random_tensors()
    for name, array in tensors.items():
        with pytest.raises(UnsupportedModel, match=rf"tensor '{name}' has shape \[{array.size + 1}\]; config.json says"):
            save(tmp_path, tensors | {name: np.zeros(array.size + 1, np.uint16)}).check(ARCH)


@pytest.mark.parametrize("name", ["model.layers.2.mlp.up_proj.weight", "model.layers.0.self_attn.o_proj.bias", "score.weight"])
def test_check_refuses_what_nobody_would_use(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsupportedModel, match=f"has the tensor '{name}'"):
        save(tmp_path, random_tensors() | {name: np.zeros(2, np.uint16)}).check(ARCH)


def test_check_lets_harmless_tensors_pass(tmp_path: Path) -> None:
    frequencies = {"model.layers.0.self_attn.rotary_emb.inv_freq": np.zeros(8, np.float32)}
    save(tmp_path, random_tensors() | frequencies).check(ARCH)
    tied = replace(ARCH, tied=True)
    tensors = random_tensors(tied)
    save(tmp_path, tensors | {HEAD: tensors[EMBEDDING]}).check(tied)


def test_the_digest_is_the_same_however_the_files_are_cut(tmp_path: Path) -> None:
    tensors = random_tensors()
    digest = save(tmp_path / "one", tensors).digest()
    assert digest == save_shards(tmp_path / "many", tensors).digest()
    assert len(digest) == 64
    assert int(digest, 16) >= 0


def test_the_digest_sees_names_shapes_and_every_bit(tmp_path: Path) -> None:
    tensors = {"a": np.arange(12, dtype=np.uint16).reshape(3, 4), "b": np.zeros(100_000, np.uint16)}
    first, last, middle = tensors["b"].copy(), tensors["b"].copy(), tensors["b"].copy()
    first[0] = last[-1] = middle[54_321] = 1
    variants = [
        tensors,
        {"a": tensors["a"].reshape(4, 3), "b": tensors["b"]},
        {"c": tensors["a"], "b": tensors["b"]},
        {"a": tensors["a"].view(np.float16), "b": tensors["b"]},
        {"a": tensors["a"] + np.uint16(1), "b": tensors["b"]},
        {"a": tensors["a"], "b": first},
        {"a": tensors["a"], "b": last},
        {"a": tensors["a"], "b": middle},
    ]
    digests = [save(tmp_path, variant).digest() for variant in variants]
    assert len(set(digests)) == len(digests)


def test_a_directory_without_weights(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match=r"has neither model\.safetensors nor model\.safetensors\.index\.json"):
        Weights.open(tmp_path)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    save_shards(tmp_path, random_tensors())
    (tmp_path / "model-1.safetensors").unlink()
    with pytest.raises(UnsupportedModel, match=r"model-1\.safetensors cannot be read"):
        Weights.open(tmp_path)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a": "one", "b": "one"}, "one lacks the tensor 'b', which the index puts there"),
        ({}, None),
        ({"b": "one"}, "one has the tensor 'a', which the index puts into None"),
        ({"a": "../one"}, "names '../one', which does not lie in the same directory"),
        ({"a": 5}, "5 cannot be read"),
        (["one"], "weight_map must be an object"),
    ],
)
def test_an_index_that_does_not_fit(tmp_path: Path, files: Any, said: str | None) -> None:
    write_tensors(tmp_path / "one", {"a": np.zeros(2, np.uint16)})
    write_index(tmp_path, files)
    if said is None:
        assert Weights.open(tmp_path).names == ()
        return
    with pytest.raises(UnsupportedModel, match=said):
        Weights.open(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", "null"])
def test_an_index_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with pytest.raises(UnsupportedModel, match="is not an index of shards"):
        Weights.open(tmp_path)
