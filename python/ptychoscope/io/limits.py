"""The guard that stands before every allocation whose size a file declares."""

import os

from ptychoscope.errors import PtychoscopeError


def require_memory(what: str, size: int, error: type[PtychoscopeError]) -> None:
    """Raise `error` when `size` bytes are more than this machine has."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size > memory:
        raise error(
            f"{what} declares {size / 2**30:.1f} GiB, more than the {memory / 2**30:.1f} GiB "
            "of this machine: cut it into parts"
        )
