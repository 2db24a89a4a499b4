"""CBOR against the reference implementation, and what no message may do."""

import struct
import time
import tracemalloc

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptychoscope.live.cbor import CborError, Tagged, read_cbor, write_cbor

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=40)
    | st.binary(max_size=40)
)
VALUES = st.recursive(
    SCALARS,
    lambda inside: (
        st.lists(inside, max_size=6)
        | st.dictionaries(st.text(max_size=8) | st.integers(0, 99), inside, max_size=6)
        | st.builds(Tagged, st.integers(56000, 57000), inside)
    ),
    max_leaves=20,
)


def plain(value):
    """With bytes for views, so that values can be compared."""
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, Tagged):
        return Tagged(value.tag, plain(value.value))
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    return value


def for_cbor2(value):
    if isinstance(value, Tagged):
        return cbor2.CBORTag(value.tag, for_cbor2(value.value))
    if isinstance(value, list):
        return [for_cbor2(entry) for entry in value]
    if isinstance(value, dict):
        return {key: for_cbor2(entry) for key, entry in value.items()}
    return value


@given(VALUES)
def test_what_the_reference_writes_is_read(value):
    written = cbor2.dumps(for_cbor2(value))
    assert plain(read_cbor(written)) == value


@given(VALUES)
def test_what_is_written_is_read(value):
    assert plain(read_cbor(write_cbor(value))) == value
    assert cbor2.loads(write_cbor(value)) == cbor2.loads(cbor2.dumps(for_cbor2(value)))


@pytest.mark.parametrize("value", [0.5, -2.0, 65504.0, 1e-7])
@pytest.mark.parametrize("head", [b"\xf9>e", b"\xfa>f", b"\xfb>d"])
def test_floats_of_every_length(value, head):
    kind = head[1:].decode()
    packed = struct.pack(kind, value)
    assert read_cbor(head[:1] + packed) == struct.unpack(kind, packed)[0]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("9f0102ff", [1, 2]),
        ("bf616101616202ff", {"a": 1, "b": 2}),
        ("5f42010243030405ff", b"\1\2\3\4\5"),
        ("7f657374726561646d696e67ff", "streaming"),
        ("9fff", []),
        ("5fff", b""),
        ("f7", None),
        ("80", []),
        ("1bffffffffffffffff", 2**64 - 1),
        ("3bffffffffffffffff", -(2**64)),
    ],
)
def test_forms_that_the_reference_does_not_write(written, value):
    assert plain(read_cbor(bytes.fromhex(written))) == value


REFUSED = {
    "": "middle of a value",
    "ff": "never began",
    "82ff01": "never began",
    "a1ff": "cut",
    "a101ff": "never began",
    "1c": "reserved",
    "fc": "reserved",
    "e0": "simple value",
    "f820": "reserved",
    "0000": "goes on",
    "62c328": "UTF-8",
    "a2616101616102": "twice",
    "a1800a": "key",
    "a1f90000f6": "key",
    "5f01ff": "mixes",
    "7f4161ff": "mixes",
    "1f": "length open",
    "df01ff": "length open",
    "44010203": "cut",
    "9f01": "middle of a value",
    "81" * 18 + "01": "deeper",
    "c1" * 40 + "01": "deeper",
    "9f" * 40: "deeper",
    "9b7fffffffffffffff": "cut",
    "bb7fffffffffffffff": "cut",
    "5b7fffffffffffffff": "cut",
    "7bffffffffffffffff": "cut",
}


@pytest.mark.parametrize(("written", "why"), REFUSED.items())
def test_what_is_refused(written, why):
    with pytest.raises(CborError, match=why):
        read_cbor(bytes.fromhex(written))


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x9a\x00\xff\xff\xff" + b"\0" * 0xFFFFFF,  # sixteen million numbers
        b"\x9f" + b"\x80" * 2**22,
        b"\xbf" + b"\x80\x80" * 2**20,
        b"\x81" * 2**22,
        b"\xd8\x28" * 2**21,
        b"\x5f" + b"\x40" * 2**22,
    ],
    ids=["numbers", "open array", "open map", "depth", "tags", "pieces"],
)
def test_a_bomb_takes_neither_memory_nor_time(bomb):
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(CborError):
        read_cbor(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 2**20
    assert time.process_time() - start < 5


def test_bytes_are_views_of_the_message():
    message = write_cbor({"data": np.arange(1000, dtype="<u2").tobytes()})
    data = read_cbor(message)["data"]
    assert data.obj is message
    assert np.array_equal(np.frombuffer(data, "<u2"), np.arange(1000))


def test_what_cannot_be_written():
    with pytest.raises(TypeError, match="object"):
        write_cbor([object()])
