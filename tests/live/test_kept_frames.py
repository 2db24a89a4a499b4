"""Patterns in memory: the first ones and the last ones, found by their place in the image and by number."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ptychoscope.live.kept_frames import KeptBatch, KeptFrames

SIDE = 2
BYTES = 4 * SIDE * SIDE


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=6), max_size=30), st.integers(0, 200))
def test_what_is_kept_is_what_was_placed(batches, most_frames):
    """With frames that are not in the image, and more than there is room for."""
    kept, placed, every, sizes = KeptFrames(most_frames * BYTES), [], [], []
    for rows in batches:
        numbers = np.arange(len(every), len(every) + len(rows))
        patterns = np.broadcast_to(numbers[:, None, None], (len(rows), SIDE, SIDE)).astype(np.float32)
        kept.add(KeptBatch(patterns, np.zeros((len(rows), 2)), numbers), np.array(rows))
        every += numbers.tolist()
        placed += numbers[np.array(rows)].tolist()
        sizes.append(len(rows))
    held = sum(len(batch.numbers) for batch in kept.batches)
    assert kept.complete == (len(every) <= most_frames)
    assert held <= most_frames
    ranges = kept.ranges
    there = [place for first, stop in ranges for place in range(first, stop)]
    assert there == sorted(set(there))
    assert not placed or kept.complete is False or there == list(range(len(placed)))
    if batches and sum(batches[-1]):
        assert there[-1] == len(placed) - 1  # the last batch in any case
    for first in range(len(placed)):
        for stop in (first + 1, first + 3, len(placed)):
            if stop > len(placed) or stop <= first:
                continue
            found = kept.patterns(first, stop)
            within = any(low <= first and stop <= high for low, high in ranges)
            assert (found is not None) == within
            if found is not None:
                assert found[:, 0, 0].tolist() == placed[first:stop]
    for number in every:
        pattern = kept.pattern_of(number)
        assert pattern is None or (pattern == number).all()
        assert pattern is not None or not kept.complete
    if kept.complete:
        again = kept.forget_places()
        assert [len(batch.numbers) for batch in again] == sizes
        for batch in again:
            kept.add(batch, np.ones(len(batch.numbers), bool))
        assert kept.ranges == [(0, len(every))]
