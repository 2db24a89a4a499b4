"""Our simulator of DECTRIS' first stream as libertem-dectris reads it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from live_streams import some_series
from ptychoscope.live.dectris1.simulator import messages
from ptychoscope.live.zmq_sender import ZmqSender, serve

pytest.importorskip("libertem_dectris", reason="libertem-dectris belongs to the group dev")
CLIENT = Path(__file__).with_name("libertem_client.py")


@pytest.mark.parametrize(
    ("dtype", "encoding"), [("uint8", None), ("uint16", None), ("uint32", None), ("uint16", "lz4<")]
)
def test_libertem_reads_what_the_simulator_sends(tmp_path, dtype, encoding):
    """It reads no header of the detail `all`, and no plain pixels."""
    series = some_series(21, (65, 34), dtype)
    with ZmqSender("tcp://127.0.0.1:0") as sender:
        client = subprocess.Popen(
            [sys.executable, str(CLIENT), sender.address, str(tmp_path / "out.npy"), "65", "34"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert sender.wait_for_reader(30)
            serve(sender, messages(series, header_detail="basic", encoding=encoding))
            out, error = client.communicate(timeout=30)
        finally:
            client.kill()
            client.wait()
    assert client.returncode == 0, error
    assert out.split() == ["listening", "7", "21"]
    assert_array_equal(np.load(tmp_path / "out.npy"), series.frames)
