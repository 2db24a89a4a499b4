"""TrainConfig: everything that decides what a training does. A value, stored with what it made."""

from typing import Annotated

import msgspec

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import (
    GroupRule,
    LearningSchedule,
    LoggerName,
    Loss,
    NetworkHead,
    NetworkInput,
    ObjectKind,
    Optimizer,
    SimulatedProbes,
    Symmetries,
    TrainingPrecision,
)

Positive = Annotated[int, msgspec.Meta(ge=1)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
NonNegative = Annotated[float, msgspec.Meta(ge=0)]
AboveZero = Annotated[float, msgspec.Meta(gt=0)]

_DEFAULT_STEPS = 2000
_GROUP = 16


class Simulated(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Scans that are simulated while the network trains, new ones every epoch."""

    objects: tuple[ObjectKind, ...] = ("mix", "leaves", "lines", "screen", "star")
    """Kinds of objects, one drawn for each scan."""
    probes: SimulatedProbes = "given"
    """`given`: those of the scans handed in; `random`: kinds, defocus and aberrations drawn for each scan."""
    photons: tuple[AboveZero, AboveZero] = (3e5, 1e6)
    """Photons per pattern, drawn evenly in the logarithm."""
    step_px: tuple[AboveZero, AboveZero] = (5.0, 7.0)
    """Spacing of the raster."""
    sub_pixel: bool = False
    """Positions between pixels."""
    scans: Positive = 6
    """Scans per epoch."""
    rows: Positive = 12
    columns: Positive = 12


class TrainConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every default is one that trains; the defaults are those that measured best."""

    network: str = "fast"
    """A name of `ptychoscope.train.networks`."""
    width: Positive = 16
    """Channels of the network's first level."""
    passes: Positive | None = None
    """Passes of an unrolled network while training, the middle ones with the same weights; None for its own
    number."""
    run_passes: Positive | None = None
    """Passes of the network that is kept; None for two more than in training where there is a middle pass."""
    select_passes: bool = True
    """Choose `run_passes` by the held-back likelihood after training, where it is None."""
    input: NetworkInput | None = None
    """What the network reads; None for its own: the residual, or the amplitude for `pinn_cnn`."""
    head: NetworkHead = "real_imag"
    """What the network's last layer means."""

    group_size: Positive | None = None
    """Neighbouring frames that are merged before the forward model; 1 leaves every frame unmerged. None: 16,
    or 32 with held-out photons, since the overlap then decides how much is smoothed."""
    group_rule: GroupRule = "nearest"
    batch_size: Positive | None = None
    """Groups per step; None for as many as make 32 frames."""
    groups_per_epoch: Positive | None = None
    """None for one pass over the frames, and more where that makes fewer than 50 steps."""
    unmerged: Fraction = 0.0
    """Part of the steps in which the passes see frames on their own, as at the start of a scan."""
    sparse: Fraction | None = None
    """Part of the groups that are drawn from the scan thinned to 2 to 4 times its spacing. None: a half for
    `unrolled` without held-out photons, else 0."""
    held_out_photons: Fraction | None = None
    """Part of the photons, drawn anew each time, that the network does not see and the loss is taken of
    (binomial thinning), to copy less of the noise. None: 0.15 where a pixel counts fewer than 20 photons on
    average, else 0."""
    augment: Symmetries = "none"
    """Symmetries that patterns, probe and positions undergo: half a turn, or all of the square."""
    holdout: Fraction = 0.1
    """Part of each scan, contiguous, that is held back to watch the likelihood."""

    simulated: Simulated | None = None
    """Train on simulated scans; those handed in bring the probes and are watched. None: train on them."""

    loss: Loss = "poisson"
    total_variation: NonNegative = 0.0
    """Weight of the total variation of the merged patches."""
    supervised: NonNegative = 0.0
    """Weight of the distance to the true patches; the scans must hold their object."""

    optimizer: Optimizer = "muon"
    learning_rate: AboveZero = 2e-3
    """AdamW's; Muon's is 2.5 times as large."""
    weight_decay: NonNegative = 0.0
    schedule: LearningSchedule = "one_cycle"
    ema: Fraction = 0.995
    """Decay per step of the averaged weights, which are the ones that are kept; 0 keeps the last."""
    gradient_clip: AboveZero = 1.0
    """Largest norm of the gradient."""

    train_probe: bool = False
    """Let the training mend the probe."""
    probe_learning_rate: AboveZero = 1e-3
    """Step of a trained probe, relative to its root mean square."""
    train_intensity: bool = False
    """Let the training find the photons per pattern of each scan."""
    refine_positions: bool = False
    """Let the training move the positions by fractions of a pixel."""
    position_learning_rate_px: AboveZero = 0.01
    """Step of a refined position, in pixels."""

    patience: Positive = 15
    """Epochs without a better held-back likelihood before training stops."""
    max_epochs: Positive | None = None
    max_steps: Positive | None = None
    """Training ends at the first limit; the learning rate follows the nearest one. 2000 steps by default."""
    max_time_s: AboveZero | None = None
    """Wall time."""
    max_cpu_time_s: AboveZero | None = None
    """CPU time of all processes and threads: what two machines can compare."""

    device: str = "cpu"
    """`cpu`, `cuda` or `cuda:N`."""
    precision: TrainingPrecision = "auto"
    """Of the convolutions alone; transforms and loss are float32. `auto`: bfloat16 where it is fast."""
    devices: Positive | None = None
    """Processes on each machine, each with a part of every batch; None for as many as torchrun or srun
    started, and otherwise one."""
    num_nodes: Positive | None = None
    """Machines; None likewise."""
    threads: Positive | None = None
    """CPU threads; None for all, or one where the first steps show that they hinder one another."""
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 0
    logger: LoggerName = "none"

    @property
    def frames_per_group(self) -> int:
        """`group_size`, or that of bright scans."""
        return self.group_size or _GROUP

    @property
    def groups_per_batch(self) -> int:
        """Groups per step."""
        return self.batch_size or max(1, 32 // self.frames_per_group)

    @property
    def step_limit(self) -> int | None:
        """`max_steps`, or its default when no limit is set."""
        limits = (self.max_epochs, self.max_steps, self.max_time_s, self.max_cpu_time_s)
        return _DEFAULT_STEPS if all(limit is None for limit in limits) else self.max_steps

    @classmethod
    def from_dict(cls, values: dict[str, object]) -> "TrainConfig":
        """Check plain values; raises `ConfigError` naming the option that is wrong."""
        try:
            return msgspec.convert(values, cls)
        except msgspec.ValidationError as error:
            key = str(error).rpartition("$.")[2].rstrip("`")
            given = f", got {values[key]!r}" if key in values else ""
            raise ConfigError(f"training configuration: {error}{given}") from error

    def to_dict(self) -> dict[str, object]:
        """The plain values, for checkpoints and config.json."""
        plain: dict[str, object] = msgspec.to_builtins(self)
        return plain
