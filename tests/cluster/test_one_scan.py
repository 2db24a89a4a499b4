"""One scan over many workers: the bits of one process, whatever happens to the workers."""

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from bundles import TINY
from ptychoscope.cluster.canvas_parts import add_parts, part_of, region_of
from ptychoscope.cluster.frame_range import ScanFile
from ptychoscope.cluster.one_scan import Crew, OverWorkers
from ptychoscope.errors import BundleError, ClusterError, ConfigError, ScanError
from ptychoscope.inference.load import load_model
from ptychoscope.io import open_scan, save_scan
from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.pipeline.loop import Report
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.stitch.canvas import Canvas

ALONE = {"refine": 0, "accumulate": "exact", "align": "none"}


def assert_same_bits(image, other):
    for name in ("object", "coverage", "spread", "positions_px"):
        assert getattr(image, name).tobytes() == getattr(other, name).tobytes(), name


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2)])
def test_parts_add_up_to_the_whole_canvas_in_any_order(order):
    rng = np.random.default_rng(3)
    positions = rng.uniform(-40, 90, (40, 2))
    patches = (rng.normal(size=(40, 9, 9)) + 1j * rng.normal(size=(40, 9, 9))).astype(np.complex64)
    patches[7] = np.nan
    window = rng.uniform(0.1, 1, (9, 9)).astype(np.float32)
    extent = canvas_extent(positions, (9, 9))

    def canvas(shape):
        return Canvas(shape, window, accumulate="exact")

    def part(number):
        some = slice(10 * number, 10 * number + 10)
        place = region_of(positions[some], (9, 9), extent)
        small = canvas(place.shape)
        small.add(patches[some], place.to_canvas(positions[some]), warn=False)
        return part_of(small, place.region, Report(frames=10, read=10))

    whole, merged = canvas(extent.shape), canvas(extent.shape)
    whole.add(patches, extent.to_canvas(positions), warn=False)
    total, *others = (part(number) for number in order)
    for other in others:
        total = add_parts(total, other)
    merged.add_counts(total.counts, total.region)
    for name in ("image", "coverage", "spread"):
        assert getattr(whole, name)().tobytes() == getattr(merged, name)().tobytes(), name
    assert (total.read, total.left_out) == (40, 1)


def test_sums_that_would_overflow_are_an_error():
    place = region_of(np.zeros((1, 2)), (3, 3), canvas_extent(np.zeros((1, 2)), (3, 3)))
    full = part_of(Canvas(place.shape, accumulate="exact"), place.region, Report())._replace(largest=2.0**62)
    with pytest.raises(ClusterError, match="64 bits"):
        add_parts(full, full)
    canvas = Canvas(place.shape, accumulate="exact")
    with pytest.raises(ConfigError, match="overflow"):
        canvas.add_counts(np.full((4, *place.shape), np.iinfo(np.int64).min))


@pytest.mark.parametrize("shape", [(3, 5, 5), (4, 5, 4), (4, 25)])
def test_counts_of_another_shape_are_an_error(shape):
    with pytest.raises(ConfigError, match="shape"):
        Canvas((5, 5), accumulate="exact").add_counts(np.zeros(shape, np.int64))
    with pytest.raises(ConfigError, match="exact"):
        Canvas((5, 5)).counts()


def crew(client):
    from ptychoscope.cluster.connect import worker_facts

    addresses = tuple(worker_facts(client))
    return Crew(client, addresses, len(addresses), threads=1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:1 of 64 frames:ptychoscope.errors.ScanWarning")
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_many_workers_make_the_bits_of_one_process(workers, scan_file, unrolled):
    from ptychoscope.cluster.connect import connected

    scan, tiny = open_scan(scan_file), load_model(TINY, threads=1)
    cases = [
        (tiny, {"batch": 5}),
        (unrolled, {}),
        (unrolled, {"projections": 3, "batch": 3}),
        (unrolled, {"merge": "batch", "batch": 4}),
    ]
    with connected(workers=workers) as client:
        for model, more in cases:
            alone = reconstruct(scan, model, **ALONE, **more)
            through = OverWorkers(crew(client), open_scan, scan_file)
            there = reconstruct(through.opened(), model, through=through, **ALONE, **more)
            assert_same_bits(alone, there)
            assert there.provenance["frames"] == alone.provenance["frames"]


@pytest.mark.filterwarnings("ignore:1 of 64 frames:ptychoscope.errors.ScanWarning")
def test_a_stop_keeps_nothing_and_says_so(scan_file, cluster):
    through, tiny = OverWorkers(crew(cluster), open_scan, scan_file), load_model(TINY, threads=1)
    scan = through.opened()
    with pytest.raises(ClusterError, match="nothing is kept"):
        reconstruct(scan, tiny, through=through, stop=lambda: True, **ALONE)
    alone = reconstruct(open_scan(scan_file), tiny, **ALONE)
    assert_same_bits(alone, reconstruct(scan, tiny, through=through, **ALONE))  # as it says


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:1 of 64 frames:ptychoscope.errors.ScanWarning")
def test_a_scheduler_that_goes_away_is_said(scan_file, unrolled):
    from ptychoscope.cluster.connect import connected

    with connected(workers=1) as client:
        through = OverWorkers(crew(client), open_scan, scan_file)
        scan = through.opened()
        with pytest.raises(ClusterError, match="the scheduler went away"):
            reconstruct(
                scan,
                unrolled,
                projections=20,
                batch=2,
                through=through,
                progress=lambda _: client.cluster.close(),
                **ALONE,
            )


@pytest.mark.parametrize("frames", [range(8, 20), range(9, 20, 3), range(60, 64), range(4, 9)])
def test_frames_are_the_same_from_memory_and_from_the_file(scan_file, frames):
    file, chosen = ScanFile(open_scan, scan_file, 64, 1), np.array(frames)
    file.hold(8, 32)
    found, scan = file.select(chosen), open_scan(scan_file)
    np.testing.assert_array_equal(found.patterns[:], scan.patterns[chosen])
    np.testing.assert_array_equal(found.positions_px, scan.positions_px[chosen])


def test_a_worker_that_sees_another_file_says_which(scan_file):
    with pytest.raises(ScanError, match=r"reads 64 frames of .*, and the client 63"):
        ScanFile(open_scan, scan_file, 63, 1).select(np.arange(3))
    with pytest.raises(ScanError, match="sees no file"):
        ScanFile(open_scan, scan_file.with_name("gone.cxi"), 64, 1).hold(0, 3)


@pytest.mark.filterwarnings("ignore:1 of 64 frames:ptychoscope.errors.ScanWarning")
def test_a_worker_that_sees_another_bundle_says_which(scan_file, cluster, tmp_path):
    model = load_model(shutil.copytree(TINY, tmp_path / "bundle"), threads=1)
    through = OverWorkers(crew(cluster), open_scan, scan_file)
    model.digest = "0" * 64  # as if another were there since
    with pytest.raises(BundleError, match="put the same one there"):
        reconstruct(through.opened(), model, through=through, **ALONE)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:1 of 64 frames:ptychoscope.errors.ScanWarning")
def test_a_killed_worker_changes_no_bit(scan_file, unrolled):
    from ptychoscope.cluster.connect import connected, worker_facts

    alone = reconstruct(open_scan(scan_file), unrolled, projections=20, batch=2, **ALONE)
    killed = []
    with connected(workers=2) as client:
        victim = next(iter(worker_facts(client).values())).pid

        def kill_once(progress):
            if progress.done > progress.of / 3 and not killed:
                killed.append(victim)
                os.kill(victim, signal.SIGKILL)

        through = OverWorkers(crew(client), open_scan, scan_file)
        scan, more = through.opened(), {"projections": 20, "batch": 2}
        there = reconstruct(scan, unrolled, progress=kill_once, through=through, **more, **ALONE)
    assert killed
    assert_same_bits(alone, there)


@pytest.fixture
def scan_file(tmp_path):
    """Frames of 16 px between the pixels, of which one is dark and left out."""
    from optics import between_pixels, make_scan

    scan = between_pixels(make_scan(np.random.default_rng(5), n_side=8))
    scan.patterns[11] = 0
    path = Path(tmp_path / "scan.cxi")
    save_scan(scan, path)
    return path


@pytest.mark.slow
def test_the_command_makes_the_same_bits_by_a_scheduler(call, scans, scheduler):
    from ptychoscope.io import load_reconstruction

    (scan,), same = scans(1, side=12), f"-m {TINY} --refine 0 --no-picture"
    assert call(f"run {scan} {same} --accumulate exact --align none -o alone.h5")[0] == 0
    code, _, err = call(f"run {scan} {same} --scheduler {scheduler} -o there.h5")
    assert code == 0, err
    alone, there = (load_reconstruction(f"{name}.h5") for name in ("alone", "there"))
    assert_same_bits(alone, there)
    assert there.provenance["cluster_workers"] == 2
    code, _, err = call(f"run {scan} -m {TINY} --scheduler {scheduler} -o x.h5")
    assert (code, "--refine N" in err) == (2, True)
    code, _, err = call(f"run {scan} --start there.h5 --refine 2 --no-picture -o on.h5")  # the cure
    assert code == 0, err
