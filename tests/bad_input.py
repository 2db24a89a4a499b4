"""Bad files and arguments: `good()` is a scan that works with the bundle in tests/data; a case spoils one thing.

A case makes its files in an empty folder and returns the command line. The tables give, for every case, the
name of the error and what its message says; `usage` is the parser's own.
"""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ptychoscope.io import load_scan, save_reconstruction
from ptychoscope.reconstruction import Reconstruction

Arguments = list[str]
Case = Callable[[Path], Arguments]

BUNDLE = Path(__file__).parent / "data" / "tiny_bundle"
SIDE, FRAMES = 16, 9


def good() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    y, x = np.indices((3, 3)).reshape(2, -1) * 4.0 + 12
    return {
        "diffraction": np.sqrt(rng.poisson(30, (FRAMES, SIDE, SIDE))).astype(np.float32),
        "ycoords": y,
        "xcoords": x,
        "probeGuess": (rng.normal(size=(2, SIDE, SIDE)).T @ np.array([1, 1j])).T.astype(np.complex64) * 5,
        "objectGuess": np.exp(0.2j * rng.normal(size=(40, 42))).astype(np.complex64),
    }


def scan_file(folder: Path, **change: Any) -> str:
    """The good scan with keys replaced, or left out where the change is None."""
    arrays = {key: value for key, value in {**good(), **change}.items() if value is not None}
    np.savez(folder / "scan.npz", **arrays)
    return str(folder / "scan.npz")


def run(folder: Path, scan: str, bundle: str | Path = BUNDLE, *more: str) -> Arguments:
    return ["run", scan, "--model", str(bundle), "-o", str(folder / "object.h5"), *more]


def spoilt(**change: Any) -> Case:
    """`run` on a scan with these keys replaced."""
    return lambda folder: run(folder, scan_file(folder, **change))


def content(make: Callable[[bytes], bytes]) -> Case:
    """`run` on the good file with its bytes changed."""

    def case(folder: Path) -> Arguments:
        path = Path(scan_file(folder))
        path.write_bytes(make(path.read_bytes()))
        return run(folder, str(path))

    return case


def member(name: str, data: bytes) -> Case:
    """`run` on a zip that holds one member."""

    def case(folder: Path) -> Arguments:
        with zipfile.ZipFile(folder / "scan.npz", "w") as archive:
            archive.writestr(name, data)
        return run(folder, str(folder / "scan.npz"))

    return case


def npy_header(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue()


def bundle(change: Callable[[Path], object]) -> Case:
    """`run` with a copy of the bundle that was changed."""

    def case(folder: Path) -> Arguments:
        shutil.copytree(BUNDLE, folder / "bundle")
        change(folder / "bundle")
        return run(folder, scan_file(folder), folder / "bundle")

    return case


def sidecar(**change: Any) -> Case:
    def edit(folder: Path) -> None:
        config = json.loads((folder / "model.json").read_text())
        (folder / "model.json").write_text(json.dumps({**config, **change}))

    return bundle(edit)


def flip_byte(name: str) -> Case:
    def edit(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)

    return bundle(edit)


def result(**change: Any) -> Case:
    """`compare` of a product with datasets replaced, or deleted where the change is None."""

    def case(folder: Path) -> Arguments:
        truth, path = scan_file(folder), folder / "image.h5"
        object_ = load_scan(truth).object
        plane = np.ones(object_.shape)
        image = Reconstruction(
            object=object_, coverage=plane, spread=plane, origin_px=(0, 0), pixel_size_m=None,
            positions_px=np.zeros((1, 2)),
        )  # fmt: skip
        save_reconstruction(image, path)
        with h5py.File(path, "a") as file:
            del file.attrs["ptychoscope_sealed"]  # as if another program had written it
            for name, value in change.items():
                del file[name]
                if value is not None:
                    file[name] = value
        return ["compare", str(path), truth]

    return case


def command(*arguments: str) -> Case:
    """A command line in which {scan}, {out} and {folder} are filled in."""

    def case(folder: Path) -> Arguments:
        names = {
            "scan": scan_file(folder),
            "out": str(folder / "out"),
            "folder": str(folder),
            "model": str(BUNDLE),
        }
        return [argument.format(**names) for argument in arguments]

    return case


def in_front(data: Any) -> Any:
    return np.moveaxis(data, 0, 2)


AMPLITUDE = good()["diffraction"]
OBJECTS = np.array([{"a": 1}], dtype=object)

CASES: dict[str, tuple[Case, str, list[str]]] = {
    # files that are no scans
    "absent": (command("info", "{folder}/none.npz"), "ScanError", ["none.npz", "check the name"]),
    "empty": (content(lambda b: b""), "ScanError", ["scan.npz is empty", "write it again"]),
    "truncated": (content(lambda b: b[: len(b) // 2]), "ScanError", ["damaged or truncated", "write it again"]),
    "flipped byte": (content(lambda b: b[:900] + bytes([b[900] ^ 1]) + b[901:]), "ScanError", ["CRC"]),
    "text": (content(lambda b: b"x y z\n1 2 3\n"), "ScanError", ["no known format", "expected .npz"]),
    "folder": (command("info", "{folder}"), "BundleError", ["without model.json"]),
    "no array inside": (member("diffraction.npy", b"12345678"), "ScanError", ["diffraction", "not a numpy array"]),
    "declares a terabyte": (member("diffraction.npy", npy_header((4096,) * 3)), "ScanError", ["declares (4096, 4096, 4096)"]),
    "other keys": (member("data.npy", b""), "ScanError", ["no patterns", "diffraction", "found data"]),
    # patterns
    "no patterns": (spoilt(diffraction=None), "ScanError", ["no patterns", "diffraction, diff3d, counts"]),
    "objects": (spoilt(diffraction=OBJECTS), "ScanError", ["pickle", "plain array"]),
    "object metadata": (spoilt(photons=OBJECTS), "ScanError", ["photons", "pickle"]),
    "two axes": (spoilt(diffraction=AMPLITUDE[0]), "ScanError", ["(n, P, P)", "(16, 16)"]),
    "four axes": (spoilt(diffraction=AMPLITUDE[None, :8]), "ScanError", ["(1, 8, 16, 16)", "reshape", "ravel"]),
    "five axes": (spoilt(diffraction=AMPLITUDE[None, None]), "ScanError", ["(1, 1, 9, 16, 16)", "reshape"]),
    "not square": (spoilt(diffraction=AMPLITUDE[:, :, :12]), "ScanError", ["(9, 16, 12)", "crop"]),
    "complex": (spoilt(diffraction=AMPLITUDE + 1j), "ScanError", ["real numbers", "complex"]),
    "text patterns": (spoilt(diffraction=np.full((9, 2, 2), "a")), "ScanError", ["real numbers", "<U1"]),
    "NaN": (spoilt(diffraction=np.where(AMPLITUDE > 6, np.nan, AMPLITUDE)), "ScanError", ["not finite", "bad_pixels"]),
    "negative": (spoilt(diffraction=AMPLITUDE - 5), "ScanError", ["negative values", "65536"]),
    "integers": (spoilt(diffraction=np.rint(AMPLITUDE**2).astype(np.uint16)), "ScanError", ["uint16", 'domain="counts"']),
    "whole floats": (spoilt(diffraction=np.rint(AMPLITUDE**2)), "ScanError", ["whole", 'domain="counts"']),
    "two that differ": (spoilt(diff3d=AMPLITUDE * 2), "ScanError", ["diffraction and diff3d", "differ"]),
    "unknown domain": (spoilt(domain="phase"), "ScanError", ["phase", '"counts" or "amplitude"']),
    # layout
    "frames last, too few": (
        spoilt(diffraction=in_front(AMPLITUDE)[..., :7]), "ScanError", ["(16, 16, 7)", 'layout="HWN"']),
    "layout not told": (
        spoilt(diffraction=AMPLITUDE[:, :9, :9]), "ScanError", ["both fit", 'layout="NHW"', 'layout="HWN"']),
    # positions
    "no positions": (spoilt(xcoords=None, ycoords=None), "ScanError", ["neither xcoords nor ycoords"]),
    "half of the positions": (spoilt(ycoords=None), "ScanError", ["no ycoords", "both coordinates"]),
    "more positions": (
        spoilt(xcoords=np.zeros(11), ycoords=np.zeros(11)), "ScanError", ["11 positions for 9 patterns", "more"]),
    "fewer positions": (
        spoilt(xcoords=np.zeros(5), ycoords=np.zeros(5)), "ScanError", ["5 positions for 9 patterns", "fewer"]),
    "x and y differ": (spoilt(xcoords=np.zeros(8)), "ScanError", ["9 ycoords but 8 xcoords"]),
    "no position finite": (spoilt(xcoords=np.full(9, np.inf)), "ScanError", ["no position", "is finite"]),
    "positions as text": (spoilt(xcoords=np.array(["1"] * 9)), "ScanError", ["xcoords", "<U1"]),
    "positions as a table": (spoilt(xcoords=np.zeros((9, 2))), "ScanError", ["xcoords", "(9, 2)"]),
    # the rest of the file
    "probe of another size": (spoilt(probeGuess=np.ones((32, 32))), "ScanError", ["P = 16", "(32, 32)"]),
    "probe of zeros": (spoilt(probeGuess=np.zeros((16, 16))), "ScanError", ["zero everywhere"]),
    "probe not finite": (spoilt(probeGuess=np.full((16, 16), np.nan)), "ScanError", ["probe", "not finite"]),
    "object of three axes": (spoilt(objectGuess=np.ones((2, 40, 40))), "ScanError", ["object must be (H, W)"]),
    "index too short": (spoilt(scan_index=np.zeros(4, int)), "ScanError", ["4 scan_index for 9 patterns", "--match first"]),
    "mask of another size": (spoilt(bad_pixels=np.zeros((4, 4), bool)), "ScanError", ["bad_pixels", "(4, 4)"]),
    "pixel size 0": (spoilt(pixel_size_m=0.0), "ScanError", ["pixel_size_m", "positive"]),
    "photons as a list": (spoilt(photons=np.ones(9)), "ScanError", ["photons", "one number"]),
    "orientation not JSON": (spoilt(orientation="rot90"), "ScanError", ["orientation", "JSON"]),
    # bundles
    "no bundle": (lambda f: run(f, scan_file(f), f / "none"), "BundleError", ["none"]),
    "bundle without graph": (bundle(lambda b: (b / "model.onnx").unlink()), "BundleError", ["model.onnx"]),
    "sidecar with another key": (sidecar(colour="red"), "BundleError", ["colour"]),
    "sidecar of the future": (sidecar(schema_version=99), "BundleError", ["99", "upgrade"]),
    "sidecar is no JSON": (bundle(lambda b: (b / "model.json").write_text("{")), "BundleError", ["model.json"]),
    "path traversal": (sidecar(graph={"file": "../evil.onnx", "sha256": "0" * 64}), "BundleError", ["graph.file"]),
    "wrong hash": (flip_byte("model.onnx"), "BundleError", ["model.onnx", "sha256"]),
    "golden frames changed": (flip_byte("golden.npz"), "BundleError", ["golden.npz", "sha256"]),
    "channels swapped": (sidecar(object={"meaning": "real_imag", "order": [1, 0]}), "BundleError", ["changed", "export again"]),
    "scan of another size": (
        spoilt(diffraction=AMPLITUDE[:, :12, :12], probeGuess=None), "ScanError", ["12", "16"]),
    # arguments
    "device absent": (command("run", "{scan}", "-m", "{model}", "-o", "{out}.h5", "--device", "cuda"), "DeviceError", ["cuda"]),
    "device unknown": (command("run", "{scan}", "-m", "{model}", "-o", "{out}.h5", "--device", "tpu"), "ConfigError", ["tpu"]),
    "object unknown": (command("simulate", "-o", "{out}.npz", "--object", "cat"), "usage", ["cat", "leaves"]),
    "no rows": (command("simulate", "-o", "{out}.npz", "--rows", "0"), "ConfigError", ["0 x 24"]),
    "too many modes": (command("simulate", "-o", "{out}.npz", "--modes", "99"), "ConfigError", ["99"]),
    "photons not finite": (command("simulate", "-o", "{out}.npz", "--photons", "nan"), "ConfigError", ["nan"]),
    "patch too small": (command("simulate", "-o", "{out}.npz", "--patch", "4"), "ConfigError", ["at least 8", "4"]),
    "not a number": (command("simulate", "-o", "{out}.npz", "--seed", "x"), "usage", ["--seed", "integer"]),
    "ending unknown": (command("simulate", "-o", "{out}.mat", "--rows", "2"), "OutputError", [".mat", ".npz"]),
    "folder of the output absent": (
        command("simulate", "-o", "{folder}/a/b.npz", "--rows", "2"), "OutputError", ["no folder", "create it"]),
    "no model": (command("run", "{scan}", "-o", "{out}.h5", "--start", "network"), "ConfigError", ["--model", "--start network"]),
    "no model, no sweeps": (command("run", "{scan}", "-o", "{out}.h5", "--refine", "0"), "ConfigError", ["--refine N"]),
    # results
    "result absent": (command("compare", "{folder}/none.h5", "{scan}"), "ResultError", ["none.h5", "check the name"]),
    "result is a scan": (command("compare", "{scan}", "{scan}"), "ResultError", ["is no result", "diffraction"]),
    "result without object": (result(object=None), "ResultError", ["no dataset object", "product"]),
    "coverage of another size": (result(**{"ptychoscope/coverage": np.ones((3, 3))}), "ResultError", ["coverage", "(3, 3)"]),
    "nothing covered": (result(**{"ptychoscope/coverage": np.zeros((40, 42))}), "ResultError", ["nothing is covered"]),
    "truth without object": (
        lambda f: [*result()(f)[:2], scan_file(f, objectGuess=None)], "ScanError", ["objectGuess", "simulated scan"]),
    "columns not numbers": (lambda f: [*result()(f), "--columns", "left"], "ConfigError", ["--columns", "left", "A:B"]),
    "columns backwards": (lambda f: [*result()(f), "--columns", "30:10"], "ConfigError", ["30:10", "A below B"]),
    "rows outside": (lambda f: [*result()(f), "--rows", "900:990"], "ResultError", ["0 x 0", "check"]),
}  # fmt: skip

TRAINING_CASES: dict[str, tuple[Case, str, list[str]]] = {
    "network unknown": (command("train", "{scan}", "-o", "{out}", "--network", "cat"), "ConfigError", ["cat"]),
    "time runs backwards": (command("train", "{scan}", "-o", "{out}", "--max-time", "-1"), "ConfigError", ["-1"]),
    "training scan absent": (command("train", "{folder}/none.npz", "-o", "{out}"), "ScanError", ["none.npz"]),
    "training step unknown": (command("train", "{scan}", "-o", "{out}", "--orientation", "spin"), "ConfigError", ["spin"]),
    "training on an absent device": (command("train", "{scan}", "-o", "{out}", "--device", "cuda"), "DeviceError", ["cuda"]),
    "run to export absent": (command("export", "{folder}/none", "-o", "{out}"), "CheckpointError", ["none", "train first"]),
    "checkpoint is no checkpoint": (command("export", "{scan}", "-o", "{out}"), "CheckpointError", ["scan.npz", "run folder"]),
}  # fmt: skip
