"""What the Prometheus view needs from the world."""

from typing import Protocol

from metrics_svc.domain.answers.series import Total

__all__ = ["TotalsStore"]


class TotalsStore(Protocol):
    """Adds up everything since ever. May raise UpstreamUnavailable or DeadlineExceeded."""

    async def totals(self) -> tuple[Total, ...]:
        """Return the totals of every measure, stage, outcome and model; in any order."""
        ...
