"""Positions of a scan as a PandA publishes them, in each of the dialects that are read."""

import json
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.live.panda.options import PandaOptions
from ptychoscope.live.simulated_series import WireMessage
from ptychoscope.option_literals import one_of

PandaDialect = Literal["sampled", "counted", "inline"]


def messages(
    positions: NDArray[np.float64],
    options: PandaOptions | None = None,
    *,
    dialect: PandaDialect = "sampled",
    samples_per_message: int = 41,
) -> Iterator[WireMessage]:
    """Start, samples and stop of one series.

    Parameters
    ----------
    positions
        (n, 2) of the frames, (y, x), in metres, or in pixels of the object when `options.unit` is `px`. A
        frame's samples are all at its position.
    options
        What the reader is told; a number that `options.scale` divides may change by one rounding.
    dialect
        As `decode` names them.
    samples_per_message
        The last message may have fewer.

    Raises
    ------
    ConfigError
        A size or the dialect is none.
    """
    options = options or PandaOptions()
    one_of("dialect", dialect, PandaDialect)
    if positions.ndim != 2 or positions.shape[1] != 2:
        raise ConfigError(f"positions must be (n, 2) as (y, x), got {positions.shape}")
    if samples_per_message < 1:
        raise ConfigError(f"samples_per_message must be at least 1, got {samples_per_message}")
    counts = positions / np.array(options.scale)
    before = np.repeat(counts[:1], options.first_sample, axis=0)
    samples = np.concatenate([before, np.repeat(counts, options.samples_per_frame, axis=0)])
    inline = dialect == "inline"
    start, stop = ("series-start", "series-end") if inline else ("start", "stop")
    key = "message_type" if inline else "msg_type"
    yield WireMessage("start", [_json({key: start, "arm_time": "2026-11-20T12:00:00.000Z"})])
    firsts = range(0, len(samples), samples_per_message)
    for counter, first in enumerate(firsts):
        part = samples[first : first + samples_per_message]
        values = {options.y: part[:, 0].tolist(), options.x: part[:, 1].tolist()}
        if inline:
            names = {name.lstrip("/"): data for name, data in values.items()}
            message = {key: "data", "message_id": counter + 2, "frame_number": first, **names}
        else:
            sets = {name: _dataset(data, first, dialect) for name, data in values.items()}
            message = {key: "data", "frame_number": counter, "datasets": sets}
        yield WireMessage("frame", [_json(message)], first)
    end = {key: stop} if inline else {key: stop, "emitted_frames": len(firsts)}
    yield WireMessage("end", [_json(end)])


def _dataset(data: list[float], first: int, dialect: PandaDialect) -> dict[str, Any]:
    number = {"starting_sample_number": first} if dialect == "sampled" else {}
    return {"dtype": "float64", "size": len(data), **number, "data": data}


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
