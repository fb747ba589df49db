"""The network in torch: transformers' own Qwen2, so that what is trained is what others load."""

import shutil
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Qwen2Config, Qwen2ForCausalLM

from training.recipe import Recipe, model_config

Body = Callable[..., Any]


def new_model(recipe: Recipe, ids: dict[str, int]) -> Qwen2ForCausalLM:
    """Fresh weights, decided by the recipe's seed."""
    torch.manual_seed(recipe.seed)
    config = model_config(recipe, ids)
    config.pop("torch_dtype")  # Trained in float32; only the shipped copy is bf16.
    return Qwen2ForCausalLM(Qwen2Config(**config))


def body_of(model: Qwen2ForCausalLM, compiled: bool) -> Body:
    """Everything below the head. Compiling takes a minute or two, and then a step takes less than half as long."""
    return torch.compile(model.model, dynamic=True) if compiled else model.model


def can_compile(device: str) -> bool:
    """Whether there is what torch.compile needs: a C++ compiler, or a CUDA device."""
    return device.startswith("cuda") or shutil.which("g++") is not None


def loss_of(model: Qwen2ForCausalLM, body: Body, inputs: Tensor, targets: Tensor) -> Tensor:
    """Mean cross entropy over the targets that are to be learnt. inputs, targets: [rows, length]."""
    hidden = body(input_ids=inputs).last_hidden_state  # [rows, length, hidden]
    learnt = targets != -100
    # The head runs on the learnt places only: with short replies to long questions that is much less.
    return nn.functional.cross_entropy(model.lm_head(hidden[learnt]).float(), targets[learnt])


def has_fast_bf16(device: str) -> bool:
    """Whether bf16 is native there. Where it is emulated, autocast would be slower than float32."""
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported())
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
