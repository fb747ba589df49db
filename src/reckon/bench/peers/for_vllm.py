"""vLLM's side of ``reckon bench versus``, on its CPU backend, greedy, in one process. Runs in its own venv.

In one process, because an engine in another one does not wait to be stepped, and would run on while others are measured. What
vLLM sets up for the process that it would have started is set up here: Intel's OpenMP, which its manual wants preloaded, and a
thread bound to each core.
"""

import os
import sys
from pathlib import Path
from typing import Any

OPENMP = Path(sys.prefix, "lib", "libiomp5.so")
if OPENMP.exists() and "LD_PRELOAD" not in os.environ:
    cores = sorted(os.sched_getaffinity(0))[: int(os.environ["OMP_NUM_THREADS"])]
    os.environ["LD_PRELOAD"] = str(OPENMP)
    os.environ["KMP_AFFINITY"] = f"granularity=fine,explicit,proclist=[{','.join(map(str, cores))}]"
    os.environ["KMP_BLOCKTIME"], os.environ["KMP_TPAUSE"] = "5", "0"  # as vLLM has them
    os.execv(sys.executable, [sys.executable, *sys.argv])

# Read when vllm is imported: the engine in this process, where it can be stepped and its threads can be seen.
os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")

import torch
import vllm
from orders import serve
from vllm.sampling_params import RequestOutputKind


class Vllm:
    """An Engine. A step is a step of vLLM's own engine, scheduler and sampler included; there is no text to make."""

    def load(self, order: dict[str, Any]) -> dict[str, Any]:
        self._engine = vllm.LLM(
            order["checkpoint"], dtype=order["dtype"], max_model_len=order["context"], max_num_seqs=order["sequences"],
            enable_prefix_caching=False, skip_tokenizer_init=True,
        ).llm_engine  # fmt: skip
        self._requests = 0
        self._open: list[str] = []
        config = self._engine.vllm_config
        kind, kv_kind = str(config.model_config.dtype).removeprefix("torch."), config.cache_config.cache_dtype
        return {
            "versions": {"vllm": vllm.__version__, "torch": torch.__version__},
            "settings": {
                "threads": str(torch.get_num_threads()), "OpenMP": Path(os.environ.get("LD_PRELOAD", "torch's own")).name,
                "weights": kind, "KV": kind if kv_kind == "auto" else kv_kind,
                "step tokens": str(config.scheduler_config.max_num_batched_tokens),
                "instructions": torch.backends.cpu.get_cpu_capability(), "sampling": "greedy, by its own scheduler and sampler",
            },
        }  # fmt: skip

    def open(self, prompts: list[list[int]], tokens: int) -> None:
        self._open = [self._submit(prompt, tokens) for prompt in prompts]
        begun: set[str] = set()
        while not begun.issuperset(self._open):
            begun.update(output.request_id for output in self._engine.step())

    def step(self) -> int:
        return sum(len(output.outputs[0].token_ids) for output in self._engine.step())

    def close(self) -> None:
        self._engine.abort_request(self._open)
        self._finish()

    def prefill(self, prompt: list[int]) -> int:
        self._submit(prompt, 1)
        return self._finish()

    def _submit(self, prompt: list[int], tokens: int) -> str:
        self._requests += 1
        name = str(self._requests)
        sampling = vllm.SamplingParams(
            max_tokens=tokens, ignore_eos=True, temperature=0, detokenize=False, output_kind=RequestOutputKind.DELTA
        )
        self._engine.add_request(name, {"prompt_token_ids": prompt}, sampling)
        return name

    def _finish(self) -> int:
        """Returns how many tokens were made until nothing is left."""
        tokens = 0
        while self._engine.has_unfinished_requests():
            tokens += self.step()
        return tokens


if __name__ == "__main__":
    serve(Vllm())
