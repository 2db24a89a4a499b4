"""Model: patterns in, patches out, on the device that was asked for, or an error."""

from pathlib import Path

import numpy as np
import pytest

from ptychoscope.errors import ConfigError, DeviceError, MissingExtraError, ScanError
from ptychoscope.inference.bundle import read_bundle
from ptychoscope.inference.load import load_model
from ptychoscope.inference.model import Model


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(Path(__file__).resolve().parents[1] / "data" / "tiny_bundle", threads=1)


@pytest.fixture(scope="module")
def counts(model: Model) -> np.ndarray:
    golden = read_bundle(model.path).golden_counts
    return np.concatenate([golden, golden[::-1], golden[:1]])


def test_it_says_what_it_is(model: Model) -> None:
    assert (model.pattern_px, model.patch_px) == ((16, 16), (16, 16))
    assert (model.device, model.threads, model.takes_probe) == ("cpu", 1, True)
    assert "CPUExecutionProvider" in repr(model)


def test_it_makes_the_golden_patches(model: Model) -> None:
    bundle = read_bundle(model.path)
    got = model.predict(bundle.golden_counts, domain="counts")
    assert got.dtype == np.complex64
    assert np.abs(bundle.golden_object).std() > 0.01
    np.testing.assert_allclose(got, bundle.golden_object, atol=2e-5)


@pytest.mark.parametrize("batch", [1, 2, 4, 7, 64])
def test_batches_change_nothing_but_rounding(model: Model, counts: np.ndarray, batch: int) -> None:
    whole = model.predict(counts, domain="counts", batch=len(counts))
    np.testing.assert_allclose(model.predict(counts, domain="counts", batch=batch), whole, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("domain", ["counts", "amplitude"])
def test_any_type_in_either_domain(model: Model, counts: np.ndarray, dtype: type, domain: str) -> None:
    patterns = np.square(np.rint(np.sqrt(counts)))
    expected = model.predict(patterns, domain="counts")
    given = patterns if domain == "counts" else np.sqrt(patterns)
    got = model.predict(given.astype(dtype), domain=domain)
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_views_with_any_strides(model: Model, counts: np.ndarray) -> None:
    wide = np.zeros((len(counts), 32, 48), np.float32)
    wide[:, ::2, 5:21] = counts
    expected = model.predict(counts, domain="counts")
    np.testing.assert_array_equal(model.predict(wide[:, ::2, 5:21], domain="counts"), expected)


def test_no_frames(model: Model) -> None:
    assert model.predict(np.zeros((0, 16, 16), np.float32)).shape == (0, 16, 16)


def test_another_probe_gives_another_object(model: Model, counts: np.ndarray) -> None:
    own = model.predict(counts, domain="counts")
    np.testing.assert_array_equal(model.predict(counts, domain="counts", probe=model.probe), own)
    np.testing.assert_array_equal(model.predict(counts, domain="counts", probe=model.probe[0]), own)
    other = model.predict(counts, domain="counts", probe=np.roll(model.probe, 3, axis=1))
    assert np.abs(other - own).max() > 0.01


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (np.zeros((16, 16)), r"\(n, 16, 16\), got \(16, 16\)"),
        (np.zeros((2, 16, 15)), "use a model of that size"),
        (np.zeros((2, 32, 32)), "--crop 16 .*use a model of that size"),
        (np.zeros((2, 16, 16), np.complex64), "real numbers"),
        (np.zeros((2, 16, 16), "U1"), "real numbers"),
    ],
)
def test_wrong_patterns_are_refused(model: Model, patterns: np.ndarray, message: str) -> None:
    with pytest.raises(ScanError, match=message):
        model.predict(patterns)


@pytest.mark.parametrize("probe", [np.ones((2, 16, 16)), np.ones((1, 8, 8)), np.ones(16), np.array("x")])
def test_wrong_probes_are_refused(model: Model, counts: np.ndarray, probe: np.ndarray) -> None:
    with pytest.raises(ScanError, match="probe of shape"):
        model.predict(counts, probe=probe)


def test_an_unnamed_domain_is_refused(model: Model, counts: np.ndarray) -> None:
    with pytest.raises(ScanError, match="intensity"):
        model.predict(counts, domain="intensity")


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "cpu:0", "", "CUDA", "cuda:1234"])
def test_unknown_devices_are_refused(tiny: Path, device: str) -> None:
    with pytest.raises(ConfigError, match="device must be"):
        load_model(tiny, device=device)


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_are_at_least_one(tiny: Path, threads: int) -> None:
    with pytest.raises(ConfigError, match="threads"):
        load_model(tiny, threads=threads)


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "tensorrt", "openvino"])
def test_a_device_that_is_not_there_is_an_error(tiny: Path, device: str) -> None:
    import onnxruntime

    provider = {"cuda": "CUDA", "tens": "Tensorrt", "open": "OpenVINO"}[device[:4]] + "ExecutionProvider"
    if provider in onnxruntime.get_available_providers():
        pytest.skip(f"this onnxruntime has {provider}")
    with pytest.raises(DeviceError, match=r"pip install|TensorRT"):
        load_model(tiny, device=device)


def test_auto_says_what_it_took(tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "ptychoscope")
    model = load_model(tiny, device="auto")
    assert model.device.split(":")[0] in ("cpu", "cuda")
    assert "device auto: took" in caplog.text


def test_without_onnxruntime_the_extra_is_named(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"pip install \"ptychoscope\[cpu\]\""):
        load_model(tiny)
