"""Values of index_svc to protobuf and back."""

from collections.abc import Iterable
from datetime import datetime

import numpy as np

from chassis.core.ids import derived_id, owner_key
from chassis.core.mediatime import TimeSpan, ns_from_seconds
from chassis.io.signed_urls import sign_path
from chassis.io.stage import timestamp
from heimdex.index.v1 import search_service_pb2
from heimdex.ingest.v1 import video_pb2, work_pb2
from heimdex.metrics.v1 import stage_event_pb2
from index_svc.domain.moment import TEXT_DIMENSIONS, Moment, MomentText, Record, Vector
from index_svc.domain.query import Signal
from index_svc.domain.ranking import Answer, Result, SignalReport

_LARGEST_PAYLOAD_BYTES = 48 << 10

__all__ = ["answer_message", "moment_from", "search_event", "signals_from"]


def moment_from(
    message: work_pb2.Moment, work: work_pb2.StageWork, *, created_at: datetime, image_dimensions: int
) -> Moment:
    """Return a moment of a piece of work.

    Recipes are shortened to ids, which filter expressions can hold. A picture vector of another length than the index
    was made for is left out: it could not be compared with anything.
    """
    scene = video_pb2.Scene()
    scene.CopyFrom(message.scene)
    scene.created_at.CopyFrom(timestamp(created_at))  # type: ignore[arg-type]
    record = Record(
        scene_id=scene.id,
        video_id=work.video_id,
        owner_id=owner_key(work.owner_id),
        generation=work.generation,
        index=scene.index,
        span=TimeSpan(ns_from_seconds(scene.start_s), ns_from_seconds(scene.end_s)),
        text=MomentText(
            speech=scene.transcript_segment,
            on_screen="\n".join(scene.ocr_lines),
            tags=tuple(scene.tags),
            title=work.title,
            filename=work.filename,
        ),
        payload=_payload(scene),
    )
    image = _vector(message.image_vector)
    if image is not None and image.size != image_dimensions:
        image = None
    return Moment(
        record,
        text_vector=_vector(message.text_vector, TEXT_DIMENSIONS),
        tags_vector=_vector(message.tags_vector, TEXT_DIMENSIONS),
        image_vector=image,
        text_recipe=derived_id("r", message.text_vector_recipe) if message.text_vector_recipe else "",
        image_recipe=derived_id("r", message.image_vector_recipe) if message.image_vector_recipe else "",
    )


def _payload(scene: video_pb2.Scene) -> bytes:
    """Return the scene as the index stores it; a huge one leaves out its longest parts, which GetScene still gives."""
    kept = video_pb2.Scene()
    kept.CopyFrom(scene)
    for part in ("words", "combined_text", "scored_tags", "transcript_segment"):
        if kept.ByteSize() <= _LARGEST_PAYLOAD_BYTES:
            break
        kept.ClearField(part)
    return kept.SerializeToString()


def _vector(raw: bytes, dimensions: int | None = None) -> Vector | None:
    if not raw:
        return None
    vector: Vector = np.frombuffer(raw, "<f4")
    return None if dimensions is not None and vector.size != dimensions else vector


def signals_from(values: "Iterable[search_service_pb2.Signal.ValueType]") -> frozenset[Signal]:
    """Return the signals of a request; unknown ones of a newer version are left out."""
    names = {
        search_service_pb2.Signal.Name(value).removeprefix("SIGNAL_").lower() for value in values if value in _NUMBERS
    }
    return frozenset(Signal(name) for name in names if name != "unspecified")


_NUMBERS = frozenset(search_service_pb2.Signal.values())


def _signal(signal: Signal) -> "search_service_pb2.Signal.ValueType":
    return search_service_pb2.Signal.Value(f"SIGNAL_{signal.name}")


def answer_message(answer: Answer, *, latency_ms: float, media_secret: str) -> search_service_pb2.SearchResponse:
    """Return the answer as users see it."""
    return search_service_pb2.SearchResponse(
        results=[_result(result, media_secret) for result in answer.results],
        next_page_token=answer.next_page_token,
        signals=[_report(report) for report in answer.signals],
        latency_ms=round(latency_ms, 3),
    )


def _result(result: Result, media_secret: str) -> search_service_pb2.SearchResult:
    scene = video_pb2.Scene.FromString(result.record.payload)
    scene.thumbnail_url = sign_path(media_secret, scene.thumbnail_key)
    matches = [
        search_service_pb2.SignalMatch(
            signal=_signal(one.match.signal),
            score=round(one.match.score, 6),
            rank=one.match.rank,
            snippet=one.snippet.text,
        )
        for one in result.matches
    ]
    return search_service_pb2.SearchResult(scene=scene, score=round(result.score, 6), matches=matches)


def _report(report: SignalReport) -> search_service_pb2.SignalReport:
    return search_service_pb2.SignalReport(
        signal=_signal(report.signal),
        is_used=report.is_used,
        reason=report.reason,
        candidates=report.candidates,
        weight=round(report.weight, 6),
    )


def search_event(
    event_id: str,
    *,
    owner_id: str,
    at: datetime,
    latency_ns: int,
    results_count: int,
    query_text: str,
    video_ids: tuple[str, ...] = (),
) -> stage_event_pb2.SearchEvent:
    """Return the record of a search; the videos it was limited to are told when there is one."""
    return stage_event_pb2.SearchEvent(
        event_id=event_id,
        owner_id=owner_id,
        at=timestamp(at),
        latency_ns=latency_ns,
        results_count=results_count,
        query_text=query_text,
        video_id=video_ids[0] if len(video_ids) == 1 else "",
    )
