"""What backfills need from the world."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from metrics_svc.domain.backfill.backfill import Backfill, BackfillState, EndPage, KnownRun, VideoEnd

__all__ = ["BackfillParts", "BackfillStore", "CheckedPage", "VideoEnds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPage:
    """What is wrong with the times of a page of videos, and which of them were filled in."""

    examined: int
    troubled: tuple[VideoEnd, ...]
    backfilled: tuple[VideoEnd, ...]
    last_video_id: str
    is_last: bool


class VideoEnds(Protocol):
    """The ends of videos, which are ingest_svc's.

    Every method may raise UpstreamUnavailable, DeadlineExceeded, or what ingest_svc refuses with.
    """

    async def fill_in(self, backfill_id: str, *, after: str, dry_run: bool) -> EndPage:
        """Give the videos after one their ends, a page of them; the same page again has the same counts.

        Raises:
            Overloaded: ingest_svc has much to send; says when to come back.
            StaleWrite: a video was changed meanwhile; nothing of the page was.
        """
        ...

    async def check(self, after: str, *, size: int) -> CheckedPage:
        """Look at the videos after one, a page of them."""
        ...


class BackfillStore(Protocol):
    """Remembers backfills. Conformance suite: tests/adapters/metrics/test_backfill_store.py.

    Every method may raise UpstreamUnavailable or DeadlineExceeded.
    """

    def turn(self) -> AbstractAsyncContextManager[bool]:
        """Try to be the only one who works on backfills while the block runs; False when somebody else does."""
        ...

    async def start(self, backfill: Backfill) -> Backfill:
        """Start a backfill and return it; one that the same request started before is returned as it is.

        Raises:
            NotReady: another one runs.
        """
        ...

    async def get(self, backfill_id: str) -> Backfill | None:
        """Return a backfill; None when there is none of that id."""
        ...

    async def running(self) -> Backfill | None:
        """Return the backfill that runs; None when none does."""
        ...

    async def list(self, *, before: int | None, limit: int) -> tuple[Backfill, ...]:
        """Return backfills, the newest first, those with a number below `before`; without their videos."""
        ...

    async def keep(self, backfill: Backfill) -> bool:
        """Write down a backfill after one more page; False when it was ended or somebody else wrote that page."""
        ...

    async def explain(self, backfill_id: str, sentence: str) -> None:
        """Say what a backfill that runs waits for."""
        ...

    async def end(self, backfill_id: str, state: BackfillState, sentence: str, now: datetime) -> None:
        """End a backfill that runs; one that has ended stays as it is."""
        ...

    async def runs(self, ends: Sequence[VideoEnd]) -> dict[tuple[str, int], KnownRun]:
        """Return the runs that are counted for some ends, by video and generation."""
        ...


@dataclass(frozen=True, slots=True)
class BackfillParts:
    """What the methods work with; `wake` says that there may be a backfill to work on."""

    store: BackfillStore
    ends: VideoEnds
    wake: Callable[[], None]
    keep_days: int
