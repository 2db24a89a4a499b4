"""Diagnosis: what was tried on a scan, what explains it best, and how to mend it."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.diagnosis.mend import Mend
from ptychoscope.scan import Scan

Image = tuple[str, NDArray[np.complex64], NDArray[np.bool_]]
"""Title, object (H, W), and what of it is covered (H, W)."""


@dataclass(frozen=True)
class Hypothesis:
    """One thing that was tried."""

    name: str
    """What kind of mistake it supposes."""
    mend: Mend
    """What would put it right."""
    unexplained: float
    """Held-out misfit after that, beside the mean pattern's: 0 explains all, 1 no more than the mean."""

    def figures(self) -> dict[str, Any]:
        """For `--json`."""
        return {"name": self.name, "mend": str(self.mend), "unexplained": self.unexplained}


@dataclass(frozen=True, kw_only=True, eq=False)
class Diagnosis:
    """What `diagnose` found; `str()` of it is one sentence."""

    given: float
    """What the scan as it is given leaves unexplained (0 to 1, or more; infinite when it cannot be tried)."""
    noise: float
    """What photon noise alone would leave, were the patterns photon counts."""
    best: Hypothesis
    """What explains the frames best; its mend is empty when nothing does clearly better than as given."""
    tried: tuple[Hypothesis, ...]
    """The best of every family, as given among them, best first."""
    undecided: tuple[str, ...] = ()
    """What cannot be told apart, and why."""
    notes: tuple[str, ...] = ()
    """What else was seen."""
    positions_of_use: bool = True
    """False when shuffled positions explain the frames as well."""
    trials: int = 0
    """How many trials it took."""
    cpu_seconds: float = 0.0
    """Of this process."""
    probe_given: bool = True
    """Whether the scan has a probe; where it has none, one from the frames is no mend."""
    saturation: float | None = None
    """The value at which frames are clipped, in the units of the patterns."""
    images: tuple[Image, ...] = field(default=(), repr=False)
    """Title, object (H, W) and what of it is covered (H, W) of as given and of the best few."""

    @property
    def fine(self) -> bool:
        """Nothing explains the frames clearly better than as given, and that explains them."""
        return not self.changed and self.positions_of_use and not self.poor and self.saturation is None

    @property
    def changed(self) -> bool:
        """The best explanation reads the scan otherwise than as given."""
        mend = self.best.mend
        return bool((mend if self.probe_given else replace(mend, probe=None, probe_follows=False)).changes)

    @property
    def poor(self) -> bool:
        """Even the best explains the frames badly, and photon noise does not account for it."""
        left = self.best.unexplained
        return not np.isfinite(left) or left > max(0.7, 1.3 * self.noise)

    @property
    def confident(self) -> bool:
        """The mend explains the frames, not only better than before."""
        return self.positions_of_use and not self.poor

    @property
    def ratio(self) -> float:
        """How many times more the scan as given leaves unexplained than the best."""
        return self.given / self.best.unexplained if self.best.unexplained > 0 else 1.0

    @property
    def options(self) -> str:
        """The options of `ptychoscope run` that mend the scan; a mask is a file of its own."""
        text = self.best.mend.orientation.text
        orientation = f"--orientation {text} " if text else ""
        return (orientation + self.other_options).strip()

    @property
    def other_options(self) -> str:
        """Those that are not steps of the orientation."""
        words = [step.option for step in self.best.mend.besides if step.option is not None]
        if self.saturation is not None:
            words.append(f"--saturation {self.saturation:g}")
        return " ".join(words)

    @property
    def python(self) -> str:
        """A line of Python that does the same to a Scan called `scan`."""
        mend = self.best.mend
        parts = list[str]()
        if mend.frames is not None:
            first, end = mend.frames
            parts.append(f"scan = scan.select((scan.numbers >= {first}) & (scan.numbers < {end}))")
        if mend.domain is not None:
            parts.append(f'scan = dataclasses.replace(scan, domain="{mend.domain}")')
        if mend.orientation.text:
            parts.append(f'scan = Orientation.parse("{mend.orientation.text}").apply(scan)')
        return "; ".join(parts)

    def mended(self, scan: Scan) -> Scan:
        """The whole `scan`, mended by what explains it best."""
        return self.best.mend.apply(scan)

    def figures(self) -> dict[str, Any]:
        """Everything but the images, for `--json`."""
        return {
            "fine": self.fine,
            "confident": self.confident,
            "given": self.given,
            "noise": self.noise,
            "best": self.best.figures(),
            "ratio": self.ratio,
            "options": self.options,
            "python": self.python,
            "positions_of_use": self.positions_of_use,
            "undecided": list(self.undecided),
            "notes": list(self.notes),
            "tried": [one.figures() for one in self.tried],
            "trials": self.trials,
            "cpu_seconds": self.cpu_seconds,
            "sentence": str(self),
        }

    def __str__(self) -> str:
        left = f"leaves {percent(self.given)} of what differs between frames unexplained"
        if not self.positions_of_use:
            return f"the positions are of no use: shuffled, they explain the frames as well ({left})"
        if not self.changed:
            told = f"nothing that was tried explains the frames clearly better; as given {left}"
            return f"{told}: something else is wrong" if self.poor else told
        after = percent(self.best.unexplained)
        sentence = f"{self.best.name}: as given {left}, with {self.best.mend} {after}"
        return f"{sentence}, which is still bad: more is wrong" if self.poor else sentence


def percent(part: float) -> str:
    """A part as text."""
    return f"{100 * part:.3g} %" if np.isfinite(part) else "all"
