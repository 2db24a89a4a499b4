"""Our reconstructors in ptychodus' `ProcessingCore`, without a window, on files: as its users run them."""

from contextlib import contextmanager

import numpy as np
import pytest

from ptychoscope.errors import ConfigError, PtychoscopeError
from ptychoscope.io import load_reconstruction, load_scan, save_scan
from ptychoscope.metrics import registration

pytest.importorskip(
    "ptychodus.api.reconstruct", reason="ptychodus has an environment of its own: .ci/ptychodus"
)
pytestmark = pytest.mark.filterwarnings("default")  # ptychodus and what it imports have warnings of their own
PHYSICS, SUPERVISED = "ptychoscope_physics", "ptychoscope_supervised"


class Session:
    """A product of a scan, and its patterns, in ptychodus; a `ProcessingCore` that has our library alone."""

    def __init__(self, core, tasks, library, scan_file):
        from ptychodus.api.settings import SettingsRegistry
        from ptychodus.model.processing import ProcessingCore

        self.products, self.library = core.product_core.product_api, library
        patterns = core.diffraction_core.diffraction_api
        index = patterns.open_patterns(scan_file, file_type="Ptychoscope_Scan")
        patterns.load_all_arrays(dataset_index=index, block=True)
        dataset = patterns.get_repository()[index]
        self.product = self.products.open_product(scan_file, file_type="Ptychoscope_Scan", dataset=dataset)
        self.processing = ProcessingCore(tasks, SettingsRegistry(), self.products, [library]).processing_api

    def reconstruct(self, algorithm=PHYSICS):
        index = self.processing.reconstruct(product_index=self.product, algorithm=algorithm, block=True)
        return index, self.products.get_item(index).get_product()


@contextmanager
def session(scan_file):
    from ptychodus.model.core import ModelCore
    from ptychodus.model.task_manager import TaskManager

    from ptychoscope.ptychodus_client import PtychoscopeLibrary

    tasks = TaskManager()
    with ModelCore() as core:
        tasks.start()
        try:
            yield Session(core, tasks, PtychoscopeLibrary(), scan_file)
        finally:
            tasks.stop(await_finish=False)


@pytest.fixture
def files(small_scan, tmp_path):
    save_scan(small_scan, tmp_path / "scan.npz")
    return tmp_path


def test_a_scan_is_reconstructed_saved_and_loaded(small_scan, files):
    """Our file by our plug-in; the solver; ptychodus' own product file; read again: the same object."""
    with session(files / "scan.npz") as here:
        assert list(here.processing.available_reconstructors()) == [PHYSICS, SUPERVISED]
        index, product = here.reconstruct()
        here.products.save_product(index, files / "product.h5", file_type="HDF5")
    result = load_reconstruction(files / "product.h5")
    assert result.origin_px == (0, 0)
    assert result.object.shape == small_scan.object.shape
    assert result.pixel_size_m == pytest.approx(small_scan.pixel_size_m)
    np.testing.assert_allclose(result.positions_px, small_scan.positions_px, atol=1e-6)
    np.testing.assert_array_equal(result.object, product.object_.get_layer(0))
    assert "the image explains its frames" in product.metadata.comments
    assert [loss.value < 0.01 for loss in product.losses] == [True]
    seen = np.s_[18:-18, 18:-18]
    image, truth = result.object[seen], small_scan.object[seen]
    assert np.abs(registration(image, truth)).max() < 0.05  # where it lies, and not mirrored
    overlap = np.abs(np.vdot(image, truth)) / (np.linalg.norm(image) * np.linalg.norm(truth))
    assert overlap > 0.998
    mirrored = image[::-1, ::-1]
    assert np.abs(np.vdot(mirrored, truth)) / (np.linalg.norm(image) * np.linalg.norm(truth)) < 0.99


def test_odd_and_even_frames_give_objects_of_one_shape(files):
    with session(files / "scan.npz") as here:
        here.library.settings.effort.set_value("fast")
        odd, even = here.processing.reconstruct_split(product_index=here.product, algorithm=PHYSICS)
        here.reconstruct()  # after both
        shapes = {here.products.get_item(k).get_product().object_.get_array().shape for k in (odd, even)}
    assert shapes == {(1, 70, 86)}


def test_a_network_reconstructs_once_it_is_open(small_scan, files, tiny):
    """The network of the tests knows patterns of 16 px: the scan's are too large, which is said."""
    with session(files / "scan.npz") as here:
        physics, supervised = here.library
        here.processing.load_model_from_file(tiny / "model.json", PHYSICS)
        assert physics.is_model_loaded()
        assert not supervised.is_model_loaded()
        here.processing.save_model_to_file(files / f"model{here.processing.get_model_file_extension()}")
        here.processing.load_model_from_file(files / "model.zip", SUPERVISED)
        assert supervised.is_model_loaded()
        with pytest.raises(PtychoscopeError, match="32"):
            here.reconstruct(SUPERVISED)


def test_a_network_of_the_right_size(files, tiny):
    from ptychoscope.simulate import SimulationConfig, simulate_scan

    config = SimulationConfig(patch_px=16, rows=9, columns=9, step_px=3, jitter_px=1, domain="counts")
    save_scan(simulate_scan(config), files / "scan16.npz")
    with session(files / "scan16.npz") as here:
        here.processing.load_model_from_file(tiny / "model.json", PHYSICS)
        here.library.settings.sweeps.set_value(2)
        _, product = here.reconstruct()
    assert f"network {tiny.name}, 2 sweeps" in product.metadata.comments


def test_training_data_keep_what_a_scan_is(small_scan, files):
    with session(files / "scan.npz") as here:
        here.processing.export_training_data(
            files / "exported.npz", product_index=here.product, algorithm=SUPERVISED
        )
    scan = load_scan(files / "exported.npz")
    np.testing.assert_array_equal(scan.patterns, small_scan.patterns)
    np.testing.assert_array_equal(scan.probe, small_scan.probe)
    np.testing.assert_array_equal(scan.object, small_scan.object)
    np.testing.assert_allclose(scan.positions_px, small_scan.positions_px, atol=1e-6)
    assert scan.pixel_size_m == pytest.approx(small_scan.pixel_size_m)


def test_settings_are_those_of_the_registry(tmp_path):
    from ptychodus.api.settings import SettingsRegistry

    from ptychoscope.ptychodus_client import PtychoscopeLibrary

    registry = SettingsRegistry()
    library = PtychoscopeLibrary(registry)
    (tmp_path / "settings.ini").write_text("[Ptychoscope]\nEffort = best\nThreads = 3\nTrainingSteps = 7\n")
    registry.open_settings(tmp_path / "settings.ini")
    assert library.settings.run_options(network=False) == {"effort": "best", "threads": 3}
    assert library.settings.run_options(network=True) == {"refine": 0, "threads": 3}
    assert library.settings.training(supervised=True)["supervised"] == 1.0
    library.settings.effort.set_value("much")
    with pytest.raises(ConfigError, match="Ptychoscope/Effort must be one of fast, balanced, best"):
        library.settings.run_options(network=False)


@pytest.mark.parametrize("supervised", [False, True])
def test_there_is_nothing_to_save_or_to_train_on(tmp_path, supervised):
    from ptychoscope.ptychodus_client import PtychoscopeLibrary

    reconstructor = list(PtychoscopeLibrary())[supervised]
    with pytest.raises(ConfigError, match="open one, or train one"):
        reconstructor.save_model(tmp_path / "model.zip")
    with pytest.raises(PtychoscopeError, match="export scans"):
        list(reconstructor.train(tmp_path, tmp_path / "out"))


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", [PHYSICS, SUPERVISED])
def test_a_training_from_a_workflow_folder(small_scan, files, algorithm):
    """diffraction.h5 and product.h5 of ptychodus; a few steps; the network is open, and saved."""
    pytest.importorskip("lightning", reason="training needs the extra train")
    from ptychodus.api.io import save_diffraction_data, save_product

    (files / "in").mkdir()
    with session(files / "scan.npz") as here:
        item = here.products.get_item(here.product)
        save_product(files / "in" / "product.h5", item.get_product())
        save_diffraction_data(files / "in" / "diffraction.h5", item.get_dataset().get_assembled_data())
        here.library.settings.training_steps.set_value(3)
        here.processing.train(
            files / "in", files / "out", product_index=here.product, algorithm=algorithm, block=True
        )
        _, product = here.reconstruct(algorithm)
    assert "network bundle" in product.metadata.comments
    assert (files / "out" / "model.zip").is_file()
    assert (files / "out" / "run" / "checkpoints" / "best.ckpt").is_file()
