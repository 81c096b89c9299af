"""The grammar of subjects, and the declared streams and consumers: the whole topology on one page.

    heimdex.<kind>.v1.<context>.<message>.<key>      kind: work, fact, stage, dead

Work is consumed once (work-queue retention); facts, stage events and dead letters are kept for their readers.
"""

from dataclasses import dataclass
from enum import StrEnum

from chassis.core.stages import Stage

__all__ = [
    "CONSUMERS",
    "HEADER_CAUSATION_ID",
    "HEADER_CORRELATION_ID",
    "HEADER_MESSAGE_TYPE",
    "HEADER_MSG_ID",
    "STAGE_CONTEXT",
    "STREAMS",
    "ConsumerSpec",
    "Kind",
    "Retention",
    "StreamSpec",
    "dead_subject",
    "fact_subject",
    "stage_subject",
    "work_subject",
]

HEADER_MSG_ID = "Nats-Msg-Id"
"""Identity of a message; the broker drops a second one within its window, every reader drops it for good."""
HEADER_CORRELATION_ID = "Heimdex-Correlation-Id"
"""Follows one request of a user through all services."""
HEADER_CAUSATION_ID = "Heimdex-Causation-Id"
"""Identity of the message that caused this one."""
HEADER_MESSAGE_TYPE = "Heimdex-Message-Type"
"""Full protobuf name of the payload."""

STAGE_CONTEXT: dict[Stage, str] = {
    Stage.DOWNLOADING: "ingest",
    Stage.METADATA: "ingest",
    Stage.SCENE_DETECTION: "ingest",
    Stage.TRANSCRIPTION: "inference",
    Stage.SCENE_PROCESSING: "inference",
    Stage.INDEXING: "index",
    Stage.FINALIZING: "ingest",
}
"""Which service does the work of a stage."""


class Kind(StrEnum):
    """What a message is."""

    WORK = "work"
    FACT = "fact"
    STAGE = "stage"
    DEAD = "dead"


class Retention(StrEnum):
    """How long a stream keeps a message."""

    WORK_QUEUE = "workqueue"
    LIMITS = "limits"


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One stream, file-stored, refusing new messages when full."""

    name: str
    kind: Kind
    retention: Retention
    max_bytes: int
    max_age_seconds: int


@dataclass(frozen=True, slots=True)
class ConsumerSpec:
    """One durable pull consumer."""

    name: str
    stream: str
    subject: str
    ack_wait_seconds: float = 15.0
    max_ack_pending: int = 1_000


_GIB = 1 << 30
_DAY_SECONDS = 86_400

STREAMS: tuple[StreamSpec, ...] = (
    StreamSpec("HEIMDEX_WORK", Kind.WORK, Retention.WORK_QUEUE, 1 * _GIB, 0),
    StreamSpec("HEIMDEX_FACT", Kind.FACT, Retention.LIMITS, 1 * _GIB, 7 * _DAY_SECONDS),
    StreamSpec("HEIMDEX_STAGE", Kind.STAGE, Retention.LIMITS, 4 * _GIB, 30 * _DAY_SECONDS),
    StreamSpec("HEIMDEX_DEAD", Kind.DEAD, Retention.LIMITS, 1 * _GIB, 90 * _DAY_SECONDS),
)


def work_subject(context: str, message: str, key: str) -> str:
    """Return the subject of a piece of work for a service; `message` is imperative, e.g. `transcription`."""
    return f"heimdex.{Kind.WORK}.v1.{context}.{message}.{key}"


def fact_subject(context: str, message: str, key: str) -> str:
    """Return the subject of a fact from a service; `message` is past tense, e.g. `stage_ended`."""
    return f"heimdex.{Kind.FACT}.v1.{context}.{message}.{key}"


def stage_subject(context: str, message: str, key: str) -> str:
    """Return the subject of a telemetry record from a service, e.g. `stage_event`."""
    return f"heimdex.{Kind.STAGE}.v1.{context}.{message}.{key}"


def dead_subject(context: str, message: str, key: str) -> str:
    """Return the subject of a dead letter from a service."""
    return f"heimdex.{Kind.DEAD}.v1.{context}.{message}.{key}"


def _stage_consumer(stage: Stage, name: str) -> ConsumerSpec:
    context = STAGE_CONTEXT[stage]
    return ConsumerSpec(f"{context}_{name}", "HEIMDEX_WORK", work_subject(context, stage, "*"))


CONSUMERS: tuple[ConsumerSpec, ...] = (
    _stage_consumer(Stage.DOWNLOADING, "download_source"),
    _stage_consumer(Stage.METADATA, "probe_media"),
    _stage_consumer(Stage.SCENE_DETECTION, "detect_scenes"),
    _stage_consumer(Stage.FINALIZING, "finalize_video"),
    _stage_consumer(Stage.TRANSCRIPTION, "transcribe_audio"),
    _stage_consumer(Stage.SCENE_PROCESSING, "describe_scenes"),
    _stage_consumer(Stage.INDEXING, "index_moments"),
    ConsumerSpec("ingest_export_clip", "HEIMDEX_WORK", work_subject("ingest", "export_clip", "*")),
    ConsumerSpec("index_forget_video", "HEIMDEX_WORK", work_subject("index", "forget_video", "*")),
    ConsumerSpec("ingest_take_facts", "HEIMDEX_FACT", "heimdex.fact.v1.>", max_ack_pending=200),
    # Two batches of 8,192 in hand and as many waiting.
    ConsumerSpec("metrics_take_stage_events", "HEIMDEX_STAGE", "heimdex.stage.v1.>", max_ack_pending=40_000),
)
