"""Who may talk to the server: a token, and no page of another site.

A page that the user has open elsewhere can send requests here, and by a name of its own that it turns to this
machine (DNS rebinding) can read the answers. So names that are not this server's are refused, and so is what
another origin sends. The token is compared in constant time, and ends.
"""

import hashlib
import hmac
import ipaddress
import secrets
import socket
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

from ptychoscope.errors import ConfigError

COOKIE = "ptychoscope"
_COOKIE_S = 12 * 3600.0
_LEAST_TOKEN = 16
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Token:
    """A word that is asked for, for so many seconds from now."""

    def __init__(self, text: str | None = None, *, lives_s: float = 7 * 86400.0) -> None:
        self.text = secrets.token_urlsafe(24) if text is None else text
        if len(self.text) < _LEAST_TOKEN or not self.text.isascii() or not self.text.isprintable():
            raise ConfigError(f"--token needs {_LEAST_TOKEN} or more printable ASCII characters")
        self.ends_s = time.monotonic() + lives_s
        """By the clock that all processes of a machine share."""
        self._key = hashlib.sha256(b"cookie" + self.text.encode()).digest()

    @property
    def left_s(self) -> float:
        """How long it is still good for."""
        return max(0.0, self.ends_s - time.monotonic())

    def accepts(self, given: str | None) -> bool:
        """Whether `given` is the token, and the token is still good."""
        same = hmac.compare_digest((given or "").encode(), self.text.encode())
        return same and self.left_s > 0

    def cookie(self) -> tuple[str, int]:
        """What a browser is given in its place, and for how many seconds; it tells nobody the token."""
        lives_s = min(_COOKIE_S, self.left_s)
        ends = f"{time.monotonic() + lives_s:.0f}"
        return f"{ends}.{self._sign(ends)}", int(lives_s)

    def accepts_cookie(self, given: str | None) -> bool:
        """Whether `given` is a cookie of this token, and still good."""
        ends, _, signature = (given or "").partition(".")
        genuine = hmac.compare_digest(signature.encode(), self._sign(ends).encode())
        return genuine and self.left_s > 0 and float(ends) > time.monotonic()

    def _sign(self, ends: str) -> str:
        return hmac.new(self._key, ends.encode(), "sha256").hexdigest()


class Names:
    """The names and addresses by which a server that is bound to `host` may be asked.

    Addresses written as numbers always: no name leads astray there. `more` are names of a proxy before it.
    """

    def __init__(self, host: str, more: Iterable[str] = ()) -> None:
        own = {*_LOOPBACK, host}
        if not is_loopback(host):
            own |= {socket.gethostname(), socket.getfqdn()}
        self._names = {name.lower() for name in (*own, *more)}

    def allows_host(self, host: str | None) -> bool:
        """Whether a request with this header `Host` is for this server."""
        name = _name_of(f"//{host}") if host else None
        if name is None:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in self._names
        return True

    @staticmethod
    def allows_origin(origin: str | None, host: str | None) -> bool:
        """Whether `Origin` is where the page of `Host` comes from; programs other than browsers send none."""
        if origin is None:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and parts.netloc.lower() == (host or "").lower()


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, and reached from it alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def split_address(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, `[V6]:PORT` or `:PORT` (this machine); raises `ConfigError`."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    if not colon or not port.isascii() or not port.isdigit() or not 0 <= int(port) < 1 << 16:
        raise ConfigError(f"--http needs HOST:PORT, such as 127.0.0.1:8765, got {text!r}")
    return host, int(port)


def _name_of(netloc: str) -> str | None:
    try:
        return urlsplit(netloc).hostname
    except ValueError:
        return None
