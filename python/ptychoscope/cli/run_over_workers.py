"""`run --scheduler` and `run --workers`: one scan at a time, over the workers of a cluster."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ptychoscope.cli.cluster_options import ClusterOptions
from ptychoscope.cli.recorded_reading import with_full_paths
from ptychoscope.cli.scan_options import ScanOptions

if TYPE_CHECKING:
    from ptychoscope.cluster.one_scan import Crew, OverWorkers


@contextmanager
def crew_of(
    cluster: ClusterOptions, threads: int | None, say: Callable[[str], None]
) -> Iterator["tuple[Crew, dict[str, str | int]] | None"]:
    """The workers that were asked for, and what the record says of them; None: this process alone."""
    if not cluster.asked:
        yield None
        return
    from ptychoscope.cluster.connect import connected, mixed_sets, worker_facts
    from ptychoscope.cluster.one_scan import Crew

    with connected(cluster.scheduler, workers=cluster.workers, tls=cluster.tls()) as client:
        facts = worker_facts(client)
        if (said := mixed_sets(facts)) is not None:
            say(f"Warning: {said}")
        slots = [(address, worker.host) for address, worker in facts.items() for _ in range(worker.tasks)]
        addresses, hosts = zip(*slots, strict=True)
        crew = Crew(client, addresses, max(hosts.count(host) for host in set(hosts)), threads)
        sets = sorted({worker.instruction_set for worker in facts.values()})
        yield crew, {"cluster_workers": len(facts), "instruction_set": ", ".join(sets)}


def over_workers(
    crew: "Crew", reading: ScanOptions, path: Path, memory: str | None, region_frames: int | None
) -> "OverWorkers":
    """The scan in `path`, read by the workers themselves."""
    from ptychoscope.cluster.one_scan import OverWorkers
    from ptychoscope.cluster.regions import REGION_FRAMES

    opened = with_full_paths(reading).opened
    return OverWorkers(crew, opened, path.resolve(), memory, region_frames or REGION_FRAMES)
