"""Mend: what is done to a scan to put it right, as a value, as options and as Python."""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.option_literals import Domain
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.scan import Scan


class MendStep(NamedTuple):
    """One change of how a scan is read."""

    words: str
    """For a sentence."""
    option: str | None
    """Of `ptychoscope run`; None for bad pixels, which are a file of their own."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Mend:
    """Changes of how a scan is read; the default changes nothing."""

    orientation: Orientation = field(default_factory=Orientation)
    """Steps on patterns, probe and positions."""
    domain: Domain | None = None
    """What a pixel holds, where the scan says otherwise."""
    bad_pixels: NDArray[np.bool_] | None = None
    """(P, P), further pixels that say nothing, in the frame of the patterns as they are given."""
    probe: NDArray[np.complex64] | None = None
    """(m, P, P), in place of the scan's own; found from the frames."""
    probe_follows: bool = False
    """The probe is mended from the second sweep on."""
    frames: tuple[int, int] | None = None
    """First number, and the one after the last, of the frames that are kept."""

    def with_steps(self, **steps: Any) -> "Mend":
        """This mend with some of the orientation's steps replaced."""
        return replace(self, orientation=replace(self.orientation, **steps))

    def apply(self, scan: Scan) -> Scan:
        """`scan`, mended. Raises `ScanError` when the steps leave no frame."""
        if self.frames is not None:
            scan = scan.select((scan.numbers >= self.frames[0]) & (scan.numbers < self.frames[1]))
        if self.bad_pixels is not None:
            known = self.bad_pixels if scan.bad_pixels is None else self.bad_pixels | scan.bad_pixels
            scan = replace(scan, bad_pixels=known)
        if self.domain is not None and self.domain != scan.domain:
            scan = replace(scan, domain=self.domain)
        if self.probe is not None:
            scan = scan.with_probe(self.probe)
        return self.orientation.apply(scan)

    @property
    def changes(self) -> list[str]:
        """What is changed, a word or two each; empty for the scan as it is."""
        steps = [
            name if value is True else f"{name}={_short(value)}" for name, value in self.orientation.steps
        ]
        return steps + [step.words for step in self.besides]

    @property
    def besides(self) -> list[MendStep]:
        """What is changed besides the orientation."""
        steps = list[MendStep]()
        if self.domain is not None:
            steps.append(MendStep(f"domain={self.domain}", f"--domain {self.domain}"))
        if self.probe is not None:
            steps.append(MendStep("probe from the frames", "--refine-probe find"))
        elif self.probe_follows:
            steps.append(MendStep("probe that follows the frames", "--refine-probe update"))
        if self.bad_pixels is not None:
            steps.append(MendStep(f"{int(self.bad_pixels.sum())} bad pixels", None))
        if self.frames is not None:
            kept = f"{self.frames[0]}:{self.frames[1]}"
            steps.append(MendStep(f"frames {kept}", f"--frames {kept}"))
        return steps

    def __str__(self) -> str:
        return ", ".join(self.changes) or "as given"


def changed(current: Mend, steps: dict[str, Any]) -> Mend:
    """`current`, and after it what `steps` say: fields of an orientation, `domain`, `probe_follows`."""
    steps = dict(steps)
    domain = steps.pop("domain", None)
    mend = current if domain is None else replace(current, domain=domain)
    mend = replace(mend, probe_follows=mend.probe_follows or steps.pop("probe_follows", False))
    before = mend.orientation
    for name in ("patterns", "probe"):
        if name in steps and getattr(before, name) != "none":
            steps[name] = f"{getattr(before, name)}+{steps[name]}"
    for name in ("scale", "probe_scale"):
        if name in steps:
            steps[name] *= getattr(before, name)
    turned_back = 1.0
    if "swap_xy" in steps:
        if steps["swap_xy"] ^ steps["flip_y"] ^ steps["flip_x"]:  # mirrored: the other way round
            turned_back = -1.0
        flips = (before.flip_x, before.flip_y) if steps["swap_xy"] else (before.flip_y, before.flip_x)
        steps["swap_xy"] ^= before.swap_xy
        steps["flip_y"], steps["flip_x"] = flips[0] ^ steps["flip_y"], flips[1] ^ steps["flip_x"]
    steps["rotate"] = turned_back * before.rotate + steps.get("rotate", 0.0)
    for name in ("probe_defocus", "shift_frames"):
        if name in steps:
            steps[name] += getattr(before, name)
    return mend.with_steps(**steps)


def _short(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
