"""Files and folders appear whole or not at all, where and as they were."""

import errno
import os
import resource
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ptychoscope.errors import OutputError, ScanError
from ptychoscope.io.atomic import replacing, replacing_folder


def mode(path):
    return oct(stat.S_IMODE(path.stat().st_mode))


def write(path, content=b"new"):
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_folder(path, content="new"):
    with replacing_folder(path, "a") as partial:
        (partial / "a").write_text(content)


@pytest.fixture
def umask():
    """A umask that is not the usual one."""
    before = os.umask(0o027)
    yield
    os.umask(before)


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
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path, error, seen):
    write(tmp_path / "out.bin", b"old")
    write_folder(tmp_path / "bundle", "old")
    with pytest.raises(seen), replacing(tmp_path / "out.bin") as partial:  # noqa: PT012
        partial.write_bytes(b"half")
        raise error
    with pytest.raises(seen), replacing_folder(tmp_path / "bundle", "a") as partial:  # noqa: PT012
        (partial / "a").write_text("half")
        raise error
    assert (tmp_path / "out.bin").read_bytes() == b"old"
    assert (tmp_path / "bundle" / "a").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["bundle", "out.bin"]


def test_a_full_disk(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OutputError, match="free space"):
            write(tmp_path / "out.bin", bytes(5000))
        with pytest.raises(OutputError, match="free space"):
            write_folder(tmp_path / "bundle", "x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not os.listdir(tmp_path)


def test_a_folder_takes_the_place_of_its_like_alone(tmp_path):
    target = tmp_path / "bundle"
    target.mkdir()
    write_folder(target, "old")
    (target / "more").touch()
    write_folder(target)
    assert [(path.name, path.read_text()) for path in target.iterdir()] == [("a", "new")]
    (target / "a").rename(target / "thesis")
    with pytest.raises(OutputError, match="not empty and has no a"):
        write_folder(target)
    with pytest.raises(OutputError, match="it is a file"):
        write_folder(target / "thesis")
    with pytest.raises(OutputError, match="it is a folder"):
        write(target)
    assert os.listdir(tmp_path) == ["bundle"]


def test_a_folder_that_was_filled_meanwhile_is_left_alone(tmp_path):
    with pytest.raises(OutputError, match="not empty"), replacing_folder(tmp_path / "b", "a") as partial:  # noqa: PT012
        (partial / "a").touch()
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "thesis").touch()
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["b", "b/thesis"]


@pytest.mark.parametrize(("path", "reason"), [
    ("/dev/null", "device"),
    ("missing/out.bin", "no folder"),
    ("file/out.bin", "no folder"),
    ("round", "leads back to itself"),
    ("", "file name"),
    ("..", "folder"),
    ("a\0b", "file name"),
    ("x" * 300, "too long"),
])  # fmt: skip
def test_places_that_cannot_be_written(tmp_path, monkeypatch, path, reason):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("round").symlink_to("round")
    for to in (write, write_folder):
        with pytest.raises(OutputError, match="file" if path == "/dev/null" else reason):
            to(path)
    assert sorted(os.listdir(tmp_path)) == ["file", "round"]


def test_a_name_as_long_as_the_file_system_takes(tmp_path):
    for name in ("x" * 255, "\N{MICROSCOPE}" * 63):
        write(tmp_path / name)
        assert (tmp_path / name).read_bytes() == b"new"


class TestMode:
    @pytest.mark.parametrize("bits", [0o600, 0o640, 0o666, 0o755])
    def test_of_what_is_replaced_is_kept(self, tmp_path, umask, bits):
        for name, to in (("file", write), ("folder", write_folder)):
            to(tmp_path / name)
            bits |= 0o100 if name == "folder" else 0
            (tmp_path / name).chmod(bits)
            to(tmp_path / name)
            assert mode(tmp_path / name) == oct(bits)

    def test_of_a_new_one_is_what_the_umask_leaves(self, tmp_path, umask):
        write(tmp_path / "file")
        write_folder(tmp_path / "folder")
        assert (mode(tmp_path / "file"), mode(tmp_path / "folder")) == ("0o640", "0o750")

    def test_a_secret_is_not_shown_while_it_is_written(self, tmp_path):
        (tmp_path / "file").touch(0o600)
        with replacing(tmp_path / "file") as partial:
            assert mode(partial) == "0o600"
            partial.write_bytes(b"new")


class TestLinks:
    @pytest.mark.parametrize("exists", [True, False])
    def test_the_file_that_a_link_names_is_replaced(self, tmp_path, exists):
        (tmp_path / "far").mkdir()
        there = tmp_path / "far" / "there.bin"
        if exists:
            there.write_bytes(b"old")
        (tmp_path / "middle").symlink_to("far/there.bin")
        (tmp_path / "link").symlink_to(tmp_path / "middle")
        with replacing(tmp_path / "link") as partial:
            assert partial.parent == there.parent  # a rename does not lead to another file system
            partial.write_bytes(b"new")
        assert (tmp_path / "link").is_symlink()
        assert not there.is_symlink()
        assert there.read_bytes() == b"new"
        assert os.listdir(there.parent) == ["there.bin"]

    def test_the_folder_that_a_link_names_is_replaced(self, tmp_path):
        write_folder(tmp_path / "there", "old")
        (tmp_path / "link").symlink_to("there")
        write_folder(tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "there" / "a").read_text() == "new"

    def test_a_link_into_nowhere_is_named(self, tmp_path):
        (tmp_path / "link").symlink_to("missing/file")
        with pytest.raises(OutputError, match=r"link: there is no folder .*missing"):
            write(tmp_path / "link")


class TestPermissions:
    @pytest.fixture
    def folder(self):
        """A folder that the user has, who is not root here."""
        user = os.geteuid()
        with tempfile.TemporaryDirectory() as name:
            path = Path(name)
            (path / "mine").write_bytes(b"old")
            if user == 0:
                for item in (path, path / "mine"):
                    os.chown(item, 65534, 65534)
                os.seteuid(65534)
            yield path
            os.seteuid(user)

    def test_a_file_that_may_not_be_written_is_not_replaced(self, folder):
        (folder / "mine").chmod(0o444)
        with pytest.raises(OutputError, match=r"no permission to write to .*mine"):
            write(folder / "mine")
        assert (folder / "mine").read_bytes() == b"old"

    @pytest.mark.parametrize("name", ["new", "mine"])
    @pytest.mark.parametrize("bits", [0o555, 0o444, 0o000])
    def test_a_folder_that_may_not_be_written(self, folder, bits, name):
        folder.chmod(bits)
        for to in (write, write_folder) if name == "new" else (write,):
            with pytest.raises(OutputError, match="ermission"):
                to(folder / name)
        folder.chmod(0o755)
        assert os.listdir(folder) == ["mine"]

    def test_a_folder_that_may_be_written_and_not_listed(self, folder):
        folder.chmod(0o311)
        write(folder / "new")
        folder.chmod(0o755)
        assert sorted(os.listdir(folder)) == ["mine", "new"]


WRITER = """
import sys, time
from pathlib import Path
from ptychoscope.io.atomic import replacing, replacing_folder
folder = sys.argv[2] == "folder"
with replacing_folder(sys.argv[1], "a") if folder else replacing(sys.argv[1]) as partial:
    (partial / "a" if folder else partial).write_text("other")
    print(partial.name, flush=True)
    sys.stdin.readline()
"""


class TestKilledWriters:
    @pytest.fixture(params=["file", "folder"])
    def kind(self, request):
        return request.param

    @pytest.fixture
    def writer(self, tmp_path, kind):
        """A process in the middle of writing tmp_path / "out"; `name` is what it writes to."""
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path / "out", kind],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            process.name = process.stdout.readline().strip()
            yield process
            process.kill()

    def test_what_they_left_is_removed_by_the_next(self, tmp_path, kind, writer):
        to = write if kind == "file" else write_folder
        others = {".other.01234567.partial", ".out.0123.partial", ".out.01234567.partial.txt"}
        for name in others:
            (tmp_path / name).touch()
        (tmp_path / ".out.76543210.partial").symlink_to(tmp_path)
        others.add(".out.76543210.partial")
        writer.kill()
        writer.wait()
        assert set(os.listdir(tmp_path)) == {writer.name, *others}
        to(tmp_path / "out")
        assert set(os.listdir(tmp_path)) == {"out", *others}

    def test_what_the_living_write_is_left_alone(self, tmp_path, kind, writer):
        to, file = (write, "out") if kind == "file" else (write_folder, "out/a")
        to(tmp_path / "out")
        assert set(os.listdir(tmp_path)) == {"out", writer.name}
        assert (tmp_path / file).read_text() == "new"
        writer.communicate("go on")
        assert writer.returncode == 0
        assert os.listdir(tmp_path) == ["out"]
        assert (tmp_path / file).read_text() == "other"

    def test_two_of_one_process_do_not_disturb_each_other(self, tmp_path):
        with replacing(tmp_path / "out") as first, replacing(tmp_path / "out") as second:
            first.write_bytes(b"first")
            second.write_bytes(b"second")
        assert (tmp_path / "out").read_bytes() == b"first"
        assert os.listdir(tmp_path) == ["out"]
