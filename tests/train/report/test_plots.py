"""Figures of the report: whatever the history is, and what is shown where nothing was measured."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

pytest.importorskip("torch")
pytest.importorskip("lightning")

import matplotlib
from matplotlib import pyplot
from matplotlib.figure import Figure

from ptychoscope.metrics import RingCorrelation
from ptychoscope.train.prediction import Prediction
from ptychoscope.train.report import plots
from ptychoscope.viz.colormaps import color_table
from ptychoscope.viz.panels import NOTHING

NAN = float("nan")


def pixels(picture: plots.Picture) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB"))


def count(picture: plots.Picture, color: tuple[int, ...]) -> int:
    return int((pixels(picture) == color).all(axis=-1).sum())


def epochs(*deviances: float) -> list[dict[str, float]]:
    return [
        {"cpu_seconds": 10.0 * (k + 1), "train_loss": 2 * value, "val_deviance": value}
        for k, value in enumerate(deviances)
    ]


def lines(figure: Figure) -> list[tuple[list[float], list[float]]]:
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in figure.axes[0].lines]


@pytest.mark.parametrize(
    ("history", "drawn"),
    [
        ([], []),
        (epochs(4.0), [([10], [4])]),
        (epochs(4.0, NAN, 2.0), [([10, 30], [4, 2])]),
        (epochs(4.0, 0.0, float("inf"), 2.0), [([10, 40], [4, 2])]),
        (epochs(NAN, NAN), []),
        (epochs(*np.geomspace(500, 1.2, 60)), None),
    ],
)
def test_curves_go_through_what_is_finite(history: list, drawn: list | None) -> None:
    loss, deviance = plots.loss_curve(history, "poisson"), plots.deviance_curve(history)
    if drawn is None:
        assert len(lines(loss)[0][0]) == 60
    else:
        assert lines(loss) == [(x, [2 * value for value in y]) for x, y in drawn]
        assert lines(deviance)[:1] == drawn
    for figure in (loss, deviance):
        assert np.ptp(pixels(plots.curve_picture(figure))) == 255


def test_photon_noise_is_a_line_at_one() -> None:
    (_, noise) = lines(plots.deviance_curve(epochs(9.0, 3.0)))
    assert noise[1] == [1, 1]
    low, high = plots.deviance_curve(epochs(9.0, 3.0)).axes[0].get_ylim()
    assert low < 1 < high
    assert len(lines(plots.loss_curve(epochs(9.0, 3.0), "mae"))) == 1


def test_without_a_held_back_part_the_loss_alone_is_drawn() -> None:
    history = [{"cpu_seconds": 1.0, "train_loss": 0.5}, {"cpu_seconds": 2.0, "train_loss": 0.4}]
    assert lines(plots.loss_curve(history, "mae")) == [([1, 2], [0.5, 0.4])]
    deviance = plots.deviance_curve(history)
    assert lines(deviance) == []
    assert [text.get_text() for text in deviance.axes[0].texts] == ["nothing to show"]


@pytest.mark.parametrize("value", [0.5, NAN])
def test_the_correlation_and_its_thresholds(value: float) -> None:
    halves = RingCorrelation(np.linspace(0, 1, 9), np.full(9, value), np.arange(1, 10))
    figure = plots.correlation_curve(halves)
    assert len(lines(figure)) == (3 if np.isfinite(value) else 0)
    assert plots.curve_picture(figure).description == "Fourier ring correlation of two halves"


def test_no_phase_has_the_middle_color() -> None:
    """The mean phase is 0 where phases reach twice as far to one side."""
    object_ = np.ones((40, 40), np.complex64)
    object_[:10] = np.exp(0.9j)
    object_[10:20] = np.exp(-0.3j) * np.sin(0.9) / np.sin(0.3)
    planes = np.ones((2, 40, 40), np.float32)
    prediction = Prediction(object_[None], object_, planes[0], planes[1], (0, 0))
    names = {picture.description: picture for picture in plots.object_pictures(prediction)}
    phase = names["Phase (rad)"]
    assert count(phase, tuple(color_table("RdBu_r")[128])) >= 20 * 40 * 11**2
    assert count(phase, tuple(color_table("RdBu_r")[255])) >= 10 * 40 * 11**2


def test_nothing_is_shown_of_unmeasured_pixels() -> None:
    measured = np.full((1, 20, 20), 7, np.float32)
    measured[0, 3:5, 4:10] = NAN
    rates = np.full((1, 20, 20), 7, np.float32)
    counts, predicted, left = plots.pattern_pictures(np.array([5]), measured, rates)
    assert count(counts, NOTHING) == count(left, NOTHING) == 12 * 14**2
    assert count(predicted, NOTHING) == 0
    assert count(left, tuple(color_table("RdBu_r")[128])) >= 388 * 14**2
    assert counts.description.startswith("Frame 5: measured")


def test_a_frame_without_any_measured_pixel_is_shown() -> None:
    shown = plots.pattern_pictures(
        np.array([0]), np.full((1, 8, 8), NAN, np.float32), np.zeros((1, 8, 8), np.float32)
    )
    assert count(shown[0], NOTHING) == 280**2


def test_nothing_global_is_touched() -> None:
    before = dict(matplotlib.rcParams)
    plots.curve_picture(plots.loss_curve(epochs(1.0), "mae"))
    assert dict(matplotlib.rcParams) == before
    assert pyplot.get_fignums() == []
