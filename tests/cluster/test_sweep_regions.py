"""Sweeps by regions: what regions are, what their images make together, and that nobody sees who swept."""

import os
import signal

import numpy as np
import pytest

from bundles import TINY
from ptychoscope.cluster.one_scan import Crew, OverWorkers
from ptychoscope.cluster.regions import Mosaic, RegionImage, cut_into_regions, extent_of, part_of_extent
from ptychoscope.errors import ClusterError
from ptychoscope.io import open_scan, save_scan
from ptychoscope.metrics import compare
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.simulate import SimulationConfig, simulate_scan


def positions(kind):
    rng = np.random.default_rng(4)
    if kind == "raster":
        return np.stack(np.mgrid[:20, :15], -1).reshape(-1, 2) * 5.0 + rng.uniform(-1, 1, (300, 2))
    if kind == "line":
        return np.stack([np.zeros(200), np.arange(200) * 4.0], -1)
    if kind == "dense in a corner":
        return rng.uniform(0, 1, (300, 2)) ** 3 * 200
    return np.full((7, 2), 3.5)  # "one place"


@pytest.mark.parametrize("most", [2, 37, 1000])
@pytest.mark.parametrize("kind", ["raster", "line", "dense in a corner", "one place"])
def test_every_frame_is_the_own_of_one_region_among_its_neighbours(kind, most):
    side, where = 16, positions(kind)
    regions = cut_into_regions(where, side, most)
    owns = [region.frames[region.own] for region in regions]
    assert sorted(np.concatenate(owns)) == list(range(len(where)))
    assert max(map(len, owns)) <= most
    assert len(regions) == 1 or min(map(len, owns)) >= most // 2
    for region, own in zip(regions, owns, strict=True):
        assert (np.diff(region.frames) > 0).all()
        away = np.maximum(where[own].min(axis=0) - where, where - where[own].max(axis=0)).max(axis=1)
        assert (away[region.frames] <= side).all()
        alone = np.setdiff1d(np.arange(len(where)), region.frames)
        assert (away[alone] > 0).all()


def test_images_of_regions_are_turned_to_one_phase_and_weighted_by_what_they_saw():
    rng, side, where = np.random.default_rng(8), 16, positions("raster")
    whole = extent_of(where, side)
    truth = np.exp(1j * rng.normal(size=whole.shape)) * rng.uniform(0.5, 1, whole.shape)
    mosaic, seen = Mosaic(whole), np.zeros(whole.shape, bool)
    for region in cut_into_regions(where, side, 40):
        own = extent_of(where[region.frames[region.own]], side)
        cut = part_of_extent(own, whole)
        weight = rng.uniform(0.1, 2, own.shape).astype(np.float32)
        weight[:, 3] = 0
        turned = (truth[cut] * np.exp(1j * rng.uniform(-3, 3))).astype(np.complex64)
        mosaic.add(RegionImage(own, turned, weight, np.ones((1, side, side), np.complex64)))
        seen[cut] |= weight > 0
    found = mosaic.object()
    phase = np.vdot(truth[seen], found[seen])
    np.testing.assert_allclose(found[seen], truth[seen] * phase / abs(phase), rtol=2e-6)
    assert (found[~seen] == 1).all()


def assert_same_bits(image, other):
    for name in ("object", "coverage", "spread", "probe"):
        assert getattr(image, name).tobytes() == getattr(other, name).tobytes(), name
    assert image.verdict.frame_misfit.tobytes() == other.verdict.frame_misfit.tobytes()
    assert image.verdict.figures() == other.verdict.figures()


@pytest.fixture(scope="module")
def scan_file(tmp_path_factory):
    """256 frames of 32 px between the pixels, of which one is dark."""
    config = SimulationConfig(patch_px=32, rows=16, columns=16, step_px=4.0, sub_pixel=True, domain="counts")
    scan = simulate_scan(config)
    scan.patterns[40] = 0
    path = tmp_path_factory.mktemp("regions") / "scan.cxi"
    save_scan(scan, path)
    return path, np.asarray(scan.object)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:1 of 256 frames:ptychoscope.errors.ScanWarning")
def test_sweeps_have_the_bits_of_one_worker_and_the_quality_of_one_machine(scan_file):
    from ptychoscope.cluster.connect import connected, worker_facts

    path, truth = scan_file
    alone, killed = reconstruct(open_scan(path), refine=10), []
    with connected(workers=4) as client:
        facts = worker_facts(client)
        addresses = list(facts)

        def swept(workers, frames=60, progress=None, **options):
            crew = Crew(client, tuple(addresses[:workers]), workers, threads=1)
            through = OverWorkers(crew, open_scan, path, region_frames=frames)
            asked = {"refine": 10} | options
            return reconstruct(through.opened(), through=through, progress=progress, **asked)

        def kill_once(progress):
            if progress.done and not killed:
                killed.append(facts[addresses[0]].pid)
                os.kill(killed[0], signal.SIGKILL)

        whole = swept(2, frames=1000)  # one region is what one machine does
        images = [swept(workers) for workers in (1, 2, 4)]
        updated = [swept(workers, refine_probe="update", refine=3) for workers in (1, 4)]
        gone_on = swept(4, start=images[0], refine=2)
        with pytest.raises(ClusterError, match="nothing is kept"):
            swept(4, stop=lambda: True)
        images.append(swept(4, progress=kill_once))
    for name in ("object", "coverage", "probe", "positions_px", "frame_numbers"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(alone, name), name)
    np.testing.assert_allclose(whole.spread, alone.spread, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(whole.verdict.frame_misfit, alone.verdict.frame_misfit, rtol=1e-4)
    assert whole.verdict.sentence() == alone.verdict.sentence()
    assert killed
    for image in images[1:]:
        assert_same_bits(images[0], image)
    assert_same_bits(*updated)
    assert not np.array_equal(updated[0].probe, alone.probe)
    assert images[0].provenance["refine_regions"] == 8
    assert images[0].verdict.explained == gone_on.verdict.explained == "explained"
    assert (gone_on.provenance["start_sweeps"], gone_on.provenance["refine_start"]) == (10, "result")
    one, regions = (compare(image, truth).score.nrmse for image in (alone, images[0]))
    assert regions < 1.1 * one


@pytest.mark.slow
def test_the_command_sweeps_a_networks_image_by_regions(call, scans, scheduler):
    from ptychoscope.io import load_reconstruction

    (scan,) = scans(1, side=12)
    code, _, err = call(
        f"run {scan} -m {TINY} --refine 3 --scheduler {scheduler} --region-frames 50 --no-picture -o there.h5"
    )
    assert code == 0, err
    there = load_reconstruction("there.h5")
    assert (there.provenance["refine_regions"], there.provenance["refine_start"]) == (4, "image")
    assert there.verdict is not None
    code, _, err = call(f"run {scan} --refine 3 --region-frames 50 -o x.h5")
    assert (code, "--scheduler or --workers" in err) == (2, True)
