"""What is no message of a PandA is refused with the reason, and nothing is opened."""

import json
import os
import pickle
from pathlib import Path

import cbor2
import numpy as np
import pytest

from panda_events import decoded, places, reasons
from ptychoscope.live.events import Damaged, Positions, PositionsEnd, PositionsStart
from ptychoscope.live.join import Join
from ptychoscope.live.panda.decode import LONGEST_BYTES, PandaDecoder, make_decoder
from ptychoscope.live.panda.options import PandaOptions
from ptychoscope.live.panda.simulator import messages

COUNT = int(os.environ.get("PTYCHOSCOPE_FUZZ_MESSAGES", "1500"))
"""Of each dialect; 100 000 by hand."""
BREAKING = (b"-1", b"1e400", b"[[", b"null", b"NaN", b'"', b"9" * 30, b"\xff")


def inline(first: int, y: str, x: str) -> bytes:
    start = f'"message_type": "data", "frame_number": {first}'
    return f'{{{start}, "INENC1.VAL.Value": {y}, "INENC2.VAL.Value": {x}}}'.encode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "no message"),
        (b"[1]", "no message"),
        (b"{}", "neither msg_type nor message_type"),
        (b'{"msg_type": "pause"}', "'pause', which is none of start, data, stop"),
        (b'{"msg_type": "data"}', "has no /INENC1.VAL.Value"),
        (b'{"message_type": "data", "a": [1], "frame_number": 0}', "it has message_type, a, frame_number"),
        (b'{"message_type": "data", "INENC1.VAL.Value": [1], "INENC2.VAL.Value": [1]}', "no frame_number"),
        (inline(0, "[1]", "[1, 2]"), "y has 1 samples, x 2"),
        (inline(-1, "[1]", "[1]"), "no message"),
        (inline(0, "[null]", "[1]"), "no message"),
        (inline(0, "[1e999]", "[1]"), "no message"),
        (b"[" * 100_000, "no message"),
        (b'{"msg_type":' + b'{"a":' * 100_000, "no message"),
        (b'{"msg_type": "start", "x": "' + b"x" * LONGEST_BYTES + b'"}', "at most"),
        (pickle.dumps({"msg_type": "start"}, protocol=2), "pickle"),
        (pickle.dumps({"msg_type": "start"}), "pickle"),
    ],
)
def test_what_is_no_message_is_damaged_with_the_reason(text, reason):
    (event,) = make_decoder()([text], 1.0)
    assert isinstance(event, Damaged)
    assert event.of_positions
    assert reason in event.what
    assert len(event.what) < 400


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"size": 3}, "has 2 samples and says 3: cut"),
        ({"starting_sample_number": 9}, "y begins at sample 9, x at 0"),
        ({"data": "AAAA"}, "no message"),
    ],
)
def test_data_sets_that_contradict_themselves_are_damaged(change, reason):
    sets = {
        name: {"dtype": "float64", "size": 2, "starting_sample_number": 0, "data": [1.0, 2.0]}
        for name in ("/INENC1.VAL.Value", "/INENC2.VAL.Value")
    }
    sets["/INENC1.VAL.Value"] |= change
    text = json.dumps({"msg_type": "data", "frame_number": 0, "datasets": sets}).encode()
    (event,) = make_decoder()([text], 0.0)
    assert isinstance(event, Damaged)
    assert reason in event.what


def test_parts_that_are_too_many_are_damaged():
    decode = make_decoder()
    assert [len(decode(parts, 0.0)) for parts in ([], [b"a"] * 3)] == [1, 1]


def test_captured_pickles_are_refused(data_dir: Path):
    with (data_dir / "wire" / "dranspose" / "contrast-dump.cbors").open("rb") as file:
        sent = [cbor2.load(file) for _ in range(26)]
    events = decoded(make_decoder(), sent)
    assert len(events) == 26
    assert all("pickle" in reason for reason in reasons(events))


def mutated(rng: np.random.Generator, text: bytes) -> bytes:
    """Bytes changed, cut out, doubled, or exchanged with what breaks parsers."""
    data = bytearray(text)
    for _ in range(int(rng.integers(1, 4))):
        place = int(rng.integers(0, len(data) + 1))
        kind = rng.integers(0, 4)
        if kind == 0 and data:
            data[place % len(data)] = int(rng.integers(0, 256))
        elif kind == 1:
            del data[place : place + int(rng.integers(1, 40))]
        elif kind == 2:
            data[place:place] = data[place : place + int(rng.integers(1, 40))]
        else:
            data[place:place] = BREAKING[int(rng.integers(0, len(BREAKING)))]
    return bytes(data)


@pytest.mark.parametrize("dialect", ["sampled", "counted", "inline"])
def test_mutated_messages_give_positions_or_a_reason(dialect, rng):
    options = PandaOptions(samples_per_frame=3)
    sent = [m.parts[0] for m in messages(places(12), options, dialect=dialect, samples_per_message=5)]
    decode, join = PandaDecoder(options).decode, Join()
    damaged = 0
    for k in range(COUNT):
        text = sent[k % len(sent)]
        for event in decode([mutated(rng, text) if rng.random() < 0.9 else text], float(k)):
            assert isinstance(event, Positions | PositionsStart | PositionsEnd | Damaged)
            damaged += isinstance(event, Damaged)
            assert join.take(event) == []
    assert damaged > COUNT // 3
