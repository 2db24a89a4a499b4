"""Reading in a process of its own, for files that may crash, hang or swell the library that reads them.

A function of this package, told by name, is called in a child with a limit on time and on memory. It gives
back arrays and facts; they come through a pipe as numbers and JSON, never as pickle, and the sizes that they
declare are checked before room is made. Whatever happens to the child, the caller gets arrays or an error.

A reader for this is a function `read(...) -> tuple[dict[str, NDArray], dict[str, Any]]` that takes JSON
values, called as `read_in_child("ptychoscope.io.module:read", {"path": ...}, ...)`. Errors of ours that it
raises, and its `ScanWarning`s, arrive as what they were.
"""

import json
import math
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import IO, Any, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from ptychoscope import errors
from ptychoscope.errors import PtychoscopeError, ScanWarning
from ptychoscope.io.limits import require_memory

Arrays = dict[str, NDArray[Any]]
Facts = dict[str, Any]

_START = "import sys; sys.path[:] = {path!r}; from ptychoscope.io.guarded_child import _serve; _serve()"
_READY = b"R"
_HEADER_BYTES = 64 << 20
"""The most of what is not numbers."""
_DTYPE = re.compile(r"[<>|][biufcSU][0-9]{1,9}")
_PLAIN = ("b", "i", "u", "f", "c", "S", "U")


class _Array(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    dtype: str
    shape: list[int]


class _Answer(msgspec.Struct, forbid_unknown_fields=True):
    """What comes through the pipe before the numbers."""

    arrays: list[_Array] = []
    facts: dict[str, Any] = {}
    warnings: list[str] = []
    error: str = ""
    """The name of a class in `ptychoscope.errors`, or any other class's; empty when all went well."""
    message: str = ""


def read_in_child(
    function: str,
    arguments: Mapping[str, Any],
    *,
    label: str,
    error: type[PtychoscopeError],
    time_limit_s: float,
    memory_bytes: int,
) -> tuple[Arrays, Facts]:
    """Call `function` in a child process and bring back what it read.

    Parameters
    ----------
    function
        `module:name` of a function that returns arrays by name, and facts that JSON can hold.
    arguments
        Its keyword arguments, JSON values.
    label
        What is read, for messages: the path.
    error
        Raised for what the child does not survive, and for foreign errors in it.
    time_limit_s
        Seconds from the child's start to the last number.
    memory_bytes
        The most that the function may allocate, and that the arrays may hold together.

    Returns
    -------
    tuple
        The arrays, which may be written to, and the facts.

    Raises
    ------
    PtychoscopeError
        What the function raised, of its class; `error` when the child crashed, ran out of its time or memory,
        or raised something else.
    """
    request: Facts = {"function": function, "arguments": dict(arguments)}
    request |= {"memory_bytes": memory_bytes, "cpu_s": math.ceil(time_limit_s) + 1}
    start = _START.format(path=[place for place in sys.path if place])
    command = [sys.executable, "-I", "-c", start]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    late = threading.Event()
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    ) as child:
        timer = threading.Timer(time_limit_s, _end_it, (child, late))
        timer.start()
        try:
            answer, arrays = _talk(child, request, label, error, memory_bytes)
        except (EOFError, BrokenPipeError, msgspec.MsgspecError) as reason:
            child.kill()
            code = -signal.SIGXCPU if late.is_set() else child.wait()
            raise error(f"{label} {_end(code, time_limit_s)}; copy or write it again") from reason
        finally:
            timer.cancel()
            child.kill()
    for text in answer.warnings:
        warnings.warn(text, ScanWarning, stacklevel=3)
    return arrays, answer.facts


def _talk(
    child: "subprocess.Popen[bytes]",
    request: Facts,
    label: str,
    error: type[PtychoscopeError],
    memory_bytes: int,
) -> tuple[_Answer, Arrays]:
    """Send what is wanted, take what comes; raises `EOFError` when the child ends before."""
    told, stream = cast("IO[bytes]", child.stdin), cast("IO[bytes]", child.stdout)
    with told:
        told.write(json.dumps(request).encode())
    if stream.read(1) != _READY:
        raise error(f"{label} was not read: no process for it could be started (exit {child.wait()})")
    length = int.from_bytes(_exactly(stream, 8), "little")
    if length > _HEADER_BYTES:
        raise error(f"{label} holds {length} bytes of text, more than the {_HEADER_BYTES} allowed")
    answer = msgspec.json.decode(_exactly(stream, length), type=_Answer)
    if answer.error:
        known = getattr(errors, answer.error, None)
        if isinstance(known, type) and issubclass(known, PtychoscopeError):
            raise known(answer.message)
        raise error(f"{label} is damaged ({answer.error}: {answer.message}): copy or write it again")
    sizes = [_size(array) for array in answer.arrays]
    require_memory(label, sum(sizes), error)
    if sum(sizes) > memory_bytes:
        raise error(f"{label} unpacks to {sum(sizes)} bytes, more than the {memory_bytes} allowed for it")
    return answer, {array.name: _array(stream, array) for array in answer.arrays}


def _size(array: _Array) -> int:
    if not _DTYPE.fullmatch(array.dtype) or min(array.shape, default=0) < 0:
        raise EOFError("the child's answer is none")
    return math.prod(array.shape) * np.dtype(array.dtype).itemsize


def _array(stream: IO[bytes], array: _Array) -> NDArray[Any]:
    read = np.empty(array.shape, array.dtype)
    rest = _bytes_of(read)
    while rest:
        count = stream.readinto(rest)  # type: ignore[attr-defined]
        if not count:
            raise EOFError("the child ended")
        rest = rest[count:]
    return read


def _bytes_of(array: NDArray[Any]) -> memoryview:
    return memoryview(array.reshape(-1).view(np.uint8).data if array.nbytes else b"")


def _end_it(child: "subprocess.Popen[bytes]", late: threading.Event) -> None:
    late.set()
    child.kill()


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError("the child ended")
    return data


def _end(code: int, time_limit_s: float) -> str:
    if code == -signal.SIGXCPU:
        return f"could not be read within {time_limit_s:.3g} s: it is damaged, or its disk is slow"
    how = f"signal {-code}" if code < 0 else f"exit {code}"
    return f"is damaged: it ends the program that reads it ({how})"


def _serve() -> None:
    """In the child: read the request from stdin, answer on stdout."""
    request = json.loads(sys.stdin.buffer.read())
    module, _, name = request["function"].partition(":")
    function = getattr(import_module(module), name)
    _limit(request["memory_bytes"], request["cpu_s"])
    stream = sys.stdout.buffer
    stream.write(_READY)
    stream.flush()
    arrays: Arrays = {}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found, facts = function(**request["arguments"])
            arrays = {key: _plain(value) for key, value in found.items()}
            answer = _Answer(
                arrays=[_Array(key, array.dtype.str, list(array.shape)) for key, array in arrays.items()],
                facts=facts,
                warnings=[str(one.message) for one in said if issubclass(one.category, ScanWarning)],
            )
            header = msgspec.json.encode(answer)
        except Exception as reason:
            arrays, header = {}, msgspec.json.encode(_failure(reason))
    stream.write(len(header).to_bytes(8, "little") + header)
    for array in arrays.values():
        stream.write(_bytes_of(array))
    stream.flush()


def _failure(reason: Exception) -> _Answer:
    text = str(reason).encode("utf-8", "replace").decode()
    return _Answer(error=type(reason).__name__, message=text[:2000])


def _plain(value: NDArray[Any]) -> NDArray[Any]:
    array = np.ascontiguousarray(value).reshape(np.shape(value))
    if array.dtype.kind not in _PLAIN or array.dtype.hasobject:
        raise TypeError(f"{array.dtype} cannot be handed over")
    return array


def _limit(memory_bytes: int, cpu_s: int) -> None:
    """From here on: so much more memory, so many CPU seconds, no core dump."""
    with open("/proc/self/statm", "rb") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_AS, (used + memory_bytes, used + memory_bytes))
