"""Wakes those who watch a video when it changes."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Watchers"]


class Watchers:
    """Who waits for which video in this process."""

    def __init__(self) -> None:
        self._events: dict[str, set[asyncio.Event]] = {}

    def notify(self, video_id: str) -> None:
        """Wake the watchers of a video; the empty id wakes all, since something may have been missed."""
        chosen = self._events.values() if not video_id else (self._events.get(video_id, set()),)
        for events in chosen:
            for event in events:
                event.set()

    @contextmanager
    def watching(self, video_id: str) -> Iterator[asyncio.Event]:
        """Return an event that is set whenever the video changes during the block."""
        event = asyncio.Event()
        self._events.setdefault(video_id, set()).add(event)
        try:
            yield event
        finally:
            events = self._events[video_id]
            events.discard(event)
            if not events:
                del self._events[video_id]
