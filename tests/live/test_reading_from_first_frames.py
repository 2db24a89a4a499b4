"""A stream is read as the file of the same frames is: patterns, probe, positions and pixel, bit for bit."""

import numpy as np
import pytest

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.io.scan_from_stored import scan_from
from ptychoscope.io.stored_scan import StoredScan
from ptychoscope.live.events import SeriesStart
from ptychoscope.live.reading_from_first_frames import find_reading, frames_needed
from ptychoscope.live.settings import LiveSettings
from ptychoscope.preprocess.orientation import Orientation

SHAPE = (40, 36)


@pytest.fixture
def detector(rng):
    """Frames with a spot off the middle, a bad pixel in all, positions in metres, and a header."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    spot = 500 * np.exp(-((y - 21) ** 2 + (x - 17) ** 2) / 30)
    frames = rng.poisson(spot, (20, *SHAPE)).astype(np.uint16)
    frames[:, 3, 4] = 65535
    mask = np.zeros(SHAPE, bool)
    mask[30, 20:24] = True
    start = SeriesStart(
        series=1,
        arrived_s=0.0,
        shape=SHAPE,
        bad_pixels=mask,
        energy_ev=8000.0,
        distance_m=2.0,
        detector_pixel_m=75e-6,
    )
    return frames, rng.uniform(0, 5e-6, (20, 2)), start


@pytest.mark.filterwarnings("ignore::ptychoscope.errors.ScanWarning")
@pytest.mark.parametrize(
    "options",
    [
        {"crop": 32},
        {"crop": 32, "bin": 2},
        {"crop": 30, "bin": 3, "center": "21,17.4"},
        {"crop": 24, "center": "auto"},
        {"bin": 2, "center": "20,17"},
        {"crop": 44},
        {"crop": 32, "orientation": "patterns=rot90,swap_xy,flip_y,scale=0.5"},
        {"crop": 32, "orientation": "patterns=fftshift,rotate=10"},
        {"crop": 32, "max_counts": 300.0},
    ],
)
def test_a_stream_is_read_as_its_file(detector, rng, options):
    frames, positions, start = detector
    if options["crop"] > min(SHAPE) if "crop" in options else False:
        options = options | {"center": "20,18"}
    probe = rng.normal(size=(1, 40, 40)) + 1j * rng.normal(size=(1, 40, 40))
    probe = probe.astype(np.complex64) if options.get("crop", 0) <= 40 and "crop" in options else None
    said = options | {"orientation": Orientation.parse(options.get("orientation", ""))}
    stored = StoredScan(
        source="a file",
        patterns=frames,
        domain="counts",
        positions=positions,
        positions_unit="m",
        bad_pixels=start.bad_pixels,
        probe=probe,
        energy_ev=start.energy_ev,
        distance_m=start.distance_m,
        detector_pixel_m=start.detector_pixel_m,
    )
    scan = scan_from(stored, said)
    settings = LiveSettings(probe=probe, **{"window_frames": 0, "model": "any"} | options)
    reading = find_reading(settings, start, frames, positions)
    patterns = reading.patterns(frames)
    bad = np.zeros(patterns.shape[1:], bool) if scan.bad_pixels is None else scan.bad_pixels
    np.testing.assert_array_equal(patterns[:, ~bad], np.asarray(scan.patterns, np.float32)[:, ~bad])
    assert (patterns[:, bad] < 0).all()
    assert reading.positions_px(positions).tobytes() == scan.positions_px.tobytes()
    assert reading.pixel_size_m == scan.pixel_size_m
    assert (probe is None) == (reading.probe is None)
    if probe is not None:
        assert reading.probe.tobytes() == scan.probe.tobytes()
    again = reading.scan(patterns, reading.positions_px(positions))
    np.testing.assert_array_equal(again.patterns[:, ~bad], np.asarray(scan.patterns, np.float32)[:, ~bad])


@pytest.mark.filterwarnings("ignore::ptychoscope.errors.ScanWarning")
@pytest.mark.parametrize("text", ["patterns=flip_y", "roll_y=2,roll_x=-1", "probe=conjugate,swap_xy"])
def test_a_mend_reads_on_as_it_would_have_from_the_start(detector, text):
    frames, positions, start = detector
    mend = Orientation.parse(text)
    reading = find_reading(LiveSettings(crop=32, model="any", window_frames=0), start, frames, positions)
    patterns, places = reading.patterns(frames), reading.positions_px(positions)
    expected = mend.apply(reading.scan(patterns, places))
    mended = reading.mended(mend)
    found = mended.scan(mended.with_mends(patterns), mended.positions_px(positions))
    bad = expected.bad_pixels
    np.testing.assert_array_equal(found.bad_pixels, bad)
    np.testing.assert_array_equal(found.patterns[:, ~bad], expected.patterns[:, ~bad])
    np.testing.assert_array_equal(found.positions_px, expected.positions_px)
    assert found.orientation == expected.orientation
    with pytest.raises(ConfigError, match="lost trigger"):
        reading.mended(Orientation(shift_frames=1))


@pytest.mark.filterwarnings("ignore::ptychoscope.errors.ScanWarning")
def test_what_is_missing_is_named(detector):
    frames, positions, start = detector
    settings = LiveSettings(crop=32, model="any", window_frames=0)
    with pytest.raises(ScanError, match="--pixel-size-m"):
        find_reading(settings, None, frames, positions)
    with pytest.raises(ScanError, match="--crop says their side"):
        find_reading(LiveSettings(model="any", window_frames=0), start, frames, positions)
    with pytest.raises(ScanError, match="--crop and --bin bring"):
        find_reading(settings, start, frames, positions, model_pattern_px=(64, 64))
    assert frames_needed(settings) < frames_needed(LiveSettings(center="auto"))


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("window_frames", 0, "nothing to do"),
        ("batch", 0, "batch must be from 1"),
        ("keep", "some", "keep must be one of"),
        ("idle_s", 0.0, "idle_s"),
        ("threads", 0, "threads must be at least 1"),
        ("orientation", "roll_y=1", "--center moves the window"),
    ],
)
def test_settings_that_cannot_be_are_refused(setting, value, said):
    with pytest.raises(ConfigError, match=said):
        LiveSettings(**{setting: value})


def test_settings_are_recorded_whole(rng):
    made = LiveSettings(probe=rng.normal(size=(1, 4, 4)).astype(np.complex64), batch=8)
    again = LiveSettings.from_record(*made.record())
    np.testing.assert_array_equal(again.probe, made.probe)
    assert again.record()[0] == made.record()[0]
    with pytest.raises(ScanError, match="no settings"):
        LiveSettings.from_record({"colour": 1}, {})
