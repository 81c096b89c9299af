"""Streams and consumers as declared in `chassis.core.subjects`: created where missing, corrected where different."""

from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.client import JetStreamContext
from nats.js.errors import BadRequestError, NotFoundError

from chassis.core.subjects import CONSUMERS, STREAMS, ConsumerSpec, Kind, Retention, StreamSpec

__all__ = ["consumer_spec", "ensure_topology"]

_DUPLICATE_WINDOW_SECONDS = 300.0
_MAX_MESSAGE_BYTES = 1 << 20


def consumer_spec(name: str) -> ConsumerSpec:
    """Return a declared consumer.

    Raises:
        KeyError: there is none of that name.
    """
    for spec in CONSUMERS:
        if spec.name == name:
            return spec
    raise KeyError(name)


def _stream_config(spec: StreamSpec) -> StreamConfig:
    return StreamConfig(
        name=spec.name,
        subjects=[f"heimdex.{spec.kind}.v1.>"],
        retention=RetentionPolicy.WORK_QUEUE if spec.retention is Retention.WORK_QUEUE else RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        # A full stream refuses, so nothing is lost unseen; dead letters make room, since they must never block work.
        discard=DiscardPolicy.OLD if spec.kind is Kind.DEAD else DiscardPolicy.NEW,
        max_bytes=spec.max_bytes,
        max_age=float(spec.max_age_seconds),
        max_msg_size=_MAX_MESSAGE_BYTES,
        duplicate_window=_DUPLICATE_WINDOW_SECONDS,
        num_replicas=1,
        allow_direct=False,
    )


def _consumer_config(spec: ConsumerSpec) -> ConsumerConfig:
    return ConsumerConfig(
        name=spec.name,  # with it the request's subject carries the filter, which the broker's permissions check
        durable_name=spec.name,
        filter_subject=spec.subject,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=spec.ack_wait_seconds,
        max_deliver=-1,  # our own counter in PostgreSQL decides when to give up
        max_ack_pending=spec.max_ack_pending,
        max_waiting=512,
    )


async def ensure_topology(jetstream: JetStreamContext, *, corrects: bool = True) -> None:
    """Create every stream and consumer that is missing; safe to run in several services at once.

    Only who `corrects` brings a stream of another configuration into line: by the broker's permissions, ingest_svc.
    """
    for stream in STREAMS:
        config = _stream_config(stream)
        try:
            await jetstream.add_stream(config)
        except BadRequestError:
            if corrects:
                await jetstream.update_stream(config)
    for consumer in CONSUMERS:
        try:
            await jetstream.consumer_info(consumer.stream, consumer.name)
        except NotFoundError:
            await jetstream.add_consumer(consumer.stream, _consumer_config(consumer))
