"""Frames without counts, strayed frames and other scans: network, solver and replay leave out the same."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from ptychoscope.errors import ConfigError, ScanError, ScanWarning
from ptychoscope.inference.model import Model
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.scan import Scan
from ptychoscope.simulate import SimulationConfig, simulate_scan

WAYS = ["network", "solver", "both", "replay", "replay with a network"]


@pytest.fixture(scope="module")
def made() -> Scan:
    return simulate_scan(
        SimulationConfig(rows=7, columns=7, patch_px=16, step_px=3, seed=9, domain="counts", photons=1e5)
    )


def image(way: str, scan: Scan, model: Model):
    options = {
        "network": {}, "solver": {"refine": 3}, "both": {"refine": 2},
        "replay": {"refine": 1, "refine_window": 8, "batch": 8},
        "replay with a network": {"refine": 1, "refine_window": 8, "batch": 8},
    }[way]  # fmt: skip
    return reconstruct(scan, None if way in ("solver", "replay") else model, **options)


def quietly(way: str, scan: Scan, model: Model):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        result = image(way, scan, model)
    return result, [str(w.message) for w in seen]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("spoil", ["dark", "strayed", "repeated", "another scan"])
def test_the_image_is_that_of_the_other_frames(made, tiny_model, way, spoil):
    bad = np.array([3, 17, 30])
    patterns, positions, index = made.patterns.copy(), made.positions_px.copy(), np.zeros(len(made), int)
    if spoil == "dark":
        patterns[bad] = 0
        words, record = "3 of 49 frames hold no counts and are left out: frames 3, 17, 30", "frames_dark"
    elif spoil == "strayed":
        positions[bad] += [[1e5, 0], [0, 1e6], [-1e5, 1e7]]
        words, record = "left out: frames 3, 17, 30", "frames_apart"
    elif spoil == "repeated":
        patterns[bad] = patterns[[2, 16, 2]]
        words, record = "copies, bit for bit, of other ones", "frames_repeated"
    else:
        index[bad] = 1
        words, record = "only 0 is used", "scan_index"
    scan = replace(made, patterns=patterns, positions_px=positions, scan_index=index)
    result, said = quietly(way, scan, tiny_model)
    rest, said_of_rest = quietly(way, made.select(np.delete(np.arange(len(made)), bad)), tiny_model)
    assert result.object.tobytes() == rest.object.tobytes()
    assert sum(words in text for text in said) == 1
    assert len(said) == len(said_of_rest) + 1
    assert record in result.provenance
    assert record not in rest.provenance
    assert len(result.positions_px) == len(made) - 3


@pytest.mark.parametrize("way", WAYS)
def test_positions_in_metres_are_asked_about_once(made, tiny_model, way):
    _, said = quietly(way, replace(made, positions_px=made.positions_px * 3e-8), tiny_model)
    assert sum("are they in metres?" in text for text in said) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_scan_in_pieces_takes_no_gigabytes(made, tiny_model, way):
    positions = made.positions_px.copy()
    positions[20:] += 3e4
    with pytest.raises(ScanError, match=r"GiB; farthest from the others lies frame \d+"):
        image(way, replace(made, positions_px=positions), tiny_model)


@pytest.mark.filterwarnings("ignore:the image does not explain", "ignore:as given the positions")
def test_the_models_own_probe_is_said_unless_asked_for(made, tiny_model):
    bare = made.with_probe(None)
    with pytest.warns(ScanWarning, match="--probe model confirms"):
        image("network", bare, tiny_model)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*the model's own", category=ScanWarning)
        reconstruct(bare, tiny_model, probe="model")


def test_a_side_that_the_solver_cannot_do_is_met_before_the_network(made, tiny_model):
    wide = simulate_scan(SimulationConfig(rows=3, columns=3, patch_px=34, step_px=3, domain="counts"))
    with pytest.raises(ConfigError, match="--crop 32"):
        reconstruct(wide, refine=1)


@pytest.mark.filterwarnings("ignore:the image does not explain", "ignore:as given the positions")
@pytest.mark.parametrize("domain", ["counts", "amplitude"])
def test_the_domain_is_named_where_the_other_one_fits_the_probe(made, domain):
    """Patterns that somebody named wrongly: the probe was multiplied, and that was all that was said."""
    named = "amplitude" if domain == "counts" else "counts"
    values = made.patterns.astype(np.float32) if domain == "counts" else np.sqrt(made.patterns, dtype="f4")
    wrong = replace(made, patterns=values, domain=named)
    with pytest.warns(ScanWarning, match=rf"the probe was multiplied.*say --domain {domain}"):
        reconstruct(wrong, refine=1)
