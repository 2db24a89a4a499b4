"""What cannot be used is named and left out, and nothing that is not a number reaches the object."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.refine import FRAME_STATES, Refiner

from . import scans


def states_of(refiner):
    return [FRAME_STATES[s] for s in refiner.states]


def sweep_all(refiner):
    for seed in range(3):
        refiner.sweep(step=1.5, regularisation=0.3, probe_step=1, position_step=1, seed=seed)


def all_finite(refiner):
    return all(np.isfinite(a).all() for a in (refiner.object, refiner.probe))


def test_frames_that_cannot_be_used_are_named_and_left_out(isa):
    scan = scans.make(frames=8)
    positions, amplitudes = scan.positions.copy(), scan.amplitudes.copy()
    positions[0] = np.nan, 20
    positions[1] = 20, np.inf
    positions[2] = scan.side // 2 - 0.6, 30
    positions[3] = 1e300, 30
    amplitudes[4] = 0
    amplitudes[5] = np.nan
    refiner = Refiner(scan.shape, scan.probe)
    refiner.add(amplitudes, positions, domain="amplitude")
    assert states_of(refiner) == [
        "unplaced",
        "unplaced",
        "outside",
        "outside",
        "dark",
        "dark",
        "used",
        "used",
    ]
    assert sorted(refiner.order()) == [6, 7]
    sweep_all(refiner)
    assert all_finite(refiner)


def test_the_good_frames_do_not_feel_the_bad_ones(isa):
    scan = scans.make(frames=8)
    positions = scan.positions.copy()
    positions[4:] = np.nan
    with_bad, without = Refiner(scan.shape, scan.probe), Refiner(scan.shape, scan.probe)
    with_bad.add(scan.amplitudes, positions, domain="amplitude")
    without.add(scan.amplitudes[:4], positions[:4], domain="amplitude")
    for refiner in (with_bad, without):
        sweep_all(refiner)
    assert with_bad.object.tobytes() == without.object.tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf, -3.0])
def test_single_bad_pixels_are_unmeasured(isa, rng, value):
    scan = scans.make()
    dead = rng.random(scan.amplitudes.shape) < 0.05
    spoilt, masked = Refiner(scan.shape, scan.probe), Refiner(scan.shape, scan.probe)
    spoilt.add(np.where(dead, value, scan.amplitudes), scan.positions, domain="amplitude")
    masked.add(np.where(dead, -1, scan.amplitudes), scan.positions, domain="amplitude")
    for refiner in (spoilt, masked):
        sweep_all(refiner)
    assert all_finite(spoilt)
    assert spoilt.object.tobytes() == masked.object.tobytes()


@pytest.mark.parametrize("domain", ["counts", "amplitude"])
def test_saturated_pixels_are_unmeasured(isa, domain):
    scan = scans.make()
    patterns = scan.amplitudes**2 if domain == "counts" else scan.amplitudes
    level = np.quantile(patterns, 0.98)
    clipped, masked = Refiner(scan.shape, scan.probe), Refiner(scan.shape, scan.probe)
    clipped.add(np.minimum(patterns, level), scan.positions, domain=domain, saturation=level)
    masked.add(np.where(patterns >= level, np.nan, patterns), scan.positions, domain=domain)
    for refiner in (clipped, masked):
        refiner.sweep(step=1, regularisation=1)
    assert clipped.object.tobytes() == masked.object.tobytes()


def test_a_wholly_masked_detector_leaves_the_object_alone(isa):
    scan = scans.make()
    refiner = Refiner(scan.shape, scan.probe)
    refiner.add(scan.amplitudes, scan.positions, domain="amplitude", bad_pixels=np.ones((32, 32), bool))
    assert set(states_of(refiner)) == {"dark"}
    report = refiner.sweep(step=1, regularisation=1)
    assert report == (0, 0, 0, 0)
    assert (refiner.object == 1).all()


def test_an_empty_object_stays_finite(isa):
    scan = scans.make()
    refiner = Refiner(scan.shape, scan.probe)
    refiner.add(scan.amplitudes, scan.positions, domain="amplitude")
    refiner.set_object(np.zeros(scan.shape))
    sweep_all(refiner)
    assert all_finite(refiner)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_a_probe_on_a_scale_of_its_own_stays_finite(isa, scale):
    scan = scans.make()
    refiner = Refiner(scan.shape, scan.probe * scale)
    refiner.add(scan.amplitudes, scan.positions, domain="amplitude")
    sweep_all(refiner)
    assert all_finite(refiner)


def test_a_wave_that_overflows_is_rejected(isa):
    scan = scans.make()
    refiner = Refiner(scan.shape, scan.probe)
    refiner.add(scan.amplitudes, scan.positions, domain="amplitude")
    refiner.set_object(np.full(scan.shape, 1e36))
    report = refiner.sweep(step=1, regularisation=1, probe_step=1, position_step=1)
    assert (report.frames, report.rejected) == (0, 24)
    assert all_finite(refiner)


def test_positions_keep_their_limit_and_the_object(isa):
    scan = scans.make(frames=60)
    refiner = Refiner(scan.shape, scan.probe)
    wrong = scan.positions + np.random.default_rng(1).normal(0, 3, scan.positions.shape)
    half = scan.side // 2
    wrong = np.clip(wrong, half, np.array(scan.shape) - half)
    refiner.add(scan.amplitudes, wrong, domain="amplitude")
    for seed in range(10):
        refiner.sweep(step=1, regularisation=1, position_step=4, position_limit_px=1.5, seed=seed)
    assert np.abs(refiner.positions_px - wrong).max() <= 1.5 + 1e-9
    assert set(states_of(refiner)) == {"used"}
    assert (refiner.positions_px >= half - 0.5).all()


def refused(error, match):
    return pytest.raises(error, match=match)


def test_what_a_refiner_cannot_be():
    probe = scans.probe_modes(32)
    for shape, threads in (((31, 40), 1), ((40, 31), 1), ((1 << 20, 40), 1), ((40, 40), 0)):
        with refused(ConfigError, "must be"):
            Refiner(shape, probe, threads=threads)
    with refused(ConfigError, "prime factors"):
        Refiner((80, 80), np.ones((34, 34)))
    for bad, match in (
        (np.zeros((32, 32)), "zero everywhere"),
        (np.full((32, 32), np.nan), "not finite"),
        (np.ones((32, 30)), "probe must be"),
        (np.ones(32), "probe must be"),
    ):
        with refused(ScanError, match):
            Refiner((80, 80), bad)


def test_what_cannot_be_added_or_set():
    scan = scans.make(frames=3)
    refiner = Refiner(scan.shape, scan.probe)
    a, p = scan.amplitudes, scan.positions
    for patterns, positions in ((a[:2], p), (a, p[:, :1]), (a[:, :-1], p), (a[0], p), (a + 0j, p)):
        with refused(ScanError, "must be"):
            refiner.add(patterns, positions, domain="amplitude")
    with refused(ConfigError, "domain"):
        refiner.add(a, p, domain="photons")
    with refused(ConfigError, "saturation"):
        refiner.add(a, p, domain="counts", saturation=0)
    with refused(ScanError, "bad_pixels"):
        refiner.add(a, p, domain="counts", bad_pixels=np.zeros((31, 32), bool))
    with refused(ScanError, "object must be"):
        refiner.set_object(np.ones((3, 3)))
    with refused(ScanError, "not finite"):
        refiner.set_object(np.full(scan.shape, np.nan))
    assert len(refiner) == 0


@pytest.mark.parametrize(
    "options",
    [
        {"step": 0},
        {"step": 2.5},
        {"step": np.nan},
        {"regularisation": 0},
        {"regularisation": 3},
        {"probe_step": -1},
        {"visit_decay": 2},
        {"mode": "batch"},
        {"position_step": 5},
        {"position_limit_px": -1},
        {"first": -1},
        {"last": 4},
        {"first": 3, "last": 2},
    ],
)
def test_what_a_sweep_cannot_be(options):
    scan = scans.make(frames=3)
    refiner = Refiner(scan.shape, scan.probe)
    refiner.add(scan.amplitudes, scan.positions, domain="amplitude")
    with refused(ConfigError, "must be|are not within"):
        refiner.sweep(**({"step": 1, "regularisation": 1} | options))
    assert (refiner.object == 1).all()


@pytest.mark.parametrize(("first", "last"), [(-1, 2), (0, 4), (3, 2)])
def test_frames_that_were_not_added_have_no_order(first, last):
    scan = scans.make(frames=3)
    refiner = Refiner(scan.shape, scan.probe)
    refiner.add(scan.amplitudes, scan.positions, domain="amplitude")
    with refused(ConfigError, "not within the 3"):
        refiner.order(first=first, last=last)
    with refused(ConfigError, "not within the 3"):
        refiner.blend(scan.amplitudes[:2] + 0j, first=2)


def test_calls_from_several_threads_wait_for_one_another():
    scan = scans.make(frames=60)
    refiner = Refiner(scan.shape, scan.probe)

    def work(part):
        refiner.add(scan.amplitudes[part], scan.positions[part], domain="amplitude")
        for seed in range(5):
            refiner.sweep(step=1, regularisation=1, probe_step=0.5, position_step=0.5, seed=seed)
            assert np.isfinite(refiner.object).all()
            assert len(refiner.positions_px) <= 60

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, [slice(k, k + 15) for k in range(0, 60, 15)]))
    assert len(refiner) == 60


@pytest.mark.parametrize(("shape", "modes"), [((65536, 65536), 1), ((10**9, 10**9), 1)])
def test_sizes_beyond_the_memory_are_refused_before_anything_is_allocated(shape, modes):
    probe = np.ones((modes, 32, 32))
    with pytest.raises(ConfigError, match="GiB of this machine"):
        Refiner(shape, probe)


@pytest.mark.parametrize("layout", ["big-endian", "every other", "fortran"])
def test_arrays_of_another_layout_are_the_same_numbers(layout):
    scan = scans.make(frames=8, modes=2)

    def laid(array):
        if layout == "big-endian":
            return array.astype(array.dtype.newbyteorder(">"))
        if layout == "fortran":
            return np.asfortranarray(array)
        return np.repeat(array, 2, axis=-1)[..., ::2]

    plain, other = Refiner(scan.shape, scan.probe), Refiner(scan.shape, laid(scan.probe))
    plain.add(scan.amplitudes, scan.positions, domain="amplitude")
    other.add(laid(scan.amplitudes), laid(scan.positions), domain="amplitude")
    plain.set_object(scan.object)
    other.set_object(laid(scan.object))
    background = np.full((scan.side, scan.side), 0.5)
    plain.set_background(background)
    other.set_background(laid(background))
    for refiner in (plain, other):
        refiner.sweep(step=1, regularisation=0.5)
    assert plain.object.tobytes() == other.object.tobytes()
