"""`tests/ptychodus_files.py` writes what ptychodus does: every name, type, shape, filter, link, number."""

import h5py
import numpy as np
import pytest

import ptychodus_files as ours
from ptychoscope.io import load_reconstruction

MADE_UP = {"start_time", "date", "version"}
"""Differ from file to file."""


@pytest.fixture(scope="module")
def theirs(ptychodus, tmp_path_factory):
    """The same numbers in the hands of ptychodus: `product(full)`, `data(full)`, `input_of(full)`."""
    return Theirs()


class Theirs:
    def product(self, full):
        from ptychodus.api.diffraction import Polarization
        from ptychodus.api.geometry import PixelGeometry
        from ptychodus.api.object import Object, ObjectCenter
        from ptychodus.api.probe import ProbeSequence
        from ptychodus.api.probe_positions import ProbePosition, ProbePositionSequence
        from ptychodus.api.product import LossValue, Product, ProductMetadata

        a, pixel = ours.arrays(full=full), PixelGeometry(ours.PIXEL_M, ours.PIXEL_M)
        fields = dict(ours.METADATA)
        fields["detector_distance_m"] = fields.pop("detector_object_distance_m")
        polarization = Polarization(a["polarization"]) if full else None
        counts = a["photon_counts"] if full else [None] * ours.N
        points = [
            ProbePosition(*point) for point in zip(a["indexes"], a["x_m"], a["y_m"], counts, strict=True)
        ]
        return Product(
            ProductMetadata(polarization=polarization, **fields),
            ProbePositionSequence(points),
            ProbeSequence(a["probe"], a["opr_weights"], pixel),
            Object(a["object"], pixel, ObjectCenter(*ours.CENTER_M[::-1]), a["layer_spacing_m"]),
            [LossValue(*pair) for pair in zip(a["loss_epochs"], a["loss_values"], strict=True)],
        )  # fmt: skip

    def data(self, full):
        from ptychodus.api.assemble import AssembledDiffractionData
        from ptychodus.api.geometry import PixelGeometry

        a, pixel = ours.arrays(full=full), PixelGeometry(ours.DETECTOR_M, ours.DETECTOR_M)
        return AssembledDiffractionData(
            a["indexes"], a["patterns"], pixel, a["bad_pixels"], a["photon_counts"]
        )

    def input_of(self, full):
        from ptychodus.api.reconstruct import prepare_reconstruct_input

        return prepare_reconstruct_input(self.data(full), self.product(full))

    def write(self, kind, path, full):
        from ptychodus.api import io

        if kind == "product":
            io.save_product(path, self.product(full))
        elif kind == "diffraction":
            io.save_diffraction_data(path, self.data(full))
        elif kind == "training":
            io.save_training_data(path, self.input_of(full), inpaint_bad_pixels=False)
        elif kind == "ptychopinn":
            io.save_ptychopinn_training_data(path, self.input_of(full), inpaint_bad_pixels=False)
        elif kind == "cxi_product":
            self._writer("product_file_writers").write(path, self.product(full))
        else:
            self._writer("diffraction_file_writers").write(path, self._dataset(full))

    def _writer(self, kind):
        from ptychodus.api.plugins import PluginRegistry

        return getattr(PluginRegistry.load_plugins(), kind).get_strategy_by_name("CXI")

    def _dataset(self, full):
        from ptychodus.api import diffraction as d
        from ptychodus.api.geometry import ImageExtent, PixelGeometry

        a = ours.arrays(full=full)
        extras = (100_000, 0.1, 12.0) if full else (None, None, None)
        metadata = d.DiffractionMetadata(
            [ours.N], a["patterns"].dtype, ImageExtent(ours.P, ours.P), ours.DISTANCE_M,
            PixelGeometry(ours.DETECTOR_M, ours.DETECTOR_M), None, ours.ENERGY_EV, *extras,
        )  # fmt: skip
        array = d.SimpleDiffractionArray("a", np.arange(ours.N), a["patterns"])
        layout = d.DiffractionDatasetLayoutNode.create_root()
        return d.SimpleDiffractionDataset(metadata, layout, [array], a["bad_pixels"])


KINDS = ("product", "diffraction", "training", "ptychopinn", "cxi_product", "cxi_diffraction")


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_generator_writes_what_ptychodus_writes(theirs, tmp_path, kind, full):
    suffix = ".npz" if kind == "ptychopinn" else ".h5"
    theirs.write(kind, tmp_path / f"theirs{suffix}", full)
    getattr(ours, f"write_{kind}")(tmp_path / f"ours{suffix}", full=full)
    expected, made = (content(tmp_path / f"{name}{suffix}") for name in ("theirs", "ours"))
    assert {k: v[:-1] for k, v in made.items()} == {k: v[:-1] for k, v in expected.items()}
    for name, (*_, value) in expected.items():
        if name.rpartition("/")[2] in MADE_UP:
            continue
        if isinstance(value, np.ndarray) and value.dtype.kind in "fc":
            np.testing.assert_allclose(made[name][-1], value, rtol=1e-9, atol=1e-12, err_msg=name)
        else:
            np.testing.assert_array_equal(made[name][-1], value, err_msg=name)


def content(path):
    """Everything in a file: (what it is, type, shape, filter, value) by name."""
    if path.suffix == ".npz":
        return {k: ("array", v.dtype.str, v.shape, v) for k, v in np.load(path, allow_pickle=False).items()}
    found = {}
    with h5py.File(path) as file:
        visit(file, "", found)
    return found


def visit(group, path, found):
    attributes(group, path, found)
    for name in group:
        link, inner = group.get(name, getlink=True), f"{path}/{name}"
        if isinstance(link, h5py.SoftLink):
            found[inner] = ("link", link.path)
        elif isinstance(group[name], h5py.Group):
            found[inner] = ("group", None)
            visit(group[name], inner, found)
        else:
            data = group[name]
            kind = h5py.check_string_dtype(data.dtype) or data.dtype.str
            found[inner] = ("dataset", str(kind), data.shape, data.compression, data[()])
            attributes(data, inner, found)


def attributes(item, path, found):
    for name, value in item.attrs.items():
        kind = item.attrs.get_id(name).dtype
        found[f"{path}@{name}"] = ("attribute", str(h5py.check_string_dtype(kind) or kind.str), value)


@pytest.mark.parametrize("full", [False, True])
def test_its_product_is_read_here(tmp_path, full):
    """Without ptychodus. Of OPR modes and of layers the first."""
    result = load_reconstruction(ours.write_product(tmp_path / "product.h5", full=full))
    data = ours.arrays(full=full)
    np.testing.assert_array_equal(result.object, data["object"][0])
    np.testing.assert_array_equal(result.probe, data["probe"][0])
    y, x = ours.object_indices(data)
    index = np.stack([y, x], axis=1) - (ours.P - 1) / 2 + ours.P // 2
    np.testing.assert_allclose(result.positions_px - result.origin_px, index, atol=1e-6)
