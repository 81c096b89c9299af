"""Exact search, the yardstick for the index: what a search by vector should have found."""

from collections.abc import Sequence

import numpy as np

from index_svc.domain.filters import Scope
from index_svc.domain.moment import Moment, ScoredRecord, Vector, VectorField

__all__ = ["exact_search", "recall"]


def exact_search(
    moments: Sequence[Moment], field: VectorField, vector: Vector, scope: Scope, limit: int
) -> tuple[ScoredRecord, ...]:
    """Return the `limit` moments nearest to a vector by cosine, best first, equals by scene id.

    Args:
        moments: any number, of any owner; those without that vector or outside the scope are left out.
        field: which of their vectors.
        vector: float32[n], L2-normalised.
        scope: whose moments may be seen.
        limit: how many at most.
    """
    seen = [(moment, moment.vector(field)) for moment in moments if scope.admits(moment.record)]
    kept = [(moment.record, values) for moment, values in seen if values is not None]
    if not kept:
        return ()
    cosines = np.stack([values for _, values in kept]) @ vector
    hits = [ScoredRecord(record, float(cosine)) for (record, _), cosine in zip(kept, cosines, strict=True)]
    return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.record.scene_id))[:limit])


def recall(expected: Sequence[ScoredRecord], actual: Sequence[ScoredRecord]) -> float:
    """Return the share of the expected scenes that were found, 0 to 1; 1 when nothing was expected."""
    wanted = {hit.record.scene_id for hit in expected}
    return len(wanted & {hit.record.scene_id for hit in actual}) / len(wanted) if wanted else 1.0
