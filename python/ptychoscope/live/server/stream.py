"""The WebSocket of a viewer: it says what it watches, and is sent what is new once it has read the rest."""

import asyncio
import json
from typing import TYPE_CHECKING

from ptychoscope.live.server.packing import joined_parts
from ptychoscope.live.server.topics import Topics, Watch, parse_watch

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

MOST_VIEWERS = 64
_STALLED_S = 60.0
"""A viewer that has not read a message for so long is let go."""


class Viewers:
    """All that are connected; lives in the server's event loop."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._wake: set[asyncio.Event] = set()

    def __len__(self) -> int:
        return len(self._wake)

    def follow(self) -> None:
        """Be told, in the running event loop, when something is new."""
        loop = asyncio.get_running_loop()

        def tell() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._wake_all)

        self._topics.changed = tell

    def _wake_all(self) -> None:
        for event in self._wake:
            event.set()

    async def serve(self, socket: "WebSocket") -> None:
        """One viewer, until it goes or does not read any more."""
        if len(self) >= MOST_VIEWERS:
            await socket.close(1013, "too many viewers")
            return
        await socket.accept()
        watch, new = Watch(), asyncio.Event()
        self._wake.add(new)
        self._topics.add(watch)
        sending = asyncio.create_task(self._send(socket, watch, new))
        try:
            await self._receive(socket, watch, new)
        finally:
            self._wake.discard(new)
            self._topics.remove(watch)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _receive(self, socket: "WebSocket", watch: Watch, new: asyncio.Event) -> None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                topics, frame = parse_watch(message.get("text") or "")
            except ValueError as error:
                await socket.send_text(json.dumps({"topic": "error", "error": str(error)}))
                continue
            self._topics.watch(watch, topics, frame)
            new.set()

    async def _send(self, socket: "WebSocket", watch: Watch, new: asyncio.Event) -> None:
        while True:
            await new.wait()
            new.clear()
            for message in joined_parts(self._topics.news(watch)):
                try:
                    async with asyncio.timeout(_STALLED_S):
                        await socket.send_bytes(message)
                except TimeoutError:
                    await socket.close(1001)
                    return
