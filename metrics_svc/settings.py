"""What metrics_svc is told beyond what every service is told; everything but the addresses has a default (R-AD2-13)."""

from dataclasses import dataclass

from chassis.io.service import ChassisSettings
from chassis.io.settings import Secret, setting

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(ChassisSettings):
    """Settings of metrics_svc."""

    database_url: Secret = setting("HEIMDEX_DATABASE_URL", "PostgreSQL, as the role that owns schema metrics")
    ingest_address: str = setting(
        "HEIMDEX_INGEST_ADDR", "host:port of ingest_svc's gRPC, for backfills; empty: there are none", default=""
    )
    intake_slots: int = setting(
        "HEIMDEX_METRICS_INTAKE_SLOTS", "batches in hand at once: one is kept while the next is read", default=2
    )
    intake_batch: int = setting("HEIMDEX_METRICS_INTAKE_BATCH", "most events of one transaction", default=8_192)
    answers_cache_mib: int = setting(
        "HEIMDEX_METRICS_ANSWERS_CACHE_MIB", "mebibytes of decoded sketches kept in memory, about", default=64
    )
    keep_days: int = setting(
        "HEIMDEX_METRICS_KEEP_DAYS", "days after which events and their sketches are removed", default=400
    )
    upkeep_seconds: float = setting(
        "HEIMDEX_METRICS_UPKEEP_SECONDS", "seconds between two rounds of folding hours and removing", default=900.0
    )
    alert_period_seconds: float = setting(
        "HEIMDEX_ALERT_PERIOD_SECONDS", "seconds between two looks at the alert rules, 1 to 60", default=15.0
    )
    alert_webhook_url: Secret = setting(
        "HEIMDEX_ALERT_WEBHOOK_URL",
        "http or https addresses that are told of alerts, comma-separated; empty: alerts are only listed",
        default=Secret(""),
    )
    alert_webhook_secret: Secret = setting(
        "HEIMDEX_ALERT_WEBHOOK_SECRET",
        "signs notifications, whsec_ and base64 or plain text; several, comma-separated, while one is replaced",
        default=Secret(""),
    )
    view_seconds: float = setting(
        "HEIMDEX_METRICS_VIEW_SECONDS", "seconds between two readings of the store for Prometheus", default=10.0
    )
