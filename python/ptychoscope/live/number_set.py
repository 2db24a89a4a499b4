"""NumberSet: which of the whole numbers from 0 up have been seen, one bit each."""

import numpy as np
from numpy.typing import NDArray

LARGEST_NUMBER = 1 << 28
"""Numbers are below it, so that no message makes a set larger than 32 MiB; at 10 kHz it lasts 7 hours."""
_FEW = 16


class NumberSet:
    """A growing set of numbers from 0 to `LARGEST_NUMBER` - 1. Whoever adds checks that they are."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self._count = 0
        self._lowest = LARGEST_NUMBER
        self._stop = 0

    def __len__(self) -> int:
        """How many numbers are in it."""
        return self._count

    def __contains__(self, number: int) -> bool:
        byte = number >> 3
        return 0 <= byte < len(self._bits) and bool(self._bits[byte] >> (number & 7) & 1)

    @property
    def lowest(self) -> int | None:
        """The lowest number; None when the set is empty."""
        return self._lowest if self._count else None

    @property
    def stop(self) -> int:
        """One above the highest number; 0 when the set is empty."""
        return self._stop

    def add(self, number: int) -> bool:
        """Whether `number` is new; it is in the set afterwards."""
        byte, bit = number >> 3, 1 << (number & 7)
        if byte >= len(self._bits):
            self._grow(byte + 1)
        held = self._bits[byte]
        if held & bit:
            return False
        self._bits[byte] = held | bit
        self._note(1, number, number + 1)
        return True

    def add_range(self, first: int, count: int) -> NDArray[np.bool_]:
        """(count,) which of the numbers from `first` on are new; they are in the set afterwards."""
        if count <= _FEW:
            return np.fromiter((self.add(first + k) for k in range(count)), np.bool_, count)
        start, stop = first >> 3, (first + count + 7) >> 3
        if stop > len(self._bits):
            self._grow(stop)
        held = np.unpackbits(np.frombuffer(bytes(self._bits[start:stop]), np.uint8), bitorder="little")
        part = held[first - 8 * start : first - 8 * start + count]
        new: NDArray[np.bool_] = part == 0
        part[:] = 1
        self._bits[start:stop] = np.packbits(held, bitorder="little").tobytes()
        if new.any():
            where = np.flatnonzero(new)
            self._note(len(where), first + int(where[0]), first + int(where[-1]) + 1)
        return new

    def mask(self) -> NDArray[np.bool_]:
        """(stop,) which of the numbers below `stop` are in the set; a copy."""
        held = np.frombuffer(bytes(self._bits), np.uint8)
        return np.unpackbits(held, count=self._stop, bitorder="little").view(np.bool_)

    def _grow(self, size: int) -> None:
        self._bits.extend(bytes(max(size, 2 * len(self._bits), 64) - len(self._bits)))

    def _note(self, count: int, lowest: int, stop: int) -> None:
        self._count += count
        self._lowest, self._stop = min(self._lowest, lowest), max(self._stop, stop)
