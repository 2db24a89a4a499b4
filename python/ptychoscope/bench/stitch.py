"""ptychoscope bench stitch: patches per second on a canvas, beside the loop that one writes first and beside
torch, and beside the speed at which memory can be read at all.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby, product
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, NamedTuple

import click

from ptychoscope.cli.console import json_option, number, print_json, print_table
from ptychoscope.cli.options import AT_LEAST_ONE, PATH, choice, command, option

Device = Literal["cpu", "cuda", "host"]
MAX_BYTES = 2**31
DEFAULT_CASES = [
    (side, n, canvas)
    for side, n, canvas in product((64, 128, 256), (1000, 10_000), (512, 2048))
    if 8 * side * side * n <= MAX_BYTES
]
MAX_PEER_PIXELS = 2**24
"""Peers take seconds where a canvas takes milliseconds."""


class Mode(NamedTuple):
    """One way to stitch."""

    name: str
    values: str = "real_imag"
    windowed: bool = True
    interpolation: str = "bilinear"
    accumulate: str = "float32"
    spread: bool = False


MODES = [
    Mode("real_imag"),
    Mode("real_imag, no window", windowed=False),
    Mode("complex64", "complex"),
    Mode("float16", "float16"),
    Mode("amplitude_phase", "amplitude_phase"),
    Mode("nearest", interpolation="nearest"),
    Mode("cubic", interpolation="cubic"),
    Mode("lanczos3", interpolation="lanczos3"),
    Mode("float64", accumulate="float64"),
    Mode("exact", accumulate="exact"),
    Mode("spread", spread=True),
    Mode("exact, spread", accumulate="exact", spread=True),
]


@command()
@option("--patch", type=click.IntRange(min=8), multiple=True, about="Patch sides in pixels; repeatable.")
@option("-n", type=AT_LEAST_ONE, multiple=True, about="Numbers of patches; repeatable.")
@option("--canvas", type=int, multiple=True, about="Canvas sides in pixels; repeatable.")
@option("--isa", multiple=True, about="Instruction sets; repeatable.")
@option("--threads", type=AT_LEAST_ONE, default=1, about="Threads of the canvas.")
@option(
    "--device",
    type=choice(Device),
    default="cpu",
    about="cuda: the first CUDA device; host: its kernels, thread by thread, as a trial.",
)
@option("--peers/--no-peers", default=False, about="Also torch and, where installed, numba.")
@option("--peer", type=PATH, about="Also pty-chi: a Python interpreter that has it installed.")
@option("--rounds", type=AT_LEAST_ONE, default=7, about="Rounds, taken in turns; medians are given.")
@json_option
def stitch(
    patch: tuple[int, ...],
    n: tuple[int, ...],
    canvas: tuple[int, ...],
    isa: tuple[str, ...],
    threads: int,
    device: Device,
    peers: bool,
    peer: Path | None,
    rounds: int,
    as_json: bool,
) -> None:
    """Patches per second: zero the canvas, add all patches, read the image; CPU time."""
    from ptychoscope import _core
    from ptychoscope.bench.live import live_microseconds
    from ptychoscope.bench.stitch_cuda import report_on_device

    cases = DEFAULT_CASES
    if patch or n or canvas:
        cases = [(p, k, c) for p in patch or [64] for k in n or [1000] for c in canvas or [512]]
    if device != "cpu":
        report_on_device(cases, device=device, rounds=rounds, as_json=as_json)
        return
    bandwidth = _core.read_bandwidth(2**28, 5)
    rows: list[dict[str, Any]] = []
    for name in isa or [_core.active_isa()]:
        with instruction_set(name):
            for case in cases:
                rows += measure(
                    *case, threads=threads, rounds=rounds, peers=peers, peer=peer, bandwidth=bandwidth
                )
    live = [live_microseconds(side_px) for side_px in (512, 2048)]
    if as_json:
        print_json({"read_bytes_per_s": bandwidth, "rows": rows, "live": live})
        return
    _print(rows, live, bandwidth, threads)


def _print(rows: list[dict[str, Any]], live: list[dict[str, Any]], bandwidth: float, threads: int) -> None:
    click.echo(f"Memory is read at {bandwidth / 1e9:.1f} GB/s; stitching on {threads} thread(s):")
    for (name, side, count, pixels), group in groupby(rows, itemgetter("isa", "patch_px", "n", "canvas_px")):
        print_table(
            f"{count} patches of {side} px on a canvas of {pixels} px, {name}",
            [
                (
                    row["mode"],
                    number(row["patches_per_s"], 0),
                    number(row["floor_fraction"], 2),
                    row["baseline"],
                    number(row["ratio"], 1),
                )
                for row in group
            ],
            ("mode", "patches/s", "of floor", "baseline", "ratio"),
        )
    for figures in live:
        print_table(
            f"Live, 8 patches, canvas {figures['canvas_px']}", [(k, str(v)) for k, v in figures.items()]
        )


def measure(
    side: int,
    n: int,
    canvas_px: int,
    *,
    threads: int,
    rounds: int,
    peers: bool,
    peer: Path | None,
    bandwidth: float,
) -> list[dict[str, Any]]:
    """Rows of one size: every mode beside the naive loop, the first mode beside the peers as well."""
    from ptychoscope import _core
    from ptychoscope.bench.peers_stitch import peer_tasks, ptychi_seconds
    from ptychoscope.bench.raster import raster_scan, values_of
    from ptychoscope.bench.timing import cpu_seconds
    from ptychoscope.errors import ConfigError

    if side * side * n * 8 > MAX_BYTES or canvas_px < side + 16:
        raise ConfigError(
            f"{n} patches of {side} pixels on a canvas of {canvas_px} pixels: "
            f"more than {MAX_BYTES} bytes, or a canvas too small"
        )
    scan = raster_scan(side, n, canvas_px)
    tasks: dict[str, Callable[[], object]] = {}
    for mode in MODES:
        tasks[mode.name] = _complete(
            mode, scan.window, values_of(scan, mode.values), scan.positions, canvas_px, threads
        )
    corners = scan.positions - side // 2
    patches = values_of(scan, "complex")
    tasks["naive C++"] = lambda: _core.naive_stitch(patches, scan.window, corners, canvas_px, canvas_px)
    baselines = {"naive C++"}
    slow = side * side * n > MAX_PEER_PIXELS
    if peers and not slow:
        compiled = peer_tasks(patches, scan.window, scan.positions, canvas_px)
        tasks |= compiled
        baselines |= compiled.keys()
    spent = cpu_seconds(tasks, rounds=rounds)
    if peer is not None and not slow:
        others = ptychi_seconds(peer, patches, scan.window, scan.positions, canvas_px, min(rounds, 3))
        spent |= others
        baselines |= others.keys()
    pairs = [(mode.name, "naive C++") for mode in MODES]
    pairs += [(MODES[0].name, name) for name in sorted(baselines - {"naive C++"})]
    pixel_bytes = {mode.name: 4 if mode.values == "float16" else 8 for mode in MODES}
    return [
        {
            "mode": name,
            "isa": _core.active_isa(),
            "threads": threads,
            "patch_px": side,
            "n": n,
            "canvas_px": canvas_px,
            "patches_per_s": n / spent[name],
            "floor_fraction": pixel_bytes[name] * side * side * n / spent[name] / bandwidth,
            "baseline": baseline,
            "baseline_patches_per_s": n / spent[baseline],
            "ratio": spent[baseline] / spent[name],
        }
        for name, baseline in pairs
    ]


def _complete(
    mode: Mode, window: Any, patches: Any, positions: Any, canvas_px: int, threads: int
) -> Callable[[], object]:
    from ptychoscope.canvas import Canvas

    canvas = Canvas(
        (canvas_px, canvas_px),
        window if mode.windowed else None,
        mode.interpolation,  # type: ignore[arg-type]
        mode.accumulate,  # type: ignore[arg-type]
        threads,
        spread=mode.spread,
    )
    values: Any = "real_imag" if mode.values == "float16" else mode.values

    def run() -> None:
        canvas.reset()
        canvas.add(patches, positions, values=values)
        canvas.image()

    return run


@contextmanager
def instruction_set(name: str) -> Iterator[None]:
    """Make new canvases use an instruction set."""
    before = os.environ.get("PTYCHOSCOPE_ISA")
    os.environ["PTYCHOSCOPE_ISA"] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ["PTYCHOSCOPE_ISA"]
        else:
            os.environ["PTYCHOSCOPE_ISA"] = before
