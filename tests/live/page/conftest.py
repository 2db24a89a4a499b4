"""Chromium, and pages in it that are watched for complaints and for whom they ask."""

import os
import shutil

import pytest

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PROGRAM = os.environ.get("PTYCHOSCOPE_CHROMIUM") or shutil.which("chromium")


@pytest.fixture(scope="session")
def browser():
    """Chromium, for all tests."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the page needs playwright")
    if PROGRAM is None:
        pytest.skip("the page needs chromium: apt install chromium, or PTYCHOSCOPE_CHROMIUM=PROGRAM")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=PROGRAM, args=QUIET)
        yield started
        started.close()


@pytest.fixture
def opened(browser):
    """Opens an address, and sees to it that the page never complains and asks no other machine."""
    contexts, complaints, asked = [], [], []

    def open_page(address, *, size=(1440, 900), held=None, **more):
        """`held` is called with what waits for a part of the page, and sees to it that it goes on."""
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15000)
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        if held is not None:
            page.route("**/colormaps.json", held)
        page.goto(address)
        return page

    open_page.complaints, open_page.asked = complaints, asked
    yield open_page
    for context in contexts:
        context.close()
    here = ("http://127.0.0.1:", "ws://127.0.0.1:", "blob:http://127.0.0.1:", "data:")
    assert [address for address in asked if not address.startswith(here)] == []
    gone = "ERR_CONNECTION_REFUSED"  # the server, at the end of a test, sooner than the page
    assert [text for text in complaints if gone not in text] == []
