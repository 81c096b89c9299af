"""How busy the workers are, how long videos wait, and how many workers are needed."""

import asyncio
from datetime import datetime, timedelta

from metrics_svc.domain.answers.question import Question
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.capacity.capacity import CapacityReport, WhatIf
from metrics_svc.domain.capacity.plan import plan_capacity
from metrics_svc.domain.capacity.recording import Recording
from metrics_svc.ports.capacity import CapacityStore

__all__ = ["MAX_PIECES", "capacity"]

MAX_PIECES = 150_000
"""Of a window with more pieces of work the latest are looked at: some 20,000 videos."""
_LOOK_BACK = (timedelta(days=1), timedelta(days=30))
"""How far before a window work is looked for, so as to tell a quiet time from one in which nobody recorded."""


async def capacity(question: Question, what_if: WhatIf, *, store: CapacityStore, now: datetime) -> CapacityReport:
    """Answer utilisation, forecast and advice, under the conditions asked for.

    Raises:
        InvalidInput: there is no such window, stage or model.
    """
    asked = question.window(now)
    if asked.start >= now:
        return plan_capacity(Recording.empty(asked), what_if)
    window = await _observed(Window(asked.start, min(asked.end, now)), store)
    recording = await store.recording(window)
    # A third of a second of arithmetic would hold up everybody else's answers.
    return await asyncio.to_thread(plan_capacity, recording, what_if)


async def _observed(window: Window, store: CapacityStore) -> Window:
    """Return the part of a window that was recorded, and of that the latest part that is not too much."""
    begin = await store.begin_of_latest(window, MAX_PIECES)
    if begin is not None:
        return Window(min(begin + timedelta(microseconds=1), window.end - timedelta(microseconds=1)), window.end)
    for back in _LOOK_BACK:
        if await store.begin_of_work(Window(window.start - back, window.start)) is not None:
            return window
    begin = await store.begin_of_work(window)
    return window if begin is None else Window(max(window.start, begin), window.end)
