"""Which percentiles are told, and what one is.

The q-quantile of n ordered values lies at position q(n-1), linearly between its two neighbours: PostgreSQL's
`percentile_cont`, numpy's default. It is told from sketches, within metrics_svc.domain.events.sketch.RELATIVE_ERROR,
over every sample of the window: sketches are merged, percentiles never averaged. The exact one over the raw events
stays the oracle.
"""

from dataclasses import dataclass

__all__ = ["FRACTIONS", "Quantiles"]

FRACTIONS: tuple[float, float, float] = (0.5, 0.95, 0.99)
"""What is asked of the store, in the order of the fields of Quantiles."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Median, 95th and 99th percentile of one quantity, in its own unit; p50 <= p95 <= p99."""

    p50: float
    p95: float
    p99: float
