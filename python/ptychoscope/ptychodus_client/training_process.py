"""The process that trains and exports, started as a module and asked by JSON on its standard input.

The request: either `scans` (files), `config` (of `TrainConfig`), `run_dir` and `bundle`, or `checkpoint` and
`bundle`. Errors are one line on standard error, as on the command line.
"""

import sys

import msgspec

from ptychoscope.errors import ConfigError, MissingExtraError, PtychoscopeError


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """What is asked for."""

    bundle: str
    checkpoint: str | None = None
    scans: tuple[str, ...] = ()
    config: dict[str, object] = {}
    run_dir: str | None = None


def carry_out(request: Request) -> None:
    """Train, if there are scans, and write the bundle; raises `PtychoscopeError`."""
    from ptychoscope.io import load_scan
    from ptychoscope.train import TrainConfig

    scans = [load_scan(path) for path in request.scans]  # what is wrong is told before torch is waited for
    config = TrainConfig.from_dict(request.config)
    try:
        from ptychoscope.export import export_bundle
        from ptychoscope.train import train
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f'training and export need {error.name}: pip install "ptychoscope[train,cpu]"'
        ) from error
    source = request.checkpoint
    if request.run_dir is not None:
        source = str(train(scans, config, run_dir=request.run_dir, progress=False).checkpoint)
    if source is None:
        raise ConfigError("nothing to do: the request names neither scans with a run_dir nor a checkpoint")
    export_bundle(source, request.bundle, scan=scans[0] if scans else None)


def main() -> None:
    """Read the request and carry it out; exits as the command line does."""
    try:
        carry_out(msgspec.json.decode(sys.stdin.buffer.read(), type=Request))
    except PtychoscopeError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt as error:
        sys.stderr.write(f"Error: stopped: {error}\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
