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
    overdue_seconds: float = setting(
        "HEIMDEX_OVERDUE_SECONDS", "age at which the sweeper looks for handed-out work, seconds", default=30.0
    )
