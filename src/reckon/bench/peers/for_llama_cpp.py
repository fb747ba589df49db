"""llama.cpp's side of ``reckon bench versus``, by the C API that llama-cpp-python wraps. Runs in that package's own venv.

The next token of an answer is made up, not sampled: llama.cpp has no scheduler and samples row by row outside of the step. That
is to its advantage, by what a sampler takes.
"""

import ctypes
import random
from pathlib import Path
from typing import Any

import llama_cpp
from orders import serve

BATCH = 2048
"""Tokens of a prompt that are handed over at once; llama.cpp cuts them into its own 512."""


class LlamaCpp:
    """An Engine. A context is made for the open answers and freed with them; a prompt alone has one of its own."""

    def load(self, order: dict[str, Any]) -> dict[str, Any]:
        llama_cpp.llama_backend_init()
        self._threads: int = order["threads"]
        self._prompt_tokens: int = order["context"]
        self._model = llama_cpp.llama_model_load_from_file(order["weights"].encode(), llama_cpp.llama_model_default_params())
        if not self._model:
            raise ValueError(f"{order['weights']} cannot be loaded")
        self._batch = llama_cpp.llama_batch_init(BATCH, 0, 1)
        self._context: Any = None
        self._alone = self._make_context(1, order["context"])
        self._numbers = random.Random(0)
        words = ctypes.create_string_buffer(128)
        llama_cpp.llama_model_desc(self._model, words, 128)
        parameters = llama_cpp.llama_context_default_params()
        return {
            "versions": {"llama-cpp-python": llama_cpp.__version__},
            "settings": {
                "threads": str(self._threads), "weights": words.value.decode(), "file": Path(order["weights"]).name,
                "KV": {0: "float32", 1: "float16", 30: "bf16"}.get(parameters.type_k, f"ggml type {parameters.type_k}"),
                "micro-batch": str(parameters.n_ubatch), "sampling": "none, tokens are made up",
                "built for": " ".join(_instructions()),
            },
        }  # fmt: skip

    def open(self, prompts: list[list[int]], tokens: int) -> None:
        self._lengths = [len(prompt) for prompt in prompts]
        self._context = self._make_context(len(prompts), len(prompts[0]) + tokens)
        for sequence, prompt in enumerate(prompts):
            self._compute(self._context, sequence, prompt)

    def step(self) -> int:
        batch = self._batch
        batch.n_tokens = len(self._lengths)
        for sequence, length in enumerate(self._lengths):
            self._put(sequence, sequence, self._numbers.randrange(1000), length, wanted=True)
            self._lengths[sequence] += 1
        self._decode(self._context)
        return len(self._lengths)

    def close(self) -> None:
        llama_cpp.llama_free(self._context)

    def prefill(self, prompt: list[int]) -> int:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._alone), False)
        self._compute(self._alone, 0, prompt)
        return 1

    def _make_context(self, sequences: int, length: int) -> Any:
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx, parameters.n_seq_max = sequences * -(-length // 256) * 256, sequences
        parameters.n_batch = BATCH
        parameters.n_threads = parameters.n_threads_batch = self._threads
        context = llama_cpp.llama_init_from_model(self._model, parameters)
        if not context:
            raise MemoryError(f"no context of {sequences} times {length} tokens")
        return context

    def _compute(self, context: Any, sequence: int, prompt: list[int]) -> None:
        for start in range(0, len(prompt), BATCH):
            chunk = prompt[start : start + BATCH]
            self._batch.n_tokens = len(chunk)
            for row, token in enumerate(chunk):
                self._put(row, sequence, token, start + row, wanted=start + row == len(prompt) - 1)
            self._decode(context)

    def _put(self, row: int, sequence: int, token: int, position: int, *, wanted: bool) -> None:
        batch = self._batch
        batch.token[row], batch.pos[row], batch.logits[row] = token, position, wanted
        batch.n_seq_id[row], batch.seq_id[row][0] = 1, sequence

    def _decode(self, context: Any) -> None:
        code = llama_cpp.llama_decode(context, self._batch)
        if code:
            raise RuntimeError(f"llama_decode ended with {code}")
        llama_cpp.llama_synchronize(context)


def _instructions() -> list[str]:
    """Of llama.cpp's account of itself, what it was built with."""
    parts = llama_cpp.llama_print_system_info().decode().replace("|", " ").split(" = 1")
    return [part.split()[-1] for part in parts if part.split()]


if __name__ == "__main__":
    serve(LlamaCpp())
