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
            about="Address of a Dask scheduler, tcp://HOST:PORT or tls://HOST:PORT; without, this machine.",
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
