"""A run that runs away: once the misfit has risen, sweeps go on with more regularisation.

Bright frames are swept with little regularisation, which takes them further. Where the beam has broad faint
wings, momentum then carries on what little light says, and the misfit grows from sweep to sweep after it had
nearly come down to the noise. Momentum begins anew where its goal rises (O'Donoghue and Candes, Found.
Comput. Math. 15, 2015), and more regularisation keeps it from running away again.
"""

_RISEN = 1.1
"""A misfit so many times the least one is no noise of the order of frames."""
_ENOUGH = 1.0
"""A regularisation with which no run was seen to run away."""


class RisingMisfit:
    """Watches the misfits of a run."""

    def __init__(self) -> None:
        self._least = self._last = float("inf")
        self._careful = False

    def saw(self, misfit: float) -> None:
        """Tell of a sweep."""
        self._least, self._last = min(self._least, misfit), misfit

    def held(self, regularisation: float, momentum: float) -> tuple[float, float]:
        """Both for the next sweep: as they are, until the misfit has risen."""
        if regularisation >= _ENOUGH:
            return regularisation, momentum
        begins = not self._careful and self._last > _RISEN * self._least
        self._careful = self._careful or begins
        return (_ENOUGH if self._careful else regularisation), (0.0 if begins else momentum)
