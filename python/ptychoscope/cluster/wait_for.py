"""Waiting for tasks: their results in order, or an error that says what became of them and what to do."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ptychoscope.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client

_POLL_S = 0.05
_LEFT = ("cancelled", "lost")


def wait_for(
    client: "Client",
    futures: Sequence[Any],
    *,
    before: Sequence[Any] = (),
    tell: Callable[[int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> list[Any]:
    """The results of `futures`.

    Parameters
    ----------
    before
        Tasks that they depend on, and that are counted: `tell` gets how many have ended. Nobody else should
        hold them, so that workers may forget what is summed.
    stop
        Asked now and then: True gives up.

    Raises
    ------
    ClusterError
        The scheduler went away, a task killed every worker that it came to, or `stop` said so. What a task
        raised is raised.
    """
    left, of, told = list(before), len(before), 0
    while left or not all(future.done() for future in futures):
        if client.status != "running" or any(f.status in _LEFT for f in [*futures, *left]):
            raise ClusterError(
                "the scheduler went away in the middle of the scan: start it again, with its workers, and "
                "give the same command"
            )
        if stop is not None and stop():
            untyped: Any = client
            untyped.cancel([*futures, *left])
            raise ClusterError(
                "stopped: of a scan over many workers nothing is kept before its end; the same command "
                "begins it anew"
            )
        for future in [*left, *futures]:
            if future.status == "error":
                raise _error(future.exception())
        left = [future for future in left if not future.done()]
        if tell is not None and of - len(left) != told:
            told = of - len(left)
            tell(told)
        time.sleep(_POLL_S)
    return [_result(future) for future in futures]


def _result(future: Any) -> Any:
    error = future.exception()
    if error is not None:
        raise _error(error)
    return future.result()


def _error(error: BaseException) -> BaseException:
    if type(error).__name__ != "KilledWorker":
        return error
    return ClusterError(
        "every worker that came to one range of the frames died (out of memory?): start workers with more "
        f"memory, or fewer on a machine ({error})"
    )
