"""Options that say who computes: processes of this machine, or the workers of a scheduler."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ptychoscope.cli.click_helpers import AT_LEAST_ONE, PATH, option, option_group

if TYPE_CHECKING:
    from ptychoscope.cluster.connect import Tls

_HEADING = "Machines"


class ClusterOptions(NamedTuple):
    """Who computes; None where nothing was said."""

    scheduler: str | None
    workers: int | None
    tls_ca: Path | None
    tls_cert: Path | None
    tls_key: Path | None

    @property
    def asked(self) -> bool:
        """Whether workers were asked for."""
        return self.scheduler is not None or self.workers is not None

    @property
    def here(self) -> bool:
        """Whether the workers are processes of this machine that end with the command."""
        return self.scheduler in (None, "local")

    def tls(self) -> "Tls":
        """The files of the encrypted connection."""
        from ptychoscope.cluster.connect import Tls

        return Tls(self.tls_ca, self.tls_cert, self.tls_key)


cluster_options = option_group(
    "cluster",
    ClusterOptions,
    [
        option(
            "--scheduler",
            heading=_HEADING,
            about="Of a Dask scheduler, tcp://HOST:PORT or tls://HOST:PORT; local, or without: this machine.",
        ),
        option(
            "--workers",
            type=AT_LEAST_ONE,
            heading=_HEADING,
            about="Processes to start on this machine; without, one per core.",
        ),
        option(
            "--tls-ca", type=PATH, heading=_HEADING, about="Certificate (PEM) that signs the scheduler's."
        ),
        option("--tls-cert", type=PATH, heading=_HEADING, about="Certificate (PEM) of this client."),
        option("--tls-key", type=PATH, heading=_HEADING, about="Key (PEM) of this client."),
    ],
)
"""Adds the options; the function gets them as `cluster`."""

region_frames_option = option(
    "--region-frames",
    type=AT_LEAST_ONE,
    heading=_HEADING,
    about="Frames of a region, at most, where workers sweep the scan by regions; without, 1024.",
)
"""Adds the option, where one scan goes over many workers."""
