"""What ingest_svc is told, one environment variable each."""

from dataclasses import dataclass
from pathlib import Path

from chassis.io.service import WorkerSettings
from chassis.io.settings import Secret, setting

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(WorkerSettings):
    """Settings of ingest_svc."""

    database_url: Secret = setting("HEIMDEX_DATABASE_URL", "PostgreSQL, postgresql://user:password@host:port/database")
    index_address: str = setting("HEIMDEX_INDEX_ADDR", "host:port of index_svc's gRPC")
    inference_address: str = setting(
        "HEIMDEX_INFERENCE_ADDR", "host:port of inference_svc's gRPC, for cameras; empty: there is none", default=""
    )
    metrics_address: str = setting(
        "HEIMDEX_METRICS_ADDR", "host:port of metrics_svc's gRPC, for what was searched; empty: not asked", default=""
    )
    media_secret: Secret = setting("HEIMDEX_MEDIA_SECRET", "key that signs links to media")
    scratch_dir: Path = setting("HEIMDEX_SCRATCH_DIR", "private folder for files while they are worked on")
    max_upload_bytes: int = setting("HEIMDEX_MAX_UPLOAD_BYTES", "largest upload, bytes", default=64 << 30)
    decoders: int = setting("HEIMDEX_DECODERS", "videos decoded at the same time", default=1)
    scene_threshold: float = setting("HEIMDEX_SCENE_THRESHOLD", "ContentDetector's threshold, 0 to 255", default=27.0)
    scene_min_seconds: float = setting("HEIMDEX_SCENE_MIN_SECONDS", "shortest scene, seconds", default=0.6)
    sweep_period_seconds: float = setting(
        "HEIMDEX_SWEEP_PERIOD_SECONDS", "time between two sweeps, seconds", default=10.0
    )
    storage_scan_seconds: float = setting(
        "HEIMDEX_STORAGE_SCAN_SECONDS",
        "time between two measurements of the whole object store, seconds",
        default=300.0,
    )
    export_quota: int = setting("HEIMDEX_EXPORT_QUOTA", "exports of one user in any 24 hours", default=10)
    export_max_seconds: float = setting("HEIMDEX_EXPORT_MAX_SECONDS", "longest export, seconds", default=180.0)
    export_hours: float = setting("HEIMDEX_EXPORT_HOURS", "time for which an export is kept, hours", default=24.0)
    export_slots: int = setting("HEIMDEX_EXPORT_SLOTS", "exports made at the same time", default=1)
    export_overdue_seconds: float = setting(
        "HEIMDEX_EXPORT_OVERDUE_SECONDS",
        "time with nobody at an export after which it is looked for, seconds",
        default=60.0,
    )
    overdue_seconds: float = setting(
        "HEIMDEX_OVERDUE_SECONDS", "age at which the sweeper looks for handed-out work, seconds", default=30.0
    )
