"""OpenVINO GenAI's side of ``reckon bench versus``: its continuous batching on the CPU, greedy. Runs in its own venv.

Precisions are OpenVINO's own choice, which on a CPU may be 8 bits for the KV cache: that is what its users get.
"""

from typing import Any

import numpy as np
import openvino
import openvino_genai
from orders import serve

BATCHED_TOKENS = 2048
"""Tokens that it may compute in a step; more were not faster where this was tried."""
CACHE_GB = 2


class OpenVino:
    """An Engine. The pipeline has its own scheduler; a step of it is a step."""

    def load(self, order: dict[str, Any]) -> dict[str, Any]:
        scheduling = openvino_genai.SchedulerConfig()
        scheduling.cache_size = CACHE_GB
        scheduling.max_num_seqs = order["sequences"]
        scheduling.max_num_batched_tokens = BATCHED_TOKENS
        scheduling.enable_prefix_caching = False
        properties = {"INFERENCE_NUM_THREADS": order["threads"]}
        self._pipeline = openvino_genai.ContinuousBatchingPipeline(order["weights"], scheduling, "CPU", properties)
        self._requests = 0
        self._handles: list[Any] = []
        return {
            "versions": {"openvino": openvino.__version__, "openvino-genai": openvino_genai.__version__},
            "settings": {
                "threads": str(order["threads"]), "weights": "as in the IR", **_defaults(), "step tokens": str(BATCHED_TOKENS),
                "cache GB": str(CACHE_GB), "sampling": "greedy, by its own scheduler and sampler",
            },
        }  # fmt: skip

    def open(self, prompts: list[list[int]], tokens: int) -> None:
        self._handles = [self._submit(prompt, tokens) for prompt in prompts]
        waiting = list(self._handles)
        while waiting:
            self._pipeline.step()
            waiting = [handle for handle in waiting if not _read(handle)]
        for handle in self._handles:  # those that went ahead
            _read(handle)

    def step(self) -> int:
        self._pipeline.step()
        return sum(_read(handle) for handle in self._handles)

    def close(self) -> None:
        for handle in self._handles:
            handle.stop()
        self._finish()

    def prefill(self, prompt: list[int]) -> int:
        handle = self._submit(prompt, 1)  # one that nobody holds is dropped with its request
        self._finish()
        return _read(handle)

    def _submit(self, prompt: list[int], tokens: int) -> Any:
        generation = openvino_genai.GenerationConfig()
        generation.max_new_tokens = generation.min_new_tokens = tokens
        generation.ignore_eos, generation.do_sample = True, False
        self._requests += 1
        return self._pipeline.add_request(self._requests, openvino.Tensor(np.array([prompt], np.int64)), generation)

    def _finish(self) -> None:
        while self._pipeline.has_non_finished_requests():
            self._pipeline.step()


def _read(handle: Any) -> int:
    """How many tokens it has made since it was read last."""
    tokens = 0
    while handle.can_read():
        tokens += sum(len(output.generated_ids) for output in handle.read().values())
    return tokens


def _defaults() -> dict[str, str]:
    """What the CPU plugin chooses when nobody says otherwise."""
    core = openvino.Core()
    names = {"KV": "KV_CACHE_PRECISION", "computes in": "INFERENCE_PRECISION_HINT"}
    return {word: core.get_property("CPU", name).to_string() for word, name in names.items()}


if __name__ == "__main__":
    serve(OpenVino())
