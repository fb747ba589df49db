"""``python -m reckon.bench.versus.ours FD``: our side of the contest, the worker's own scheduler, runner and sampler.

What the worker adds in service is the socket to the API process. Guesses are off: a random model repeats itself, which would
make them look better than they are, and no peer guesses here.
"""

import importlib.metadata
import sys
from pathlib import Path
from typing import Any

import numpy as np

import reckon
from reckon.bench.peers.orders import serve
from reckon.devices.select import select
from reckon.errors import BadSetting
from reckon.job import Sampling
from reckon.link import Abort, Submit, Tokens
from reckon.models.arch import read_arch
from reckon.models.weights import Weights
from reckon.worker.blocks import Blocks
from reckon.worker.runner import Runner
from reckon.worker.scheduler import Scheduler

GREEDY = Sampling(seed=0, temperature=0.0)


class Ours:
    """An Engine of ``peers/orders.py``."""

    def __init__(self) -> None:
        self._requests = 0
        self._open: list[int] = []

    def load(self, order: dict[str, Any]) -> dict[str, Any]:
        directory = Path(order["checkpoint"])
        arch, weights = read_arch(directory), Weights.open(directory)
        device = select(order["device"], order["threads"], order["form"], Path(order["cache"]), order["kv_bytes"])
        self._runner = Runner(device)
        self._runner.load(arch, weights, lambda phase, done, total: None)
        room = self._runner.allocate(arch, order["kv_bytes"], order["context"], order["sequences"])
        if room.context < order["context"]:
            raise BadSetting(f"the longest sequence here has {room.context} tokens, and {order['context']} are asked for")
        self._scheduler = Scheduler(Blocks(room.blocks), order["step_tokens"], order["sequences"], drafts=False)
        kind = "bf16" if device.name == "cpu" else "float32"
        return {
            "versions": {
                "reckon": reckon.__version__, "numba": importlib.metadata.version("numba"), "numpy": np.__version__,
                "python": sys.version.split()[0],
            },
            "settings": {
                "path": device.numeric_path, "threads": str(order["threads"]), "weights": device.weights, "KV": kind,
                "step tokens": str(order["step_tokens"]), "drafts": "off",
                "sampling": "greedy, through the scheduler and the sampler",
            },
        }  # fmt: skip

    def open(self, prompts: list[list[int]], tokens: int) -> None:
        begun: set[int] = set()
        self._open = [self._submit(prompt, tokens) for prompt in prompts]
        while not begun.issuperset(self._open):
            begun.update(message.request for message in self._step())

    def step(self) -> int:
        return sum(len(message.ids) for message in self._step())

    def close(self) -> None:
        for request in self._open:
            self._scheduler.abort(Abort(request))

    def prefill(self, prompt: list[int]) -> int:
        self._submit(prompt, 1)
        tokens = 0
        while not self._scheduler.idle:
            tokens += self.step()
        return tokens

    def _submit(self, prompt: list[int], tokens: int) -> int:
        self._requests += 1
        self._scheduler.submit(Submit(self._requests, prompt, GREEDY, tokens, [], "bench"))
        return self._requests

    def _step(self) -> list[Tokens]:
        """A step as the worker makes it."""
        plan = self._scheduler.schedule()
        out = self._scheduler.advance(plan, self._runner.run(plan))
        return [message for message in out if isinstance(message, Tokens)]


if __name__ == "__main__":
    serve(Ours())
