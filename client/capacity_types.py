"""The JSON of capacity, as types; every key may be missing: read with `.get`."""

from typing import TypedDict

__all__ = ["CapacityAnswer", "CapacityQuestion", "ModelChange", "StageCapacity", "StageChange"]


class StageChange(TypedDict, total=False):
    """A stage as it could be."""

    processing_stage: str
    service_factor: float
    workers: int


class ModelChange(TypedDict):
    """A model as it could be."""

    model: str
    service_factor: float


class CapacityQuestion(TypedDict, total=False):
    """What is asked; the last three make it a simulation."""

    range: str
    target_wait_s: float
    uploads_factor: float
    stages: list[StageChange]
    models: list[ModelChange]


class StageCapacity(TypedDict, total=False):
    """One stage; times in seconds, shares 0 to 100 and above."""

    processing_stage: str
    pieces: int
    avg_service_s: float
    busiest_hour: int
    workers: int
    servers: int
    servers_are_estimated: bool
    utilisation_pct: float
    avg_wait_s: float
    forecast_workers: int
    forecast_servers: int
    load_pct: float
    busiest_hour_load_pct: float
    is_saturated: bool
    forecast_avg_wait_s: float
    forecast_p95_wait_s: float
    workers_needed: int
    no_forecast_reason: str


class CapacityAnswer(TypedDict, total=False):
    """How busy the workers are, how long videos wait, and how many workers are needed."""

    stages: list[StageCapacity]
    observed_from_at: str
    observed_until_at: str
    uploads: int
    uploads_per_hour: float
    uploads_factor: float
    target_wait_s: float
    saturation_uploads_per_hour: float
    avg_queue_s: float
    forecast_avg_queue_s: float
    advised_avg_queue_s: float
    no_forecast_reason: str
    advice: str
