"""The most memory that this process has held; `ru_maxrss` also counts what its parent held before."""

from pathlib import Path


def peak_kb() -> int:
    """VmHWM of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
