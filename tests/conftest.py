"""Fixtures that every test may use."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from coverage import Coverage
from hypothesis import settings
from numpy.typing import NDArray

from bundles import TINY, metadata_field
from ptychoscope import cli
from ptychoscope.inference.load import load_model
from ptychoscope.inference.model import Model
from ptychoscope.inference.model_config import ModelConfig
from ptychoscope.scan import Scan

settings.register_profile("ptychoscope", deadline=None)  # a busy machine is no defect
settings.load_profile("ptychoscope")


UNCOUNTED = ("bench", "export", "train")
"""Rooms whose lines the limit of coverage does not count: to trace what they run would cost time alone."""


def uncounted(item: pytest.Item) -> bool:
    """Whether it is a test of these rooms."""
    return bool({Path(__file__).parent / name for name in UNCOUNTED}.intersection(item.path.parents))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """See to it that tests of these rooms run untraced."""
    for item in items:
        if uncounted(item):
            item.add_marker("no_cover")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """What they share is made untraced too, which the mark does not see to."""
    traced = Coverage.current() if uncounted(item) else None
    if traced is not None:
        traced.stop()
    try:
        return (yield)
    finally:
        if traced is not None:
            traced.start()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with the shared data sets; the test is skipped, with the reason, where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("PTYCHOSCOPE_DATA") or beside)
    if not folder.is_dir():
        pytest.skip(f"PTYCHOSCOPE_DATA names no folder with the data sets (looked in {folder})")
    return folder


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], tuple[int, str, str]]:
    """Run a command line in an empty folder; its exit code, and what it wrote to both streams."""
    monkeypatch.chdir(tmp_path)

    def command(line: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            cli.main(line.split())
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return command


@pytest.fixture
def refused(call: Callable[[str], tuple[int, str, str]]) -> Callable[[str], str]:
    """Run a command line that says that it cannot be; what it says."""

    def command(line: str) -> str:
        code, _, err = call(line)
        assert code == 2, err
        return err

    return command


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261123)


def scan_fields(rng: np.random.Generator, n: int = 7, side: int = 6) -> dict[str, NDArray]:
    """Arrays of a small scan with every optional field, named as `Scan` names them."""
    wave = rng.normal(size=(2, 2, side, side)).astype(np.float32)
    return {
        "patterns": rng.random((n, side, side), dtype=np.float32),
        "positions_px": rng.uniform(5, 20, (n, 2)),
        "nominal_positions_px": rng.uniform(5, 20, (n, 2)),
        "probe": (wave[0] + 1j * wave[1]).astype(np.complex64),
        "object": np.exp(1j * rng.normal(size=(30, 26))).astype(np.complex64),
        "bad_pixels": rng.random((side, side)) < 0.2,
        "scan_index": np.arange(n) // 3,
    }


@pytest.fixture
def scan(rng: np.random.Generator) -> Scan:
    """A small scan with every optional field filled; its values mean nothing."""
    return Scan(**scan_fields(rng), domain="amplitude", pixel_size_m=1.5e-8, photons=2e4)


@pytest.fixture(scope="session")
def tiny() -> Path:
    return TINY


@pytest.fixture(scope="session")
def tiny_model() -> Model:
    """The network of the tests, on one thread."""
    return load_model(TINY, threads=1)


@pytest.fixture
def tiny_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY, tmp_path / "bundle"))


@pytest.fixture
def forge(tiny_copy: Path) -> Callable[..., Path]:
    """Change model.json of a copy beside the graph and inside, as a forger who knows the format would."""

    def change(**fields: object) -> Path:
        sidecar = tiny_copy / "model.json"
        before = sidecar.read_bytes()
        config = ModelConfig.from_json(before)
        after = msgspec.structs.replace(config, **fields).to_json()
        sidecar.write_bytes(after)
        graph = (tiny_copy / "model.onnx").read_bytes()
        entry = metadata_field(before)
        assert entry in graph
        (tiny_copy / "model.onnx").write_bytes(graph.replace(entry, metadata_field(after)))
        return tiny_copy

    return change
