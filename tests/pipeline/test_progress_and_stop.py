"""How far a run is, and what is there when it is stopped."""

from dataclasses import FrozenInstanceError
from threading import Event
from typing import Any

import numpy as np
import pytest

from optics import make_scan
from ptychoscope.inference.model import Model
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.progress import Progress, Watch
from ptychoscope.scan import Scan

WAYS: dict[str, tuple[bool, dict[str, Any], list[str]]] = {
    "chosen": (False, {"effort": "fast"}, ["choice", "sweeps"]),
    "sweeps": (False, {"refine": 6}, ["sweeps"]),
    "network": (True, {"batch": 5}, ["network"]),
    "network, sweeps": (True, {"batch": 5, "refine": 2}, ["network", "sweeps"]),
    "replay": (False, {"batch": 5, "refine_window": 8, "refine": 2}, ["arrival", "sweeps"]),
    "replay, network": (True, {"batch": 5, "refine_window": 8, "refine": 2}, ["network", "sweeps"]),
    "halves": (False, {"refine": 2, "halves": True}, ["sweeps", "first half", "second half"]),
}


@pytest.fixture(scope="module")
def scan() -> Scan:
    return make_scan(np.random.default_rng(8))


@pytest.mark.parametrize("way", WAYS)
def test_a_run_says_how_far_it_is(scan: Scan, tiny_model: Model, way: str) -> None:
    needs_model, options, stages = WAYS[way]
    told: list[Progress] = []
    result = reconstruct(scan, tiny_model if needs_model else None, progress=told.append, **options)
    assert list(dict.fromkeys(at.stage for at in told)) == stages
    assert result.partial is None
    assert result.frame_numbers is not None
    assert result.frame_numbers.tolist() == list(range(len(scan)))
    for stage in stages:
        steps = [at for at in told if at.stage == stage]
        assert all(0 <= at.done <= at.of for at in steps)
        assert sorted(at.done for at in steps) == [at.done for at in steps]
        assert (steps[-1].misfit is None) == (stage in ("network", "choice"))
        if stage != "choice":
            assert steps[-1].done == steps[-1].of
    frames = [at.done for at in told if at.stage in ("network", "arrival")]
    assert frames in ([], [*range(5, len(scan), 5), len(scan)])


def test_progress_is_a_value() -> None:
    with pytest.raises(FrozenInstanceError):
        Progress("sweeps", 1, 2).done = 3  # type: ignore[misc]
    assert not Watch().stopped


@pytest.mark.parametrize("way", [way for way in WAYS if way != "halves"])
def test_a_stop_keeps_at_least_one_step(scan: Scan, tiny_model: Model, way: str) -> None:
    needs_model, options, _ = WAYS[way]
    stop = Event()
    stop.set()
    result = reconstruct(scan, tiny_model if needs_model else None, stop=stop, **options)
    by_frames = way.startswith(("network", "replay"))
    frames = 5 if by_frames else len(scan)
    assert result.partial == (
        f"5 of {len(scan)} frames" if by_frames else "1 of 10 sweeps" if way == "chosen" else "1 of 6 sweeps"
    )
    assert len(result.positions_px) == frames
    assert np.array_equal(result.positions_px, scan.positions_px[:frames])
    assert result.frame_numbers is not None
    assert len(result.frame_numbers) == frames
    assert (result.coverage > 0).any()
    assert np.isfinite(result.object).all()
    assert result.verdict is not None
    assert result.verdict.frame_misfit.shape == (frames,)
    sentence = result.sentence()
    assert sentence is not None
    assert sentence.startswith(f"PARTIAL: {result.partial}; ")


def test_a_stop_that_comes_too_late_changes_nothing(scan: Scan) -> None:
    told: list[Progress] = []
    result = reconstruct(
        scan, refine=3, progress=told.append, stop=lambda: len(told) > 0 and told[-1].done == 3
    )
    assert result.partial is None
    np.testing.assert_array_equal(result.object, reconstruct(scan, refine=3).object)


def test_halves_that_were_stopped_leave_the_image(scan: Scan) -> None:
    told: list[Progress] = []
    result = reconstruct(
        scan,
        refine=3,
        halves=True,
        progress=told.append,
        stop=lambda: any(at.stage == "first half" for at in told),
    )
    assert result.partial is None
    assert result.halves_frc is None
    np.testing.assert_array_equal(result.object, reconstruct(scan, refine=3).object)


def test_without_a_stop_an_interrupt_is_an_interrupt(scan: Scan) -> None:
    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reconstruct(scan, refine=3, progress=interrupt)


@pytest.mark.parametrize(("after", "said"), [(5, "an early pass of the network over 5"), (75, "5 of 36")])
def test_a_network_of_several_passes(unrolled: Model, after: int, said: str) -> None:
    scan, done = make_scan(np.random.default_rng(4)), [0]

    def tell(at: Progress) -> None:
        assert at.of == 3 * len(scan)
        done[0] = at.done

    result = reconstruct(scan, unrolled, batch=5, progress=tell, stop=lambda: done[0] >= after)
    assert result.partial is not None
    assert result.partial.startswith(said)
    assert len(result.positions_px) == 5
    assert (result.coverage > 0).any()
