"""A first look at a file in a process of its own: what does not survive it never reaches this one.

HDF5 crashes on some damaged files and never returns from others. A function of this package, told by name,
does in a child what will be done here, under limits of time and memory. The child stays for further files,
as its start costs more than most looks, and ends when nobody asks for a while. Errors of ours come back as
what they were; nothing else comes back, so nothing has to be believed.
"""

import json
import os
import select
import subprocess
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

from ptychoscope.errors import ScanError
from ptychoscope.io.child_process import end_child, limit, raise_as_ours, said_of_end, start_child

if TYPE_CHECKING:
    _Child = subprocess.Popen[bytes]

TIME_LIMIT_S = 60.0
"""Of one look."""
_MEMORY_BYTES = 3 << 30
"""That looks may take, beside what the child has when it starts."""
_IDLE_S = 60.0
_INSIDE = "PTYCHOSCOPE_IN_CHILD"
"""Of the environment: set in the child, which starts none of its own."""
_LONGEST_ANSWER = 1 << 16


def look_in_child(function: str, arguments: dict[str, Any], label: str) -> None:
    """Call `function` with `arguments` in a child, and see whether it comes back; in the child do nothing.

    Parameters
    ----------
    function
        `module:name` of a function that is called for what it may raise.
    arguments
        Its keyword arguments, JSON values.
    label
        What is looked at, for messages: the path.

    Raises
    ------
    PtychoscopeError
        What the function raised, of its class.
    ScanError
        The function raised something else, or did not come back: it crashed, or took more than its time or
        memory.
    """
    if os.environ.get(_INSIDE):
        return
    server = _server(os.getpid())
    with server.lock:
        # a child that has seen other files may owe its end to one of them: the second is a fresh one
        ended = server.ask(function, arguments, label)
        if ended is not None and not server.fresh:
            ended = server.ask(function, arguments, label)
        if ended is not None:
            raise ScanError(f"{label} {ended}: copy or write it again")


@cache
def _server(process: int) -> "_Server":  # noqa: ARG001  # a child is not shared with a fork
    return _Server()


class _Server:
    """The child, started when it is first asked."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.fresh = True
        """Whether the last child had seen nothing before what it was asked."""
        self._child: _Child | None = None
        self._end: Callable[[], Any] = _nothing

    def ask(self, function: str, arguments: dict[str, Any], label: str) -> str | None:
        """None when the look ended well; how the child ended, when it did not come back."""
        child = self._running()
        request = {"function": function, "arguments": arguments, "folder": os.getcwd()}
        line = json.dumps(request).encode() + b"\n"
        try:
            child.stdin.write(line)  # type: ignore[union-attr]
            answer = _answer(child.stdout)  # type: ignore[arg-type]
        except (OSError, EOFError, ValueError):
            return self._stopped(child)
        except BaseException:  # an interrupt: the answer would be taken for that of the next look
            self._end()
            raise
        if answer["error"]:
            raise_as_ours(answer["error"], answer["message"], label, ScanError)
        return None

    def _running(self) -> "_Child":
        if self._child is not None and self._child.poll() is None:
            self.fresh = False
            return self._child
        self._end()
        child = start_child(__name__, buffered=False, environment={_INSIDE: "1"})
        self._child, self._end, self.fresh = child, weakref.finalize(self, end_child, child), True
        return child

    def _stopped(self, child: "_Child") -> str:
        """End the child; how it ended."""
        code = None
        with suppress(subprocess.TimeoutExpired):
            code = child.wait(0.5)
        self._end()
        if code is None:
            return f"could not be read within {TIME_LIMIT_S:g} s"
        return said_of_end(code)


def _nothing() -> None:
    """The end of no child."""


def _answer(stream: BinaryIO) -> dict[str, str]:
    """The next line; raises `EOFError` when it does not come in time, `ValueError` when it is no answer."""
    line = b""
    while not line.endswith(b"\n"):
        if not select.select([stream], [], [], TIME_LIMIT_S)[0]:
            raise EOFError("no answer")
        read = stream.read(_LONGEST_ANSWER)
        if not read or len(line) > _LONGEST_ANSWER:
            raise EOFError("the child ended")
        line += read
    answer = json.loads(line)
    return {key: str(answer[key]) for key in ("error", "message")}


def serve() -> None:
    """In the child: look at what stdin asks for, line by line, and answer on stdout."""
    stream = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints is no answer
    warnings.simplefilter("ignore")
    import h5py  # noqa: F401  # before memory is counted

    limit(_MEMORY_BYTES)
    while select.select([sys.stdin.buffer], [], [], _IDLE_S)[0]:
        line = sys.stdin.buffer.readline()
        if not line:
            return
        answer = {"error": "", "message": ""}
        try:
            request = json.loads(line)
            os.chdir(request["folder"])
            module, _, name = request["function"].partition(":")
            getattr(import_module(module), name)(**request["arguments"])
        except Exception as error:
            answer = {"error": type(error).__name__, "message": str(error)[:4000]}
        stream.write(json.dumps(answer).encode() + b"\n")
