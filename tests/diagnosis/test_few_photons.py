"""Few photons: numbers are found where noise is most of what is left, and nothing where frames are alike."""

from dataclasses import replace

import numpy as np
import pytest
from false_alarms import good_scan

from ptychoscope.diagnosis import diagnose
from ptychoscope.diagnosis.first_probe import found_probes
from ptychoscope.diagnosis.trial import Trials, neighbours
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.simulate import ProbeConfig, SimulationConfig, simulate_scan


def scan_of(photons):
    config = SimulationConfig(
        object="lines", probe=ProbeConfig(kind="zone_plate", defocus_rad=20), patch_px=64, rows=16,
        columns=16, step_px=5, photons=photons, domain="counts", scan="spiral", jitter_px=0.5, sub_pixel=True,
        seed=5,
    )  # fmt: skip
    return replace(simulate_scan(config), object=None)


def test_frames_that_are_alike_but_for_noise_tell_nothing():
    """A probe that follows, and shuffled positions, seem to explain such frames a little better."""
    found = diagnose(good_scan(2186)[1], images=False)
    assert found.fine
    assert "too few photons" in found.notes[0]


@pytest.mark.slow
def test_a_number_is_found_behind_the_noise():
    """At 6e3 photons noise leaves so much that a scale alone cannot bring the whole down by a tenth."""
    spoilt = Orientation(scale=1.11, swap_xy=True).apply(scan_of(6e3))
    mend = diagnose(spoilt, images=False).best.mend.orientation
    assert mend.scale * 1.11 == pytest.approx(1, abs=0.02)
    assert mend == Orientation(swap_xy=True, scale=mend.scale)


def test_no_probe_is_looked_for_where_no_frame_is_near_another():
    """Frames 5000 px apart: their canvas would take gigabytes."""
    scan = scan_of(6e3)
    scan = replace(scan, positions_px=1000 * scan.positions_px, nominal_positions_px=None)
    assert found_probes(scan, Trials(scan, neighbours(scan.positions_px, 100))) == []
    found = diagnose(scan.with_probe(None), images=False)
    assert np.isinf(found.given)
    assert not found.positions_of_use
