"""Every error that a user can cause or cure: each message names the thing, the value and the cure."""


class PtychoscopeError(Exception):
    """Base of all errors raised on purpose; the command line shows the message and exits with `exit_code`."""

    exit_code = 2


class ScanError(PtychoscopeError, ValueError):
    """A scan, or a file that should hold one, is not what it must be."""


class ConfigError(PtychoscopeError, ValueError):
    """An option or a configuration has a value that it cannot have."""


class BundleError(PtychoscopeError, ValueError):
    """A bundle, its sidecar or its graph is damaged, unknown or not what it says it is."""


class DeviceError(PtychoscopeError, RuntimeError):
    """A requested device or execution provider is not there or was not used."""


class ResultError(PtychoscopeError, ValueError):
    """A reconstruction, or a file that should hold one, is not what it must be."""


class OutputError(PtychoscopeError, RuntimeError):
    """A result could not be written; nothing is left half written."""


class MissingExtraError(PtychoscopeError, ImportError):
    """An optional part is needed and not installed; the message says which extra brings it."""


class ClusterError(PtychoscopeError, RuntimeError):
    """Scheduler or workers cannot be reached, or were lost."""


class TrainingError(PtychoscopeError, RuntimeError):
    """Training could not go on."""

    exit_code = 1


class CheckpointError(TrainingError):
    """A checkpoint is absent, damaged, or not one of ours."""

    exit_code = 2


class ExportError(PtychoscopeError, RuntimeError):
    """A network could not be exported, or its graph does not compute what torch computes."""

    exit_code = 1


class ScanWarning(UserWarning):
    """A scan was read in a way that its file does not state; the message says which and how to state it."""
