"""Waiting for tasks: their results in order, or an error that says what became of them and what to do."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, NamedTuple

from ptychoscope.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client

_POLL_S = 0.02
_GONE = (
    "the scheduler went away in the middle of the scan: start it again, with its workers, and give the same "
    "command"
)


class Step(NamedTuple):
    """A task on the way to a result, held until the task that takes what it made has ended.

    Let go earlier, it may be forgotten before the scheduler knows who takes it; later, its memory stays.
    """

    task: Any
    taken_by: Any
    counts: bool
    """Whether it is one of those whose number says how far all is."""


def wait_for(
    client: "Client",
    futures: Sequence[Any],
    *,
    steps: list[Step] | None = None,
    tell: Callable[[int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> list[Any]:
    """The results of `futures`.

    Parameters
    ----------
    steps
        Tasks that they depend on, which nobody else should hold; taken off the list as they end.
    tell
        Gets the number of steps that count and have ended.
    stop
        Asked now and then: True gives up.

    Raises
    ------
    ClusterError
        The scheduler went away, a task killed every worker that it came to, or `stop` said so. What a task
        raised is raised.
    """
    held = [] if steps is None else steps
    of, told = sum(step.counts for step in held), 0
    while True:
        _check(client, [*(step.task for step in held), *futures], stop)
        held[:] = [step for step in held if not step.taken_by.done()]
        done = of - sum(step.counts and not step.task.done() for step in held)
        if tell is not None and done != told:
            tell(told := done)
        if all(future.done() for future in futures):
            return [_result(future) for future in futures]
        time.sleep(_POLL_S)


def _check(client: "Client", futures: Sequence[Any], stop: Callable[[], bool] | None) -> None:
    """Raise where there is nothing to wait for; a task that is `lost` with its worker is done again."""
    if client.status != "running" or any(future.status == "cancelled" for future in futures):
        raise ClusterError(_GONE)
    for future in futures:
        if future.status == "error":
            raise _error(future.exception())
    if stop is not None and stop():
        untyped: Any = client
        untyped.cancel(list(futures))
        raise ClusterError(
            "Stopped, and nothing is kept: a scan over many workers has no image before its end; the same "
            "command begins it anew"
        )


def _result(future: Any) -> Any:
    """What a task made; raises what became of it since it was looked at."""
    try:
        return future.result()
    except CancelledError as error:
        raise ClusterError(_GONE) from error
    except Exception as error:  # of any type: what the task raised
        raise _error(error) from None


def _error(error: BaseException) -> BaseException:
    """What a task raised, or what it did to its workers."""
    if type(error).__name__ != "KilledWorker":
        return error
    return ClusterError(
        "every worker that came to one range of the frames died (out of memory?): start workers with more "
        f"memory, or fewer on a machine ({error})"
    )
