"""Compressed frames out of an HDF5 file: chunks as stored and our decoder, against hdf5plugin's filter.

python benchmarks/decode_chunks.py [--frames 400] [--side 512] [--rounds 11] [-o decode_chunks.json]
"""

import tempfile
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray
from print_json import figures_parser, show

from ptychoscope import _core
from ptychoscope.bench.timing import cpu_seconds, wall_seconds
from ptychoscope.io.chunk_codecs import decode_chunks

FILTERS = {"bslz4": lambda: hdf5plugin.Bitshuffle(cname="lz4"), "lz4": hdf5plugin.LZ4}


def diffraction(count: int, side: int, dtype: str) -> NDArray[Any]:
    """Photons as detectors see them: a bright middle, a dark rim, a gap."""
    rng = np.random.default_rng(0)
    y, x = np.ogrid[-(side // 2) : side - side // 2, -(side // 2) : side - side // 2]
    mean = 300 * np.exp(-(y**2 + x**2) / (side / 9) ** 2) + 30 / (1 + (y**2 + x**2) / (side / 16) ** 2)
    frames = rng.poisson(mean, (count, side, side)).astype(dtype)
    frames[:, side // 2 : side // 2 + 4] = np.iinfo(dtype).max
    return frames


def measure(path: Path, frames: NDArray[Any], codec: str, rounds: int) -> dict[str, Any]:
    with h5py.File(path, "w") as file:
        shape = (1, *frames.shape[1:])
        file.create_dataset("data", data=frames, chunks=shape, **FILTERS[codec]())
    out = np.empty_like(frames)
    with h5py.File(path, "r") as file:
        data = file["data"]

        def ours(threads: int) -> None:
            chunks = [data.id.read_direct_chunk((k, 0, 0))[1] for k in range(len(frames))]
            decode_chunks(chunks, out, codec, threads=threads)

        ours(2)
        np.testing.assert_array_equal(out, frames)
        chunks = [data.id.read_direct_chunk((k, 0, 0))[1] for k in range(len(frames))]
        tasks = {
            "filter": lambda: data.read_direct(out),
            "ours": lambda: ours(1),
            "ours_decoding_alone": lambda: decode_chunks(chunks, out, codec),
        }
        spent = cpu_seconds(tasks, rounds=rounds)
        wall = {
            "filter_wall": wall_seconds(lambda: data.read_direct(out), rounds=rounds),
            "ours_1_thread_wall": wall_seconds(lambda: ours(1), rounds=rounds),
            "ours_2_threads_wall": wall_seconds(lambda: ours(2), rounds=rounds),
        }
    gb = frames.nbytes / 1e9
    return {
        "codec": codec,
        "dtype": frames.dtype.name,
        "ratio": round(frames.nbytes / sum(map(len, chunks)), 2),
        **{f"{name}_gb_per_s": round(gb / seconds, 2) for name, seconds in (spent | wall).items()},
        "times_filter_cpu": round(spent["filter"] / spent["ours"], 2),
        "times_filter_wall_2_threads": round(wall["filter_wall"] / wall["ours_2_threads_wall"], 2),
    }


def main() -> None:
    asked = figures_parser(__doc__, frames=400, side=512, rounds=11).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            measure(Path(folder) / "a.h5", diffraction(asked.frames, asked.side, dtype), codec, asked.rounds)
            for codec in FILTERS
            for dtype in ("uint16", "uint32", "uint8")
        ]
    result = {
        "frames": f"{asked.frames} of {asked.side} x {asked.side}, one a chunk; GB of decoded frames",
        "isa": _core.active_isa(),
        "hdf5plugin": hdf5plugin.version,
        "rows": rows,
    }
    show(result, asked.output)


if __name__ == "__main__":
    main()
