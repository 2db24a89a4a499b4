"""ptychoscope bench stitch: patches per second on a canvas."""

from itertools import groupby, product
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

import click

from ptychoscope.cli.click_helpers import AT_LEAST_ONE, PATH, command, option, word_option
from ptychoscope.cli.terminal_output import json_option, number, print_json, print_table

Device = Literal["cpu", "cuda", "host"]
DEFAULT_CASES = [
    (side, n, canvas)
    for side, n, canvas in product((64, 128, 256), (1000, 10_000), (512, 2048))
    if 8 * side * side * n <= 2**31
]


@command()
@option("--patch", type=click.IntRange(min=8), multiple=True, about="Patch sides in pixels; repeatable.")
@option("-n", type=AT_LEAST_ONE, multiple=True, about="Numbers of patches; repeatable.")
@option("--canvas", type=int, multiple=True, about="Canvas sides in pixels; repeatable.")
@option("--isa", multiple=True, about="Instruction sets; repeatable.")
@option("--threads", type=AT_LEAST_ONE, default=1, about="Threads of the canvas.")
@word_option(
    "--device",
    Device,
    "cuda: the first CUDA device; host: its kernels, thread by thread, as a trial.",
    default="cpu",
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
    from ptychoscope.bench.stitch_cpu import instruction_set, live_microseconds, measure
    from ptychoscope.bench.stitch_cuda import report_on_device

    cases = DEFAULT_CASES
    if patch or n or canvas:
        cases = [(p, k, c) for p in patch or [64] for k in n or [1000] for c in canvas or [512]]
    if device != "cpu":
        report_on_device(cases, device=device, rounds=rounds, as_json=as_json)
        return
    bandwidth = _core.read_bandwidth(2**28, 15)
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
    for latency in live:
        print_table(
            f"Live, 8 patches, canvas {latency['canvas_px']}", [(k, str(v)) for k, v in latency.items()]
        )
