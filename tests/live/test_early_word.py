"""After a few hundred frames a wrong orientation is said with its mend, and the mend sets it right."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from ptychoscope.live.session import LiveSession
from ptychoscope.live.settings import LiveSettings
from ptychoscope.simulate import SimulationConfig, simulate_scan

from .scan_events import ListedSource, events_of
from .test_session import same

CONFIG = SimulationConfig(patch_px=32, rows=17, columns=17, step_px=4, photons=1e6, domain="counts", seed=5)


@pytest.fixture(scope="module")
def scan():
    return simulate_scan(CONFIG)


def settings_of(scan, **options):
    return LiveSettings(
        probe=scan.probe, position_unit="px", batch=16, closing_sweeps=1, idle_s=100, **options
    )


def test_a_wrong_orientation_is_said_and_mended_by_one_word(scan):
    turned = replace(scan, positions_px=np.ascontiguousarray(scan.positions_px[:, ::-1]))
    said, mended = [], threading.Event()

    def say(event):
        said.append(event)
        if event["event"] == "finding":
            threading.Thread(target=mend).start()

    def mend():
        session.apply_mend(session.finding.mend)
        mended.set()
        session.stop()

    session = LiveSession(
        [ListedSource(events_of(turned, end=False), at_once=40)], settings_of(turned), say=say
    )
    session.run()
    assert mended.is_set()
    finding = next(event for event in said if event["event"] == "finding")
    assert finding["orientation"] == "swap_xy"
    assert "unexplained" in finding["sentence"]
    straight = LiveSession(
        [ListedSource(events_of(turned), at_once=40)],
        settings_of(turned, orientation="swap_xy"),
        diagnose=False,
    )
    straight.run()
    same(session.results[1], straight.results[1])


def test_a_good_scan_needs_no_word(scan):
    said = []
    LiveSession([ListedSource(events_of(scan), at_once=40)], settings_of(scan), say=said.append).run()
    assert [event["event"] for event in said] == ["series", "verdict", "series done"]
