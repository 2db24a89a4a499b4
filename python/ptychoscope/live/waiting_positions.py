"""WaitingPositions: positions by frame number that no frame has asked for yet, in little memory.

Positions come in rows of neighbours and mostly leave in the same order. So they are held in pages of 1024
numbers, 17 bytes each, and a page is given back as soon as nothing in it waits.
"""

from itertools import islice

import numpy as np
from numpy.typing import NDArray

PAGE = 1024
"""Numbers that are held together."""


class _Page:
    __slots__ = ("count", "flags", "present", "read", "yx")

    def __init__(self) -> None:
        self.yx = np.empty((PAGE, 2))
        self.read = self.yx.data
        """The same for single numbers, which numpy hands out slowly."""
        self.present = bytearray(PAGE)
        self.flags = np.frombuffer(self.present, np.bool_)
        self.count = 0


class WaitingPositions:
    """Positions (y, x) by number."""

    def __init__(self) -> None:
        self._pages: dict[int, _Page] = {}
        self._count = 0

    def __len__(self) -> int:
        """How many positions wait."""
        return self._count

    @property
    def room(self) -> int:
        """For how many positions memory is held, at least as many as wait."""
        return PAGE * len(self._pages)

    def put(self, first: int, yx: NDArray[np.float64], wanted: NDArray[np.bool_]) -> None:
        """The `wanted` (k,) of positions (k, 2) from number `first` on, none of which may be held already."""
        done = 0
        while done < len(yx):
            number = first + done
            start = number % PAGE
            take = min(PAGE - start, len(yx) - done)
            part = wanted[done : done + take]
            added = int(np.count_nonzero(part))
            if added:
                page = self._pages.get(number // PAGE)
                if page is None:
                    page = self._pages[number // PAGE] = _Page()
                page.yx[start : start + take][part] = yx[done : done + take][part]
                page.flags[start : start + take] |= part
                page.count += added
                self._count += added
            done += take

    def take(self, number: int) -> tuple[float, float] | None:
        """The position of `number`, which waits no longer; None when there is none."""
        page = self._pages.get(number // PAGE)
        if page is None:
            return None
        row = number % PAGE
        if not page.present[row]:
            return None
        page.present[row] = 0
        page.count -= 1
        self._count -= 1
        if not page.count:
            del self._pages[number // PAGE]
        return page.read[row, 0], page.read[row, 1]

    def drop_oldest(self) -> int:
        """Forget the page that was begun first; how many positions went with it."""
        if not self._pages:
            return 0
        page = self._pages.pop(next(islice(self._pages, 1)))
        self._count -= page.count
        return page.count

    def clear(self) -> int:
        """Forget all; how many there were."""
        count, self._count = self._count, 0
        self._pages.clear()
        return count
