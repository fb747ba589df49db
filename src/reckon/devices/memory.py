"""How much memory this machine could still give. Devices size their KV blocks by it."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int:
    """Bytes this process could take without swapping and without breaking its container's limit."""
    return int(min(_system_bytes(), _cgroup_bytes()))


def _cgroup_bytes() -> float:
    """What a container's limit leaves (cgroup v2); infinite where there is none."""
    try:
        limit, used = (CGROUP / "memory.max").read_text(), (CGROUP / "memory.current").read_text()
        return int(limit) - int(used)
    except (OSError, ValueError):
        return math.inf


def _system_bytes() -> int:
    """Half of the memory where the system does not say what is available."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
