"""Guard: every request and every WebSocket passes here, or goes no further."""

from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from ptychoscope.live.server.security import COOKIE, Names, Token

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
MOST_BODY = 1 << 16
"""Bytes of a request's body."""
_HEADERS = [
    (b"content-security-policy", b"default-src 'self'; img-src 'self' data: blob:; object-src 'none'; "
     b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]  # fmt: skip


class Guard:
    """ASGI application around another."""

    def __init__(self, inner: Application, names: Names, token: Token | None) -> None:
        self._inner, self._names, self._token = inner, names, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refused = self._refusal(scope, headers)
        if refused:
            await _answer(scope, send, refused)
        elif scope["type"] == "websocket":
            await self._inner(scope, receive, send)
        elif self._token is not None and scope["path"] == "/" and b"token=" in scope["query_string"]:
            await self._enter(send, scope)
        else:
            await self._pass_on(scope, receive, send)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> int:
        """The status of a refusal, or 0."""
        host = headers.get("host")
        if not self._names.allows_host(host):
            return 421
        elsewhere = not self._names.allows_origin(headers.get("origin"), host)
        site = headers.get("sec-fetch-site", "none")
        opened = headers.get("sec-fetch-mode") == "navigate" and scope["path"] == "/"
        if elsewhere or (site not in ("same-origin", "none") and not opened):
            return 403
        if self._token is not None and not self._may_enter(scope, headers, self._token):
            return 401
        method = scope.get("method", "GET")
        if method not in ("GET", "HEAD"):
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                return 415
            length = headers.get("content-length", "0")
            if not length.isdigit() or int(length) > MOST_BODY:
                return 413
        return 0

    def _may_enter(self, scope: Scope, headers: dict[str, str], token: Token) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return token.accepts(given)
        if scope["type"] == "http" and scope["path"] == "/" and scope["query_string"]:
            asked = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=8)
            if "token" in asked:
                return token.accepts(asked["token"][0])
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and token.accepts_cookie(cookie.value)

    async def _enter(self, send: Send, scope: Scope) -> None:
        """Give a browser that came with the token a cookie, and an address without it."""
        assert self._token is not None  # noqa: S101
        value, lives_s = self._token.cookie()
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = f"{COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={lives_s}{secure}"
        headers = [
            *_HEADERS,
            (b"location", b"./"),
            (b"set-cookie", cookie.encode()),
            (b"content-length", b"0"),
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
            if len(body) > MOST_BODY:
                await _answer(scope, send, 413)
                return
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        await self._inner(scope, replay, answer)


async def _answer(scope: Scope, send: Send, status: int) -> None:
    """A status, and nothing else."""
    kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    headers = [*_HEADERS, (b"content-length", b"0")]
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": b""})
