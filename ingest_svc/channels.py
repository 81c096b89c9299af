"""Names of the PostgreSQL channels by which this service's replicas wake each other."""

__all__ = ["OUTBOX_CHANNEL", "VIDEO_CHANNEL"]

OUTBOX_CHANNEL = "heimdex_outbox"
VIDEO_CHANNEL = "heimdex_video"
