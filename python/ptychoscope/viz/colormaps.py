"""Color maps that users know, as tables of 256 colors.

`viridis` and `magma` are by N. J. Smith, S. van der Walt and E. Firing (CC0). `twilight` is by B. Bechtold,
from matplotlib (copyright 2012- Matplotlib Development Team, BSD-compatible licence). `RdBu_r` is RdBu from
blue to red: this product includes color specifications and designs developed by Cynthia Brewer
(https://colorbrewer.org), copyright 2002 Cynthia Brewer, Mark Harrower and The Pennsylvania State University,
Apache License 2.0.
"""

import base64
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ptychoscope.option_literals import ColorMap

_ANCHORS: dict[ColorMap, str] = {
    "gray": "000000 ffffff",
    "RdBu_r": "053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b 67001f",
}
"""Colors at even steps; between them every channel is a straight line."""

_TABLES: dict[ColorMap, str] = {
    "viridis": (
        "RAFURAJWRQRXRQVZRgdaRghcRgpdRgteRw1gRw5hRxBjRxFkRxNlSBRnSBZoSBdpSBhqSBpsSBttSBxuSB1vSB9wSCBxSCFzSCN0"
        "SCR1SCV2SCZ3SCh4SCl5Ryp6Ryx6Ry17Ry58Ry99RjB+RjJ+RjN/RjSARTWBRTeBRTiCRDmDRDqDRDuEQz2EQz6FQj+FQkCGQkGG"
        "QUKHQUSHQEWIQEaIP0eIP0iJPkmJPkqJPkyKPU2KPU6KPE+KPFCLO1GLO1KLOlOLOlSMOVWMOVaMOFiMOFmMN1qMN1uNNlyNNl2N"
        "NV6NNV+NNGCNNGGNM2KNM2ONMmSOMmWOMWaOMWeOMWiOMGmOMGqOL2uOL2yOLm2OLm6OLm+OLXCOLXGOLHGOLHKOLHOOK3SOK3WO"
        "KnaOKneOKniOKXmOKXqOKXuOKHyOKH2OJ36OJ3+OJ4COJoGOJoKOJoKOJYOOJYSOJYWOJIaOJIeOI4iOI4mOI4qNIouNIoyNIo2N"
        "IY6NIY+NIZCNIZGMIJKMIJKMIJOMH5SMH5WLH5aLH5eLH5iLH5mKH5qKHpuKHpyJHp2JH56JH5+IH6CIH6GIH6GHH6KHIKOGIKSG"
        "IaWFIaaFIqeFIqiEI6mDJKqDJauCJayCJq2BJ62BKK6AKa9/KrB/LLF+LbJ9LrN8L7R8MbV7MrZ6NLZ5Nbd5N7h4OLl3Orp2O7t1"
        "Pbx0P7xzQL1yQr5xRL9wRsBvSMFuSsFtTMJsTsNrUMRqUsVpVMVoVsZnWMdlWshkXMhjXsliYMpgY8tfZcteZ8xcac1bbM1abs5Y"
        "cM9Xc9BWddBUd9FTetFRfNJQf9NOgdNNhNRLhtVJidVIi9ZGjtZFkNdDk9dBldhAmNg+m9k8ndk7oNo5oto3pds2qNs0qtwyrdww"
        "sN0vst0ttd4ruN4put4ovd8mwN8lwt8jxeAhyOAgyuEfzeEd0OEc0uIb1eIa2OIZ2uMZ3eMY3+MY4uQY5eQZ5+QZ6uUa7OUb7+Uc"
        "8eUd9OYe9uYg+OYh++cj/ecl"
    ),
    "magma": (
        "AAAEAQAFAQEGAQEIAgEJAgILAgINAwMPAwMSBAQUBQQWBgUYBgUaBwYcCAceCQcgCggiCwkkDAkmDQopDgsrEAstEQwvEg0xEw00"
        "FA42FQ44Fg87GA89GRA/GhBCHBBEHRFHHhFJIBFLIRFOIhFQJBJTJRJVJxJYKRFaKhFcLBFfLRFhLxFjMRFlMxBnNBBpNhBrOBBs"
        "OQ9uOw9wPQ9xPw9yQA90Qg91RA92RRB3RxB4SRB4ShB5TBF6ThF7TxJ7URJ8UhN8VBN9VhR9VxV+WRV+WhZ+XBZ/XRd/Xxh/YBiA"
        "YhmAZBqAZRqAZxuAaByBahyBax2BbR2Bbh6BcB+Bch+BcyCBdSGBdiGBeCKBeSKCeyOCfCOCfiSCgCWCgSWBgyaBhCaBhieBiCeB"
        "iSiBiymBjCmBjiqBkCqBkSuBkyuAlCyAliyAmC2AmS2Amy5/nC5/ni9/oC9/oTB+ozB+pTF+pjF9qDJ9qjN9qzN8rTR8rjR7sDV7"
        "sjV7szZ6tTZ6tzd5uDd5ujh4vDl4vTl3vzp3wDp2wjt1xDx1xTx0xz1zyD5zyj5yzD9xzUBxz0Bw0EFv0kJv00Nu1URt1kVs2EVs"
        "2UZr20dq3Ehp3klo30po4Exn4k1m405l5E9k5VBk51Jj6FNi6VRi6lZh61dg7Fhg7Vpf7lte711e8F9e8WBd8mJd8mRc82Vc9Gdc"
        "9Glc9Wtc9mxc9m5c93Bc93Jc+HRc+HZc+Xhd+Xld+Xtd+n1e+n9e+oFf+4Nf+4Vg+4dh/Ilh/Ipi/Ixj/I5k/JBl/ZJm/ZRn/ZZo"
        "/Zhp/Zpq/Ztr/p1s/p9t/qFu/qNv/qVx/qdy/qlz/qp0/qx2/q53/rB4/rJ6/rR7/rZ8/rd+/rl//ruB/r2C/r+E/sGF/sKH/sSI"
        "/saK/siM/sqN/syP/s2Q/s+S/tGU/tOV/tWX/teZ/tia/dqc/dye/d6g/eCh/eKj/eOl/eWn/eep/emq/eus/Oyu/O6w/PCy/PK0"
        "/PS2/Pa4/Pe5/Pm7/Pu9/P2/"
    ),
    "twilight": (
        "4tni4dni4Nni3tnh3dng3Nnf2tjf2Nje1tfd1Nbc0tXb0NTZzdPYy9LXyNDWxc/Vws7Uv8zTvMvRucnQtsjPs8bOsMXNrcPNqsLM"
        "p8DLpL7Kob3JnrvJnLnImbjIlrbHk7TGkrPGjrHFjK/Fia3FiKzEhanEgqfDgKXDf6XDfKLCeqDCeJ7Cd53CdZrBc5jBcZbBcZXA"
        "bpLAbZDAbI6/a42/aYq/aIi+Z4a+Z4W+ZoK9ZX+9ZH28ZHy8Y3m7Yne7YnW6YXK6YXG5YG64YGy4YGm3YGe2X2W1X2K0X2C0X1+z"
        "X1uyX1mxX1ewXlSuXlKtXk+sXk2rXkyqXkioXkamXkOlXUGjXT6hXTygXTqeXDidXDWaWzKYWzCVWi6TWiuQWSmOWCeLWCaKVyOF"
        "ViGCVR9/Ux58Uhx5URp1TxlyTxlwTBdrSxZoSRVkRxRhRhReRBNaQhJXQRJWPxJRPRFOPBFLOhFJORFGNxFENhFCNhFBNBE+MxE8"
        "MhI6MRM5MBQ3MBQ3MRM3MxI3NBI4NBI4NhE5OBE5OhE6OxE7PRE8PxI9QRI9QxI+RhJASBNBShNCTRRDTxREUhVFVBVGVhVGWRZI"
        "XBdJXxdKYRhLZBlLZxlMaRpNbBtObxxOcR1PdB5Pdh9PeSBQeyFQfiJQfyNQgyVQhSZQhydQiilQjCpQjixQkC5Qki9QlDFQljNQ"
        "mDVQmjdQnDlQnjtQoD1QoD5Qo0FQpUNQpkVQqEdQqUlQq0tQrE1RrlBRr1JRsVRSslZSs1lTtVtTtl1Ut19VuGFVuWRWumZXu2lY"
        "vGtZvW5avnBbv3JdwHVewXdfwnphwnxjw39kxIFmxYRoxYZqxodrxotux45xyJBzyJJ1yZV4yZd7ypp9ypyAy5+DzKGGzKOJzaaM"
        "zaiPzquSz62Wz66X0LKc0bSg0baj0rin07qq1L2t1b+x1sG018O42MW72Me+2cnC2svF28zI3M7L3M/N3dHR3tPT39TW39XY4Nba"
        "4Nfb4djd4djf4tng4tnh4tni"
    ),
}
"""256 colors of three bytes each, in base64."""


def apply_colormap(
    values: NDArray[np.floating], low: float, high: float, colormap: ColorMap
) -> NDArray[np.uint8]:
    """Color an image.

    Parameters
    ----------
    values
        (H, W) numbers.
    low, high
        The values of the first and the last color: what lies outside takes these, what lies half way between
        them takes the middle color.
    colormap
        The map.

    Returns
    -------
    numpy.ndarray
        (H, W, 3) uint8; the first color where a value is not a number.
    """
    unit = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    index = np.minimum(np.nan_to_num(unit) * 256, 255).astype(np.intp)
    return np.asarray(color_table(colormap)[index])


@cache
def color_table(colormap: ColorMap) -> NDArray[np.uint8]:
    """The colors of a map, (256, 3) uint8."""
    if colormap in _TABLES:
        return np.frombuffer(base64.b64decode(_TABLES[colormap]), np.uint8).reshape(256, 3)
    anchors = np.array([list(bytes.fromhex(color)) for color in _ANCHORS[colormap].split()])
    at = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(at, np.arange(len(anchors)), anchors[:, k]) for k in range(3)]
    return np.asarray(np.rint(np.stack(channels, axis=1)), np.uint8)
