"""Files appear whole or not at all."""

import errno
import os
import resource
from pathlib import Path

import pytest

from ptychoscope.errors import OutputError, ScanError
from ptychoscope.io.atomic import replacing


def test_the_file_appears_at_the_end(tmp_path):
    target = tmp_path / "out.bin"
    with replacing(target) as partial:
        partial.write_bytes(b"new")
        assert not target.exists()
        assert partial.parent == tmp_path
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["out.bin"]


@pytest.mark.parametrize(("error", "seen"), [
    (OSError(errno.ENOSPC, "No space left on device"), OutputError),
    (ScanError("wrong"), ScanError),
    (KeyboardInterrupt(), KeyboardInterrupt),
])  # fmt: skip
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, error, seen):
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")
    with pytest.raises(seen), replacing(target) as partial:  # noqa: PT012
        partial.write_bytes(b"half")
        raise error
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out.bin"]


def test_a_full_disk(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OutputError, match="free space"), replacing(tmp_path / "out.bin") as partial:
            partial.write_bytes(bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not os.listdir(tmp_path)


def test_a_folder_appears_whole_and_never_replaces_a_full_one(tmp_path):
    target = tmp_path / "bundle"
    with replacing(target) as partial:
        partial.mkdir()
        (partial / "a").write_text("1")
    with pytest.raises(OutputError, match="bundle"), replacing(target) as partial:
        partial.mkdir()
    assert (target / "a").read_text() == "1"
    assert os.listdir(tmp_path) == ["bundle"]


@pytest.mark.parametrize(("path", "reason"), [
    ("/dev/null", "device"),
    ("missing/out.bin", "no folder"),
    ("", "file name"),
    ("x" * 300, "too long"),
])  # fmt: skip
def test_places_that_cannot_be_written(tmp_path, monkeypatch, path, reason):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match=reason), replacing(Path(path) if path else "") as partial:
        partial.write_bytes(b"x")
    assert not os.listdir(tmp_path)
