"""A child takes the crash, the hang and the memory; the caller gets an error of ours."""

import os
import time

import pytest

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.io import look_in_child as child
from ptychoscope.io.look_in_child import look_in_child


@pytest.mark.parametrize(("function", "arguments", "said"), [
    ("os:abort", {}, r"x.h5 is damaged: it ends the program that reads it \(signal 6\)"),
    ("os:_exit", {"status": 3}, r"exit 3"),
    ("math:sqrt", {}, r"x.h5 is damaged \(TypeError"),
    ("numpy:ones", {"shape": [1 << 45]}, r"MemoryError"),
    ("no_such_module:f", {}, r"ModuleNotFoundError"),
])  # fmt: skip
def test_whatever_happens_is_an_error_that_names_the_file(function, arguments, said):
    with pytest.raises(ScanError, match=said):
        look_in_child(function, arguments, "x.h5")
    look_in_child("os:getpid", {}, "y.h5")  # the next look is served


def test_a_hang_ends_with_the_time(monkeypatch):
    monkeypatch.setattr(child, "TIME_LIMIT_S", 0.3)
    start = time.perf_counter()
    with pytest.raises(ScanError, match=r"x\.h5 could not be read within 0\.3 s"):
        look_in_child("signal:sigwait", {"sigset": []}, "x.h5")
    assert time.perf_counter() - start < 10


def test_errors_of_ours_come_back_as_what_they_were():
    with pytest.raises(ConfigError, match="FILE:/path"):
        look_in_child("ptychoscope.io.named_parts:split_place", {"place": "x", "scan": "y"}, "x.h5")


def test_one_child_serves_many_looks(tmp_path):
    for name in ("a", "b"):
        look_in_child("os:mkdir", {"path": str(tmp_path / name)}, name)
    server = child._server(os.getpid())
    process = server._child
    look_in_child("os:getpid", {}, "x")
    assert server._child is process
    assert not server.fresh


def test_what_a_library_prints_is_no_answer():
    look_in_child("os:system", {"command": "echo '{}'"}, "x")


def test_a_file_does_not_answer_for_the_one_before(tmp_path):
    """A child that ends owing to what it saw before is no fault of the next file: a fresh one looks again."""
    look_in_child("os:getpid", {}, "x")
    server = child._server(os.getpid())
    server._child.kill()
    look_in_child("os:mkdir", {"path": str(tmp_path / "a")}, "x")
    assert (tmp_path / "a").exists()
