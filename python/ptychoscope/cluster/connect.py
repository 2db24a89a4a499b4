"""Connecting: a local cluster of processes when no scheduler is named, else the scheduler of that address.

Nothing here is opened to a network: a local cluster listens on the loopback address alone and has no
dashboard. Dask's processes send each other Python objects as pickles, so that whoever reaches a scheduler may
run code on its workers: a scheduler that others can reach needs TLS.
"""

import logging
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ptychoscope.errors import ClusterError, ConfigError, MissingExtraError

if TYPE_CHECKING:
    from distributed import Client, Security

_LOOPBACK = "127.0.0.1"
_LOCAL_PROCESSES: dict[str, Any] = {
    "distributed.worker.profile.enabled": False,
    "distributed.nanny.pre-spawn-environ": {"OMP_NUM_THREADS": 1, "OPENBLAS_NUM_THREADS": 1},
}
"""Not Dask's profiler, which looks at all threads a hundred times a second, nor its limit to what malloc
keeps, by which the arrays of every batch are mapped anew: 6 and 3 % of the CPU time of a small network."""
_KEPT_WORKERS: dict[str, Any] = {"distributed.deploy.lost-worker-timeout": "1 day"}
"""Dask drops for good a worker that is not back so long after any of its deaths, 15 s, though it is being
started again; a series would wait for it for ever."""
_TIMEOUT_S = 10


class Tls(NamedTuple):
    """The PEM files by which a client and a scheduler know each other; all three or none."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


class WorkerFacts(NamedTuple):
    """What a worker computes with, for the record of what it made."""

    host: str
    pid: int
    instruction_set: str
    """Of the kernels, as `_core.active_isa` says."""
    cores: int
    """That the process may use."""
    tasks: int
    """That it does at the same time (`--nthreads` of `dask worker`)."""


@contextmanager
def connected(
    scheduler: str | None = None, *, workers: int | None = None, tls: Tls | None = None
) -> Iterator["Client"]:
    """A client of `distributed`, closed at the end; a cluster that was started for it ends with it.

    Parameters
    ----------
    scheduler
        Its address, such as `tcp://10.0.0.1:8786` or `tls://...`; None or `local`: start `workers`
        processes on this machine, a task at a time each.
    workers
        Processes to start; without, one per core. Not with `scheduler`.
    tls
        For a scheduler at `tls://`.

    Raises
    ------
    ConfigError
        Options do not go together, or a file of `tls` is not there.
    ClusterError
        No scheduler answers at the address, or it does not know the certificate.
    MissingExtraError
        `distributed` is not installed.
    """
    if scheduler == "local":
        scheduler = None
    distributed = _distributed()
    security = _security(scheduler, tls)
    if scheduler is None:
        with _local(workers or len(os.sched_getaffinity(0))) as client:
            yield client
        return
    if workers is not None:
        raise ConfigError(
            "--workers starts processes here, and --scheduler has its own: leave one of them out"
        )
    with (
        distributed.utils.silence_logging_cmgr(logging.CRITICAL),  # what it says, we say
        _client(scheduler, security) as client,
    ):
        yield client


def _client(scheduler: str, security: "Security | None") -> "Client":
    try:
        return _distributed().Client(  # type: ignore[no-any-return]
            scheduler, security=security, timeout=_TIMEOUT_S, set_as_default=False, heartbeat_interval="2s"
        )
    except (OSError, TypeError, ValueError) as error:
        raise ClusterError(
            f"no scheduler answers at {scheduler} ({error}): start one there with `dask scheduler`, check "
            "the address, and for tls:// that its certificate and that of --tls-cert are signed by --tls-ca, "
            "and that --tls-key belongs to --tls-cert"
        ) from error


def worker_facts(client: "Client") -> dict[str, WorkerFacts]:
    """Of every worker that is there, by its address; raises `ClusterError` where there is none in 10 s."""
    try:
        client.wait_for_workers(1, timeout=_TIMEOUT_S)
    except TimeoutError as error:
        raise ClusterError(
            "the scheduler has no worker: start some with `dask worker ADDRESS --nthreads 1`"
        ) from error
    tasks = {address: int(found["nthreads"]) for address, found in _workers(client).items()}
    found = client.run(facts_here, on_error="ignore")
    return {address: found[address]._replace(tasks=tasks[address]) for address in found.keys() & tasks.keys()}


def facts_here(tasks: int = 1) -> WorkerFacts:
    """Of the process that calls, which does so many `tasks` at the same time."""
    from ptychoscope._core import active_isa

    return WorkerFacts(socket.gethostname(), os.getpid(), active_isa(), len(os.sched_getaffinity(0)), tasks)


def mixed_sets(facts: Mapping[str, WorkerFacts]) -> str | None:
    """A sentence where workers compute with different instruction sets and that could show; else None."""
    hosts: dict[str, set[str]] = {}
    for worker in facts.values():
        hosts.setdefault(worker.instruction_set, set()).add(worker.host)
    if len(hosts) < 2:
        return None
    named = "; ".join(f"{name} on {', '.join(sorted(where))}" for name, where in sorted(hosts.items()))
    return (
        f"workers compute with different instruction sets ({named}): images may differ by some 1e-5 with the "
        "machine that made them; PTYCHOSCOPE_ISA=avx2 in the environment of every worker makes the kernels "
        "agree"
    )


def _workers(client: "Client") -> dict[str, Any]:
    known: dict[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
    return known


@contextmanager
def _local(workers: int) -> Iterator["Client"]:
    distributed = _distributed()
    import dask

    with _uninterrupted(), dask.config.set(_LOCAL_PROCESSES):
        cluster = distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host=_LOOPBACK,
            protocol="tcp",
            dashboard_address=f"{_LOOPBACK}:0",
            worker_dashboard_address=f"{_LOOPBACK}:0",
            scheduler_kwargs={"dashboard": False},
            memory_limit=0,  # a run keeps its own limit
            silence_logs=50,
        )
    with dask.config.set(_KEPT_WORKERS), cluster, distributed.Client(cluster, set_as_default=False) as client:
        yield client


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Threads that start within block Ctrl-C, and so do the processes that they ever start: it is ours."""
    resource_tracker.ensure_running()  # it lets signals through again in the thread that starts it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _security(scheduler: str | None, tls: Tls | None) -> "Security | None":
    given = {} if tls is None else {name: path for name, path in tls._asdict().items() if path is not None}
    encrypted = scheduler is not None and scheduler.startswith("tls://")
    if not encrypted:
        if given:
            raise ConfigError(
                f"--tls-{next(iter(given))} belongs to a scheduler at tls://: leave it out, or give that "
                "address"
            )
        return None
    missing = [name for name in Tls._fields if name not in given]
    if missing:
        raise ConfigError(
            f"{scheduler} needs --tls-ca, --tls-cert and --tls-key, and --tls-{missing[0]} is missing"
        )
    for name, path in given.items():
        if not path.is_file():
            raise ConfigError(f"--tls-{name} {path}: there is no such file; check the name")
    found: Security = _distributed().Security(
        require_encryption=True,
        tls_ca_file=str(given["ca"]),
        tls_client_cert=str(given["cert"]),
        tls_client_key=str(given["key"]),
    )
    return found


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise MissingExtraError(
            f'work on several processes needs distributed: pip install "ptychoscope[cluster]" ({error})'
        ) from error
    return distributed
