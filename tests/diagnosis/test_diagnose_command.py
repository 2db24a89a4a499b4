"""`ptychoscope diagnose`: what it prints can be typed, and mends the scan."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from optics import lens_scan
from ptychoscope import cli
from ptychoscope.io import load_scan, save_scan
from ptychoscope.preprocess.orientation import Orientation


@pytest.fixture(scope="module")
def good():
    size = {"rows": 9, "columns": 12, "step_px": 3.2, "jitter_px": 0.8}
    return lens_scan("zone_plate", 20.0, object="mix", **size, photons=2e5, seed=5)


def typed(capsys, line: str) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main(line.split())
    out = capsys.readouterr()
    assert ended.value.code == 0, out.err
    return out.out


def with_hot_pixels(scan):
    patterns = scan.patterns.astype(np.float32)
    patterns[:, [3, 20, 25], [9, 4, 16]] = 9000
    return replace(scan, patterns=patterns)


SPOIL = {
    "swap_xy": Orientation(swap_xy=True).apply,
    "patterns=fftshift": lambda s: replace(s, patterns=np.fft.ifftshift(s.patterns, axes=(1, 2))),
    "scale": Orientation(scale=0.8).apply,
    "hot": with_hot_pixels,
}


@pytest.mark.parametrize("fault", SPOIL)
def test_what_is_printed_mends_the_scan(good, fault, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_scan(SPOIL[fault](good), "scan.npz")
    first = json.loads(typed(capsys, "diagnose scan.npz --json --save-mask mask.npy"))
    assert not first["fine"]
    assert first["confident"]
    cure = first["cure"].removeprefix("ptychoscope run scan.npz ")
    again = json.loads(typed(capsys, f"diagnose scan.npz --json {cure}"))
    assert again["fine"], again["sentence"]
    assert again["given"] < 1.05 * first["best"]["unexplained"]
    typed(capsys, f"run scan.npz --start empty --refine 3 --no-picture -o out.h5 --threads 1 {cure}")


def test_the_mended_scan_and_the_picture_are_written(good, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_scan(Orientation(flip_x=True).apply(good), "scan.npz")
    out = typed(capsys, "diagnose scan.npz --mended mended.npz --picture seen.png")
    assert "Mend: ptychoscope run scan.npz --orientation flip_x" in out
    np.testing.assert_allclose(load_scan("mended.npz").positions_px, good.positions_px)
    with Image.open("seen.png") as image:
        assert image.width > 300


def test_steps_that_were_asked_for_are_not_lost_in_the_cure(good, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_scan(good, "scan.npz")
    out = typed(capsys, "diagnose scan.npz --orientation swap_xy")
    assert "--mended FILE" in out


def test_nothing_is_written_over_the_scan(good, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_scan(good, "scan.npz")
    with pytest.raises(SystemExit) as ended:
        cli.main(["diagnose", "scan.npz", "--mended", "scan.npz"])
    assert ended.value.code == 2
    assert "--mended" in capsys.readouterr().err
