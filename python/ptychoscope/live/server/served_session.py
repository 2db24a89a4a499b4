"""ServedSession: the session as the process of its page knows it."""

from functools import partial
from typing import Any

from ptychoscope.live.server.board import Board
from ptychoscope.live.server.library import Library
from ptychoscope.live.server.link import Link


class ServedSession:
    """What is shown of a session, and what it can be told to do.

    Parameters
    ----------
    link
        To its process.
    library
        Results that can be looked at.
    """

    def __init__(self, link: Link, library: Library) -> None:
        self._link, self.library = link, library
        self.board = Board(partial(link.ask, "turn"))

    def state(self) -> dict[str, Any]:
        """All that is known of the session, as plain JSON."""
        board, (said,) = self.board, self._link.ask("state")
        with board.lock:
            box, version, not_known = board.box, board.version, board.not_known
        return said.header | {
            "shape": box.shape,
            "origin_px": box.origin_px,
            "version": version,
            "not_known": not_known,
            "results": self.library.entries(),
            "output": self.library.name,
        }

    def numbers(self) -> dict[str, Any]:
        """What Prometheus is told."""
        (said,) = self._link.ask("numbers")
        return said.header

    def act(self, action: str, **details: Any) -> None:
        """Do what a button says; raises what the session raises."""
        self._link.ask(action, **details)
