"""`ptychoscope replay`: a stored scan sent as a detector and a stage would send it."""

from pathlib import Path

import click

from ptychoscope.cli.click_helpers import AT_LEAST_ONE, argument, choice, command, option, word_option
from ptychoscope.cli.scan_options import ScanOptions, scan_options
from ptychoscope.cli.stop_signals import stop_on_signals
from ptychoscope.cli.terminal_output import json_option, print_json
from ptychoscope.option_literals import SenderKind, ServedAs


@command()
@argument("scan", "Scan to send, of any format that `run` reads.")
@option("--as", "wire", type=choice(ServedAs), required=True, about="Wire; panda sends positions alone.")
@option(
    "--bind", default="tcp://127.0.0.1:0", about="Address of the frames; swmr: a new file; pva: name of a PV."
)
@option("--positions-bind", about="Address of a PandA beside them; without, frames bring their positions.")
@option("--without-positions", is_flag=True, about="Send frames alone: live has the positions from a file.")
@option("--rate", "rate_hz", type=float, about="Frames a second; without, as fast as they are taken.")
@option("--series", type=AT_LEAST_ONE, default=1, about="How often the scan is sent.")
@word_option("--kind", SenderKind, "push waits for its reader, pub does not.", default="push")
@option(
    "--faults",
    default="",
    show_default=False,
    about="Such as loss=0.01,repeat=0.01,reorder=0.1,cut=0.001,garbage=0.01,delay=0.01,abort_after=N,seed=0.",
)
@option("--wait", "wait_s", default=60.0, about="Seconds that a reader is waited for.")
@scan_options
@json_option
def replay(
    scan: Path,
    wire: ServedAs,
    bind: str,
    positions_bind: str | None,
    without_positions: bool,
    rate_hz: float | None,
    series: int,
    kind: SenderKind,
    faults: str,
    wait_s: float,
    reading: ScanOptions,
    as_json: bool,
) -> None:
    """Send a stored scan as a detector does, for `ptychoscope live`: by a socket, a growing file or a PV.

    Patterns go out as whole counts. Positions are sent in pixels of the object.
    """
    from ptychoscope.live.serve_scan import serve_scan
    from ptychoscope.live.serve_scan_options import ServeOptions
    from ptychoscope.live.stream_faults import StreamFaults

    options = ServeOptions(
        wire=wire,
        bind=bind,
        positions_bind=positions_bind,
        with_positions=not without_positions,
        rate_hz=rate_hz,
        series=series,
        kind=kind,
        faults=StreamFaults.from_text(faults),
        wait_s=wait_s,
    )
    loaded = reading.scan(scan)

    def ready(addresses: dict[str, str]) -> None:
        where = " ".join(
            f"--{'source' if name == 'frames' else name} '{address}'" for name, address in addresses.items()
        )
        click.echo(f"serving: {where} --position-unit px", err=True)

    with stop_on_signals(lambda text: click.echo(text, err=True)) as stop:
        sent = serve_scan(loaded, options, ready=ready, stop=stop)
    if as_json:
        print_json(sent)
    else:
        click.echo(", ".join(f"{count} {name}" for name, count in sent.items()))
