"""What a foreign graph is: read off its tensors, and told from what it makes of frames."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ExportError
from ptychoscope.inference.graph_runner import GraphRunner
from ptychoscope.inference.model_config import ModelConfig, ObjectSpec, TensorSpec
from ptychoscope.inference.session import Session, Tensor
from ptychoscope.option_literals import Domain, ObjectMeaning, TensorDtype, ZeroFrequency

from .head_names import PARTS, ordered_by_name, part_of

_MOST_CHANNELS = 16


@dataclass(frozen=True, kw_only=True)
class GraphDescription:
    """What cannot be read off a graph; None where it shall be found out."""

    domain: Domain
    scale: float = 1.0
    """Patterns in `domain` are multiplied by this."""
    dc: ZeroFrequency = "centre"
    outputs: tuple[str, ...] = ()
    """Names of the one or two outputs that make the object."""
    meaning: ObjectMeaning | None = None
    order: tuple[int, ...] | None = None
    inner_crop_px: int = 0
    pixel_size_m: float | None = None
    licence: str = ""


def diffraction_input(session: Session) -> tuple[str, TensorSpec]:
    """The only input that must be given, and what it is; `ExportError` when there is not exactly one."""
    needed = {name: tensor for name, tensor in session.inputs.items() if not tensor.optional}
    if len(needed) != 1:
        raise ExportError(f"the graph must have one input, the diffraction; it has {sorted(needed)}")
    ((name, tensor),) = needed.items()
    return name, tensor_spec(name, tensor, "diffraction")


def tensor_spec(name: str, tensor: Tensor, role: Literal["diffraction", "object"]) -> TensorSpec:
    """What a tensor of the graph is, told from its shape and type; `ExportError` when it is no images."""
    shape = tensor.shape
    if len(shape) != 4 or None in shape[1:]:
        raise ExportError(f"{role} {name!r} must have four axes of known size after the batch, got {shape}")
    _, a, b, c = (size or 0 for size in shape)
    first = b == c and a <= _MOST_CHANNELS
    if not first and not (a == b and c <= _MOST_CHANNELS):
        raise ExportError(f"{role} {name!r} of shape {shape} is neither (B, C, P, P) nor (B, P, P, C)")
    size, channels = ((b, c), a) if first else ((a, b), c)
    try:
        return TensorSpec(
            name=name,
            role=role,
            layout="NCHW" if first else "NHWC",
            dtype=msgspec.convert(tensor.dtype, TensorDtype),
            size_px=size,
            channels=channels,
        )
    except msgspec.ValidationError as error:
        raise ExportError(f"{role} {name!r} has type {tensor.dtype}: {error}") from error


def channel_meaning(
    config: ModelConfig,
    session: Session,
    counts: NDArray[Any],
    description: GraphDescription,
    heads: tuple[str, ...],
) -> ObjectSpec:
    """What the channels are: as said, by the names of the `heads` they come from, or by their ranges on the
    frames. `ExportError` where nothing tells, or one contradicts another.
    """
    group, channels = config.group.size, config.tensor("object").channels
    if description.meaning is not None:
        return _said(description.meaning, description.order, heads, group, channels)
    if description.order is not None:
        raise ExportError("the order of the channels says nothing without their meaning: say --meaning too")
    low, high = _ranges(config, session, counts)
    ranges = ", ".join(f"{k}: {a:.3g} to {b:.3g}" for k, (a, b) in enumerate(zip(low, high, strict=True)))
    if channels == group:
        return _alone(heads[0], group, min(low), max(high), ranges)
    signed = (min(low[:group]) < 0, min(low[group:]) < 0)
    if len(heads) == 2 and any(part_of(name) for name in heads):
        return _named(heads, signed, group, ranges)
    if signed == (False, True):
        return _spec("amplitude_phase", (0, 1), group)
    if signed == (True, False):
        return _spec("amplitude_phase", (1, 0), group)
    if signed == (True, True):
        return _spec("real_imag", (0, 1), group)
    raise _untold(f"what the output channels mean cannot be told from their ranges ({ranges})")


def _untold(why: str) -> ExportError:
    return ExportError(f"{why}: say it with --meaning")


def _spec(meaning: ObjectMeaning, order: tuple[int, ...], group: int) -> ObjectSpec:
    """The parts of `meaning` in the blocks `order` of `group` channels each."""
    return ObjectSpec(meaning=meaning, order=tuple(k * group + n for k in order for n in range(group)))


def _alone(name: str, group: int, low: float, high: float, ranges: str) -> ObjectSpec:
    """One plane for every frame: the phase, where it can be told from an amplitude."""
    part = part_of(name)
    if part not in (None, "phase"):
        raise ExportError(
            f"output {name!r} is by its name the {part} alone, which is no object: name it with its partner "
            "(--outputs NAME,NAME), or say --meaning phase if it is the phase after all"
        )
    if max(-low, high) > np.pi * 1.001 or high <= low:
        raise _untold(f"what the output channels mean cannot be told from their ranges ({ranges})")
    if low >= 0 and part is None:
        raise ExportError(
            f"output {name!r} is never negative ({ranges}), so it may be the amplitude or the phase: say "
            "--meaning phase if it is the phase; an amplitude alone is no object"
        )
    return _spec("phase", (0,), group)


def _named(heads: tuple[str, ...], signed: tuple[bool, bool], group: int, ranges: str) -> ObjectSpec:
    """Two outputs of which one at least has a name that tells."""
    for meaning in ("amplitude_phase", "real_imag"):
        order = ordered_by_name(heads, meaning)
        if order is None:
            continue
        first = signed[order[0]]
        sure = all(part_of(name) for name in heads)
        if meaning == "amplitude_phase" and first and not (sure and signed[order[1]]):
            break
        return _spec(meaning, order, group)
    raise _untold(
        f"the outputs {' and '.join(heads)} are not what their names say, or these say too little "
        f"({ranges}; an amplitude is never negative)"
    )


def _said(
    meaning: ObjectMeaning, order: tuple[int, ...] | None, heads: tuple[str, ...], group: int, channels: int
) -> ObjectSpec:
    planes = group * len(PARTS[meaning])
    natural = tuple(range(planes))
    if order is None and len(heads) * group == channels:
        by_name = ordered_by_name(heads, meaning) if len(heads) > 1 else None
        if by_name is not None:
            return _spec(meaning, by_name, group)
    order = natural if order is None and planes == channels else order
    if order is None or len(order) != planes or len(set(order) & set(range(channels))) != planes:
        raise ExportError(
            f"{meaning} takes {planes} of the output's {channels} channel(s): say which and in which order "
            f"(--order {','.join(map(str, natural))}), or name another output (--outputs NAME)"
        )
    return ObjectSpec(meaning=meaning, order=order)


def _ranges(config: ModelConfig, session: Session, counts: NDArray[Any]) -> tuple[list[float], list[float]]:
    """Least and largest value of every output channel."""
    runner = GraphRunner(session, config)
    feeds = runner.feeds(_whole_batch(config, counts), "counts")
    output = session.run(runner.output, feeds)
    planes = output if config.tensor("object").layout == "NCHW" else np.moveaxis(output, -1, 1)
    if not np.isfinite(planes).all():
        raise ExportError(
            "the graph makes values that are not finite of these frames: check domain and scale"
        )
    return planes.min(axis=(0, 2, 3)).tolist(), planes.max(axis=(0, 2, 3)).tolist()


def _whole_batch(config: ModelConfig, counts: NDArray[Any]) -> NDArray[Any]:
    if config.batch != "fixed" or config.batch_size is None:
        return counts
    return np.resize(counts, (config.batch_size * config.group.size, *counts.shape[1:]))
