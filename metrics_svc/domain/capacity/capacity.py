"""What is asked about capacity, and what is answered."""

from collections.abc import Iterator
from dataclasses import dataclass

from chassis.core.errors import FieldViolation, InvalidInput
from metrics_svc.domain.answers.reports import Coverage
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.capacity.forecast import Waits
from metrics_svc.domain.capacity.load import StageLoad

__all__ = [
    "DEFAULT_TARGET_S",
    "Advice",
    "CapacityReport",
    "ModelChange",
    "Reason",
    "StageCapacity",
    "StageChange",
    "WhatIf",
]

DEFAULT_TARGET_S = 60.0
_LONGEST_TARGET_S = 30 * 86_400.0
_LEAST_FACTOR, _LARGEST_FACTOR = 0.01, 100.0
_MOST_WORKERS = 10_000
_MOST_CHANGES = 100


class Reason:
    """Why there is no forecast."""

    TOO_FEW_EVENTS = "TOO_FEW_EVENTS"
    SERVERS_UNKNOWN = "SERVERS_UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChange:
    """A stage as it could be; None leaves it as it is."""

    stage: str
    service_factor: float | None = None
    workers: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChange:
    """A model as it could be: its work takes so many times as long."""

    model: str
    service_factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What would be different, and how long 95 of 100 waits in each stage may be, seconds.

    Raises:
        InvalidInput: with a violation per field that is wrong.
    """

    target_wait_s: float = DEFAULT_TARGET_S
    uploads_factor: float = 1.0
    stages: tuple[StageChange, ...] = ()
    models: tuple[ModelChange, ...] = ()

    def __post_init__(self) -> None:
        refuse(tuple(self._violations()))

    @property
    def is_present(self) -> bool:
        """Whether nothing is different."""
        return self.uploads_factor == 1 and not self.stages and not self.models

    def change_of(self, stage: str) -> StageChange:
        """Return what is different about a stage."""
        return next((one for one in self.stages if one.stage == stage), StageChange(stage=stage))

    def _violations(self) -> Iterator[FieldViolation]:
        if not 0 < self.target_wait_s <= _LONGEST_TARGET_S:
            yield FieldViolation("target_wait_s", f"must be above 0 and at most {_LONGEST_TARGET_S:.0f} seconds")
        yield from _factor("uploads_factor", self.uploads_factor)
        for name, changes in (("stages", self.stages), ("models", self.models)):
            if len(changes) > _MOST_CHANGES:
                yield FieldViolation(name, f"at most {_MOST_CHANGES}")
        for number, stage in enumerate(self.stages[:_MOST_CHANGES]):
            if stage.service_factor is not None:
                yield from _factor(f"stages[{number}].service_factor", stage.service_factor)
            if stage.workers is not None and not 1 <= stage.workers <= _MOST_WORKERS:
                yield FieldViolation(f"stages[{number}].workers", f"must be 1 to {_MOST_WORKERS}")
            if any(other.stage == stage.stage for other in self.stages[:number]):
                yield FieldViolation(f"stages[{number}].processing_stage", "stands twice")
        for number, model in enumerate(self.models[:_MOST_CHANGES]):
            yield from _factor(f"models[{number}].service_factor", model.service_factor)
            if any(other.model == model.model for other in self.models[:number]):
                yield FieldViolation(f"models[{number}].model", "stands twice")


def refuse(violations: tuple[FieldViolation, ...]) -> None:
    """Do nothing when nothing is wrong.

    Raises:
        InvalidInput: something is.
    """
    if violations:
        said = "; ".join(f"{one.field}: {one.description}" for one in violations)
        raise InvalidInput(said, reason="INVALID_CAPACITY_QUESTION", violations=violations)


def _factor(field: str, value: float) -> Iterator[FieldViolation]:
    if not _LEAST_FACTOR <= value <= _LARGEST_FACTOR:
        yield FieldViolation(field, f"must be {_LEAST_FACTOR:g} to {_LARGEST_FACTOR:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The fewest workers of a stage with which the target is met, and its waits with them."""

    workers: int
    servers: int
    waits: Waits


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCapacity:
    """One stage: what was measured of it, and what is forecast under the conditions asked for."""

    stage: str
    measured: StageLoad
    coverage: Coverage
    service_factor: float
    workers: int | None
    servers: int | None
    offered: float | None = None
    """How many servers its work fills; None when too little was recorded."""
    forecast: Waits | None = None
    no_forecast_reason: str = ""
    advice: Advice | None = None
    """None without a forecast, or when no number of workers meets the target."""
    saturation_uploads_per_hour: float | None = None
    """Uploads at which its servers are busy all the time."""

    @property
    def load(self) -> float | None:
        """Work that comes over work that the servers can do, if every stage before it keeps up; above 1 it piles up."""
        return None if self.offered is None or self.servers is None else self.offered / self.servers

    @property
    def busiest_load(self) -> float | None:
        """The same in the hour of the day that was the busiest."""
        if self.load is None or self.measured.busiest is None or not self.measured.busy_servers:
            return None
        return self.load * self.measured.busiest.busy_servers / self.measured.busy_servers

    @property
    def is_saturated(self) -> bool:
        """Whether more comes than can be done, for good."""
        return self.load is not None and self.load >= 1

    @property
    def growth_s_per_hour(self) -> float | None:
        """By how much the wait grows every hour, seconds; None unless saturated."""
        return (self.load - 1) * 3_600 if self.load is not None and self.load >= 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityReport:
    """How busy the workers are, how long videos wait, and what to do; None is what is not known."""

    window: Window
    """What was looked at: the window asked for, less what lies before the first event or beyond the most we read."""
    coverage: Coverage
    uploads: int
    what_if: WhatIf
    stages: tuple[StageCapacity, ...] = ()
    forecast_length_s: float | None = None
    measured_queue: Waits | None = None
    forecast_queue: Waits | None = None
    advised_queue: Waits | None = None
    no_forecast_reason: str = ""
    advice: str = ""

    @property
    def uploads_per_hour(self) -> float:
        """Uploads as they were recorded."""
        return self.uploads / (self.window.end - self.window.start).total_seconds() * 3_600

    @property
    def bottleneck(self) -> StageCapacity | None:
        """The stage with the highest load; it saturates first."""
        loaded = [stage for stage in self.stages if stage.load]
        return max(loaded, key=lambda stage: stage.load or 0.0, default=None)
