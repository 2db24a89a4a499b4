"""What the outputs of a foreign graph are by their names: amplitude, phase, real or imaginary part."""

import re
from typing import Literal

from ptychoscope.option_literals import ObjectMeaning

Part = Literal["amplitude", "phase", "real", "imag"]

PARTS: dict[ObjectMeaning, tuple[Part, ...]] = {
    "amplitude_phase": ("amplitude", "phase"),
    "real_imag": ("real", "imag"),
    "phase": ("phase",),
}
_WORDS: dict[Part, re.Pattern[str]] = {
    "amplitude": re.compile(r"amp(l|litudes?)?|mag(nitudes?)?|modulus|abs"),
    "phase": re.compile(r"phases?|ph|phi|angles?"),
    "real": re.compile(r"real|re"),
    "imag": re.compile(r"imag(inary)?|im"),
}


def part_of(name: str) -> Part | None:
    """What the words in `name` say, such as `decoder_phase` or `outAmp`; None when they say nothing or two
    things."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    found = {part for part, known in _WORDS.items() if any(known.fullmatch(word) for word in words)}
    return found.pop() if len(found) == 1 else None


def ordered_by_name(names: tuple[str, ...], meaning: ObjectMeaning) -> tuple[int, ...] | None:
    """Which of the outputs `names` is which part of `meaning`; None when the names do not tell.

    One that says nothing is the part that is left.
    """
    parts: list[Part | None] = [part_of(name) for name in names]
    wanted = PARTS[meaning]
    missing = [part for part in wanted if part not in parts]
    if len(missing) == 1 and parts.count(None) == 1 and len(names) == len(wanted) > 1:
        parts[parts.index(None)] = missing[0]
    return tuple(parts.index(part) for part in wanted) if all(parts.count(p) == 1 for p in wanted) else None
