"""Small random Qwen2 checkpoints as transformers writes them, and the logits that transformers computes from them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

transformers.utils.logging.disable_progress_bar()


@dataclass(frozen=True, slots=True)
class Shape:
    """One model to try. Sizes are chosen to be awkward: no power of two where none is needed."""

    name: str
    vocab: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    tied: bool
    layers: int = 2
    theta: float = 10_000.0


SHAPES = (
    Shape("mha-16-untied", 1003, 96, 6, 6, 16, 100, tied=False),
    Shape("gqa-32-tied", 512, 80, 4, 2, 32, 104, tied=True, layers=3, theta=1_000_000.0),
    Shape("mqa-64-tied", 1003, 128, 4, 1, 64, 250, tied=True),
    Shape("gqa-128-untied", 257, 192, 4, 2, 128, 322, tied=False, theta=1_000_000.0),
    Shape("gqa-80-untied", 131, 72, 2, 1, 80, 98, tied=False, layers=1),
    Shape("mqa-256-tied", 300, 64, 3, 1, 256, 66, tied=True, layers=1),
    Shape("mha-32-wide", 200, 64, 2, 2, 32, 1306, tied=True, layers=1),
)


@dataclass(frozen=True, slots=True)
class Oracle:
    """What transformers makes of a prompt in three precisions, all [tokens, vocab]."""

    float32: NDArray[np.float64]
    float64: NDArray[np.float64]
    bfloat16: NDArray[np.float64]


def write(directory: Path, shape: Shape, seed: int = 0, *, bias: float = 0.5, broken: dict[int, float] | None = None) -> Path:
    """Save a checkpoint in bf16 whose biases, norms and attention all matter (transformers starts with 0, 1 and almost 0).

    ``bias`` is how large biases are. ``broken`` fills the embedding of a token with a number such as NaN.
    """
    config = transformers.Qwen2Config(
        vocab_size=shape.vocab,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        intermediate_size=shape.intermediate,
        tie_word_embeddings=shape.tied,
        max_position_embeddings=4096,
        rope_parameters={"rope_type": "default", "rope_theta": shape.theta},
        eos_token_id=[1, 2],
    )
    model = transformers.Qwen2ForCausalLM(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith("norm.weight"):
                parameter.copy_(1 + 0.2 * noise)
            elif name.endswith("bias"):
                parameter.copy_(bias * noise)
            elif "embed_tokens" in name:
                parameter.copy_(noise)
            else:
                parameter.copy_(noise * parameter.shape[1] ** -0.5)
        for token, value in (broken or {}).items():
            model.get_input_embeddings().weight[token] = value
    model.to(torch.bfloat16).save_pretrained(directory)
    return directory


def oracle(directory: Path, tokens: list[int]) -> Oracle:
    """Logits of every token of a prompt, by transformers."""

    def logits(dtype: torch.dtype) -> NDArray[np.float64]:
        model = transformers.Qwen2ForCausalLM.from_pretrained(directory, dtype=dtype).eval()
        with torch.no_grad():
            return model(torch.tensor([tokens])).logits[0].double().numpy()

    return Oracle(float32=logits(torch.float32), float64=logits(torch.float64), bfloat16=logits(torch.bfloat16))
