"""Tiles are the array, wherever it lies; and what changed is all that is named."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptychoscope.live.server.packing import joined_parts, pack, pack_tiles, parts_of, unpack
from ptychoscope.live.server.tiles import SIDE_PX, Box, TiledPlane, joined, whole_tiles

ROW = st.integers(-300, 300)


@given(st.lists(st.tuples(ROW, ROW, st.integers(1, 150), st.integers(1, 150)), min_size=1, max_size=5))
def test_what_is_put_is_what_is_there(places):
    plane, box, truth = TiledPlane(), Box((0, 0), (0, 0)), np.full((1024, 1024), np.nan, np.float32)
    for version, (y, x, height, width) in enumerate(places, 1):
        values = np.full((height, width), version, np.float32)
        truth[y + 512 : y + 512 + height, x + 512 : x + 512 + width] = values
        around = whole_tiles((y, y + height, x, x + width))
        box = joined(box, around)
        (top, left), (high, wide) = around
        before = {key: tile.tobytes() for key, tile in plane.changed(0)}
        plane.put(truth[top + 512 : top + 512 + high, left + 512 : left + 512 + wide], (top, left), version)
        after = {key: tile.tobytes() for key, tile in plane.changed(0)}
        assert {key for key, _ in plane.changed(version - 1)} == {
            key for key, tile in after.items() if before.get(key) != tile
        }
    (y, x), (height, width) = box
    np.testing.assert_array_equal(plane.image(box), truth[y + 512 :, x + 512 :][:height, :width])
    assert all(value % SIDE_PX == 0 for pair in box for value in pair)


@given(ROW, ROW, st.integers(1, 100), st.integers(1, 100), st.permutations(range(3)), st.integers(0, 3))
def test_painting(y, x, height, width, order, together):
    """Whoever is last by order of placing is seen, in whatever order they paint, some of them at once."""
    plane = TiledPlane()
    boxes = np.array([(y, y + height, x, x + width), (y, y + 1, x, x + width), (y, y + height, x, x + width)])
    for version, by in enumerate((order[:together], order[together:]), 1):
        before = {key: tile.tobytes() for key, tile in plane.changed(0)}
        plane.paint(boxes[by], 0.25 * np.array(by, np.float32), version, by=by)
        changed = {key: tile.tobytes() for key, tile in plane.changed(version - 1)}
        assert bool(changed) == bool(by)
        assert all(plane_bytes == before[key] for key, plane_bytes in before.items() if key not in changed)
    box = whole_tiles((y, y + height, x, x + width))
    image = plane.image(box)
    y, x = y - box.origin_px[0], x - box.origin_px[1]
    assert (image[y : y + height, x : x + width] == 0.5).all()
    assert np.isfinite(image).sum() == height * width


@pytest.mark.parametrize("title", ["", "a", "ab", "é", "abcd"])
def test_a_message_is_read_back(title):
    values = np.arange(5, dtype=np.float32)
    message = pack({"title": title}, [values, -values])
    header, payload = unpack(message)
    assert header == {"title": title}
    np.testing.assert_array_equal(payload, [*values, *-values])
    assert (len(message) - payload.nbytes) % 4 == 0


def test_many_tiles_go_in_several_messages():
    tile = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    tiles = [((0, k), tile) for k in range(600)]
    messages = pack_tiles({}, Box((0, 0), (64, 600 * 64)), tiles, whole=True)
    headers = [unpack(message)[0] for message in messages]
    assert [header.get("whole") for header in headers] == [True, None]
    assert sum(len(header["tiles"]) for header in headers) == 600
    assert max(map(len, messages)) < 9 << 20


@given(st.lists(st.integers(0, 40).map(lambda n: bytes(4 * n)), max_size=12), st.integers(8, 300))
def test_parts_of_messages_are_those_that_were_joined(parts, most_bytes):
    messages = joined_parts(parts, most_bytes)
    assert [part for message in messages for part in parts_of(message)] == parts
    assert all(len(message) <= most_bytes or len(parts_of(message)) == 1 for message in messages)
    pairs = pairwise(messages)
    assert all(len(one) + 4 + len(parts_of(other)[0]) > most_bytes for one, other in pairs)
