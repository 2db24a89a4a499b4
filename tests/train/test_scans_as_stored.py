"""Training on scans as they are stored: dark and strayed frames, several scans in one, layout and domain."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optics import QUICK_TRAINING, make_scan
from ptychoscope import cli
from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.scan import Scan

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from ptychoscope.train import TrainConfig, train, train_and_reconstruct  # noqa: E402
from ptychoscope.train.loop.processes import Processes  # noqa: E402
from ptychoscope.train.training_run import _usable  # noqa: E402

CONFIG = TrainConfig(**QUICK_TRAINING, max_steps=2, groups_per_epoch=4, network="unrolled", passes=2)


def contract(scan: Scan) -> dict[str, np.ndarray]:
    y, x = scan.positions_px.T
    return {"diffraction": scan.patterns, "ycoords": y, "xcoords": x, "probeGuess": scan.probe}


def test_as_many_frames_as_pixels_need_a_layout_and_it_can_be_given(rng: np.random.Generator) -> None:
    scan = make_scan(rng, n_side=4)
    assert len(scan) == scan.patch_px
    with pytest.raises(ScanError, match='layout="NHW"'):
        train_and_reconstruct(contract(scan), None, CONFIG, progress=False, domain="counts")
    amplitude, _, results = train_and_reconstruct(
        contract(scan), None, CONFIG, progress=False, layout="NHW", domain="counts"
    )
    assert results["obj_tensor_full"].shape == (16, 16, 16)
    assert np.isfinite(amplitude).all()
    last = contract(scan) | {"diffraction": np.moveaxis(scan.patterns, 0, 2)}
    again, _, _ = train_and_reconstruct(last, None, CONFIG, progress=False, layout="HWN", domain="counts")
    np.testing.assert_array_equal(again, amplitude)


def test_options_of_reading_are_those_of_load_scan(rng: np.random.Generator) -> None:
    fields = contract(make_scan(rng, side=20))
    fields["ycoords"] = np.append(fields["ycoords"], 3.0)
    fields["xcoords"] = np.append(fields["xcoords"], 3.0)
    with pytest.warns(ScanWarning, match="36 patterns and 37 positions"):
        _, _, results = train_and_reconstruct(
            fields, None, CONFIG, progress=False, domain="counts", match="first", crop=16
        )
    assert results["obj_tensor_full"].shape == (36, 16, 16)


def test_frames_of_several_scans_are_never_neighbours(small_scan: Scan) -> None:
    index = np.arange(36) % 3
    parts = _usable([replace(small_scan, scan_index=index)], Processes())
    assert [len(part) for part in parts] == [12, 12, 12]
    for value, part in enumerate(parts):
        assert (part.scan_index == value).all()
        np.testing.assert_array_equal(part.patterns, small_scan.patterns[index == value])


@pytest.mark.parametrize("spoil", ["dark", "strayed", "several scans"])
def test_such_scans_can_be_trained_on(small_scan: Scan, tmp_path: Path, spoil: str) -> None:
    patterns, positions, index = small_scan.patterns.copy(), small_scan.positions_px.copy(), np.zeros(36, int)
    if spoil == "dark":
        patterns[4] = 0
    elif spoil == "strayed":
        positions[4] = 3e6
    else:
        index[18:] = 1
    scan = replace(small_scan, patterns=patterns, positions_px=positions, scan_index=index)
    if spoil == "several scans":
        result = train(scan, CONFIG, run_dir=tmp_path / "run", progress=False)
    else:
        with pytest.warns(ScanWarning, match="1 of 36 frames .* left out: frame 4"):
            result = train(scan, CONFIG, run_dir=tmp_path / "run", progress=False)
    assert result.steps == 2


@pytest.mark.parametrize(("spoil", "named", "typed"), [
    ("no probe", "--probe-file FILE", "--probe-file probe.npy"),
    ("side", "--crop 16", "--crop 16"),
    ("layout", "--layout NHW", "--layout NHW"),
])  # fmt: skip
def test_the_cure_works_when_it_is_typed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rng: np.random.Generator,
    spoil: str,
    named: str,
    typed: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    scan = make_scan(rng, side=20 if spoil == "side" else 16, n_side=4 if spoil == "layout" else 6)
    fields = contract(scan) | {"domain": "counts"}
    np.save("probe.npy", fields["probeGuess"])
    if spoil == "no probe":
        del fields["probeGuess"]
    np.savez("scan.npz", **fields)
    line = "train scan.npz -o run --max-steps 1 --threads 1 --passes 2 --network unrolled --quiet --no-report"
    for options, code in (("", 2), (typed, 0)):
        with pytest.raises(SystemExit) as end:
            cli.main(f"{line} {options}".split())
        said = " ".join(capsys.readouterr().err.split())
        assert (end.value.code or 0) == code, said
        assert (named in said) == (code == 2)
