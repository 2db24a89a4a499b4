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
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import IO, Any, cast

from ptychoscope.errors import PtychoscopeError, ScanWarning
from ptychoscope.io.child_answer import (
    Answer,
    Arrays,
    BrokenAnswerError,
    Facts,
    encoded,
    encoded_error,
    receive_array,
    receive_header,
    send,
)
from ptychoscope.io.child_process import limit, raise_as_ours, said_of_end, start_child
from ptychoscope.io.limits import require_memory

_READY = b"R"
"""What the child says once it has found its function."""


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
    late = threading.Event()
    with start_child(__name__) as child:
        timer = threading.Timer(time_limit_s, _end, (child, late))
        timer.start()
        try:
            answer, arrays = _ask(child, request, label, error, memory_bytes)
        except (BrokenAnswerError, BrokenPipeError) as reason:
            child.kill()
            code = -signal.SIGXCPU if late.is_set() else child.wait()
            raise error(f"{label} {_said_of(code, time_limit_s)}; copy or write it again") from reason
        finally:
            timer.cancel()
            child.kill()
    for text in answer.warnings:
        warnings.warn(text, ScanWarning, stacklevel=3)
    return arrays, answer.facts


def _ask(
    child: "subprocess.Popen[bytes]",
    request: Facts,
    label: str,
    error: type[PtychoscopeError],
    memory_bytes: int,
) -> tuple[Answer, Arrays]:
    """Send what is wanted, take what comes; raises `BrokenAnswerError` when the child ends before."""
    told, stream = cast("IO[bytes]", child.stdin), cast("IO[bytes]", child.stdout)
    with told:
        told.write(json.dumps(request).encode())
    if stream.read(1) != _READY:
        raise error(f"{label} was not read: no process for it could be started (exit {child.wait()})")
    answer = receive_header(stream)
    if answer.error:
        raise_as_ours(answer.error, answer.message, label, error)
    size = sum(array.size_bytes for array in answer.arrays)
    require_memory(label, size, error)
    if size > memory_bytes:
        raise error(f"{label} unpacks to {size} bytes, more than the {memory_bytes} allowed for it")
    return answer, {array.name: receive_array(stream, array) for array in answer.arrays}


def _end(child: "subprocess.Popen[bytes]", late: threading.Event) -> None:
    late.set()
    child.kill()


def _said_of(code: int, time_limit_s: float) -> str:
    """What befell a child that ended with `code`."""
    if code == -signal.SIGXCPU:
        return f"could not be read within {time_limit_s:.3g} s: it is damaged, or its disk is slow"
    return said_of_end(code)


def serve() -> None:
    """In the child: read the request from stdin, answer on stdout."""
    request = json.loads(sys.stdin.buffer.read())
    module, _, name = request["function"].partition(":")
    function = getattr(import_module(module), name)
    limit(request["memory_bytes"], request["cpu_s"])
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the function prints is not the answer
    stream.write(_READY)
    stream.flush()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found, facts = function(**request["arguments"])
            words = [str(one.message) for one in said if issubclass(one.category, ScanWarning)]
            header, arrays = encoded(found, facts, words)
        except Exception as reason:
            header, arrays = encoded_error(reason), []
    send(stream, header, arrays)
