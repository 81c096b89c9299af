"""The JSON of cost and prices, as types; every key may be missing: read with `.get`."""

from typing import TypedDict

__all__ = ["CostAnswer", "CostRow", "ModelPrice", "RateCard"]


class ModelPrice(TypedDict, total=False):
    """Price of a call of one model, a decimal number as text."""

    model: str
    per_call: str


class RateCard(TypedDict, total=False):
    """Prices, decimal numbers as text."""

    per_cpu_second: str
    per_gpu_second: str
    per_joule: str
    per_gb_month: str
    per_model_call: str
    per_model_call_of: list[ModelPrice]
    currency: str
    etag: str
    version: int
    is_default: bool
    updated_at: str
    updated_by: str


class CostRow(TypedDict, total=False):
    """What one thing used and cost; what was not measured is missing."""

    key: str
    name: str
    cpu_s: float
    gpu_s: float
    joules: float
    gb_months: float
    model_calls: float
    total_amount: str
    total: float
    attempts_measured: int
    attempts_missing: int


class CostAnswer(TypedDict, total=False):
    """A page of a bill."""

    data: list[CostRow]
    total: CostRow
    group_by: str
    total_rows: int
    next_page_token: str
    start_at: str
    end_at: str
    rate_card: RateCard
    measured: int
    missing: int
