"""A simulated pipeline as its workers would tell it: as a recording, or as the events that they publish."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from heimdex.common.v1 import stage_pb2
from heimdex.metrics.v1 import stage_event_pb2
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.capacity.recording import Pieces, Recording, Runs
from tests.support.capacity_simulation import Arrivals, Line, Piece, Simulated, simulate

__all__ = ["START", "events_of", "recorded", "recording_of"]

START = datetime(2026, 11, 2, tzinfo=UTC)
"""When a simulation begins: a Monday."""


def recorded(lines: Sequence[Line], arrivals: Arrivals, *, length_s: float, seed: int) -> Recording:
    """Return what the workers told of a simulated stretch."""
    return recording_of(simulate(lines, arrivals, length_s=length_s, seed=seed), length_s=length_s)


def recording_of(seen: Simulated, *, length_s: float, slots: int = 1) -> Recording:
    """Return what the workers told up to the end of a stretch: what had not ended by then is not in it."""
    told = [piece for piece in seen.pieces if piece.started_s + piece.service_s < length_s]
    models = {name: number + 1 for number, name in enumerate(sorted({piece.model for piece in told} - {""}))}
    by_stage: dict[str, list[Piece]] = {}
    for piece in told:
        by_stage.setdefault(piece.stage, []).append(piece)
    ended = [video for video, at in seen.ended.items() if at < length_s]
    return Recording(
        window=Window(START, START + timedelta(seconds=length_s)),
        runs=Runs(key=np.array(ended, np.int64), queued_s=np.array([seen.uploads[video] for video in ended], float)),
        pieces={stage: _pieces(pieces, models, slots) for stage, pieces in by_stage.items()},
        models=models,
    )


def events_of(seen: Simulated, *, length_s: float, slots: int = 1) -> list[stage_event_pb2.StageEvent]:
    """Return the same as the events that workers publish."""
    told = [piece for piece in seen.pieces if piece.started_s + piece.service_s < length_s]
    ended = [(video, at) for video, at in seen.ended.items() if at < length_s]
    return [*(_stage_event(piece, slots) for piece in told), *(_end_of_run(seen, video, at) for video, at in ended)]


def _stage_event(piece: Piece, slots: int) -> stage_event_pb2.StageEvent:
    outcome = stage_pb2.OUTCOME_FAILED if piece.has_failed else stage_pb2.OUTCOME_SUCCEEDED
    return stage_event_pb2.StageEvent(
        event_id=f"v{piece.video}/1/{piece.stage}/{piece.attempt}",
        video_id=f"v{piece.video}",
        owner_id=f"owner{piece.video % 5}",
        generation=1,
        stage=stage_pb2.Stage.Value(f"STAGE_{piece.stage.upper()}"),
        attempt=piece.attempt,
        outcome=outcome,
        reason="UPSTREAM_UNAVAILABLE" if piece.has_failed else "",
        queued_at=_stamp(piece.queued_s),
        started_at=_stamp(piece.started_s),
        finished_at=_stamp(piece.started_s + piece.service_s),
        duration_ns=round(piece.service_s * 1e9),
        model=piece.model,
        worker=f"{piece.stage}_svc/host/{piece.worker}",
        worker_slots=slots,
    )


def _end_of_run(seen: Simulated, video: int, at_s: float) -> stage_event_pb2.StageEvent:
    return stage_event_pb2.StageEvent(
        event_id=f"v{video}/1/completed/99",
        video_id=f"v{video}",
        owner_id=f"owner{video % 5}",
        generation=1,
        stage=stage_pb2.STAGE_COMPLETED,
        outcome=stage_pb2.OUTCOME_SUCCEEDED,
        queued_at=_stamp(seen.uploads[video]),
        started_at=_stamp(seen.uploads[video]),
        finished_at=_stamp(at_s),
        duration_ns=round((at_s - seen.uploads[video]) * 1e9),
    )


def _stamp(since_s: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(START + timedelta(seconds=since_s))
    return stamp


def _pieces(pieces: Sequence[Piece], models: dict[str, int], slots: int) -> Pieces:
    def integers(values):
        return np.array(list(values), np.int64)

    def numbers(values):
        return np.array(list(values), float)

    return Pieces(
        run=integers(piece.video for piece in pieces),
        attempt=integers(piece.attempt for piece in pieces),
        queued_s=numbers(piece.queued_s for piece in pieces),
        started_s=numbers(piece.started_s for piece in pieces),
        service_s=numbers(piece.service_s for piece in pieces),
        wait_s=numbers(piece.wait_s for piece in pieces),
        model=integers(models.get(piece.model, 0) for piece in pieces),
        worker=integers(piece.worker for piece in pieces),
        slots=np.full(len(pieces), slots, np.int64),
        is_corrected=np.zeros(len(pieces), bool),
        is_skipped=np.zeros(len(pieces), bool),
    )
