"""A trigger that was lost: `diagnose` says where, and its options leave an image that explains its frames."""

import json
from dataclasses import replace

import numpy as np
import pytest

from optics import lens_scan
from ptychoscope import cli
from ptychoscope.diagnosis import diagnose, quick_check
from ptychoscope.diagnosis.lost_trigger import lost_trigger
from ptychoscope.diagnosis.mend import Mend
from ptychoscope.io import save_scan
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.simulate import ProbeConfig, SimulationConfig, simulate_scan


@pytest.fixture(scope="module")
def good():
    size = {"rows": 14, "columns": 13, "step_px": 3.4, "jitter_px": 0.8}
    return lens_scan("disc", 18.0, object="mix", **size, photons=2e5, seed=61)


def without(scan, lost):
    """The scan as recorded when trigger `lost` did not come."""
    kept = np.arange(len(scan)) != lost
    return replace(scan.select(slice(0, -1)), patterns=scan.patterns[kept])


@pytest.mark.parametrize("lost", [30, 70, 110, 150])
def test_the_frame_is_found(good, lost):
    found = lost_trigger(without(good, lost), Mend())
    assert abs(found.number - lost) <= 6
    assert (found.before, found.after) == (0, 1)


def test_no_trigger_was_lost_in_a_good_scan_nor_where_all_frames_are_shifted(good):
    assert lost_trigger(good, Mend()) is None
    shifted = Orientation(shift_frames=1).apply(good)
    assert lost_trigger(shifted, Mend()) is None
    assert lost_trigger(good.select(slice(0, 60)), Mend()) is None


def test_frames_that_are_read_wrongly_tell_of_no_trigger(good):
    corner = replace(good, patterns=np.fft.ifftshift(good.patterns, axes=(1, 2)))
    for wrong in (corner, Orientation(flip_x=True).apply(good), Orientation(scale=1e-6).apply(good)):
        assert lost_trigger(wrong, Mend()) is None


@pytest.mark.slow
def test_the_check_before_a_run_judges_the_last_frames_by_their_own_noise():
    """It is twice that of the middle, on which all else is tried."""
    config = SimulationConfig(
        object="asymmetric", patch_px=96, probe=ProbeConfig(kind="gaussian", defocus_rad=16.25), rows=16,
        columns=16, step_px=8.358, jitter_px=0.8358, sub_pixel=True, photons=8e5, domain="counts", seed=1004,
    )  # fmt: skip
    scan = simulate_scan(config)
    assert quick_check(scan, 5.0) is None
    assert "with shift_frames=1" in quick_check(without(scan, 140), 5.0)


@pytest.mark.parametrize("lost", [155, 170])
def test_longer_rows_tell_it_behind_photon_noise(lost):
    many = SimulationConfig(
        object="mix", patch_px=32, probe=ProbeConfig(kind="disc", defocus_rad=18.0), rows=19, columns=17,
        step_px=3.4, jitter_px=0.8, photons=5e3, domain="counts", seed=62,
    )  # fmt: skip
    found = lost_trigger(without(simulate_scan(many), lost), Mend())
    assert abs(found.number - lost) <= 15


@pytest.mark.parametrize("lost", [40, 120])
def test_diagnose_keeps_the_longer_part(good, lost):
    found = diagnose(without(good, lost), images=False)
    first, end = found.best.mend.frames
    kept, shift = ((lost, 181), 1) if lost == 40 else ((0, lost), 0)
    assert abs(first - kept[0]) <= 10
    assert abs(end - kept[1]) <= 10
    assert found.best.mend.orientation.shift_frames == shift
    assert any(f"lost near frame {found.notes[0].split()[6]}" in note for note in found.notes)
    assert diagnose(found.mended(without(good, lost)), images=False).fine


def test_it_is_found_behind_another_fault(good):
    found = diagnose(Orientation(swap_xy=True).apply(without(good, 120)), images=False)
    assert found.best.mend.orientation.swap_xy
    assert abs(found.best.mend.frames[1] - 120) <= 10


@pytest.mark.parametrize("lost", [40, 120])
def test_what_is_printed_mends_the_scan(good, lost, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_scan(without(good, lost), "scan.npz")

    def typed(line):
        with pytest.raises(SystemExit) as ended:
            cli.main(line.split())
        out = capsys.readouterr()
        assert ended.value.code == 0, out.err
        return json.loads(out.out)

    said = typed("diagnose scan.npz --json")
    assert "--frames" in said["cure"]
    cure = said["cure"].removeprefix("ptychoscope run scan.npz ")
    again = typed(f"diagnose scan.npz --json {cure}")
    assert again["fine"], again["sentence"]
