"""What a checkpoint's config.json says, parsed once: the sizes of a Qwen2 model, or a refusal that names the key.

Knows nothing of tensors or files of weights. Devices read ``Arch``; the worker reads ``Generation``, the owner's defaults.
"""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from reckon.errors import UnsupportedModel

ARCHITECTURE = "Qwen2ForCausalLM"


@dataclass(frozen=True, slots=True)
class Arch:
    """The sizes of a Qwen2 decoder. Every field is checked: ``from_config`` and ``read_arch`` are its only makers."""

    vocab_size: int
    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate_size: int
    rms_norm_eps: float
    rope_theta: float
    context: int
    tied: bool
    qkv_bias: bool

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Parse the content of a config.json. Raises UnsupportedModel naming the key, its value and what is supported."""
        _refuse_variants(config)
        hidden_size = _even(config, "hidden_size")
        layers = _count(config, "num_hidden_layers")
        _refuse_sliding_window(config, layers)
        heads = _count(config, "num_attention_heads")
        return cls(
            vocab_size=_count(config, "vocab_size"),
            hidden_size=hidden_size,
            layers=layers,
            heads=heads,
            kv_heads=_kv_heads(config, heads),
            head_dim=_head_dim(config, hidden_size, heads),
            intermediate_size=_even(config, "intermediate_size"),
            rms_norm_eps=_positive(config, "rms_norm_eps"),
            rope_theta=_rope_theta(config),
            context=_count(config, "max_position_embeddings"),
            tied=_flag(config, "tie_word_embeddings", default=False),
            qkv_bias=_flag(config, "qkv_bias", default=True),
        )


@dataclass(frozen=True, slots=True)
class Generation:
    """How the model's makers want it sampled. None means that they do not say; no stop token is an empty tuple."""

    eos_token_ids: tuple[int, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None


def read_arch(directory: Path) -> Arch:
    """The Arch of a checkpoint directory. Raises UnsupportedModel naming the file and the key."""
    path = directory / "config.json"
    config = _read_json(path)
    with _blaming(path):
        return Arch.from_config(config)


def read_generation(directory: Path) -> Generation:
    """The owner's defaults of a checkpoint directory; generation_config.json may be missing.

    Stop tokens come from generation_config.json if it names any, else from config.json.
    Raises UnsupportedModel naming the file and the key.
    """
    path = directory / "generation_config.json"
    stored = _read_json(path) if path.exists() else {}
    with _blaming(path):
        defaults = Generation(
            eos_token_ids=_token_ids(stored, "eos_token_id"),
            temperature=_optional(stored, "temperature", 0.0, math.inf),
            top_p=_optional(stored, "top_p", 0.0, 1.0),
            top_k=None if stored.get("top_k") is None else _count(stored, "top_k", low=0),
            repetition_penalty=None if stored.get("repetition_penalty") is None else _positive(stored, "repetition_penalty"),
        )
    if defaults.eos_token_ids:
        return defaults
    config = _read_json(directory / "config.json")
    with _blaming(directory / "config.json"):
        return replace(defaults, eos_token_ids=_token_ids(config, "eos_token_id"))


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """Say which file a refusal is about."""
    try:
        yield
    except UnsupportedModel as error:
        raise UnsupportedModel(f"{path}: {error.message}") from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnsupportedModel(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UnsupportedModel(f"{path} is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise UnsupportedModel(f"{path} must hold a JSON object, not {type(content).__name__}")
    return content


def _refusal(key: str, value: Any, supported: str) -> UnsupportedModel:
    return UnsupportedModel(f"{key} is {value!r}; supported is {supported}")


def _refuse_variants(config: dict[str, Any]) -> None:
    if config.get("architectures") != [ARCHITECTURE]:
        raise _refusal("architectures", config.get("architectures"), f"[{ARCHITECTURE!r}]")
    if config.get("hidden_act", "silu") != "silu":
        raise _refusal("hidden_act", config["hidden_act"], "'silu'")
    if config.get("quantization_config") is not None:
        raise _refusal("quantization_config", config["quantization_config"], "none (unquantised weights)")


def _refuse_sliding_window(config: dict[str, Any], layers: int) -> None:
    """Every layer must see the whole context. Older configs say so by three keys, newer ones by ``layer_types``."""
    layer_types = config.get("layer_types")
    if layer_types is not None:
        if layer_types != ["full_attention"] * layers:
            raise _refusal("layer_types", layer_types, f"'full_attention' for each of the {layers} layers")
        return
    windowed = _flag(config, "use_sliding_window", default=False) and config.get("sliding_window") is not None
    if windowed and _count(config, "max_window_layers", low=0) < layers:
        raise _refusal("use_sliding_window", True, f"false, or max_window_layers of at least {layers} (no layer windowed)")


def _rope_theta(config: dict[str, Any]) -> float:
    """Transformers 5 writes ``rope_parameters``; before, ``rope_theta`` and ``rope_scaling`` stood at the top."""
    parameters = config.get("rope_parameters")
    if parameters is None:
        _refuse_rope_type("rope_scaling", config.get("rope_scaling"))
        return _positive(config, "rope_theta")
    _refuse_rope_type("rope_parameters", parameters)
    return _positive(parameters, "rope_theta", prefix="rope_parameters.")


def _refuse_rope_type(key: str, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, dict):
        raise _refusal(key, value, "an object")
    if value.get("rope_type", value.get("type", "default")) != "default":
        raise _refusal(key, value, "rope_type 'default' (no scaling)")


def _kv_heads(config: dict[str, Any], heads: int) -> int:
    if "num_key_value_heads" in config and config["num_key_value_heads"] is None:
        return heads
    kv_heads = _count(config, "num_key_value_heads")
    if heads % kv_heads:
        raise _refusal("num_key_value_heads", kv_heads, f"a divisor of num_attention_heads ({heads})")
    return kv_heads


def _head_dim(config: dict[str, Any], hidden_size: int, heads: int) -> int:
    if config.get("head_dim") is not None:
        head_dim = _count(config, "head_dim")
        if head_dim % 16:
            raise _refusal("head_dim", head_dim, "a multiple of 16")
        return head_dim
    if hidden_size % (16 * heads):
        raise _refusal(
            "hidden_size", hidden_size, f"a multiple of 16 x num_attention_heads ({heads}) where head_dim is not given"
        )
    return hidden_size // heads


def _field(config: dict[str, Any], key: str, prefix: str = "") -> Any:
    if key not in config:
        raise UnsupportedModel(f"{prefix}{key} is missing")
    return config[key]


def _count(config: dict[str, Any], key: str, low: int = 1) -> int:
    value = _field(config, key)
    if type(value) is not int or value < low:
        raise _refusal(key, value, f"a whole number of at least {low}")
    return value


def _even(config: dict[str, Any], key: str) -> int:
    """Widths that matrices are multiplied over come in pairs: bf16 dot products take two elements at a time."""
    value = _count(config, key)
    if value % 2:
        raise _refusal(key, value, "an even number")
    return value


def _positive(config: dict[str, Any], key: str, prefix: str = "") -> float:
    value = _field(config, key, prefix)
    if type(value) not in (int, float) or not 0 < value < math.inf:
        raise _refusal(prefix + key, value, "a positive number")
    return float(value)


def _optional(config: dict[str, Any], key: str, low: float, high: float) -> float | None:
    value = config.get(key)
    if value is None:
        return None
    if type(value) not in (int, float) or not low <= value <= high:
        raise _refusal(key, value, f"a number from {low} to {high}")
    return float(value)


def _flag(config: dict[str, Any], key: str, default: bool) -> bool:
    value = config.get(key, default)
    if type(value) is not bool:
        raise _refusal(key, value, "true or false")
    return value


def _token_ids(config: dict[str, Any], key: str) -> tuple[int, ...]:
    value = config.get(key)
    if value is None:
        return ()
    ids = value if isinstance(value, list) else [value]
    if any(type(token) is not int or token < 0 for token in ids):
        raise _refusal(key, value, "a token id or a list of them")
    return tuple(ids)
