"""Every Prometheus metric of the mesh, declared once. Base units, closed sets of labels, never an id in a label."""

import asyncio
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

__all__ = [
    "ALERT_FIRING",
    "BATCH_ITEMS",
    "CONTENT_TYPE",
    "EVENTS_TAKEN",
    "EVENT_LOOP_LAG",
    "MESSAGES_HANDLED",
    "MESSAGES_IN_FLIGHT",
    "MODEL_CALL_DURATION",
    "MODEL_WAITING_ITEMS",
    "OUTBOX_PENDING",
    "QUEUE_MESSAGES",
    "REGISTRY",
    "RPC_DURATION",
    "SEARCH_DURATION",
    "STAGE_DURATION",
    "STAGE_EVENTS_DROPPED",
    "exposition",
    "measure_loop_lag",
]

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)
CONTENT_TYPE = CONTENT_TYPE_LATEST
_STAGE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
_RPC_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

STAGE_DURATION = Histogram(
    "heimdex_stage_duration_seconds",
    "Length of a piece of work.",
    ("stage", "outcome"),
    buckets=_STAGE_BUCKETS,
    registry=REGISTRY,
)
STAGE_EVENTS_DROPPED = Counter(
    "heimdex_stage_events_dropped_total",
    "Stage events that could not be sent; stays 0.",
    ("reason",),
    registry=REGISTRY,
)
MESSAGES_HANDLED = Counter(
    "heimdex_messages_handled_total", "Messages by what became of them.", ("consumer", "disposition"), registry=REGISTRY
)
EVENTS_TAKEN = Counter(
    "heimdex_intake_events_total",
    "Events by the table that keeps them and what became of them: new, repeated, contradicted or, in none, refused.",
    ("table", "disposition"),
    registry=REGISTRY,
)
MESSAGES_IN_FLIGHT = Gauge("heimdex_messages_in_flight", "Messages in hand.", ("consumer",), registry=REGISTRY)
BATCH_ITEMS = Histogram(
    "heimdex_inference_batch_items",
    "Items per model call.",
    ("model",),
    buckets=(1, 2, 4, 8, 16, 32, 64),
    registry=REGISTRY,
)
RPC_DURATION = Histogram(
    "heimdex_rpc_duration_seconds", "Length of a call.", ("method", "code"), buckets=_RPC_BUCKETS, registry=REGISTRY
)
SEARCH_DURATION = Histogram(
    "heimdex_search_duration_seconds", "Length of a search.", buckets=_RPC_BUCKETS, registry=REGISTRY
)
MODEL_CALL_DURATION = Histogram(
    "heimdex_inference_call_duration_seconds",
    "Length of a model call.",
    ("model",),
    buckets=_RPC_BUCKETS,
    registry=REGISTRY,
)
MODEL_WAITING_ITEMS = Gauge(
    "heimdex_inference_waiting_items", "Items that wait for a model.", ("model",), registry=REGISTRY
)
QUEUE_MESSAGES = Gauge(
    "heimdex_queue_messages",
    "Messages of a consumer: waiting to be handed out, or in hand and not acknowledged.",
    ("consumer", "state"),
    registry=REGISTRY,
)
OUTBOX_PENDING = Gauge("heimdex_outbox_pending_messages", "Messages that wait to be published.", registry=REGISTRY)
ALERT_FIRING = Gauge(
    "heimdex_alert_firing", "Whether an alert rule of metrics_svc fires: 1 or 0.", ("rule",), registry=REGISTRY
)
EVENT_LOOP_LAG = Gauge("heimdex_event_loop_lag_seconds", "Last delay of a timer on the event loop.", registry=REGISTRY)


def exposition() -> bytes:
    """Return the metrics of this process in the Prometheus text format."""
    return generate_latest(REGISTRY)


async def measure_loop_lag(period_seconds: float = 1.0, *, now: Callable[[], float] | None = None) -> None:
    """Keep EVENT_LOOP_LAG up to date until cancelled."""
    clock = now or asyncio.get_running_loop().time
    while True:
        before = clock()
        await asyncio.sleep(period_seconds)
        EVENT_LOOP_LAG.set(max(0.0, clock() - before - period_seconds))
