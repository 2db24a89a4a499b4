"""Every option that is one of a few words, once: what may be asked for, and the check of what was."""

from typing import Any, Literal, TypeVar, cast, get_args

from ptychoscope.errors import ConfigError

# --- scans --------------------------------------------------------------------------------------------------
Domain = Literal["counts", "amplitude"]
"""What a pixel of a pattern holds: photons, or their square root."""
Layout = Literal["auto", "NHW", "HWN"]
"""Which axis of a stack of patterns counts the frames."""
Match = Literal["first", "last", "index"]
"""Which of the patterns and positions are kept where their numbers differ; `index`: by the pattern's number
that the file gives with each position."""
PositionUnit = Literal["px", "m"]
"""What a file's positions are in: pixels of the object, or metres."""
Negative = Literal["zero", "unwrap"]
"""What is done with values below 0: set to 0, or 65536 added."""
Operation = Literal["none", "rot90", "rot180", "rot270", "flip_y", "flip_x", "transpose", "antitranspose"]
"""The eight symmetries of the square."""
PatternStep = Literal[Operation, "fftshift"]
"""What may be done to patterns: a symmetry, or the zero frequency brought from the corner to the middle."""
ProbeStep = Literal[Operation, "conjugate"]
"""What may be done to a probe: a symmetry, or the sign of its phase changed."""
ChunkCodec = Literal["lz4_block", "lz4", "bslz4", "bslz4_blocks"]
"""How a chunk is compressed: LZ4, alone or after bitshuffle, as HDF5 frames it or without a header."""
GroupRule = Literal["nearest", "quadrant"]
"""Which frames make a group around a seed."""

# --- simulation ---------------------------------------------------------------------------------------------
ObjectKind = Literal["mix", "leaves", "lines", "screen", "star", "asymmetric", "natural"]
ProbeKind = Literal["zone_plate", "disc", "gaussian"]
ScanPath = Literal["raster", "spiral"]
GapValue = Literal["zero", "negative", "all_ones"]
"""What a detector's file holds where there is no sensor: 0, -1, or the largest unsigned number of 32 bits."""

# --- stitching ----------------------------------------------------------------------------------------------
Interpolation = Literal["nearest", "bilinear", "cubic", "lanczos3"]
"""How a patch is read between its pixels."""
WindowKind = Literal["probe", "none", "hann", "box"]
"""How much a pixel of a patch counts."""
Accumulate = Literal["float32", "float64", "exact"]
"""What a canvas holds its sums in."""
Values = Literal["complex", "real_imag", "amplitude_phase"]
"""What an array of patches holds."""
Align = Literal["none", "sequential", "global"]
"""What is done about the constant phase of every patch."""

# --- networks -----------------------------------------------------------------------------------------------
RunnerKind = Literal["auto", "graph", "unrolled"]
"""How a network runs: as one graph, or pass by pass with the projection outside."""
Merge = Literal["scan", "batch", "none"]
"""Which frames a network of several passes merges between them."""
StitchOn = Literal["host", "device"]
Parallel = Literal["across", "within", "auto"]
"""Threads across batches, or within one."""
ProbeOf = Literal["scan", "model"]
"""Whose probe is used."""
GraphFormat = Literal["onnx", "torchscript"]
Precision = Literal["fp32", "fp16", "int8"]
InputDtype = Literal["float32", "uint16"]
TensorDtype = Literal["float32", "float16", "uint16", "int32"]
TensorLayout = Literal["NCHW", "NHWC"]
ObjectMeaning = Literal["real_imag", "amplitude_phase", "phase"]
ZeroFrequency = Literal["centre", "corner"]
Unmeasured = Literal["fill", "negative", "all_ones"]
"""What a network takes where a pixel is unmeasured: nothing special (the pixel is filled from its
neighbours), by a negative value, or by the largest value of its integers."""

# --- solver -------------------------------------------------------------------------------------------------
StartFrom = Literal["network", "empty"]
"""What a run begins with, where it is no saved result."""
Stage = Literal["network", "arrival", "choice", "sweeps", "first half", "second half"]
"""What a run does at the moment."""
SweepStart = Literal["empty", "image"]
"""What sweeps begin with: nothing, or an image that is nearly right."""
SweepMode = Literal["sequential", "averaged", "examined"]
"""What a sweep does with the corrected exit waves."""
ProbeUse = Literal["keep", "update", "find"]
PositionUse = Literal["keep", "correct"]
Effort = Literal["fast", "balanced", "best"]
"""How much may be spent where a run decides by itself."""

# --- live ---------------------------------------------------------------------------------------------------
LiveKeep = Literal["all", "newest"]
"""What a live run does when it is behind: let its sources wait, or drop the frames that waited longest."""
ServedAs = Literal["dectris", "dectris2", "swmr", "pva", "panda"]
"""Which wire a stored scan is sent by; `panda` sends its positions alone."""
SenderKind = Literal["push", "pub"]
"""How a simulator sends: to one reader, which it waits for, or to all that listen."""

# --- verdict ------------------------------------------------------------------------------------------------
Explained = Literal["explained", "partly explained", "not explained", "too few photons to tell"]
"""How well an image explains the frames that it was made from."""

# --- training -----------------------------------------------------------------------------------------------
NetworkInput = Literal["amplitude", "backprojection"]
NetworkHead = Literal["real_imag", "amplitude_phase"]
Loss = Literal["poisson", "mae"]
Optimizer = Literal["muon", "adamw"]
LearningSchedule = Literal["one_cycle", "flat"]
TrainingPrecision = Literal["auto", "float32", "bfloat16"]
Symmetries = Literal["none", "half_turn", "all"]
SimulatedProbes = Literal["given", "random"]
LoggerName = Literal["none", "csv", "tensorboard", "mlflow"]

# --- pictures -----------------------------------------------------------------------------------------------
ColorMap = Literal["gray", "viridis", "magma", "RdBu_r", "twilight"]
PicturePanel = Literal["amplitude", "phase", "coverage", "spread", "frames", "detector"]
"""What the picture of a result shows; the last two are the misfit of its frames and of detector pixels."""

Word = TypeVar("Word", bound=str)


def words(literal: object) -> tuple[str, ...]:
    """The words of a Literal."""
    return get_args(literal)


def one_of(name: str, value: Word, literal: object) -> Word:
    """`value` when it is one of the words of a Literal; raises `ConfigError` that names them."""
    if value not in get_args(literal):
        raise ConfigError(f"{name} must be one of {', '.join(get_args(literal))}, got {value!r}")
    return cast(Any, value)  # type: ignore[no-any-return]
