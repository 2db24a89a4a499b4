"""Session: an onnxruntime session on the device that was asked for, or an error, never another device.

onnxruntime falls back to the CPU with no more than a log line when CUDA cannot be loaded. Two guards stop
that: no node may fall back (`session.disable_cpu_ep_fallback`), and the provider that the session reports
must be the one that was requested.
"""

import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import BundleError, ConfigError, DeviceError, MissingExtraError

log = logging.getLogger(__name__)

_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
_CURES = {
    "cpu": 'install onnxruntime again: pip install "ptychoscope[cpu]"',
    "cuda": 'pip uninstall onnxruntime, then pip install "ptychoscope[gpu]"; it needs an NVIDIA driver',
    "tensorrt": "install TensorRT 10 beside ptychoscope[gpu], or use device='cuda'",
    "openvino": "pip uninstall onnxruntime, then pip install onnxruntime-openvino, or use device='cpu'",
}
_CONFIG = {
    "session.intra_op.allow_spinning": "0",
    # A graph is ONNX, never onnxruntime's own format by the look of its bytes, and has no tensors in files:
    # from onnxruntime 1.21 on they are looked for where no folder can be.
    "session.load_model_format": "ONNX",
    "session.model_external_initializers_file_folder_path": "/dev/null/none",
    # A few bytes may unfold to any number of values; they do so in a run, which can be ended.
    "optimization.disable_specified_optimizers": "ConstantFolding",
}
_PIXELS_AT_ONCE = 16 * 64**2
"""Of patterns that go through a graph at once, for each thread of a CPU: more only takes memory."""
_ONNX_TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(uint16)": "uint16",
    "tensor(int32)": "int32",
}


@dataclass(frozen=True)
class Tensor:
    """An input or output as the graph declares it."""

    dtype: str
    shape: tuple[int | None, ...]
    """None where the size is free."""
    optional: bool = False


@dataclass(frozen=True, eq=False)
class Session:
    """A graph ready to run. `run` may be called from several threads and does not hold the GIL."""

    device: str
    provider: str
    threads: int
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    _ort: Any
    _run_options: Any
    _value: Callable[[NDArray[Any]], Any]
    _failures: tuple[type[Exception], ...]

    def run(self, output: str, feeds: dict[str, NDArray[Any]]) -> NDArray[Any]:
        """The tensor `output` for these inputs; `BundleError` when onnxruntime cannot compute it."""
        try:
            return self._ort.run([output], feeds, self._run_options)[0]  # type: ignore[no-any-return]
        except self._failures as error:
            raise BundleError(f"onnxruntime could not run the graph on {self.provider}: {error}") from error

    def in_pieces(
        self, made: Callable[[slice], NDArray[Any]], frames: int, side_px: int, *, group: int = 1
    ) -> NDArray[Any]:
        """What `made` makes of `frames` patterns of `side_px`, in whole groups, a few at a time on a CPU.

        So the memory of a run does not grow with the caller's batch; no bit of a patch depends on it.
        """
        most = frames
        if self.device == "cpu":
            most = max(_PIXELS_AT_ONCE * self.threads // (side_px**2 * group), 1) * group
        if frames <= most:
            return made(slice(0, frames))
        return np.concatenate([made(slice(at, min(at + most, frames))) for at in range(0, frames, most)])

    def stop(self) -> None:
        """End what runs, after the operator at hand, and let nothing run again."""
        self._run_options.terminate = True

    def run_there(self, output: str, feeds: dict[str, NDArray[Any]]) -> Any:
        """The same as an `OrtValue` in the memory of the session's device, complete when this returns."""
        kind, index = parse_device(self.device)
        binding = self._ort.io_binding()
        try:
            for name, array in feeds.items():
                binding.bind_ortvalue_input(name, self._value(np.ascontiguousarray(array)))
            binding.bind_output(output, "cuda" if kind in ("cuda", "tensorrt") else "cpu", index)
            self._ort.run_with_iobinding(binding, self._run_options)
        except self._failures as error:
            raise BundleError(f"onnxruntime could not run the graph on {self.provider}: {error}") from error
        return binding.get_outputs()[0]


def open_session(graph: bytes, *, device: str = "cpu", threads: int | None = None) -> Session:
    """A session for the ONNX file `graph`.

    `device` is "cpu", "cuda", "cuda:N", "tensorrt", "tensorrt:N", "openvino" or "auto" (CUDA when it works,
    otherwise the CPU; the choice is logged). `threads` are the threads within an operator, None for the cores
    that this process may use; they do not spin while they wait, so that other work on these cores goes on.
    Raises `ConfigError`, `DeviceError`, `MissingExtraError` or `BundleError`.
    """
    kind, index = parse_device(device)
    if threads is not None and threads < 1:
        raise ConfigError(f"threads must be at least 1, got {threads}")
    count = threads or len(os.sched_getaffinity(0))
    ort = _onnxruntime()
    if kind == "auto":
        try:
            session = _open(ort, graph, "cuda", 0, count)
        except DeviceError as reason:
            session = _open(ort, graph, "cpu", 0, count)
            log.info("device auto: took the CPU, because %s", reason)
        else:
            log.info("device auto: took %s", session.device)
        return session
    return _open(ort, graph, kind, index, count)


def parse_device(device: str) -> tuple[str, int]:
    """The kind of a device and its number; raises `ConfigError`."""
    match = re.fullmatch(r"(cpu|openvino|auto)|(cuda|tensorrt)(?::(\d{1,3}))?", device)
    if match is None:
        raise ConfigError(
            f'device must be "cpu", "cuda", "cuda:N", "tensorrt", "openvino" or "auto", got {device!r}'
        )
    return match[1] or match[2], int(match[3] or 0)


def _onnxruntime() -> ModuleType:
    try:
        return import_module("onnxruntime")
    except ImportError as error:
        raise MissingExtraError(
            'running a model needs onnxruntime: pip install "ptychoscope[cpu]", or "ptychoscope[gpu]" on a '
            f"machine with an NVIDIA GPU ({error})"
        ) from error


def _open(ort: ModuleType, graph: bytes, kind: str, index: int, threads: int) -> Session:
    wanted = _PROVIDERS[kind]
    device = f"{kind}:{index}" if kind in ("cuda", "tensorrt") else kind
    if wanted not in ort.get_available_providers():
        raise DeviceError(
            f"device {device!r} was requested, and this onnxruntime {ort.__version__} was built without "
            f"{wanted} (it has {', '.join(ort.get_available_providers())}): {_CURES[kind]}"
        )
    if kind in ("cuda", "tensorrt"):
        ort.preload_dlls()
    failures = _failures(ort)
    providers = [(wanted, _provider_options(kind, index))]
    try:
        options = _options(ort, kind, threads)
        # whatever the environment says, a graph's metadata sets no options
        session = _without_fallback(ort)(graph, options, providers=providers, read_config_from_model=0)
        inputs, outputs = _signature(session)
    except failures as error:
        if kind == "cpu":
            raise BundleError(f"onnxruntime cannot load the graph: {error}") from error
        raise DeviceError(f"device {device!r} cannot run the graph: {error}. {_CURES[kind]}") from error
    used = session.get_providers()[0]
    if used != wanted:
        raise DeviceError(
            f"device {device!r} was requested and onnxruntime took {used} instead: its libraries or the "
            f"driver could not be loaded; {_CURES[kind]}"
        )
    make_value = ort.OrtValue.ortvalue_from_numpy
    return Session(device, used, threads, inputs, outputs, session, ort.RunOptions(), make_value, failures)


def _without_fallback(ort: ModuleType) -> Any:
    """onnxruntime's class without its own fallback, which prints on stdout and takes the CPU."""
    never = property(lambda _: False, lambda *_: None)
    return type("InferenceSession", (ort.InferenceSession,), {"_enable_fallback": never})


def _options(ort: ModuleType, kind: str, threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    for key, value in _CONFIG.items():
        options.add_session_config_entry(key, value)
    if kind != "cpu":
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return options


def _provider_options(kind: str, index: int) -> dict[str, str]:
    if kind == "cuda":
        return {"device_id": str(index), "use_tf32": "0"}
    if kind == "tensorrt":
        return {"device_id": str(index)}
    if kind == "openvino":
        return {"device_type": "CPU", "precision": "FP32"}
    return {}


def _failures(ort: ModuleType) -> tuple[type[Exception], ...]:
    """onnxruntime's own errors, and what C++ raises through it: of sizes, values, names that are no text."""
    known = vars(ort.capi.onnxruntime_pybind11_state).values()
    own = [kind for kind in known if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*own, RuntimeError, MemoryError, ValueError)


def _signature(session: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    inputs = {node.name: _tensor(node) for node in session.get_inputs()}
    inputs |= {node.name: _tensor(node, optional=True) for node in session.get_overridable_initializers()}
    return inputs, {node.name: _tensor(node) for node in session.get_outputs()}


def _tensor(node: Any, *, optional: bool = False) -> Tensor:
    shape = tuple(size if isinstance(size, int) else None for size in node.shape)
    return Tensor(_ONNX_TYPES.get(node.type, node.type), shape, optional)
