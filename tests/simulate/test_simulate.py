"""Simulated scans: what the config promises."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ptychoscope.cli import simulate as command
from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.option_literals import Operation, ProbeKind, words
from ptychoscope.preprocess.orientation import apply_operation
from ptychoscope.simulate import (
    OBJECTS,
    ProbeConfig,
    SimulationConfig,
    farfield_intensity,
    make_object,
    make_probe,
    simulate_scan,
)
from ptychoscope.simulate.positions import raster, spiral

SMALL = SimulationConfig(patch_px=32, rows=5, columns=7, photons=2e4)


class TestScan:
    def test_the_same_seed_gives_the_same_bits_and_another_does_not(self):
        first, again, other = (simulate_scan(c) for c in (SMALL, SMALL, replace(SMALL, seed=1)))
        for name in ("patterns", "positions_px", "probe", "object"):
            assert_array_equal(getattr(first, name), getattr(again, name))
        assert not np.array_equal(first.patterns, other.patterns)
        assert not np.array_equal(first.object[:64, :64], other.object[:64, :64])

    def test_noise_does_not_change_the_object(self):
        clean = simulate_scan(replace(SMALL, noise=False, domain="counts"))
        assert_array_equal(clean.object, simulate_scan(SMALL).object)
        expected = farfield_intensity(clean.object, clean.probe, clean.positions_px)
        assert_allclose(clean.patterns, expected, rtol=1e-4, atol=1e-4 * expected.max())

    @pytest.mark.parametrize("scan", ["raster", "spiral"])
    @pytest.mark.parametrize("sub_pixel", [False, True])
    @pytest.mark.parametrize("side", [32, 33])
    def test_the_mean_pattern_holds_the_photons(self, scan, sub_pixel, side):
        config = replace(SMALL, scan=scan, sub_pixel=sub_pixel, patch_px=side)
        scan = simulate_scan(config)
        assert len(scan) == 35
        assert scan.photons == 2e4
        assert scan.counts().sum(axis=(1, 2)).mean() == pytest.approx(2e4, rel=0.01)
        assert sub_pixel != np.array_equal(scan.positions_px, np.rint(scan.positions_px))

    def test_counts_are_whole_and_their_roots_are_the_amplitudes(self):
        counts = simulate_scan(replace(SMALL, domain="counts"))
        assert counts.patterns.dtype == np.uint16
        assert_allclose(simulate_scan(SMALL).patterns, np.sqrt(counts.patterns), rtol=1e-6)

    def test_it_is_poisson(self):
        scan = simulate_scan(replace(SMALL, domain="counts"))
        expected = farfield_intensity(scan.object, scan.probe, scan.positions_px)
        lit = expected > 5
        assert np.mean((scan.patterns[lit] - expected[lit]) ** 2 / expected[lit]) == pytest.approx(
            1, abs=0.05
        )

    def test_a_given_object_and_probe_are_used(self, rng):
        object_ = np.exp(1j * rng.normal(size=(100, 120)))
        probe = rng.normal(size=(2, 32, 32)) + 0j
        scan = simulate_scan(SMALL, object_=object_, probe=probe)
        assert_allclose(scan.object, object_, rtol=1e-6)
        assert_allclose(scan.probe / scan.probe[0, 0, 0], probe / probe[0, 0, 0], rtol=1e-4)
        with pytest.raises(ScanError, match="leave the object"):
            simulate_scan(SMALL, object_=object_[:40])

    @pytest.mark.parametrize(("change", "message"), [
        ({"object": "cat"}, "cat"), ({"rows": 0}, "0 x 7"), ({"photons": 0.0}, "photons"),
        ({"photons": float("nan")}, "photons"), ({"step_px": 0.0}, "step_px"),
        ({"jitter_px": -1.0}, "jitter_px"),
        ({"scan": "star"}, "star"), ({"domain": "phase"}, "phase"), ({"seed": -1}, "seed"),
        ({"patch_px": 4}, "at least 8"),
    ])  # fmt: skip
    def test_impossible_values_are_named(self, change, message):
        with pytest.raises(ConfigError, match=message):
            simulate_scan(replace(SMALL, **change))


class TestObjects:
    @pytest.mark.parametrize("kind", sorted(OBJECTS))
    @pytest.mark.parametrize("shape", [(90, 90), (61, 130)])
    def test_every_object_is_a_transmission(self, kind, shape):
        pytest.importorskip("skimage" if kind == "natural" else "numpy")
        image = make_object(kind, shape, np.random.default_rng(3))
        assert image.shape == shape
        assert image.dtype == np.complex64
        assert np.ptp(np.abs(image)) > 0.2
        assert np.ptp(np.angle(image)) > 0.6
        assert 0.599 < np.abs(image).min() <= np.abs(image).max() < 1.001
        assert np.abs(np.angle(image)).max() < 0.601

    @pytest.mark.parametrize("name", [name for name in words(Operation) if name != "none"])
    @pytest.mark.parametrize("part", [np.abs, np.angle])
    def test_the_asymmetric_object_differs_from_every_flip_and_rotation(self, name, part):
        image = part(make_object("asymmetric", (151, 151), np.random.default_rng(0)))
        likeness = np.corrcoef(image.ravel(), apply_operation(image, name).ravel())[0, 1]
        assert likeness < 0.6

    def test_one_pixel_is_too_few(self):
        with pytest.raises(ConfigError, match="2 x 2"):
            make_object("mix", (1, 8), np.random.default_rng(0))


class TestProbes:
    @pytest.mark.parametrize("kind", words(ProbeKind))
    @pytest.mark.parametrize("side", [16, 33, 64])
    @pytest.mark.parametrize("modes", [1, 4])
    def test_modes_are_orthogonal_and_hold_one_photon(self, kind, side, modes):
        probe = make_probe(ProbeConfig(kind=kind, modes=modes), side).reshape(modes, -1)
        gram = probe.conj() @ probe.T
        assert_allclose(np.trace(gram), 1)
        assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-12)
        assert np.all(np.diff(np.diag(gram).real) < 0)

    @pytest.mark.parametrize("kind", words(ProbeKind))
    def test_it_lies_in_the_middle_of_its_window(self, kind):
        intensity = np.abs(make_probe(ProbeConfig(kind=kind), 64)[0]) ** 2
        y, x = np.indices(intensity.shape) - 32
        assert abs(np.sum(intensity * y)) < 3
        assert abs(np.sum(intensity * x)) < 3
        assert intensity[4:-4, 4:-4].sum() > 0.9

    def test_a_zone_plate_has_a_central_stop(self):
        far = np.abs(np.fft.fftshift(np.fft.fft2(make_probe(ProbeConfig(kind="zone_plate"), 64)[0]))) ** 2
        assert far[32, 32] < 0.01 * far.max()

    @pytest.mark.parametrize(
        ("change", "message"), [({"kind": "pinhole"}, "pinhole"), ({"modes": 0}, "got 0")]
    )
    def test_impossible_values_are_named(self, change, message):
        with pytest.raises(ConfigError, match=message):
            ProbeConfig(**change)


class TestPositions:
    def test_a_raster_is_jittered_around_its_grid(self):
        still = raster((4, 5), 6.0, 0.0, np.random.default_rng(0)).reshape(4, 5, 2)
        assert_allclose(still[..., 0], 6.0 * np.arange(4)[:, None] + np.zeros(5))
        assert_allclose(still[..., 1], 6.0 * np.arange(5)[None, :] + np.zeros((4, 1)))
        moved = raster((40, 50), 6.0, 2.0, np.random.default_rng(0)).reshape(40, 50, 2)
        steps = np.diff(moved[..., 1], axis=1) - 6
        assert 3.5 < np.abs(steps).max() <= 4

    def test_a_spiral_has_one_position_per_square_of_the_step(self):
        points = spiral(400, 5.0, 0.0, np.random.default_rng(0))
        apart = np.linalg.norm(points[:, None] - points[None], axis=-1) + 1e9 * np.eye(400)
        assert apart.min(axis=1).min() > 0.7 * 5
        assert apart.min(axis=1).max() < 1.3 * 5
        assert np.ptp(points, axis=0) == pytest.approx(2 * 5 * np.sqrt(400 / np.pi), rel=0.06)
        assert points.min() == 0


def test_the_command_line_knows_every_object_and_probe():
    assert set(get_args(command.ObjectKind)) == set(OBJECTS)
    assert set(get_args(command.ProbeKind)) == set(words(ProbeKind))
