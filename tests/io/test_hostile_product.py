"""Result files that name other files, or more than they hold: refused before anything is read."""

import os
import socket
import subprocess
import sys

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t
from numpy.testing import assert_array_equal

from ptychoscope.errors import ResultError, ScanWarning
from ptychoscope.io import load_reconstruction, save_reconstruction
from ptychoscope.io.results.arrays_and_json import from_fields
from ptychoscope.io.results.read_hdf5 import read_unsealed
from ptychoscope.reconstruction import Reconstruction

SHAPE = (40, 30)


def loaded(path):
    """As `load_reconstruction` does in a child process, which takes longer to start."""
    return from_fields(*read_unsealed(str(path)), str(path))


EXTRAS = (
    "coverage",
    "spread",
    "positions_px",
    "given_positions_px",
    "given_probe",
    "orientation",
    "provenance",
)
NAMES = ("object", "probe", *(f"ptychoscope/{name}" for name in EXTRAS))


@pytest.fixture
def product(tmp_path):
    """A good result, beside other.h5 with all that it holds and numbers.bin, which is no business of it."""
    result = Reconstruction(
        object=np.ones(SHAPE), coverage=np.ones(SHAPE), spread=np.ones(SHAPE), origin_px=(0, 0),
        pixel_size_m=1e-8, positions_px=np.zeros((5, 2)), probe=np.ones((2, 8, 8)),
        given_probe=np.ones((2, 8, 8)), given_positions_px=np.zeros((5, 2)),
    )  # fmt: skip
    for name in ("object.h5", "other.h5"):
        save_reconstruction(result, tmp_path / name)
    (tmp_path / "numbers.bin").write_bytes(bytes(1 << 16))
    return tmp_path / "object.h5"


def external_link(file, name):
    file[name] = h5py.ExternalLink("other.h5", name)


def soft_link(file, name):
    file["elsewhere"] = h5py.ExternalLink("other.h5", "/")
    file[name] = h5py.SoftLink(f"/elsewhere/{name}")


def soft_link_within(file, name):
    file["there"] = np.ones(SHAPE)
    file[name] = h5py.SoftLink("/there")


def external_storage(file, name):
    file.create_dataset(name, SHAPE, "f4", external=[("numbers.bin", 0, 4 * SHAPE[0] * SHAPE[1])])


def system_file(file, name):
    file.create_dataset(name, (2, 8, 8), "u1", external=[(__file__, 0, 128)])


def virtual(file, name):
    layout = h5py.VirtualLayout(SHAPE, "f4")
    layout[:] = h5py.VirtualSource("other.h5", "object", (1, *SHAPE))[0]
    file.create_virtual_dataset(name, layout)


def virtual_of_itself(file, name):
    plist, space = h5p.create(h5p.DATASET_CREATE), h5s.create_simple(SHAPE)
    plist.set_virtual(space, b".", f"/{name}".encode(), space)
    h5d.create(file.id, name.encode(), h5t.NATIVE_FLOAT, space, plist)


def odd_filter(**options):
    def change(file, name):
        data = np.ones(SHAPE, "i4" if "scaleoffset" in options else "f4")
        file.create_dataset(name, data=data, **options)

    return change


def packed_twice(file, name):
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_chunk(SHAPE)
    plist.set_deflate(9)
    plist.set_deflate(9)
    h5d.create(file.id, name.encode(), h5t.NATIVE_FLOAT, h5s.create_simple(SHAPE), plist)


def committed_type(file, name):
    file["type"] = np.dtype("f4")
    file.create_dataset(name, SHAPE, file["type"])


def references(file, name):
    file.create_dataset(name, data=[[file.ref] * 3] * 2, dtype=h5py.ref_dtype)


def lists(file, name):
    file.create_dataset(name, (2, 2), h5py.vlen_dtype(np.float32))[0, 0] = np.ones(3, np.float32)


def a_time(file, name):
    h5d.create(file.id, name.encode(), h5t.UNIX_D32LE, h5s.create_simple(SHAPE))


def nothing(file, name):
    file[name] = h5py.Empty("f4")


def never_written(file, name):
    file.create_dataset(name, (1, 20_000, 20_000), "c8", chunks=(1, 64, 64))


def large_chunks(file, name):
    file.create_dataset(name, data=np.ones(SHAPE), maxshape=(None, None), chunks=(4000, 4000))


def group(file, name):
    file.create_group(name)


REFUSED = {
    "is a link to another": {
        "external link": external_link,
        "soft link through an external one": soft_link,
        "soft link": soft_link_within,
    },
    "external storage": {"external storage": external_storage, "text of another file": system_file},
    "virtual data set": {"virtual": virtual},
    "filters": {
        "filter lzf": odd_filter(compression="lzf"),
        "filter scaleoffset": odd_filter(scaleoffset=0),
        "gzip in gzip": packed_twice,
    },
    "its own type": {"committed type": committed_type},
    "must be": {"references": references, "lists": lists},
    "numpy has not": {"times": a_time},
    "must hold": {"no numbers": nothing},
    "declares": {"never written": never_written},
    "chunks of": {"chunks of 128 MB": large_chunks},
    "is no data set": {"group": group},
}
"""What is said of a data set that a case puts in the place of a good one."""
CASES = {case: (change, said) for said, cases in REFUSED.items() for case, change in cases.items()}
OF_NUMBERS = ("never written", "chunks of 128 MB")


@pytest.mark.parametrize(
    ("case", "name"),
    [
        *((case, "object") for case in CASES),
        *((case, "ptychoscope/provenance") for case in CASES if case not in OF_NUMBERS),
        *(("external link", name) for name in NAMES[1:-1]),
        *(("external storage", name) for name in NAMES[1:-1]),
    ],
)
def test_data_that_lie_elsewhere_are_refused(product, case, name):
    change, message = CASES[case]
    with h5py.File(product, "a") as file:
        del file[name]
        change(file, name)
    with pytest.raises(ResultError, match=message):
        loaded(product)


@pytest.mark.parametrize("link", [h5py.ExternalLink("other.h5", "/ptychoscope"), h5py.SoftLink("/there")])
def test_a_group_that_lies_elsewhere_is_refused(product, link):
    with h5py.File(product, "a") as file:
        file.move("ptychoscope", "there")
        file["ptychoscope"] = link
    with pytest.raises(ResultError, match=r"ptychoscope .* is a link to another"):
        loaded(product)


@pytest.mark.parametrize(("value", "message"), [
    (None, "must have a number"), (np.zeros(9), "must be one number"), ("1e-8", "must be one number"),
    (h5py.Empty("f4"), "must be one number"), (np.nan, "must have a number"), (0.0, "square"),
    (2e-8, "square"),
])  # fmt: skip
def test_attributes_are_single_numbers(product, value, message):
    with h5py.File(product, "a") as file:
        del file["object"].attrs["pixel_width_m"]
        if value is not None:
            file["object"].attrs["pixel_width_m"] = value
    with pytest.raises(ResultError, match=message):
        loaded(product)


def test_shapes_are_compared_before_anything_is_read(product):
    """No number of this coverage can be unpacked."""
    with h5py.File(product, "a") as file:
        del file["ptychoscope/coverage"]
        broken = file.create_dataset("ptychoscope/coverage", (8, 8), "f4", chunks=(8, 8), fletcher32=True)
        broken.id.write_direct_chunk((0, 0), bytes(260))
        broken.id.flush()
    with pytest.raises(ResultError, match="must have the object's shape"):
        loaded(product)


def test_what_is_known_is_read(product):
    """All known filters, compact storage, several layers and coherent modes: the first of each."""
    layers = np.arange(3 * SHAPE[0] * SHAPE[1]).reshape(3, *SHAPE).astype("c8")
    modes = np.arange(2 * 2 * 4 * 4).reshape(2, 2, 4, 4).astype("c8")
    with h5py.File(product, "a") as file:
        attributes = dict(file["object"].attrs)
        for name in ("object", "probe", "ptychoscope"):
            del file[name]
        packed = {"compression": "gzip", "shuffle": True, "fletcher32": True}
        file.create_dataset("object", data=layers, **packed).attrs.update(attributes)
        plist, space = h5p.create(h5p.DATASET_CREATE), h5s.create_simple(modes.shape)
        plist.set_layout(h5d.COMPACT)
        kind = h5t.py_create(modes.dtype)
        h5d.create(file.id, b"probe", kind, space, plist).write(h5s.ALL, h5s.ALL, modes)
    with pytest.warns(ScanWarning, match="was changed after it was written"):
        back = load_reconstruction(product)
    assert_array_equal(back.object, layers[0])
    assert_array_equal(back.probe, modes[0])


def test_numbers_that_pack_well_are_no_reason_to_refuse(tmp_path):
    zeros = np.zeros((2000, 1500), np.float32)
    result = Reconstruction(
        object=zeros, coverage=zeros, spread=zeros, origin_px=(0, 0), pixel_size_m=None,
        positions_px=np.zeros((5, 2)),
    )  # fmt: skip
    save_reconstruction(result, tmp_path / "zeros.h5")
    assert_array_equal(load_reconstruction(tmp_path / "zeros.h5").object, zeros)


CHILD = """
import sys
from ptychoscope.errors import PtychoscopeError
from ptychoscope.io import load_reconstruction, load_scan
for path in sys.argv[1:]:
    for load in (load_scan, load_reconstruction):
        try:
            load(path)
        except PtychoscopeError as error:
            print(type(error).__name__, error)
"""


def test_what_would_crash_or_hang_does_not(product, tmp_path):
    """In a process of its own: HDF5 ends it on a virtual data set of itself, a pipe waits for ever."""
    with h5py.File(product, "a") as file:
        del file["object"]
        virtual_of_itself(file, "object")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        special = [tmp_path / "pipe", "/dev/zero", tmp_path, tmp_path / "socket"]
        done = subprocess.run(
            [sys.executable, "-c", CHILD, product, *special],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == 10
    assert "virtual data set made of itself" in lines[0]
    assert "virtual data set" in lines[1]
    for number, line in enumerate(lines):
        assert line.startswith("ResultError" if number % 2 else "ScanError"), line
    assert sum("a folder, a pipe or a device" in line for line in lines) == 6
