"""ModelConfig: the schema of model.json, the one contract between training, export and runtime.

A bundle is a directory with a graph, `model.json` (this schema), `golden.npz` and, where the network needs
one, `probe.npy`. Unknown keys, wrong types and newer schemas are refused.
"""

import json
from inspect import cleandoc
from typing import Annotated, Any, Literal

import msgspec

from ptychoscope.errors import BundleError
from ptychoscope.option_literals import (
    Domain,
    GraphFormat,
    Interpolation,
    ObjectMeaning,
    Precision,
    TensorDtype,
    TensorLayout,
    Unmeasured,
    WindowKind,
    ZeroFrequency,
)

SCHEMA_VERSION = 1

Side = Annotated[int, msgspec.Meta(ge=1, le=16384)]
"""Of a pattern or a patch, in pixels."""
Channels = Annotated[int, msgspec.Meta(ge=1, le=1024)]
Channel = Annotated[int, msgspec.Meta(ge=0, lt=1024)]
BatchSize = Annotated[int, msgspec.Meta(ge=1, le=4096)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*$", max_length=100)]
"""A file beside model.json: a plain name, never a path."""


class _Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class FileSpec(_Spec, frozen=True, kw_only=True):
    """A file of the bundle and its digest."""

    file: FileName
    sha256: Sha256


class TensorSpec(_Spec, frozen=True, kw_only=True):
    """One input or output of the graph."""

    name: str
    role: Literal["diffraction", "probe", "object"]
    """`diffraction` (B, C, P, P); `probe` (M, 2, P, P), of every mode the real and the imaginary part;
    `object` (B, 2 C, P, P). Probe and object are centred at index P // 2."""
    layout: TensorLayout = "NCHW"
    dtype: TensorDtype = "float32"
    size_px: tuple[Side, Side]
    """(H, W)"""
    channels: Channels
    optional: bool = False
    """An input with a default inside the graph (the probe the network was exported with)."""


class PatternSpec(_Spec, frozen=True, kw_only=True):
    """What the network expects of a diffraction pattern."""

    domain: Domain
    dc: ZeroFrequency = "centre"
    """Where the zero frequency lies: index P // 2, or index 0."""
    scale: Annotated[float, msgspec.Meta(ge=1e-12, le=1e12)] = 1.0
    """The input is multiplied by this before the graph sees it."""
    unmeasured: Unmeasured = "fill"
    """What the graph is given where the detector says nothing: `fill`, the mean of the measured neighbours;
    `negative`, -1; `all_ones`, the largest value of its integers."""


class ObjectSpec(_Spec, frozen=True, kw_only=True):
    """What the output channels mean."""

    meaning: ObjectMeaning
    """`phase` alone: the amplitude is 1."""
    order: tuple[Channel, ...] = (0, 1)
    """Channel index of (real, imaginary), of (amplitude, phase), or of (phase,)."""


class GroupSpec(_Spec, frozen=True, kw_only=True):
    """How many frames enter the network together."""

    size: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    rule: Literal["single", "nearest"] = "single"


class StitchSpec(_Spec, frozen=True, kw_only=True):
    """How patches are put together unless the user says otherwise."""

    window: WindowKind = "probe"
    """See `windows.py`; `probe` is the summed intensity of the probe modes."""
    interpolation: Interpolation = "cubic"
    inner_crop_px: Annotated[int, msgspec.Meta(ge=0, lt=8192)] = 0
    """Pixels to leave out on every side of a patch."""


class PassesSpec(_Spec, frozen=True, kw_only=True):
    """The same network as its passes, for the runtime to project and merge patches between them.

    A pass is a graph (`patch`, `residual`) -> `object`, all (B, 2, P, P) float32, real and imaginary. The
    residual of patch o is sum_m conj(P_m) IFFT(U_m (A / sqrt(sum |U|^2 + dark) - 1)) divided by
    sum |P|^2 + regularisation * max sum |P|^2, with U_m = FFT(P_m o), orthonormal; the first patch is 1.
    """

    graphs: Annotated[tuple[FileSpec, ...], msgspec.Meta(min_length=1, max_length=64)]
    regularisation: Annotated[float, msgspec.Meta(gt=0, le=1)]
    dark: Annotated[float, msgspec.Meta(ge=0, le=1)]
    """Relative to the probe's mean counts per pixel."""


class GoldenSpec(FileSpec, frozen=True, kw_only=True):
    """Inputs and outputs that the runtime recomputes at load."""

    tolerance: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    """Largest allowed absolute difference; the object's modulus is about 1."""


class Provenance(_Spec, frozen=True, kw_only=True):
    """Where the model comes from; never enters its digest."""

    created: str = ""
    versions: dict[str, str] = {}
    training_data_sha256: str = ""
    training: dict[str, Any] = {}
    """The training configuration."""
    metrics: dict[str, float] = {}
    licence: str = ""


_GRAPH = (
    "The graph. Its sha256 is that of an ONNX file without the fields of its metadata_props, in which these "
    "very bytes lie; of a TorchScript file and of the graphs of the passes it is that of the whole file."
)
_PROBE = (
    "(M, P, P) complex64, M incoherent modes centred at index P // 2. Its unit is the square root of a "
    "photon: the sum of |probe|^2 over modes and pixels is the photons of a pattern, and the far field is an "
    "orthonormal FFT."
)


class ModelConfig(_Spec, frozen=True, kw_only=True):
    """model.json."""

    schema_version: Annotated[int, msgspec.Meta(ge=1)] = SCHEMA_VERSION
    graph: Annotated[FileSpec, msgspec.Meta(description=_GRAPH)]
    format: GraphFormat = "onnx"
    precision: Precision = "fp32"
    """Of the convolutions; inputs and outputs are as `inputs` and `outputs` say."""
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    batch: Literal["dynamic", "fixed", "relaxed"] = "dynamic"
    batch_size: BatchSize | None = None
    """For `fixed` and `relaxed`: the batch the graph was written with."""
    patterns: PatternSpec
    object: ObjectSpec
    group: GroupSpec = GroupSpec()
    stitch: StitchSpec = StitchSpec()
    pixel_size_m: Annotated[float, msgspec.Meta(ge=1e-15, le=1e-2)] | None = None
    """Side of an object pixel."""
    probe: Annotated[FileSpec | None, msgspec.Meta(description=_PROBE)] = None
    passes: PassesSpec | None = None
    golden: GoldenSpec
    provenance: Provenance = Provenance()

    def to_json(self) -> bytes:
        """The bytes of model.json."""
        return msgspec.json.format(msgspec.json.encode(self, order="deterministic"), indent=2) + b"\n"

    @classmethod
    def from_json(cls, text: bytes) -> "ModelConfig":
        """Read model.json; raises `BundleError` naming the key that is wrong."""
        try:
            version = msgspec.json.decode(text).get("schema_version", SCHEMA_VERSION)
        except (msgspec.DecodeError, UnicodeDecodeError, AttributeError, RecursionError) as error:
            raise BundleError(f"model.json is not a JSON object ({error}): export the model again") from error
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise BundleError(
                f"model.json has schema_version {version}, this Ptychoscope reads up to {SCHEMA_VERSION}: "
                "upgrade with pip install -U ptychoscope"
            )
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BundleError(f"model.json: {error}") from error

    def tensor(self, role: str) -> TensorSpec:
        """The input or output with this role; `BundleError` when there is none."""
        for spec in (*self.inputs, *self.outputs):
            if spec.role == role:
                return spec
        raise BundleError(f"model.json names no tensor with role {role!r}")


def json_schema() -> dict[str, Any]:
    """JSON Schema of model.json, as `docs/model.schema.json` holds it."""
    schema: dict[str, Any] = msgspec.json.schema(ModelConfig)
    for part in schema["$defs"].values():
        if "description" in part:
            part["description"] = cleandoc(part["description"])
    return schema


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2))  # noqa: T201
