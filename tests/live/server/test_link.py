"""Between two processes: what is asked is answered, in whatever order, or said to be gone."""

import os
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ptychoscope.errors import ConfigError
from ptychoscope.live.server.link import Link, SessionGoneError, answer_all
from ptychoscope.live.server.messages import Record, read_records, write_records


def pipe():
    out, into = os.pipe()
    return os.fdopen(out, "rb"), os.fdopen(into, "wb")


@pytest.fixture
def linked():
    """Makes a link to a side that answers, an event that says that it is gone, and the end it is told by."""
    made = []

    def make(answers):
        (answers_out, answers_in), (questions_out, questions_in) = pipe(), pipe()
        gone = threading.Event()
        link = Link(answers_out, questions_in, gone.set)
        link.start()
        answering = threading.Thread(target=answer_all, args=(questions_out, answers_in, answers))
        answering.start()
        made.append((answering, gone, (questions_in, answers_in, questions_out, answers_out)))
        return link, gone, answers_in

    yield make
    for answering, gone, (questions_in, answers_in, *readers) in made:
        questions_in.close()
        answering.join()
        answers_in.close()
        gone.wait(20)
        for reader in readers:
            reader.close()


def test_many_are_answered_at_a_time_each_its_own(linked):
    together = threading.Barrier(4, timeout=20)

    def square(number):
        together.wait()
        return [Record({"is": number**2}, [np.full((number, 2), number, np.float32)])]

    link, *_ = linked({"square": square})
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: link.ask("square", number=number), range(4)))
    for number, ((said, (array,)),) in enumerate(found):
        assert said == {"is": number**2}
        np.testing.assert_array_equal(array, np.full((number, 2), number, np.float32))


def test_what_is_raised_there_is_raised_here(linked, monkeypatch):
    """And what is none of ours is loud there too."""
    loud = queue.SimpleQueue()
    monkeypatch.setattr(threading, "excepthook", lambda said: loud.put(said.exc_type))

    def refuse(kind):
        raise {"ours": ConfigError, "other": KeyError}[kind]("because")

    link, *_ = linked({"refuse": refuse})
    with pytest.raises(ConfigError, match=r"^because$"):
        link.ask("refuse", kind="ours")
    with pytest.raises(RuntimeError, match="KeyError: 'because'"):
        link.ask("refuse", kind="other")
    assert loud.get(timeout=20) is KeyError


def test_nobody_waits_for_a_session_that_is_gone(linked):
    asked, release = threading.Event(), threading.Event()

    def wait():
        asked.set()
        release.wait(20)
        return []

    link, gone, told = linked({"wait": wait})
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(link.ask, "wait")
        assert asked.wait(20)
        told.close()
        with pytest.raises(SessionGoneError):
            answer.result(20)
    release.set()
    assert gone.wait(20)
    with pytest.raises(SessionGoneError):
        link.ask("wait")


def test_a_message_that_was_cut_anywhere_is_none(tmp_path):
    path = tmp_path / "message"
    with path.open("wb") as file:
        write_records(file, [Record({"a": 1}, [np.arange(3)]), Record({"b": [2]})])
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with path.open("rb") as file:
            assert read_records(file) is None, size
    path.write_bytes(whole)
    with path.open("rb") as file:
        one, other = read_records(file)
    assert (one.header, one.arrays[0].tolist(), other.header) == ({"a": 1}, [0, 1, 2], {"b": [2]})
