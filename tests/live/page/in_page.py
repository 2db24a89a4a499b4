"""What tests ask a page: by evaluation from outside, since its policy lets no script in."""

import time

import numpy as np

COLORS = """() => { const c = document.getElementById("image"), p = c.getContext("2d");
  const d = new Uint32Array(p.getImageData(0, 0, c.width, c.height).data.buffer); return new Set(d).size; }"""
PIXELS = """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {
  const c = document.getElementById("image"), p = c.getContext("2d");
  const d = new Uint32Array(p.getImageData(0, 0, c.width, c.height).data.buffer);
  done(Array.from(d.filter((_, k) => k % 97 === 0))); })))"""


def until(page, expression, timeout_s=20.0):
    """Wait until an expression is true in the page."""
    ends = time.monotonic() + timeout_s
    while not page.evaluate(expression):
        assert time.monotonic() < ends, f"not so in time: {expression}"
        time.sleep(0.03)


def until_colored(page):
    """Wait until there is an image."""
    until(page, f"({COLORS})() > 50")


def until_text(page, name, text, timeout_s=20.0):
    """Wait until an element's words begin so."""
    until(page, f"document.getElementById('{name}').textContent.startsWith('{text}')", timeout_s)


def pixels(page):
    """What is on the screen, once it was drawn."""
    return np.array(page.evaluate(PIXELS))


def turn_to(page, plane):
    """Show another plane, and wait until it is there."""
    page.check(f"[value={plane}]", force=True)
    pixels(page)  # by then the one before is gone
    until(page, f"({COLORS})() > 20")


def changes(page, act):
    """Whether what is on the screen changes by `act`."""
    before = pixels(page)
    act()
    return not np.array_equal(before, pixels(page))
