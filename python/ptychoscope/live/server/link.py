"""Link: questions from the process of the page to that of the session, many at a time, and answers."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import count
from typing import IO, Any

from ptychoscope.errors import PtychoscopeError
from ptychoscope.io.child_process import error_of_ours
from ptychoscope.live.server.messages import Record, read_records, write_records

Answer = Callable[..., Sequence[Record]]
_GONE = "the session has ended"


class SessionGoneError(PtychoscopeError):
    """The process of the session has ended, or lets its page go."""


class Link:
    """The side that asks.

    Parameters
    ----------
    incoming, outgoing
        Streams from and to the session.
    gone
        Is called when the session is.
    """

    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes], gone: Callable[[], None]) -> None:
        self._incoming, self._outgoing, self._gone = incoming, outgoing, gone
        self._sending, self._numbers = threading.Lock(), count()
        self._open: dict[int, Future[list[Record]]] = {}
        self._ended = False

    def start(self) -> None:
        """Take answers."""
        threading.Thread(target=self._receive, name="answers", daemon=True).start()

    def ask(self, question: str, **details: Any) -> list[Record]:
        """What the session answers; raises what it raised, and `SessionGoneError` when it is gone."""
        answer = Future[list[Record]]()
        with self._sending:
            if self._ended:
                raise SessionGoneError(_GONE)
            number = next(self._numbers)
            asked = Record({"number": number, "question": question, "details": details})
            try:
                write_records(self._outgoing, [asked])
            except OSError as error:
                raise SessionGoneError(_GONE) from error
            self._open[number] = answer
        return answer.result()

    def _receive(self) -> None:
        while (message := read_records(self._incoming)) is not None:
            head, *records = message
            with self._sending:  # else an answer may come before it is known who asked
                answer = self._open.pop(head.header["number"])
            if "error" in head.header:
                answer.set_exception(_error_of(head.header))
            else:
                answer.set_result(records)
        self._gone()
        with self._sending:
            self._ended = True
        for answer in self._open.values():
            answer.set_exception(SessionGoneError(_GONE))


def _error_of(header: dict[str, str]) -> Exception:
    """What the other side raised, to be raised here: as what it was, where it is an error of ours."""
    found = error_of_ours(header["error"], header["text"])
    return found if found is not None else RuntimeError(f"{header['error']}: {header['text']}")


def answer_all(incoming: IO[bytes], outgoing: IO[bytes], answers: dict[str, Answer]) -> None:
    """The side that answers, until the other one is gone: every question in a thread of its own."""
    sending = threading.Lock()

    def reply(number: int, records: Sequence[Record], **said: str) -> None:
        with sending:
            try:
                write_records(outgoing, [Record({"number": number, **said}), *records])
            except (OSError, ValueError):  # nobody waits for it any more
                return

    def act(number: int, question: str, details: dict[str, Any]) -> None:
        try:
            reply(number, answers[question](**details))
        except Exception as error:
            reply(number, [], error=type(error).__name__, text=str(error))
            if not isinstance(error, PtychoscopeError):
                raise

    while (message := read_records(incoming)) is not None:
        threading.Thread(target=act, kwargs=message[0].header, daemon=True).start()
