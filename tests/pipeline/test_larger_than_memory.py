"""A scan that is larger than what a run may take: the memory it takes, and the same image."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from numpy.testing import assert_array_equal

from large_scan import DETECTOR_PIXEL_M, DISTANCE_M, ENERGY_EV, write_large_scan
from ptychoscope.errors import ConfigError
from ptychoscope.io import open_scan
from ptychoscope.io.mask_and_probe_files import load_probe
from ptychoscope.lazy_patterns import LazyPatterns
from ptychoscope.pipeline.memory_limit import memory_bytes
from ptychoscope.pipeline.plan import make_plan
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.refine.refiner_arguments import Scratch
from ptychoscope.refine.whole_scan import refine_scan

pytest.importorskip("hdf5plugin", reason="the scan is packed with bitshuffle")
FRAMES = int(os.environ.get("PTYCHOSCOPE_LARGE_FRAMES", "20000"))
TESTS = Path(__file__).resolve().parents[1]
EXPORT = """
import sys
sys.path.insert(0, "export")
from networks import TinyNetwork, gaussian_probe
from ptychoscope.export.checkpoint_to_bundle import simulated_counts
from ptychoscope.export.network_to_bundle import write_bundle

probe = gaussian_probe(128)
write_bundle(TinyNetwork(128), probe, simulated_counts(probe, 4), sys.argv[1], pixel_size_m=1e-8)
"""
NAMED = {
    "patterns": "/data",
    "positions": "/positions",
    "energy_ev": ENERGY_EV,
    "distance_m": DISTANCE_M,
    "detector_pixel_m": DETECTOR_PIXEL_M,
}


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2e9), ("500 MB", 5e8), ("1GiB", 2**30), ("1.5g", 1.5e9), (300_000_000, 3e8)],
)
def test_sizes(text, size):
    assert memory_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GB", "2 XB", "-1GB", "100MB", 5])
def test_sizes_that_cannot_be(text):
    with pytest.raises(ConfigError, match="--memory"):
        memory_bytes(text)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "scan.h5"
    write_large_scan(path, 1000, 32)
    return path


@pytest.mark.parametrize("options", [{"refine": 2}, {"refine": 3, "refine_probe": "update"}])
def test_where_frames_lie_changes_no_bit(small, options):
    scan = open_scan(small, **NAMED, probe=load_probe(f"{small}:/probe"))
    assert isinstance(scan.patterns, LazyPatterns)
    held = reconstruct(scan.load(), start="empty", **options)
    plan = make_plan(scan, None, {"start": "empty", **options})
    assert plan.scratch is None
    lazy = refine_scan(
        scan,
        sweeps=options["refine"],
        probe=options.get("refine_probe", "keep"),
        scratch=Scratch(small.parent),
    )
    assert_array_equal(lazy.object, held.object)
    assert_array_equal(lazy.probe, held.probe)


def run_measured(*arguments: object) -> int:
    """Peak memory in MB of a command of ours in a process of its own."""
    program = (
        f"import sys\nsys.path.insert(0, {str(TESTS)!r})\n"
        "from peak_memory import peak_kb\nfrom ptychoscope import cli\n"
        "try:\n    cli.main(sys.argv[1:])\nfinally:\n"
        "    print('peak', peak_kb())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"peak (\d+)", done.stdout)
    return int(found[1]) * 1024 // 10**6 if found else 0


def arguments(path: Path) -> list[object]:
    flags = [("--" + name.replace("_", "-"), value) for name, value in NAMED.items()]
    return [
        path,
        *(part for flag in flags for part in flag),
        "--probe-file",
        f"{path}:/probe",
        "--no-picture",
    ]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "scan.h5"
    write_large_scan(path, FRAMES)
    return path


@pytest.mark.slow
def test_sweeps_stay_below_what_they_may_take(large, tmp_path):
    """The frames alone would take 65 kB each."""
    peak = run_measured(
        "run",
        *arguments(large),
        "--start",
        "empty",
        "--refine",
        2,
        "--memory",
        "1GB",
        "-o",
        tmp_path / "o.h5",
    )
    assert peak < 1400


@pytest.mark.slow
def test_a_network_streams(large, tmp_path):
    """Frames that alone would take 524 MB."""
    pytest.importorskip("torch", reason="a network of 128 px is exported first")
    bundle = tmp_path / "bundle"
    subprocess.run([sys.executable, "-c", EXPORT, str(bundle)], check=True, cwd=TESTS)
    peak = run_measured(
        "run",
        *arguments(large),
        "--frames",
        "0:8000",
        "--model",
        bundle,
        "--refine",
        0,
        "--memory",
        "300MB",
        "-o",
        tmp_path / "o.h5",
    )
    assert peak < 400
