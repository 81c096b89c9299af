"""What questions about videos, users, bytes and single runs need from the world."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from metrics_svc.domain.answers.reports import Coverage
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.library.library import Overview, RecentSearch, RecentVideo, SearchedPhrase, User, VideoChange
from metrics_svc.domain.library.storage import Store, StoredMeasurement, StoredRow
from metrics_svc.domain.library.user_pages import PageAsked
from metrics_svc.domain.library.waterfall import Attempt, RunEnd
from metrics_svc.ports.events import Sink

__all__ = ["LibraryStore", "StorageStore", "WaterfallStore"]


class LibraryStore(Sink, Protocol):
    """Remembers videos as ingest_svc tells of them. Conformance suite: tests/adapters/metrics/test_library_store.py.

    Every method may raise UpstreamUnavailable or DeadlineExceeded.
    """

    async def add(self, samples: Sequence[VideoChange], /) -> int:
        """Keep what is newer than what is known, all or nothing, and return how many videos changed."""
        ...

    async def overview(self, now: datetime) -> Overview:
        """Return the key figures."""
        ...

    async def users(self, asked: PageAsked, owner_id: str, window: Window, now: datetime) -> tuple[Sequence[User], int]:
        """Return the users of a page, one more than fit if there are more, and how many users there are in all.

        `owner_id` limits the question to one user; empty means all.
        """
        ...

    async def recent_videos(self, user_id: str) -> tuple[RecentVideo, ...]:
        """Return the newest videos of a user, newest first."""
        ...

    async def recent_searches(self, user_id: str) -> tuple[RecentSearch, ...]:
        """Return the newest searches of a user, newest first."""
        ...

    async def searched_phrases(self, owner_id: str, since: datetime, limit: int) -> tuple[SearchedPhrase, ...]:
        """Return what an owner searched for at or after an instant, the most frequent first, then the newest."""
        ...

    async def videos_by_state(self) -> dict[str, int]:
        """Return how many videos there are in each state."""
        ...


class StorageStore(Sink, Protocol):
    """Remembers who held how many bytes from when to when.

    Conformance suite: tests/adapters/metrics/test_storage_store.py. `owner_id` limits a question to one owner; empty
    means all. Every method may raise UpstreamUnavailable or DeadlineExceeded.
    """

    async def add(self, samples: Sequence[StoredMeasurement | Store], /) -> int:
        """Keep measurements, all or nothing, and return how many were new.

        They may come in any order, and again: what is kept depends on what came, not on when.

        Raises:
            InvalidInput: a measurement can never be kept; nothing was.
        """
        ...

    async def by_kind(self, owner_id: str) -> dict[str, int]:
        """Return what is held now, by kind; only kinds that hold something."""
        ...

    async def by_owner(self, owner_id: str, limit: int) -> tuple[tuple[StoredRow, ...], int]:
        """Return what is held now by those who hold most, at most `limit`, in any order, and how many hold anything."""
        ...

    async def changes(self, window: Window, owner_id: str) -> dict[date, int]:
        """Return by how many bytes the sum rose on each UTC day; all before the window is under the day before it."""
        ...

    async def first_measured(self) -> datetime | None:
        """Return the time of the first measurement of all; None without any."""
        ...

    async def stores(self) -> dict[str, Store]:
        """Return what is known of each store that was ever scanned."""
        ...

    async def measured_videos(self, owner_id: str) -> Coverage:
        """Return of how many videos the bytes were measured, and of how many not yet."""
        ...


class WaterfallStore(Protocol):
    """Knows the attempts and runs of one video. Conformance suite: tests/adapters/metrics/test_waterfall_store.py.

    `generation` limits a question to one run; 0 means all. May raise UpstreamUnavailable or DeadlineExceeded.
    """

    async def video(self, video_id: str) -> VideoChange | None:
        """Return what is known of a video, one that was deleted too; None when it was never told of."""
        ...

    async def attempts(self, video_id: str, generation: int) -> tuple[Attempt, ...]:
        """Return the attempts that ended, the newest 5,000; in any order."""
        ...

    async def ends(self, video_id: str, generation: int) -> tuple[RunEnd, ...]:
        """Return the ends of its runs, the newest 50; in any order."""
        ...
