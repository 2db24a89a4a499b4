"""One scan after the other: one that fails is reported, and the rest goes on."""

import sys
from collections.abc import Callable, Sequence
from threading import Event

import click

from ptychoscope.cli.progress_line import ProgressLine
from ptychoscope.cli.run_files import Job
from ptychoscope.cli.stop_signals import INTERRUPTED
from ptychoscope.errors import ClusterError, PtychoscopeError


def run_jobs(jobs: Sequence[Job], do: Callable[[Job], None], line: ProgressLine, stop: Event) -> None:
    """`do` every job until `stop` is set; exits with 130 after a stop, with 1 when one of several failed.

    What a single job raises is raised, unless a stop made it.
    """
    failed = []
    for number, job in enumerate(jobs, 1):
        if len(jobs) == 1:
            try:
                do(job)
            except ClusterError as error:  # over workers nothing is kept of a scan that was stopped
                if not stop.is_set():
                    raise
                line.say(str(error))
        else:
            line.say(f"{job.scan} ({number} of {len(jobs)})")
            try:
                do(job)
            except PtychoscopeError as error:
                line.say(f"Error: {job.scan}: {error}")
                failed.append(job)
            except Exception as error:  # what nobody foresaw in one scan is no reason to leave the others out
                line.say(f"Failure: {job.scan}: {type(error).__name__}: {error}")
                failed.append(job)
        if stop.is_set():
            left = [str(other.scan) for other in jobs[number:]]
            if left:
                click.echo(f"Not begun: {', '.join(left)}", err=True)
            sys.exit(INTERRUPTED)
    if failed:
        names = ", ".join(str(job.scan) for job in failed)
        click.echo(f"{len(failed)} of {len(jobs)} scans failed: {names}", err=True)
        sys.exit(1)
