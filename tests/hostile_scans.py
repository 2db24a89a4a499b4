"""Malformed and hostile scan files, one case a line: what is written, and what the error must say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
from detector_files import channel_master, counts, linked_master, mib_bytes, positions_csv

N = 4
Case = tuple[Callable[[Path], tuple[Path, dict[str, Any]]], str]
"""Writes files in a folder, gives the path and options; and a pattern of the error."""
CASES: dict[str, Case] = {}


def hdf5(said: str, **options: Any) -> Callable[..., Any]:
    """A case of a file that the decorated function fills; read by `patterns` and `positions` unless said."""

    def register(fill: Callable[[h5py.File, Path], None]) -> None:
        def write(folder: Path) -> tuple[Path, dict[str, Any]]:
            path = folder / "s.h5"
            with h5py.File(path, "w") as file:
                fill(file, folder)
            named = {"patterns": "/p", "positions": positions_csv(folder, N)} | options
            return path, {key: value for key, value in named.items() if value is not None}

        CASES[f"hdf5-{fill.__name__}"] = write, said

    return register


def master(said: str) -> Callable[..., Any]:
    """A case of a master with linked files that the decorated function spoils."""

    def register(spoil: Callable[[h5py.File, Path], None]) -> None:
        def write(folder: Path) -> tuple[Path, dict[str, Any]]:
            path = linked_master(folder, counts(N), 2)
            with h5py.File(path, "r+") as file:
                spoil(file, folder)
            return path, {"positions": positions_csv(folder, N)}

        CASES[f"master-{spoil.__name__}"] = write, said

    return register


def content(name: str, said: str, data: Callable[[], bytes], **options: Any) -> None:
    """A case of a file of these bytes."""

    def write(folder: Path) -> tuple[Path, dict[str, Any]]:
        (folder / "s.dat").write_bytes(data())
        return folder / "s.dat", {"positions": positions_csv(folder, N)} | options

    CASES[name] = write, said


def npz(name: str, said: str, /, **changes: Any) -> None:
    """A case of an .npz whose arrays are replaced, or left out where the change is None."""

    def write(folder: Path) -> tuple[Path, dict[str, Any]]:
        arrays = {"counts": counts(N), "xcoords": np.arange(4.0), "ycoords": np.arange(4.0)} | changes
        np.savez(folder / "s.npz", **{key: value for key, value in arrays.items() if value is not None})
        return folder / "s.npz", {}

    CASES[f"npz-{name}"] = write, said


def table(name: str, said: str, text: str) -> None:
    """A case of a table of positions."""

    def write(folder: Path) -> tuple[Path, dict[str, Any]]:
        (folder / "s.mib").write_bytes(mib_bytes(counts(N)))
        (folder / "p.csv").write_text(text)
        return folder / "s.mib", {"positions": str(folder / "p.csv")}

    CASES[f"csv-{name}"] = write, said


# --- any HDF5, by naming ------------------------------------------------------------------------------------
@hdf5("has no data set /p")
def nothing(file, folder): ...


@hdf5("has no data set /p")
def a_group(file, folder):
    file.create_group("p")


@hdf5("must be real numbers")
def text(file, folder):
    file["p"] = np.array([[[b"a"]]])


@hdf5("must be real numbers")
def long_text(file, folder):
    file.create_dataset("p", (4, 2, 2), h5py.string_dtype())


@hdf5("must be real numbers")
def complex_numbers(file, folder):
    file["p"] = np.ones((4, 8, 8), complex)


@hdf5("must be real numbers")
def records(file, folder):
    file["p"] = np.zeros((4, 8, 8), [("a", "f4"), ("b", "i2")])


@hdf5("must be real numbers")
def references(file, folder):
    file.create_dataset("p", (4, 8, 8), h5py.ref_dtype)


@hdf5("must be|damaged|real numbers")
def lists(file, folder):
    file.create_dataset("p", (4, 8, 8), h5py.vlen_dtype(np.float32))


@hdf5("must be real numbers")
def long_double(file, folder):
    file["p"] = np.ones((4, 8, 8), np.longdouble)


@hdf5(r"must be \(n, H, W\)")
def a_number(file, folder):
    file["p"] = 3.0


@hdf5(r"must be \(n, H, W\)")
def a_plane(file, folder):
    file["p"] = counts(1)[0]


@hdf5(r"must be \(n, H, W\)")
def five_axes(file, folder):
    file["p"] = np.zeros((2, 2, 2, 4, 4), np.uint16)


@hdf5("holds nothing")
def null_space(file, folder):
    file["p"] = h5py.Empty("f4")


@hdf5("positions|patterns|frames")
def no_frames(file, folder):
    file["p"] = np.zeros((0, 8, 8), np.uint16)


@hdf5("sides of at least 2|no pixel|positions")
def no_pixels(file, folder):
    file["p"] = np.zeros((4, 0, 0), np.uint16)


@hdf5("negative values")
def negative(file, folder):
    file["p"] = counts(N).astype(np.int16) - 50


@hdf5("not finite", domain="counts")
def not_finite(file, folder):
    file["p"] = np.full((4, 8, 8), np.nan, np.float32)


@hdf5("nothing says what /p holds")
def fractions(file, folder):
    file["p"] = counts(N) + 0.25


@hdf5("fewer|more positions|numbers")
def more_frames_than_positions(file, folder):
    file["p"] = counts(N + 3)


@hdf5("declares.*of which its file holds")
def huge_and_empty(file, folder):
    file.create_dataset("p", (10**6, 4096, 4096), "u2", chunks=(1, 512, 512))


@hdf5("declares.*of which its file holds")
def huge_and_contiguous(file, folder):
    file.create_dataset("p", (10**5, 1024, 1024), "u4")


@hdf5("chunks .* of more than 1 GiB|declares")
def huge_chunks(file, folder):
    file.create_dataset("p", (4, 1 << 15, 1 << 15), "u4", chunks=(1, 1 << 15, 1 << 14))


@hdf5("external storage")
def external_storage(file, folder):
    (folder / "raw").write_bytes(bytes(4 * 64 * 2))
    file.create_dataset("p", (4, 8, 8), "u2", external=[(str(folder / "raw"), 0, 4 * 64 * 2)])


@hdf5("external storage")
def external_storage_of_the_system(file, folder):
    file.create_dataset("p", (4, 8, 8), "u1", external=[("/etc/passwd", 0, 256)])


@hdf5("link without end|link to a link")
def soft_circle(file, folder):
    file["p"], file["q"] = h5py.SoftLink("/q"), h5py.SoftLink("/p")


@hdf5("link without end|link to a link")
def soft_to_itself(file, folder):
    file["p"] = h5py.SoftLink("/p")


@hdf5("has no data set /p")
def soft_to_nothing(file, folder):
    file["p"] = h5py.SoftLink("/nowhere/at/all")


@hdf5("link without end|link to a link")
def external_circle(file, folder):
    file["p"] = h5py.ExternalLink("s.h5", "/p")


@hdf5("link out of its folder")
def external_out_of_the_folder(file, folder):
    file["p"] = h5py.ExternalLink("../other.h5", "/p")


@hdf5("link out of its folder")
def external_absolute(file, folder):
    file["p"] = h5py.ExternalLink("/etc/passwd", "/p")


@hdf5("link out of its folder")
def external_by_a_symbolic_link(file, folder):
    (folder / "near.h5").symlink_to("/etc/passwd")
    file["p"] = h5py.ExternalLink("near.h5", "/p")


@hdf5("which is not there")
def external_to_nothing(file, folder):
    file["p"] = h5py.ExternalLink("absent.h5", "/p")


@hdf5("not a regular file")
def external_to_the_folder(file, folder):
    file["p"] = h5py.ExternalLink(".", "/p")


@hdf5("damaged or no HDF5")
def external_to_text(file, folder):
    (folder / "text.h5").write_text("no HDF5")
    file["p"] = h5py.ExternalLink("text.h5", "/p")


def _virtual(file, shape, *sources):
    layout = h5py.VirtualLayout(shape, "u2")
    for k, (name, path) in enumerate(sources):
        layout[k] = h5py.VirtualSource(name, path, shape[1:])
    file.create_virtual_dataset("p", layout)


@hdf5("made of itself|without end")
def virtual_of_itself(file, folder):
    layout = h5py.VirtualLayout((4, 8, 8), "u2")
    layout[:] = h5py.VirtualSource(".", "p", (4, 8, 8))
    file.create_virtual_dataset("p", layout)


@hdf5("made of itself|without end")
def virtual_of_itself_by_name(file, folder):
    layout = h5py.VirtualLayout((4, 8, 8), "u2")
    layout[:] = h5py.VirtualSource("s.h5", "p", (4, 8, 8))
    file.create_virtual_dataset("p", layout)


@hdf5("made of itself|without end")
def virtual_circle_of_two(file, folder):
    for name, other in (("p", "q"), ("q", "p")):
        layout = h5py.VirtualLayout((4, 8, 8), "u2")
        layout[:] = h5py.VirtualSource(".", other, (4, 8, 8))
        file.create_virtual_dataset(name, layout)


@hdf5("link out of its folder")
def virtual_out_of_the_folder(file, folder):
    _virtual(file, (2, 8, 8), ("../other.h5", "p"), ("/tmp/other.h5", "p"))


@hdf5("damaged or no HDF5")
def virtual_of_text(file, folder):
    (folder / "text.h5").write_text("no HDF5")
    _virtual(file, (1, 8, 8), ("text.h5", "p"))


@hdf5("far more than the data sets")
def virtual_and_huge(file, folder):
    with h5py.File(folder / "small.h5", "w") as other:
        other["p"] = counts(1)
    layout = h5py.VirtualLayout((10**7, 8, 8), "u2")
    layout[:1] = h5py.VirtualSource("small.h5", "p", (1, 8, 8))
    file.create_virtual_dataset("p", layout)


@hdf5("must be numbers|no position|finite", positions="/y,/x")
def positions_of_text(file, folder):
    file["p"], file["y"], file["x"] = counts(N), np.array([b"1"] * 4), np.arange(4.0)


@hdf5("no position in .* is finite", positions="/y,/x")
def positions_of_nan(file, folder):
    file["p"], file["y"], file["x"] = counts(N), np.full(4, np.nan), np.arange(4.0)


@hdf5("has no data set /x", positions="/y,/x")
def positions_of_one_axis(file, folder):
    file["p"], file["y"] = counts(N), np.arange(4.0)


@hdf5("must be", positions="/x")
def positions_of_three_axes(file, folder):
    file["p"], file["x"] = counts(N), np.zeros((4, 3, 5))


@hdf5("is in 'parsec'", positions="/x")
def positions_in_parsec(file, folder):
    file["p"], file["x"] = counts(N), np.zeros((4, 2))
    file["x"].attrs["units"] = "parsec"


@hdf5("must be|same shape|damaged|numbers", positions="/y,/x")
def positions_that_differ(file, folder):
    file["p"], file["y"], file["x"] = counts(N), np.arange(4.0), np.arange(5.0)


@hdf5("declares|too much", positions="/x")
def positions_that_are_huge(file, folder):
    file["p"] = counts(N)
    file.create_dataset("x", (10**9, 2), "f8", chunks=(10**6, 2))


@hdf5("of no layout that is known", patterns=None)
def unknown_layout(file, folder):
    file["p"] = counts(N)


# --- masters ------------------------------------------------------------------------------------------------
@master("leads to no data set")
def link_to_a_group(file, folder):
    del file["entry/data/data_000001"]
    file["entry/data/data_000001"] = h5py.ExternalLink("s_data_000001.h5", "/entry")


@master("link out of its folder")
def link_out(file, folder):
    del file["entry/data/data_000001"]
    file["entry/data/data_000001"] = h5py.ExternalLink("/etc/shadow", "/entry/data/data")


@master("damaged or no HDF5|copy or write it again")
def a_file_that_is_cut(file, folder):
    path = folder / "s_data_000002.h5"
    path.write_bytes(path.read_bytes()[:-300])


@master("differ in shape or type")
def files_that_differ(file, folder):
    with h5py.File(folder / "s_data_000002.h5", "w") as other:
        other["entry/data/data"] = np.zeros((2, 8, 8), np.uint32)


@master("bad_pixels of .* must be")
def a_mask_of_another_size(file, folder):
    del file["entry/instrument/detector/detectorSpecific/pixel_mask"]
    file["entry/instrument/detector/detectorSpecific/pixel_mask"] = np.zeros((3, 3), np.uint32)


@master("must be bits|must be numbers")
def a_mask_of_text(file, folder):
    del file["entry/instrument/detector/detectorSpecific/pixel_mask"]
    file["entry/instrument/detector/detectorSpecific/pixel_mask"] = np.full((8, 8), b"x")


@master("no pixel|not finite|no counts|measures")
def all_ones_everywhere(file, folder):
    for k in (1, 2):
        with h5py.File(folder / f"s_data_00000{k}.h5", "r+") as other:
            other["entry/data/data"][...] = 65535


@master("must be numbers")
def a_distance_of_text(file, folder):
    del file["entry/instrument/detector/detector_distance"]
    file["entry/instrument/detector/detector_distance"] = "far"


@master("must be one number")
def many_distances(file, folder):
    del file["entry/instrument/detector/detector_distance"]
    file["entry/instrument/detector/detector_distance"] = [1.0, 2.0]


def _channels_that_do_not_fit(folder: Path) -> tuple[Path, dict[str, Any]]:
    path = channel_master(folder, counts(N))
    with h5py.File(path, "r+") as file:
        del file["entry/data/channel"]
        file["entry/data/channel"] = [b"a", b"b", b"c"]
    return path, {"positions": positions_csv(folder, N)}


CASES["nxmx-channels_that_do_not_fit"] = (
    _channels_that_do_not_fit,
    "has 2 channels, and they are called a, b, c",
)

# --- bytes --------------------------------------------------------------------------------------------------
content("empty", "is empty", lambda: b"")
content("noise", "of no known format", lambda: bytes(range(7, 207)))
content("hdf5-signature_alone", "damaged", lambda: b"\x89HDF\r\n\x1a\n")
content("hdf5-signature_and_noise", "damaged", lambda: b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 8)
content("hdf5-behind_a_user_block", "damaged", lambda: bytes(512) + b"\x89HDF\r\n\x1a\n" + b"\xff" * 500)
content("tiff-mark_alone", "TIFF|no pages", lambda: b"II*\0")
content("tiff-pages_in_a_circle", "TIFF|no pages|pages of", lambda: b"II*\0\x08\0\0\0\0\0\x08\0\0\0")
content("mib-mark_alone", "does not begin with a header", lambda: b"MQ1,")
content("mib-raw", "raw bits", lambda: mib_bytes(counts(N), kind="R64"))
content("zip-mark_alone", "damaged", lambda: b"PK\x03\x04")


def _tiff(**how: Any) -> bytes:
    import io

    stream = io.BytesIO()
    tifffile.imwrite(stream, counts(N), photometric="minisblack", **how)
    return stream.getvalue()


def _huge_tiff() -> bytes:
    data = bytearray(_tiff())
    for tag in (b"\x00\x01", b"\x01\x01"):  # width and length of the first page
        at = data.index(tag + b"\x04\x00" if tag + b"\x04\x00" in data else tag + b"\x03\x00")
        data[at + 2 : at + 12] = b"\x04\x00" + (1).to_bytes(4, "little") + (1 << 20).to_bytes(4, "little")
    return bytes(data)


content(
    "tiff-cut",
    "TIFF|declares",
    lambda: _tiff()[:-200],
)
content("tiff-huge", "TIFF|differ|declares", _huge_tiff)

# --- npz ----------------------------------------------------------------------------------------------------
npz("without_patterns", "has no patterns", counts=None)
npz("with_one_coordinate", "has no xcoords", xcoords=None)
npz("with_positions_of_nan", "no position", xcoords=np.full(4, np.nan))
npz("with_positions_of_text", "numbers", xcoords=np.array(["a"] * 4))
npz("with_a_probe_of_another_size", "probe must be", probeGuess=np.ones((5, 5), complex))
npz("with_a_probe_of_zeros", "probe is zero", probeGuess=np.zeros((8, 8), complex))
npz("with_an_object_of_text", "object must be", objectGuess=np.full((20, 20), "x"))
npz("with_a_mask_of_another_size", "bad_pixels", bad_pixels=np.zeros((3, 3), bool))
npz("with_a_pixel_of_nan", "pixel_size_m must be a positive", pixel_size_m=np.nan)
npz("with_orientation_that_is_no_json", "no.*JSON|not a JSON", orientation="{")
npz("with_values_too_large", "single precision", counts=counts(N) * 1e300 + 0.1e300)

# --- tables of positions ------------------------------------------------------------------------------------
table("empty", r"p\.csv", "")
table("without_names", r"p\.csv", "1,2\n3,4\n")
table("of_text", r"p\.csv", "y_px,x_px\na,b\n")
table("of_nan", "no position|finite", "y_px,x_px\n" + "nan,nan\n" * N)
table("ragged", r"p\.csv", "y_px,x_px\n1,2\n3\n")
