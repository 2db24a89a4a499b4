"""The queue is bounded and in order; a frame that cannot be unpacked takes none of its neighbours with it."""

import threading
import time

import numpy as np
import pytest

from ptychoscope.live.events import Frame, SeriesStart
from ptychoscope.live.join import Joined
from ptychoscope.live.queues import JoinedQueue
from ptychoscope.live.unpack_frames import unpack


def pair(number, series=1, size=10):
    frame = Frame(
        series=series, number=number, arrived_s=0, data=bytes(size), shape=(1, size), dtype=np.dtype("u1")
    )
    return Joined(frame, (0.0, 0.0), 0.0)


def numbers(taken):
    return [item.frame.number for item in taken]


def queue_of(frames=100, size=10**6, keep="all"):
    dropped = []
    return JoinedQueue(frames, size, keep, dropped.append), dropped


def full(queue, frames=3):
    """Wait until it is, and see that it stays so."""
    ends = time.monotonic() + 20
    while len(queue) < frames:
        assert time.monotonic() < ends
        time.sleep(0.001)
    time.sleep(0.05)
    assert len(queue) == frames


def test_frames_come_out_in_order_a_series_at_a_time():
    queue, _ = queue_of()
    queue.put([pair(0), pair(1), pair(2)])
    start = SeriesStart(series=2, arrived_s=0)
    queue.tell(start)
    queue.put([pair(0, 2), pair(0, 3)])
    assert len(queue) == 5
    assert numbers(queue.take(2, 0)) == [0, 1]
    assert numbers(queue.take(9, 0)) == [2]
    assert queue.take(9, 0) is start
    assert [item.frame.series for item in queue.take(9, 0)] == [2]
    assert [item.frame.series for item in queue.take(9, 0)] == [3]
    assert queue.take(9, 0) is None
    assert len(queue) == 0


def test_a_pause_is_when_the_one_who_takes_waits():
    queue, _ = queue_of()
    assert not queue.wait_for_pause(0.01)
    taken = []
    taker = threading.Thread(target=lambda: taken.extend(queue.take(9, 60)))
    taker.start()
    assert queue.wait_for_pause(60)
    queue.put([pair(0)])
    assert not queue.wait_for_pause(0)  # though it may not have been woken yet
    taker.join()
    assert numbers(taken) == [0]
    assert not queue.wait_for_pause(0.01)
    queue.stop()
    assert queue.wait_for_pause(0.01)


@pytest.mark.parametrize("bound", [{"frames": 4}, {"size": 40}])
def test_newest_first_drops_the_oldest_frames_and_nothing_else(bound):
    queue, dropped = queue_of(keep="newest", **bound)
    start = SeriesStart(series=1, arrived_s=0)
    queue.tell(start)
    queue.put([pair(k) for k in range(10)])
    assert sum(dropped) == 6
    assert queue.take(9, 0) is start
    assert numbers(queue.take(9, 0)) == [6, 7, 8, 9]


def test_who_puts_waits_for_room_until_the_queue_is_stopped():
    queue, dropped = queue_of(frames=3)
    thread = threading.Thread(target=queue.put, args=([pair(k) for k in range(8)],))
    thread.start()
    full(queue)
    assert numbers(queue.take(2, 1)) == [0, 1]
    full(queue)
    queue.stop()
    thread.join(20)
    assert not thread.is_alive()
    assert sum(dropped) == 3
    assert numbers(queue.take(9, 0)) == [5, 6, 7]


def test_a_frame_larger_than_all_room_goes_alone():
    queue, _ = queue_of(size=5)
    queue.put([pair(0)])
    assert numbers(queue.take(9, 0)) == [0]


def test_a_taker_is_woken(rng):
    queue, _ = queue_of()
    threading.Timer(0.05, queue.put, [[pair(7)]]).start()
    began = time.monotonic()
    assert numbers(queue.take(1, 100)) == [7]
    assert time.monotonic() - began < 50


def frame_of(pixels, data=None, codec="none", **changed):
    values = {
        "series": 1,
        "number": 0,
        "arrived_s": 0.0,
        "data": pixels.tobytes() if data is None else data,
        "shape": pixels.shape,
        "dtype": pixels.dtype,
        "codec": codec,
    }
    return Frame(**(values | changed))


def test_plain_frames_of_bytes_and_arrays(rng):
    pixels = rng.integers(0, 999, (4, 3, 5)).astype(np.uint16)
    frames = [
        frame_of(pixels[0]),
        frame_of(pixels[1], data=pixels[1]),
        frame_of(pixels[2], data=pixels[2].tobytes()[:-1]),
        frame_of(pixels[3], data=pixels[3][:2]),
    ]
    found, good = unpack(frames)
    assert good.tolist() == [True, True, False, False]
    np.testing.assert_array_equal(found, pixels[:2])


def test_packed_frames_and_one_that_is_damaged(rng):
    pack = pytest.importorskip("ptychoscope.live.pack_frames").pack_frames
    pytest.importorskip("hdf5plugin")
    pixels = rng.integers(0, 99, (6, 16, 9)).astype(np.uint16)
    blobs = [bytes(blob) for blob in pack(pixels, "bslz4")]
    frames = [frame_of(p, blob, "bslz4", codec_itemsize=2) for p, blob in zip(pixels, blobs, strict=True)]
    found, good = unpack(frames)
    assert good.all()
    np.testing.assert_array_equal(found, pixels)
    frames[2] = frame_of(pixels[2], blobs[2][:-5], "bslz4", codec_itemsize=2)
    frames[4] = frame_of(pixels[4])
    frames[5] = frame_of(pixels[5][:3], pixels[5][:3].tobytes())
    found, good = unpack(frames)
    assert good.tolist() == [True, True, False, True, True, False]
    np.testing.assert_array_equal(found, pixels[[0, 1, 3, 4]])
