"""ptychoscope bench model: networks in onnxruntime, beside torch eager and peers' layer shapes."""

from pathlib import Path
from typing import Any

from ptychoscope.bench.timing import Entry, cpu_seconds
from ptychoscope.cli.click_helpers import AT_LEAST_ONE, argument, command, option
from ptychoscope.cli.terminal_output import cells, json_option, print_json, print_table


@command()
@argument("bundles", "Bundle directories.", nargs=-1)
@option("--batch", type=AT_LEAST_ONE, multiple=True, about="Frames per call; may be repeated.")
@option("--threads", type=AT_LEAST_ONE, default=1, about="Threads within an operator.")
@option(
    "--peers/--no-peers",
    default=False,
    about="Also the shapes of PtychoNN and PtychoPINN, and torch eager (needs torch).",
)
@option("--rounds", type=AT_LEAST_ONE, default=7, about="Rounds, taken in turns; medians are given.")
@json_option
def model(
    bundles: tuple[Path, ...],
    batch: tuple[int, ...],
    threads: int,
    peers: bool,
    rounds: int,
    as_json: bool,
) -> None:
    """CPU time per frame of networks, all measured in turns in this process."""
    rows, peak = measure(
        list(bundles), batches=list(batch or (1, 8, 64)), threads=threads, peers=peers, rounds=rounds
    )
    if as_json:
        print_json({"conv_peak_gflop_per_s": peak, "rows": rows})
        return
    columns = ("network", "runtime", "precision", "batch", "frames/s", "CPU ms", "of peak")
    table = [
        cells(row, columns[:4], {"frames_per_s": 0, "cpu_ms_per_frame": 3, "of_peak": 2}) for row in rows
    ]
    print_table(
        f"Networks on {threads} thread(s): frames per CPU second, and of oneDNN's convolution peak",
        table,
        columns,
    )


def measure(
    bundles: list[Path], *, batches: list[int], threads: int, peers: bool, rounds: int
) -> tuple[list[dict[str, Any]], float | None]:
    """Rows, and oneDNN's convolution peak in GFLOP/s (with `peers`)."""
    entries = [entry for path in bundles for entry in _bundle_entries(path, batches, threads)]
    peak_flop = 0
    if peers:
        from ptychoscope.bench.peer_networks import peak_entry, peer_entries

        entries += peer_entries(batches, threads)
        peak, peak_flop = peak_entry()
        entries.append(peak)
    spent = cpu_seconds({str(k): entry.call for k, entry in enumerate(entries)}, rounds=rounds, least_s=0.1)
    speed = peak_flop / spent[str(len(entries) - 1)] / 1e9 if peers else None
    rows = []
    for k, entry in enumerate(entries[: len(entries) - bool(peers)]):
        per_frame = spent[str(k)] / entry.batch
        gflop = entry.gflop_per_frame
        rows.append(
            {
                "network": entry.network,
                "runtime": entry.runtime,
                "precision": entry.precision,
                "batch": entry.batch,
                "threads": threads,
                "frames_per_s": 1 / per_frame,
                "cpu_ms_per_frame": per_frame * 1e3,
                "session_cpu_ms_per_frame": per_frame * 1e3,
                "of_peak": None if gflop is None or speed is None else gflop / per_frame / speed,
            }
        )
    return rows, speed


def _bundle_entries(path: Path, batches: list[int], threads: int) -> list[Entry]:
    import numpy as np

    from ptychoscope.bench.pipeline import network_alone
    from ptychoscope.inference.bundle import read_bundle
    from ptychoscope.inference.load import load_model

    loaded = load_model(path, threads=threads)
    counts = read_bundle(path).golden_counts
    name = str(loaded.config.provenance.training.get("network", path.name))
    entries = []
    for size in batches:
        patterns = np.resize(counts, (size, *counts.shape[1:]))
        call = network_alone(loaded.runner(), patterns)
        entries.append(Entry(name, "onnxruntime", size, call, None, loaded.config.precision))
    return entries
