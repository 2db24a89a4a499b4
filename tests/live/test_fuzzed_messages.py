"""Mutated messages: events or `Damaged`, never an exception, a hang or memory without bound."""

import json
import os
import random
import time
import tracemalloc
from collections import Counter
from contextlib import suppress

import numpy as np
import pytest

from live_streams import SIMULATORS, pixels, some_series
from mutations import spoil, spoil_json
from ptychoscope.errors import ScanError
from ptychoscope.live.events import Damaged, Event, Frame, SeriesEnd, SeriesStart
from ptychoscope.live.pva import simulator as pva
from ptychoscope.live.source import decoder_of
from ptychoscope.live.swmr import simulator as swmr

WIRES = SIMULATORS | {"swmr": swmr, "pva": pva}
COUNT = int(os.environ.get("PTYCHOSCOPE_FUZZ_MESSAGES", "10000"))
"""Of each stream of DECTRIS, a tenth of the others; 100 000 by hand."""
MORE_BYTES = 2**20
NUMBERS = (0, 1, 23, 24, 0xFF, 2**16 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)
PARTS = [
    b"",
    b"{}",
    b"[]",
    b"\x80\x04}\x94.",
    b"[" * 5000,
    b"\x81" * 5000,
    b'{"htype":"dimage-1.0"}',
    bytes(1000),
]


def originals(scheme):
    """Messages of every kind, with small and large pixels, packed and plain."""
    simulate = WIRES[scheme].messages
    series = some_series(2, (33, 20), positions=np.ones((2, 2)))
    if scheme not in SIMULATORS:
        codecs = ("none", "lz4", "bslz4") if scheme == "swmr" else ("", "lz4", "bslz4", "blosc")
        return [message.parts for codec in codecs for message in simulate(series, codec=codec)]
    plain = {"encoding": "<"} if scheme == "dectris" else {"codec": "none"}
    block = {"encoding": "lz4<"} if scheme == "dectris" else {"codec": "lz4"}
    made = [*simulate(series), *simulate(series, header_detail="basic", **plain), *simulate(series, **block)]
    return [message.parts for message in made]


def mutated(parts, rng):
    """One message with something wrong in a part or among the parts."""
    parts = list(parts)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(parts)) if parts else 0
        kind = rng.randrange(8)
        if kind == 0 and parts:
            del parts[at]
        elif kind == 1:
            parts.insert(at, rng.choice(PARTS))
        elif kind == 2 and parts:
            other = rng.randrange(len(parts))
            parts[at], parts[other] = parts[other], parts[at]
        elif kind in (3, 4) and parts and parts[at][:1] == b"{" and parts[at] != b"{}":
            with suppress(ValueError, RecursionError):
                parts[at] = json.dumps(spoil_json(json.loads(parts[at]), rng)).encode()
        elif kind == 5 and parts and parts[at]:
            place = rng.randrange(len(parts[at]))
            number = rng.choice(NUMBERS).to_bytes(8, "big")[-rng.choice((1, 2, 4, 8)) :]
            parts[at] = parts[at][:place] + number + parts[at][place + len(number) :]
        elif parts:
            parts[at] = spoil(parts[at], rng)
    return parts


@pytest.mark.parametrize("scheme", WIRES)
def test_mutated_messages(scheme):
    decode, sources, outcomes = decoder_of(scheme), originals(scheme), Counter()
    count = COUNT if scheme in SIMULATORS else COUNT // 10
    tracemalloc.start()
    try:
        for seed in range(count):
            rng = random.Random(seed)
            parts = mutated(rng.choice(sources), rng)
            outcomes.update(_decoded(decode, parts, seed))
    finally:
        tracemalloc.stop()
    assert outcomes["Damaged"] > count // 4
    assert min(outcomes["Frame"], outcomes["SeriesStart"]) > count // 40


def _decoded(decode, parts, seed):
    """Names of the events, of which each frame is unpacked as well."""
    tracemalloc.reset_peak()
    before, start = tracemalloc.get_traced_memory()[0], time.process_time()
    events: list[Event] = decode(parts, 1.0)
    peak = tracemalloc.get_traced_memory()[1] - before
    assert events, seed
    assert peak < 100 * sum(map(len, parts)) + MORE_BYTES, seed
    for event in events:
        assert isinstance(event, (Damaged, Frame, SeriesStart, SeriesEnd)), seed
        if isinstance(event, Frame):
            assert event.number >= 0, seed
            tracemalloc.reset_peak()
            with suppress(ScanError):
                assert pixels(event).shape == event.shape, seed
            assert tracemalloc.get_traced_memory()[1] - before < 300 * sum(map(len, parts)) + MORE_BYTES, seed
    assert time.process_time() - start < 1, seed
    return [type(event).__name__ for event in events]
