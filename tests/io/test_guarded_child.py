"""Reading in a child: what it read arrives as it was, and whatever befalls it is an error of ours."""

import io
import os
import signal
import threading
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from child_functions import arrays
from ptychoscope.errors import BundleError, ResultError, ScanError, ScanWarning
from ptychoscope.io.child_answer import (
    HEADER_BYTES,
    ArrayHeader,
    BrokenAnswerError,
    encoded,
    receive_array,
    receive_header,
    send,
)  # fmt: skip
from ptychoscope.io.guarded_child import read_in_child


def call(name, *, time_limit_s=30.0, memory_bytes=1 << 29, **arguments):
    return read_in_child(
        f"child_functions:{name}",
        arguments,
        label="the file",
        error=BundleError,
        time_limit_s=time_limit_s,
        memory_bytes=memory_bytes,
    )


def children():
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()


@pytest.fixture(autouse=True)
def no_child_is_left():
    before = children()
    yield
    assert children() == before


def test_arrays_arrive_bit_for_bit():
    wanted, facts = arrays()
    found, told = call("arrays")
    assert told == facts
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        assert_array_equal(found[name], array)
        assert found[name].flags.writeable


def test_arguments_and_facts_are_json():
    assert call("echo", path="a ü\n", number=1e-300, none=None) == (
        {}, {"path": "a ü\n", "number": 1e-300, "none": None},
    )  # fmt: skip


def test_warnings_arrive_and_prints_do_not():
    with pytest.warns(ScanWarning, match="a word") as said:
        assert call("warn") == ({}, {})
    assert len(said) == 1


@pytest.mark.parametrize(("kind", "error", "match"), [
    ("ours", ResultError, "^say ü$"), ("scan", ScanError, "^say ü$"),
    ("foreign", BundleError, r"^the file is damaged \(ZeroDivisionError: say ü\)"),
])  # fmt: skip
def test_errors_arrive_as_what_they_were(kind, error, match):
    with pytest.raises(error, match=match):
        call("fail", kind=kind, text="say ü")


@pytest.mark.parametrize(("name", "options", "match"), [
    ("crash", {}, "ends the program that reads it .signal 11"),
    ("leave", {}, "ends the program that reads it .exit 3"),
    ("sleep", {"time_limit_s": 1.0}, "could not be read within 1 s"),
    ("loop", {"time_limit_s": 1.0}, "could not be read within 1 s"),
    ("swell", {"memory_bytes": 1 << 28}, "damaged .*MemoryError"),
    ("arrays", {"memory_bytes": 10**6}, "unpacks to 8.* bytes|MemoryError"),
    ("objects", {}, "cannot be handed over"), ("no_json", {}, "damaged .TypeError"),
    ("absent", {}, "no process for it could be started"),
])  # fmt: skip
def test_what_befalls_a_child_is_an_error(name, options, match):
    with pytest.raises(BundleError, match=f"^the file .*({match})"):
        call(name, **options)


def test_ctrl_c_ends_the_child_too():
    """The caller hangs in a read; the signal gets through at once."""
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    began = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        call("loop")
    assert time.monotonic() - began < 25  # and not to the child's end


@pytest.mark.parametrize("cut", [0, 7, 8, 20, -1])
def test_an_answer_that_ends_too_soon(cut):
    stream = io.BytesIO()
    send(stream, *encoded({"a": np.arange(5)}, {}, []))
    answer = io.BytesIO(stream.getvalue()[:cut])
    with pytest.raises(BrokenAnswerError):
        receive_array(answer, receive_header(answer).arrays[0])


@pytest.mark.parametrize("header", [
    b"{}}", b"[", b"\xff", b"[" * 10**5, b'{"arrays": 1}', b'{"more": 1}', b'{"arrays": [{"name": "a"}]}',
])  # fmt: skip
def test_a_header_that_is_none(header):
    with pytest.raises(BrokenAnswerError):
        receive_header(io.BytesIO(len(header).to_bytes(8, "little") + header))


@pytest.mark.parametrize(("dtype", "shape"), [
    ("O", [1]), ("|O8", [1]), ("f4,f4", [1]), ("<f4", [-1]), ("<f4", [-1, -1]), ("", []), ("<m8", [1]),
])  # fmt: skip
def test_arrays_that_are_none(dtype, shape):
    with pytest.raises(BrokenAnswerError):
        _ = ArrayHeader("a", dtype, shape).size_bytes


def test_no_more_text_than_is_allowed():
    with pytest.raises(BrokenAnswerError, match="bytes of text"):
        receive_header(io.BytesIO((HEADER_BYTES + 1).to_bytes(8, "little")))


def test_many_in_threads():
    found = []
    threads = [threading.Thread(target=lambda: found.append(call("arrays")[0])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(one["large"], np.arange(10**6)) for one in found)
    assert len(found) == 4
