"""Names of the PostgreSQL channels by which this service's replicas wake each other."""

__all__ = ["EXPORT_CHANNEL", "OUTBOX_CHANNEL", "VIDEO_CHANNEL"]

EXPORT_CHANNEL = "heimdex_export"
OUTBOX_CHANNEL = "heimdex_outbox"
VIDEO_CHANNEL = "heimdex_video"
