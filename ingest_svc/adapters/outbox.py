"""What is decided in a transaction and sent after it: messages, and what metrics_svc is told of a video."""

from chassis.io.postgres import Connection, Row, load_queries, record_value
from ingest_svc.ports import ScheduledMessage, ToldVideo
from ingest_svc.reports import video_message

__all__ = ["enqueue", "tell_video", "told_video"]

_Q = load_queries("ingest_svc")
_REPORTS = load_queries("ingest_svc", "sql/reports.sql")


async def enqueue(connection: Connection, scheduled: ScheduledMessage) -> None:
    """Decide to send a message; one of the same identity is sent once."""
    message = scheduled.message
    await connection.execute(
        _Q["insert_outbox"],
        message.msg_id,
        message.subject,
        message.message_type,
        message.payload,
        message.correlation_id,
        scheduled.not_before,
    )


async def tell_video(connection: Connection, video_id: str) -> None:
    """Decide to tell metrics_svc of a video as it is now; its row must be locked by the transaction."""
    row = await connection.fetchrow(_REPORTS["tell_video"], video_id)
    assert row is not None  # noqa: S101  # the row is locked
    await enqueue(connection, video_message(told_video(row)))


def told_video(row: Row) -> ToldVideo:
    """Return what is told of a video."""
    return ToldVideo(**{name: record_value(row, name) for name in ToldVideo.__dataclass_fields__})
