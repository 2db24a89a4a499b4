"""ServeOptions: how a stored scan is sent once more."""

from dataclasses import dataclass, field

from ptychoscope.live.stream_faults import StreamFaults
from ptychoscope.option_literals import SenderKind, ServedAs


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """How a scan is sent."""

    wire: ServedAs
    bind: str
    """Of the frames, or of the positions with `panda`: ``tcp://HOST:PORT``, port 0 is any that is free; with
    `swmr` a file that is not there yet, perhaps with ``:/path``; with `pva` the name of the PV."""
    positions_bind: str | None = None
    """Of a stream of positions beside the frames; None: each frame brings its own."""
    with_positions: bool = True
    """Whether positions are sent at all."""
    rate_hz: float | None = None
    """Frames a second; None: as fast as they are taken, and 100 with `pva`, which waits for nobody."""
    series: int = 1
    """How many series are sent, each all of the scan."""
    kind: SenderKind = "push"
    faults: StreamFaults = field(default_factory=StreamFaults)
    wait_s: float = 60.0
    """How long a reader is waited for."""
