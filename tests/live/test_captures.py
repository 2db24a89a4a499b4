"""Real messages of detectors, to the end; what was cut is refused by name, what is pickled never opened."""

import pytest

from live_streams import captured
from ptychoscope.live.dectris1.decode import decode
from ptychoscope.live.dectris2.decode import Decoder
from ptychoscope.live.events import Damaged, SeriesEnd, SeriesStart


@pytest.fixture(scope="module")
def eiger(data_dir):
    return captured(data_dir / "wire" / "dranspose" / "eiger-small.cbors")


def test_an_eiger_to_the_end(eiger):
    assert [len(parts) for parts in eiger] == [9, 5, 5, 5, 1]
    events = [event for parts in eiger for event in decode(parts, 1.5)]
    start, mask, *images, end = events
    assert isinstance(start, SeriesStart)
    assert (start.series, start.frames, start.shape, start.dtype) == (6, 3, (3262, 3108), "uint32")
    assert start.energy_ev == 8041.0
    assert start.detector_pixel_m == 75e-6
    assert start.distance_m is None  # the file says 0
    assert start.bad_pixels is None  # the mask is cut
    assert start.saturation == 83270
    assert start.facts["description"] == "Dectris EIGER2 CdTe 9M"
    assert start.facts["appendix"]["collect_dict"]["col_id"] == 128579
    assert isinstance(mask, Damaged)
    assert "pixel mask" in mask.what
    assert "20000 bytes" in mask.what
    assert isinstance(end, SeriesEnd)
    assert end.series == 6
    for number, image in enumerate(images):
        assert isinstance(image, Damaged)
        assert (image.series, image.number, image.arrived_s) == (6, number, 1.5)
        assert "cut: 20000 bytes where 75" in image.what


def test_whole_parts_of_the_capture_make_frames(eiger):
    """A blob filled up to the length that was sent is taken: what is in it, the decoder of pixels finds."""
    parts = list(eiger[1])
    parts[2] += b"\0" * (755083 - len(parts[2]))
    (frame,) = decode(parts, 0.0)
    assert (frame.series, frame.number, frame.shape, frame.codec) == (6, 0, (3262, 3108), "bslz4")
    assert (frame.dtype, frame.codec_itemsize, frame.position) == ("uint32", 4, None)


@pytest.mark.parametrize("decoder", [decode, Decoder()])
def test_pickles_are_refused(data_dir, decoder):
    for parts in captured(data_dir / "wire" / "dranspose" / "contrast-dump.cbors"):
        (event,) = decoder(parts, 0.0)
        assert isinstance(event, Damaged)
        assert "pickle" in event.what


def test_positions_are_no_frames(data_dir):
    for parts in captured(data_dir / "wire" / "dranspose" / "pcap-zmq.cbors"):
        assert all(isinstance(event, Damaged) for event in decode(parts, 0.0) + Decoder()(parts, 0.0))
