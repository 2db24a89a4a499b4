"""Whether a graph has the inputs and outputs that its sidecar describes."""

from ptychoscope.errors import BundleError
from ptychoscope.inference.bundle import Bundle
from ptychoscope.inference.model_config import ModelConfig, TensorSpec
from ptychoscope.inference.session import Session, Tensor


def tensor_shape(spec: TensorSpec, frames: int) -> tuple[int, ...]:
    """The shape of the tensor for so many frames."""
    height, width = spec.size_px
    if spec.layout == "NCHW":
        return (frames, spec.channels, height, width)
    return (frames, height, width, spec.channels)


def checked_tensors(bundle: Bundle, session: Session) -> tuple[TensorSpec, TensorSpec]:
    """The diffraction input and the object output; `BundleError` where graph and sidecar differ."""
    config = bundle.config
    named = {spec.name for spec in config.inputs}
    unnamed = [name for name, tensor in session.inputs.items() if name not in named and not tensor.optional]
    if unnamed:
        raise BundleError(f"model.json does not say what the graph's input {unnamed[0]!r} is: export again")
    for spec in config.inputs:
        _check_tensor(spec, session.inputs, "input")
        if spec.role == "diffraction":
            _check_batch(config, session.inputs[spec.name])
    for spec in config.outputs:
        _check_tensor(spec, session.outputs, "output")
    diffraction, object_ = config.tensor("diffraction"), config.tensor("object")
    _check_meaning(config, diffraction, object_)
    takes_probe = any(spec.role == "probe" for spec in config.inputs)
    if takes_probe and (bundle.probe is None or bundle.probe.shape[1:] != diffraction.size_px):
        shape = None if bundle.probe is None else bundle.probe.shape
        raise BundleError(f"the network needs a probe of {diffraction.size_px}, the bundle holds {shape}")
    return diffraction, object_


def _check_meaning(config: ModelConfig, diffraction: TensorSpec, object_: TensorSpec) -> None:
    group, order = config.group.size, config.object.order
    planes = group * (1 if config.object.meaning == "phase" else 2)
    if diffraction.channels != group:
        raise BundleError(
            f"model.json: {diffraction.channels} input channel(s) for groups of {group} frame(s)"
        )
    if len(order) != planes or len(set(order)) != planes or max(order) >= object_.channels:
        raise BundleError(
            f"model.json: order {order} must name {planes} different channels of {object_.channels} for "
            f"{config.object.meaning} in groups of {group}"
        )
    crop = config.stitch.inner_crop_px
    if 2 * crop >= min(object_.size_px):
        raise BundleError(
            f"model.json: inner_crop_px {crop} leaves nothing of patches of {object_.size_px} px: export it "
            "with less"
        )


def _check_batch(config: ModelConfig, tensor: Tensor) -> None:
    declared = config.batch_size if config.batch == "fixed" else None
    if tensor.shape[0] != declared:
        raise BundleError(
            f"the graph takes batches of {tensor.shape[0] or 'any size'}, model.json says {config.batch} "
            f"{declared or ''}: adopt or export it again"
        )


def checked_passes(sessions: tuple[Session, ...]) -> tuple[Session, ...]:
    """The sessions of the passes when each maps patch and residual to object; `BundleError` otherwise.

    A pass may also read the coverage.
    """
    for number, session in enumerate(sessions):
        reads, makes = set(session.inputs), set(session.outputs)
        if reads - {"coverage"} != {"patch", "residual"} or makes != {"object"}:
            raise BundleError(
                f"pass {number} maps {sorted(reads)} to {sorted(makes)}, not patch, residual and, where it "
                "reads one, coverage to object: export again"
            )
    return sessions


def _check_tensor(spec: TensorSpec, tensors: dict[str, Tensor], kind: str) -> None:
    tensor = tensors.get(spec.name)
    if tensor is None:
        raise BundleError(
            f"the graph has no {kind} {spec.name!r}, it has {sorted(tensors)}: not its model.json"
        )
    if tensor.dtype != spec.dtype:
        raise BundleError(f"{kind} {spec.name!r} is {tensor.dtype} in the graph, {spec.dtype} in model.json")
    declared = tensor_shape(spec, 0)[1:]
    same = len(tensor.shape) == 4 and all(
        have in (None, want) for have, want in zip(tensor.shape[1:], declared, strict=True)
    )
    if not same:
        raise BundleError(
            f"{kind} {spec.name!r} is {tensor.shape} in the graph, (n, *{declared}) in model.json"
        )
