"""GrowingArray: rows that come bit by bit, behind one another in memory, with room for those to come.

To put one row behind many costs no copy of the many, but when the room is used up: each time there is half as
much again, so that what is copied in all is a few times the rows. The live loop cannot wait for more.
"""

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

_FIRST_ROWS = 1024

Number = TypeVar("Number", bound=np.generic)


class GrowingArray(Generic[Number]):
    """Rows of one type and shape.

    Parameters
    ----------
    dtype
        Of the rows.
    row
        Shape of one of them.
    """

    def __init__(self, dtype: type[Number], row: tuple[int, ...] = ()) -> None:
        self._room: NDArray[Number] = np.empty((0, *row), dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> NDArray[Number]:
        """(n, ...) all of them: a view, which shows rows that are changed but none that come later."""
        return self._room[: self._count]

    def append(self, rows: NDArray[Number]) -> None:
        """Put rows (k, ...) behind the others."""
        count = self._count + len(rows)
        if count > len(self._room):
            grown = max(count, _FIRST_ROWS, len(self._room) + len(self._room) // 2)
            room = np.empty((grown, *self._room.shape[1:]), self._room.dtype)
            room[: self._count] = self.rows
            self._room = room
        self._room[self._count : count] = rows
        self._count = count

    def extend(self, count: int, value: float) -> None:
        """Put `count` rows of one value behind the others."""
        self.append(np.full((count, *self._room.shape[1:]), value, self._room.dtype))
