"""A probe from the frames, for scans without one or with a useless one.

With a free probe the symmetries of the patterns are those of the positions, and a half turn of the patterns
is undone by conjugating probe and object: of the eight relative orientations four can be told apart.
"""

from dataclasses import replace

import numpy as np

from ptychoscope.diagnosis.families import turned
from ptychoscope.diagnosis.mend import Mend
from ptychoscope.diagnosis.trial import Trials, can_overlap
from ptychoscope.errors import ScanError
from ptychoscope.refine.defocus_search import find_probe
from ptychoscope.scan import Scan

RELATIVE = ((False, False, False), (True, False, False), (False, False, True), (True, False, True))
"""(swap_xy, flip_y, flip_x) of the positions, one for each pair that a free probe cannot tell apart."""
_NEAR = 200


def found_probes(scan: Scan, trials: Trials) -> list[tuple[Mend, float]]:
    """Mends with a probe from the frames, one for each relative orientation that fits at all; best first."""
    shifted = Mend().with_steps(patterns="fftshift") if light_in_corner(scan) else Mend()
    near = scan.select(trials.frames[:_NEAR])
    found = list[tuple[Mend, float]]()
    if not can_overlap(near.positions_px, scan.patch_px):
        return found
    for bits in RELATIVE:
        mend = shifted.with_steps(**turned(*bits))
        try:
            probe = find_probe(mend.apply(near)).probe
        except ScanError:
            continue
        mend = replace(mend, probe=probe, probe_follows=True)
        found.append((mend, trials.run(mend).unexplained))
    return sorted(found, key=lambda one: one[1])


def light_in_corner(scan: Scan) -> bool:
    """Whether the patterns' light lies about index [0, 0] rather than the middle."""
    frames = np.unique(np.linspace(0, len(scan) - 1, 100).astype(np.intp))
    mean = scan.counts(frames).mean(axis=0, dtype=np.float64)
    turn = np.exp(2j * np.pi * (np.arange(scan.patch_px) - scan.patch_px // 2) / scan.patch_px)
    rows, columns = mean.sum(axis=1) @ turn, mean.sum(axis=0) @ turn
    return bool(rows.real < 0 and columns.real < 0)
