"""What the answers need from the world."""

from collections.abc import Collection
from typing import Protocol

from metrics_svc.domain.answers.readings import Readings
from metrics_svc.domain.answers.windows import Window

__all__ = ["AnswerStore"]


class AnswerStore(Protocol):
    """Reads what sketches say of a window. Conformance suite: tests/adapters/metrics/test_answer_store.py."""

    async def read(self, window: Window, owner_id: str, measures: Collection[str], /) -> Readings:
        """Return what one snapshot of the store says of some measures, exact to the microsecond.

        An empty owner is everybody; an unknown one has nothing. `measures` are words of
        metrics_svc.domain.events.measures, or OTHER_OPERATIONS.

        Raises:
            UpstreamUnavailable, DeadlineExceeded: the store does not answer now.
            Corruption: what is stored can not be read.
        """
        ...
