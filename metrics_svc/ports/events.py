"""What the intake needs from the world: places where samples are kept for good."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from metrics_svc.domain.events.samples import Sample

__all__ = ["EventStore", "Sink"]


class Sink(Protocol):
    """Keeps samples of some kinds. Whoever adds a kind registers a decoder and a sink with the intake."""

    async def add(self, samples: Sequence[Any], /) -> int:
        """Keep what is new, all or nothing, and return how many samples were new.

        A sample that is there already changes nothing: every message may come again, in any order.

        Raises:
            InvalidInput: a sample can never be kept; nothing was.
            UpstreamUnavailable, DeadlineExceeded, StaleWrite: not now; nothing was kept.
        """
        ...


class EventStore(Sink, Protocol):
    """Keeps raw events, and sketches of them in the same transaction.

    Conformance suite: tests/adapters/metrics/test_event_store.py. Every method may raise UpstreamUnavailable,
    DeadlineExceeded or StaleWrite; what was done before stays done, and calling again goes on.
    """

    async def add(self, samples: Sequence[Sample], /) -> int:
        """Keep what is new, all or nothing, and return how many samples were new.

        A second event of the same id, and a second end of the same run, change nothing. One that says something else
        than the first is remembered as a contradiction.

        Raises:
            InvalidInput: a sample can never be kept; nothing was.
        """
        ...

    async def sketch_unsketched(self) -> int:
        """Make the sketches of events that were kept before there were any; return how many events got theirs.

        A store that has any sketch has them all and is left alone.
        """
        ...

    async def fold(self, now: datetime, /) -> int:
        """Merge hours older than FOLD_DAYS into their days, and return how many hour rows went."""
        ...

    async def forget(self, before: datetime, /) -> int:
        """Remove events and sketches of UTC days that ended by `before`, and return how many rows went."""
        ...
