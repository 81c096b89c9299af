"""What metrics_svc is told beyond what every service is told; everything but the addresses has a default (R-AD2-13)."""

from dataclasses import dataclass

from chassis.io.service import ChassisSettings
from chassis.io.settings import Secret, setting

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(ChassisSettings):
    """Settings of metrics_svc."""

    database_url: Secret = setting("HEIMDEX_DATABASE_URL", "PostgreSQL, as the role that owns schema metrics")
    intake_slots: int = setting(
        "HEIMDEX_METRICS_INTAKE_SLOTS", "events in hand at once, and so the most rows of one insert", default=32
    )
