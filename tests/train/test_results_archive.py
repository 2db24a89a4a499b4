"""The file of a training's results: what is odd in it is refused, by one error and in little memory."""

import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychoscope.errors import BundleError

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from ptychoscope.train import PtychoModule, TrainConfig, load_results, save_results  # noqa: E402

CONFIG = TrainConfig(width=4, network="unrolled", passes=2)
ZEROS = 1 << 26
"""Bytes; a 60th of a thousand of it when compressed."""


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a sound file holds."""
    path = tmp_path_factory.mktemp("kept") / "kept.zip"
    module = PtychoModule(CONFIG, patch_px=16, frames=[9])
    patches = np.ones((9, 16, 16), np.complex64)
    history = [{"epoch": 0, "train_loss": 1.5}]
    results = {"models": {"network": module}, "history": history, "obj_tensor_full": patches}
    save_results({**results, "origin_px": (3, -4)}, path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, members: dict[str, bytes], compressed: tuple[str, ...] = ()) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data, zipfile.ZIP_DEFLATED if name in compressed else zipfile.ZIP_STORED)
    return path


def npy(array: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def peak(load: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        load()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_member_that_nobody_wants_is_not_read(members: dict[str, bytes], tmp_path: Path) -> None:
    extra = {"more.npy": npy(np.zeros(ZEROS, np.uint8)), "more.pt": bytes(ZEROS)}
    path = write(tmp_path / "a.zip", {**members, **extra}, tuple(extra))
    found: dict[str, Any] = {}
    assert peak(lambda: found.update(load_results(path))) < ZEROS / 8
    assert found.keys() == {"models", "history", "obj_tensor_full", "origin_px"}
    assert (found["origin_px"], found["history"]) == ((3, -4), [{"epoch": 0, "train_loss": 1.5}])


def pt(change: Callable[[dict[str, Any]], object], members: dict[str, bytes]) -> bytes:
    saved = torch.load(io.BytesIO(members["network.pt"]), weights_only=True)
    change(saved)
    stream = io.BytesIO()
    torch.save(saved, stream)
    return stream.getvalue()


def deflated(data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return stream.getvalue()


def unfolded(saved: dict[str, Any]) -> None:
    saved["hyper_parameters"]["patch_px"] = 4096
    saved["state_dict"]["light.probes"] = torch.zeros(1).expand(1, 1, 2, 4096, 4096)


MODULES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a side of 100 000 px": lambda s: s["hyper_parameters"].update(patch_px=100_000),
    "1000 modes": lambda s: s["hyper_parameters"].update(modes=1000),
    "no modes": lambda s: s["hyper_parameters"].update(modes=0, patch_px=1 << 14),
    "a billion passes": lambda s: s["hyper_parameters"]["config"].update(passes=10**9),
    "a width of a million": lambda s: s["hyper_parameters"]["config"].update(width=10**6),
    "weights of one number": unfolded,
    "an option that there is not": lambda s: s["hyper_parameters"].update(colour="red"),
    "a network that there is not": lambda s: s["hyper_parameters"]["config"].update(network="resnet"),
    "no weights": lambda s: s.pop("state_dict"),
    "weights that are none": lambda s: s.update(state_dict={"network": 3}),
    "no options": lambda s: s.update(hyper_parameters=[1, 2]),
}


@pytest.mark.parametrize("what", MODULES)
def test_modules_that_are_not_what_they_say(members: dict[str, bytes], tmp_path: Path, what: str) -> None:
    path = write(tmp_path / "odd.zip", {**members, "network.pt": pt(MODULES[what], members)})
    with pytest.raises(BundleError, match=r"odd\.zip is not a file that save_results wrote"):
        load_results(path)


MANIFESTS = {
    **{text: text for text in ("[]", "{}", "", "nonsense", "[" * 100_000)},
    **{
        f"{name}: {value}": json.dumps({"version": 1, "models": [], "history": [], name: value})
        for name, value in {"version": "one", "models": [1], "history": [3]}.items()
    },
    "a model that is not there": '{"version": 1, "models": ["gone"], "history": []}',
}


@pytest.mark.parametrize("text", MANIFESTS.values(), ids=[name[:30] for name in MANIFESTS])
def test_manifests_that_are_none(members: dict[str, bytes], tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "odd.zip", {**members, "manifest.json": text.encode()})
    with pytest.raises(BundleError, match=r"odd\.zip"):
        load_results(path)


ARRAYS = {
    "three numbers": {"origin_px.npy": npy(np.arange(3))},
    "not finite": {"origin_px.npy": npy(np.array([np.nan, 1]))},
    "objects": {"object.npy": npy(np.array([{}], dtype=object), allow_pickle=True)},
    "more than there is": {
        "object.npy": npy(np.zeros((3, 30))).replace(b"(3, 30), }        ", b"(3000000, 30000),}")
    },
}


@pytest.mark.parametrize("what", ARRAYS)
def test_arrays_that_are_none(members: dict[str, bytes], tmp_path: Path, what: str) -> None:
    path = write(tmp_path / "odd.zip", {**members, **ARRAYS[what]})
    with pytest.raises(BundleError, match=r"odd\.zip"):
        load_results(path)


@pytest.mark.parametrize("name", ["coverage.npy", "network.pt", "manifest.json", "within network.pt"])
def test_what_would_unfold_is_refused(members: dict[str, bytes], tmp_path: Path, name: str) -> None:
    zeros = {
        "coverage.npy": npy(np.zeros(ZEROS, np.uint8)),
        "network.pt": bytes(ZEROS),
        "manifest.json": b" " * ZEROS + members["manifest.json"],
        "within network.pt": b"",
    }[name]
    changed = {**members, name: zeros}
    if name.startswith("within"):
        large = pt(lambda saved: saved.update(extra=torch.zeros(ZEROS // 4)), members)
        changed = {**members, "network.pt": deflated(large)}
        del large
    path = write(tmp_path / "odd.zip", changed, (name,))
    assert path.stat().st_size < ZEROS / 100

    def load() -> None:
        with pytest.raises(BundleError, match="is compressed"):
            load_results(path)

    assert peak(load) < ZEROS / 8


def test_damage_gives_one_kind_of_error(members: dict[str, bytes], tmp_path: Path) -> None:
    data, rng = write(tmp_path / "a.zip", members).read_bytes(), np.random.default_rng(3)
    refused = 0
    for _ in range(60):
        damaged = bytearray(data[: rng.integers(len(data))] if rng.random() < 0.2 else data)
        for at in rng.integers(len(damaged), size=3):
            damaged[at] ^= 1 << rng.integers(8)
        (tmp_path / "b.zip").write_bytes(damaged)
        try:
            load_results(tmp_path / "b.zip")
        except BundleError:
            refused += 1
    assert refused > 30
