"""inspect: its guesses are right on scans whose truth is known."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ptychoscope.diagnosis.inspect_scan import inspect
from ptychoscope.io import load_scan, save_scan
from ptychoscope.simulate import SimulationConfig, simulate_scan


def simulated(**options):
    values = {"rows": 10, "columns": 12, "patch_px": 32, "step_px": 4, "seed": 3, "photons": 1e5}
    return simulate_scan(SimulationConfig(**{**values, **options}))


@pytest.mark.parametrize("domain", ["counts", "amplitude"])
@pytest.mark.parametrize("side", [32, 33])
def test_a_good_scan(tmp_path, domain, side):
    save_scan(simulated(domain=domain, patch_px=side), tmp_path / "scan.npz")
    found = inspect(tmp_path / "scan.npz")
    assert found.scan.domain == domain
    assert "whole" in found.why_domain
    assert "as the probe stands for" in found.why_domain
    assert np.abs(np.subtract(found.centre_px, side // 2)).max() < 0.6
    assert (found.hot, found.dead, found.saturation) == (0, 0, None)
    assert found.step_px == pytest.approx(4, abs=1)
    assert 0.3 < found.overlap < 1
    assert [text.split(":")[0] for text in found.missing] == ["the object's pixel is not known"]
    json.dumps(found.figures())


def test_what_is_wrong_with_the_detector(tmp_path):
    scan = simulated(domain="counts")
    patterns = np.minimum(scan.patterns, 400)
    patterns[:, 3, 4] = 350
    patterns[:, 16, 17] = 0
    from dataclasses import replace

    save_scan(replace(scan, patterns=patterns, probe=None), tmp_path / "scan.npz")
    found = inspect(tmp_path / "scan.npz")
    assert (found.hot, found.dead) == (1, 1)
    assert found.suggested_mask[3, 4]
    assert found.suggested_mask[16, 17]
    assert found.saturation == 400
    assert len(found.missing) == 3


@pytest.fixture
def run(call):
    def command(line):
        code, out, err = call(line)
        assert code == 0, err
        return out

    return command


def test_the_command_prints_draws_and_keeps_what_was_said(run):
    save_scan(simulated(domain="counts"), "scan.npz")
    text = run("inspect scan.npz --picture look.png --pixel-size-m 1e-8 --crop 24 --keep-recipe r.toml")
    assert "120 of 24 px" in text
    with Image.open("look.png") as picture:
        assert min(picture.size) > 400
    assert Path("r.toml").read_text() == "pixel_size_m = 1e-8\ncrop = 24\n"
    facts = json.loads(run("inspect scan.npz --recipe r.toml --json"))
    assert facts["patch_px"] == 24
    assert facts["pixel_size_m"] == pytest.approx(1e-8 * 32 / 24)


def test_convert_writes_a_scan_as_it_was_read(run):
    scan = simulated(domain="counts")
    save_scan(scan, "scan.npz")
    assert "a scan of 60 patterns of 32 px" in run("convert scan.npz half.npz --frames 0::2")
    half = load_scan("half.npz")
    assert np.array_equal(half.patterns, scan.patterns[::2])
    assert np.array_equal(half.positions_px, scan.positions_px[::2])


def test_convert_says_why_it_is_no_scan(run, tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(AssertionError, match="damaged or truncated"):
        run("convert a.npz b.npz")
