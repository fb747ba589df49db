"""transformers' side of ``reckon bench versus``: the model's own forward pass and cache, greedy. Runs in its own venv."""

import sys
from typing import Any

import torch
import transformers
from orders import serve


class Transformers:
    """An Engine. All answers of a case have one length, so a batch needs no padding and no mask."""

    def load(self, order: dict[str, Any]) -> dict[str, Any]:
        torch.set_num_threads(order["threads"])
        torch.set_grad_enabled(False)
        self._model = transformers.AutoModelForCausalLM.from_pretrained(
            order["checkpoint"], dtype=getattr(torch, order["dtype"])
        ).eval()
        kind = str(self._model.dtype).removeprefix("torch.")
        return {
            "versions": {
                "transformers": transformers.__version__, "torch": torch.__version__, "python": sys.version.split()[0],
            },
            "settings": {
                "threads": str(torch.get_num_threads()), "weights": kind, "KV": kind, "sampling": "argmax",
                "attention": self._model.config._attn_implementation, "instructions": torch.backends.cpu.get_cpu_capability(),
            },
        }  # fmt: skip

    def open(self, prompts: list[list[int]], tokens: int) -> None:
        self._cache = transformers.DynamicCache(config=self._model.config)
        self._last = self._forward(torch.tensor(prompts), self._cache)

    def step(self) -> int:
        self._last = self._forward(self._last, self._cache)
        return self._last.numel()

    def close(self) -> None:
        del self._cache, self._last

    def prefill(self, prompt: list[int]) -> int:
        return self._forward(torch.tensor([prompt]), transformers.DynamicCache(config=self._model.config)).numel()

    def _forward(self, ids: torch.Tensor, cache: Any) -> torch.Tensor:
        """The next token of each row, [batch, 1], from ids, [batch, tokens]."""
        logits = self._model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
        return logits[:, -1].argmax(-1, keepdim=True)


if __name__ == "__main__":
    serve(Transformers())
