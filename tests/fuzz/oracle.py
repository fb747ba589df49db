"""What must hold whatever was sent: the server lives, a canary is answered with the right sum, by the same worker, in bounded
memory, and nothing was logged as a failure. Knows the running server only, not what was sent."""

import time
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
from tests.journeys.server import MODEL, Served

SUMS = ((37, 58), (21, 34), (40, 13), (20, 31))
API_GROWTH_MB = 150
WORKER_GROWTH_MB = 350
"""From the end of the warm-up, above which memory counts as lost; the worker's KV pages are touched as they are first used."""


@dataclass(frozen=True)
class Memory:
    """Resident megabytes of the two processes."""

    api: float
    worker: float


class Oracle:
    """Made while the server is well. ``slowest`` is the longest that a canary took, ``peak`` the most memory seen."""

    def __init__(self, served: Served) -> None:
        self.slowest = 0.0
        self.peak = Memory(0, 0)
        self._served = served
        self._pid = served.worker_pid
        self._sums = cycle(SUMS)

    def broken(self) -> str:
        """What is wrong with the server; empty when nothing is."""
        if self._served.process.poll() is not None:
            return f"the server ended with {self._served.process.returncode}\n{self._served.output[-3000:]}"
        wrong = self._canary()
        if wrong:
            return wrong
        now = self.memory()
        self.peak = Memory(max(now.api, self.peak.api), max(now.worker, self.peak.worker))
        if self._served.worker_pid != self._pid:
            return f"the worker {self._pid} was replaced by {self._served.worker_pid}"
        if "Traceback" in self._served.output:
            return f"the server logged\n{self._served.output[-3000:]}"
        return ""

    def busy(self, seconds: float = 10) -> str:
        """What still runs, waits or holds KV blocks, though everybody left."""
        state: dict[str, Any] = {}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = httpx.get(f"{self._served.url}/health", timeout=60).json()["models"][MODEL]
            if not any(state[key] for key in ("running", "waiting", "held_blocks") if key in state):
                return ""
            time.sleep(0.1)
        return f"{seconds} s after the end the engine is not idle: {state}"

    def memory(self) -> Memory:
        return Memory(_resident_mb(self._served.process.pid), _resident_mb(self._pid))

    def _canary(self) -> str:
        left, right = next(self._sums)
        body = {"model": MODEL, "temperature": 0, "messages": [{"role": "user", "content": f"What is {left} + {right}?"}]}
        begin = time.monotonic()
        try:
            answer = httpx.post(f"{self._served.url}/v1/chat/completions", json=body, headers=self._served.headers, timeout=60)
        except httpx.HTTPError as error:
            return f"the canary was not answered: {error!r}"
        self.slowest = max(self.slowest, time.monotonic() - begin)
        if answer.status_code != 200:
            return f"the canary's answer is {answer.status_code} {answer.text[:300]}"
        text = answer.json()["choices"][0]["message"]["content"]
        return "" if f"\\boxed{{{left + right}}}" in text else f"the canary reckons {left} + {right} like this: {text!r}"


def grown(before: Memory, after: Memory) -> list[str]:
    """Which process grew more than it may."""
    growth = (("API", after.api - before.api, API_GROWTH_MB), ("worker", after.worker - before.worker, WORKER_GROWTH_MB))
    return [f"the {name} process grew by {by:.0f} MB, more than {bound} MB" for name, by, bound in growth if by > bound]


def _resident_mb(pid: int | None) -> float:
    """VmRSS; 0 for a process that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)
