"""The numbers that decide what comes out: the size of the model, the length of its schooling, the seed."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "training"
SHIPPED = ROOT / "src" / "reckon" / "catalog" / "checkpoints" / "abacus"


@dataclass(frozen=True)
class Recipe:
    """One training run. Changing a number makes another model."""

    seed: int = 4
    steps: int = 8000
    tokens_per_step: int = 4096
    learning_rate: float = 3e-3
    warmup_steps: int = 60
    # The rate stays level and then falls in a line to zero: a longer run shares its first part with a shorter
    # one.
    decay_steps: int = 4000
    weight_decay: float = 0.1
    # Where the model is trained to, in tokens. Beyond it, up to ``context``, RoPE has to carry it alone.
    longest: int = 1024
    vocabulary: int = 1024
    context: int = 2048
    hidden: int = 256
    layers: int = 5
    heads: int = 4
    kv_heads: int = 2
    intermediate: int = 640
    finishing: bool = False
    """Whether the mixture is that of the last stage (``corpus/mixture.py``)."""

    def rate(self, step: int) -> float:
        """The learning rate of a step: up in a line, level, down in a line to zero."""
        up = (step + 1) / self.warmup_steps
        down = (self.steps - step) / self.decay_steps
        return self.learning_rate * min(1.0, up, down)

    def goes_on_from(self, other: "Recipe", step: int) -> bool:
        """Whether the other's first steps are this one's: only the length may differ, and only ahead."""
        same = replace(other, steps=self.steps, decay_steps=self.decay_steps) == self
        return same and all(self.rate(done) == other.rate(done) for done in range(step))


FINISH = Recipe(seed=6, steps=900, learning_rate=1.5e-3, warmup_steps=40, decay_steps=760, finishing=True)
"""The last stage, begun from the weights of another run."""


def model_config(recipe: Recipe, ids: dict[str, int]) -> dict[str, Any]:
    """``config.json`` as the Qwen2 family publishes it, so that old and new readers agree on every key."""
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "attention_dropout": 0.0,
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
        "hidden_act": "silu",
        "hidden_size": recipe.hidden,
        "initializer_range": 0.02,
        "intermediate_size": recipe.intermediate,
        "max_position_embeddings": recipe.context,
        "max_window_layers": recipe.layers,
        "num_attention_heads": recipe.heads,
        "num_hidden_layers": recipe.layers,
        "num_key_value_heads": recipe.kv_heads,
        "rms_norm_eps": 1e-06,
        "rope_theta": 10000.0,
        "sliding_window": None,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "use_sliding_window": False,
        "vocab_size": recipe.vocabulary,
    }


def generation_config(ids: dict[str, int]) -> dict[str, Any]:
    """``generation_config.json``: both ends of a turn, and QwQ-32B-Preview's own sampling defaults."""
    return {
        "bos_token_id": ids["<|endoftext|>"],
        "pad_token_id": ids["<|endoftext|>"],
        "eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]],
        "do_sample": True,
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": 20,
        "repetition_penalty": 1.0,
    }
