"""The run folder: whole checkpoints, whatever the disk does, and nothing left of a training that was none."""

import resource
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from ptychoscope import cli
from ptychoscope.errors import ConfigError, OutputError
from ptychoscope.io import save_scan
from ptychoscope.scan import Scan

from .conftest import AtStep, train_quickly

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")


QUICK = {"width": 4, "threads": 1, "max_steps": 6, "group_size": 4, "batch_size": 2, "groups_per_epoch": 8}
run = partial(train_quickly, QUICK)


def limit_files(size: int) -> None:
    """What a full disk is to whoever writes: files of this process end at so many bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@pytest.fixture(autouse=True)
def disk_back() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("what", ["config.json", "csv log", "checkpoint"])
def test_a_full_disk_is_named_and_nothing_is_left(small_scan: Scan, tmp_path: Path, what: str) -> None:
    size = {"config.json": 500, "csv log": 2500, "checkpoint": 9000}[what]
    limit_files(size)
    logger = "csv" if what == "csv log" else "none"
    with pytest.raises(OutputError, match="check the free space"):
        run(small_scan, tmp_path / "deep" / "r", logger=logger, max_steps=99)
    assert not list(tmp_path.iterdir())


def test_what_was_kept_before_the_disk_was_full_stays(
    small_scan: Scan, tmp_path: Path, at_step: AtStep
) -> None:
    at_step(5, lambda: limit_files(9000))
    with pytest.raises(OutputError, match=r"last|best"):
        run(small_scan, tmp_path / "r", max_steps=9)
    limit_files(resource.RLIM_INFINITY)
    last = tmp_path / "r" / "checkpoints" / "last.ckpt"
    assert torch.load(last, weights_only=True)["global_step"] == 4
    assert sorted(path.name for path in last.parent.iterdir()) == ["best.ckpt", "last.ckpt"]
    assert run(small_scan, tmp_path / "r", max_steps=9, resume=True).steps == 9


@pytest.mark.parametrize("place", ["/proc/run", "/dev/null/run", "file/run"])
def test_a_place_that_cannot_be_written_is_named(
    small_scan: Scan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    save_scan(small_scan, "scan.npz")
    Path("file").touch()
    with pytest.raises(SystemExit) as end:
        cli.main(["train", "scan.npz", "-o", place, "--max-steps", "1", "--threads", "1"])
    assert end.value.code == 2
    assert f"Error: cannot write to {place}" in capsys.readouterr().err


def test_an_empty_folder_of_the_user_is_not_removed(small_scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    limit_files(500)
    with pytest.raises(OutputError):
        run(small_scan, tmp_path / "r")
    assert (tmp_path / "r").is_dir()


def test_checkpoints_are_made_beside_their_place(
    small_scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in a folder for temporary files, which may be on another disk."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    result = run(small_scan, tmp_path / "r")
    assert sorted(path.name for path in result.checkpoint.parent.iterdir()) == ["best.ckpt", "last.ckpt"]


def test_what_may_not_change_on_resume_is_named(small_scan: Scan, tmp_path: Path) -> None:
    run(small_scan, tmp_path / "r")
    with pytest.raises(ConfigError, match=r"\(width was 4 and is 8; seed was 0 and is 3\)"):
        run(small_scan, tmp_path / "r", resume=True, width=8, seed=3, max_steps=9)
    (tmp_path / "r" / "config.json").write_text("[")
    with pytest.raises(ConfigError, match=r"config\.json is damaged"):
        run(small_scan, tmp_path / "r", resume=True)


def test_a_run_folder_may_be_moved(
    small_scan: Scan, tmp_path: Path, worse_from: Callable[[int], None]
) -> None:
    """The best epoch is known there as well, and stays the best."""
    worse_from(8)
    steep = {"schedule": "flat", "ema": 0.0, "max_steps": None}
    run(small_scan, tmp_path / "r", max_epochs=3, **steep)
    moved = (tmp_path / "r").rename(tmp_path / "moved")
    before = torch.load(moved / "checkpoints" / "best.ckpt", weights_only=True)["global_step"]
    result = run(small_scan, moved, max_epochs=4, resume=True, **steep)
    assert result.checkpoint == moved / "checkpoints" / "best.ckpt"
    assert torch.load(result.checkpoint, weights_only=True)["global_step"] == before < result.steps
