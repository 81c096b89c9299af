"""What an audit needs from the world: the same numbers in several ways, all as of one moment."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from metrics_svc.domain.answers.series import Total
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.audit.audited import Audited
from metrics_svc.domain.audit.comparison import Account, Numbers
from metrics_svc.domain.audit.rebuilding import KeptSketch, RawLengths
from metrics_svc.domain.audit.scraped import Samples

__all__ = ["AuditParts", "Begin", "Hold", "Moment", "PrometheusView", "ToldAnswers"]


class Moment(Protocol):
    """The store as it was at one moment, whatever arrives meanwhile.

    Conformance suite: tests/adapters/metrics/test_audit_store.py. An empty owner is everybody. Every method may raise
    UpstreamUnavailable or DeadlineExceeded.
    """

    async def raw(self, audited: Audited, window: Window, owner_id: str, /) -> Numbers:
        """Return an answer computed from the raw events, exactly."""
        ...

    async def oracle(self, audited: Audited, window: Window, owner_id: str, /) -> Account | None:
        """Return what the SQL function of an answer tells; None where there is no such function."""
        ...

    def sketches(
        self, window: Window, owner_id: str, /
    ) -> AsyncIterator[tuple[Sequence[KeptSketch], Sequence[RawLengths]]]:
        """Yield the sketches of the days that a window touches and what the raw events say of them, day by day.

        Raises:
            Corruption: a sketch can not be read.
        """
        ...

    async def totals_outside(self, window: Window, /) -> Sequence[Total]:
        """Return what the sketches of all other days add up to, of everybody."""
        ...


class ToldAnswers(Protocol):
    """Answers as users get them, as of the same moment."""

    async def told(self, audited: Audited, window: Window, owner_id: str, /) -> Numbers:
        """Return what users are told."""
        ...


Begin = Callable[[], AbstractAsyncContextManager[tuple[Moment, ToldAnswers]]]
"""Takes hold of the present moment for as long as the block runs."""


class PrometheusView(Protocol):
    """What the Prometheus endpoint of this service shows."""

    async def samples(self) -> Samples:
        """Bring the view up to date and return the samples of a scrape.

        Raises:
            UpstreamUnavailable, DeadlineExceeded: it can not be brought up to date now.
        """
        ...


Hold = Callable[[], AbstractAsyncContextManager[tuple[Moment, Mapping[str, Any]]]]
"""Begin, with the ports that read of the moment too, by the name under which the methods of the service know them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditParts:
    """What an audit works with; `running` is held by the one audit that may run at a time."""

    hold: Hold
    view: PrometheusView
    keep_days: int
    running: asyncio.Lock = field(default_factory=asyncio.Lock)
