"""What every child process of this package has in common: how it starts, is limited, and ends."""

import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NoReturn

from ptychoscope import errors
from ptychoscope.errors import PtychoscopeError

_START = "import sys; sys.path[:] = {path!r}; from {module} import serve; serve()"
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def start_child(
    module: str,
    *,
    buffered: bool = True,
    heard: bool = False,
    keep: Sequence[int] = (),
    environment: Mapping[str, str] = MappingProxyType({}),
) -> "subprocess.Popen[bytes]":
    """A process that calls `serve` of `module` of this package, with pipes to and from it.

    It is out of reach of a Ctrl-C, which is for the caller: who starts it, ends it. What it says on stderr is
    `heard` or goes nowhere; it has the open files of the numbers `keep`.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-c", _START.format(path=[p for p in sys.path if p], module=module)],
        env={**os.environ, **_ONE_THREAD, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if heard else subprocess.DEVNULL,
        pass_fds=keep,
        bufsize=-1 if buffered else 0,
        start_new_session=True,
    )


def end_child(child: "subprocess.Popen[bytes]") -> None:
    """Kill a child and close its pipes, whatever it does."""
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()


def error_of_ours(kind: str, message: str) -> PtychoscopeError | None:
    """The error of ours that has the name `kind`; None where none has."""
    known = getattr(errors, kind, None)
    return known(message) if isinstance(known, type) and issubclass(known, PtychoscopeError) else None


def raise_as_ours(kind: str, message: str, label: str, error: type[PtychoscopeError]) -> NoReturn:
    """Raise what was raised in a child: an error of ours as what it was, any other as `error`."""
    found = error_of_ours(kind, message)
    if found is not None:
        raise found
    raise error(f"{label} is damaged ({kind}: {message}): copy or write it again")


def said_of_end(code: int) -> str:
    """What befell a child that ended by itself with `code`."""
    how = f"signal {-code}" if code < 0 else f"exit {code}"
    return f"is damaged: it ends the program that reads it ({how})"


def limit(memory_bytes: int, cpu_s: int | None = None) -> None:
    """From here on, in this process: so much more memory, so many CPU seconds, no core dump."""
    with open("/proc/self/statm", "rb") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_AS: used + memory_bytes}
    if cpu_s is not None:
        limits[resource.RLIMIT_CPU] = cpu_s
    for which, wanted in limits.items():
        _, hard = resource.getrlimit(which)
        resource.setrlimit(which, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
