"""What index_svc is told, one environment variable each."""

from dataclasses import dataclass

from chassis.io.service import WorkerSettings
from chassis.io.settings import Secret, setting

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(WorkerSettings):
    """Settings of index_svc."""

    milvus_uri: str = setting("HEIMDEX_MILVUS_URI", "a folder for Milvus Lite, or the http(s) address of a server")
    milvus_token: Secret = setting(
        "HEIMDEX_MILVUS_TOKEN", "user:password or API key of a Milvus server", default=Secret("")
    )
    inference_address: str = setting("HEIMDEX_INFERENCE_ADDR", "host:port of inference_svc's gRPC")
    media_secret: Secret = setting("HEIMDEX_MEDIA_SECRET", "key that signs links to media")
    storage_scan_seconds: float = setting(
        "HEIMDEX_STORAGE_SCAN_SECONDS", "time between two measurements of the index on the disk, seconds", default=300.0
    )
    image_dimensions: int = setting("HEIMDEX_IMAGE_DIMENSIONS", "length of picture vectors", default=512)
