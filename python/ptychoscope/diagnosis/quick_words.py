"""What a quick look at a scan found, in words: findings, and what its frames do not tell."""

from typing import NamedTuple

from ptychoscope.diagnosis.mend import Mend
from ptychoscope.diagnosis.report import percent
from ptychoscope.diagnosis.scale_rotation_frame_lag import Better
from ptychoscope.diagnosis.trial import paired_t
from ptychoscope.scan import Scan


class Finding(NamedTuple):
    """What a quick look at a scan found."""

    sentence: str
    mend: Mend | None = None
    """What explains the frames clearly better; None where that is a mask, or nobody knows."""


class QuickLook(NamedTuple):
    """What is said of a scan before it is run."""

    finding: Finding | None = None
    """Something else explains the frames clearly better."""
    untold: str = ""
    """Numbers that would explain the frames as well, where photons are too few to tell: no alarm."""


def agreed(found: Better) -> Finding:
    """What is said of axes or a number that noise hides."""
    left, more = percent(found.given.unexplained), percent(found.outcome.unexplained)
    sure = -paired_t(found.outcome, found.given)
    return Finding(
        f"as given the positions and patterns leave {left} of what differs between frames unexplained, much "
        f"of it photon noise, with {found.mend} {more} ({sure:.0f} standard errors of the frames' gain): "
        "compare axes and scale of the positions, and the focus of the probe, with what you know; "
        f"--orientation {','.join(found.mend.changes)} takes it so; a number is known by steps alone, and "
        "`ptychoscope diagnose` may find it closer",
        found.mend,
    )


def untold(as_good: tuple[Mend, ...], frames: int) -> str:
    """What is said of numbers that the frames do not tell."""
    if not as_good:
        return ""
    return f"{' or '.join(map(str, as_good))} would explain the {frames} frames that were tried as well"


def shifted(scan: Scan, found: Better, first: int | None) -> Finding:
    """What is said of frames that belong to other positions, from about the frame `first` on."""
    parts = f"{percent(found.given.unexplained)} of what differs between them unexplained, with {found.mend} "
    parts += percent(found.outcome.unexplained)
    said = f"as given the positions and patterns of the last frames leave {parts}"
    if first is None:
        return Finding(f"{said}: `ptychoscope diagnose` says more", found.mend)
    number = int(scan.numbers[first])
    cure = f"was a trigger lost near frame {number}? --frames :{number} leaves out what follows"
    return Finding(f"{said}: {cure}", found.mend)
