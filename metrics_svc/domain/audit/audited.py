"""Which answers an audit asks, in which variants, and which of their fields say what a number is about."""

from dataclasses import dataclass

from metrics_svc.domain.answers.windows import Period

__all__ = ["AUDITED", "LABELS", "WORK_FIELDS", "Audited"]

LABELS = frozenset({"processing_stage", "outcome", "model", "day", "operation", "from_ms", "to_ms", "key", "name"})
"""Fields that say what the numbers beside and below them are about."""
_QUANTITIES = ("cpu_s", "gpu_s", "joules", "model_calls", "attempts_measured", "attempts_missing")
WORK_FIELDS = frozenset(
    {
        *(f"data.{name}" for name in _QUANTITIES),
        *(f"total.{name}" for name in _QUANTITIES),
        "measured",
        "approximate",
        "missing",
    }
)
"""What of a bill comes from events: quantities of work. Prices and storage are not from events."""
_STORAGE = ("key", "storage")
"""The row of a bill that is no work."""


@dataclass(frozen=True, slots=True)
class Audited:
    """An answer by its path below `/v1/admin/`; `cut` is its `bucket` or `group_by`, empty where it has none.

    `fields` are the fields that are compared; None: all that hold numbers.
    """

    path: str
    cut: str = ""
    fields: frozenset[str] | None = None
    without: tuple[str, str] | None = None
    """A label and a value that mark what is not compared."""
    days_of_now: int = 0
    """Of an answer that has no window: how many UTC days it looks back, today included."""

    @property
    def name(self) -> str:
        """The name under which differences are told."""
        if not self.cut:
            return self.path
        return f"{self.path}?{'group_by' if self.path == 'cost' else 'bucket'}={self.cut}"


AUDITED: tuple[Audited, ...] = (
    Audited("overview", days_of_now=30),
    Audited("performance/latency"),
    Audited("performance/rtf"),
    Audited("performance/queue"),
    Audited("performance/stages"),
    Audited("performance/operations"),
    Audited("failures/by-stage"),
    *(
        Audited(f"timeseries/{series}", period)
        for series in ("throughput", "throughput-v2", "search", "search-quality", "latency")
        for period in Period
    ),
    *(Audited("cost", group, WORK_FIELDS, _STORAGE) for group in ("stage", "day", "model")),
)
"""Every answer that is made of events, in every variant that has numbers of its own."""
