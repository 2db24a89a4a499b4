"""HDF5 and masters that lead elsewhere: links, virtual data sets, storage outside."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from detector_files import channel_master, counts, positions_csv
from hostile_cases import CASES, N, external_link, hdf5, master


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


external_link("circle", "link without end|link to a link", "s.h5")
external_link("out_of_the_folder", "link out of its folder", "../other.h5")
external_link("absolute", "link out of its folder", "/etc/passwd")
external_link("to_nothing", "which is not there", "absent.h5")
external_link("to_the_folder", "not a regular file", ".")


@hdf5("link out of its folder")
def external_by_a_symbolic_link(file, folder):
    (folder / "near.h5").symlink_to("/etc/passwd")
    file["p"] = h5py.ExternalLink("near.h5", "/p")


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
    _virtual(file, (2, 8, 8), ("../other.h5", "p"), ("/elsewhere/other.h5", "p"))


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
