"""`python -m bench.noop_worker SERVICE`: a service of ours, whole and real, whose stages have nothing to do.

Only the work of five stage handlers is replaced: probing, scene detection, transcription, description and indexing
answer at once and find nothing. What is not work of a stage stays as it is: upload, verification of the source,
outbox and relay, JetStream, the shells of all seven stages, stored results, stage events, intake, state machine,
`finalize` with its rows, watch.
"""

import sys
from types import ModuleType
from typing import Any

from chassis.io.service import run_service
from chassis.io.stage import StageSpan
from heimdex.ingest.v1 import video_pb2, work_pb2

__all__ = ["noop_services"]

_SKIPPED = "NOTHING_TO_DO"


def noop_services() -> tuple[str, ...]:
    """Return the names of the services that have stages."""
    return ("ingest_svc", "inference_svc", "index_svc")


def _replace(app: ModuleType, **parts: object) -> None:
    """Replace parts of a composition root.

    Raises:
        LookupError: it has no part of that name any more; what would be measured is not what is claimed.
    """
    if missing := parts.keys() - vars(app).keys():
        raise LookupError(f"{app.__name__} has no {', '.join(sorted(missing))}")
    vars(app).update(parts)


def _run_ingest() -> None:
    from ingest_svc import app  # noqa: PLC0415  # one service per process, as in the mesh
    from ingest_svc.settings import Settings  # noqa: PLC0415
    from ingest_svc.stage_handlers import StageHandlers  # noqa: PLC0415

    class IdleMedia(StageHandlers):
        """Verifies and finalizes; opens no media."""

        async def probe(self, work: work_pb2.StageWork, span: StageSpan) -> work_pb2.StageResult:
            span.bytes_read = work.source.size_bytes
            return work_pb2.StageResult(metadata=work_pb2.MetadataOutput(media_info=video_pb2.MediaInfo()))

        async def detect_scenes(self, work: work_pb2.StageWork, span: StageSpan) -> work_pb2.StageResult:
            span.bytes_read = work.source.size_bytes
            return work_pb2.StageResult(scene_detection=work_pb2.SceneDetectionOutput(detector="none"))

    _replace(app, StageHandlers=IdleMedia)
    run_service("ingest_svc", Settings, app.build)


def _run_inference() -> None:
    from inference_svc import app  # noqa: PLC0415
    from inference_svc.settings import Settings  # noqa: PLC0415

    async def transcribe(work: work_pb2.StageWork, span: StageSpan, **_parts: Any) -> work_pb2.StageResult:
        span.skipped_reason = _SKIPPED
        transcript = video_pb2.Transcript(video_id=work.video_id, skipped_reason=_SKIPPED)
        return work_pb2.StageResult(transcription=transcript)

    async def describe(_work: work_pb2.StageWork, span: StageSpan, **_parts: Any) -> work_pb2.StageResult:
        span.items = 0
        return work_pb2.StageResult(moments=work_pb2.MomentsOutput())

    _replace(app, transcribe_audio=transcribe, describe_scenes=describe)
    run_service("inference_svc", Settings, app.build)


def _run_index() -> None:
    from index_svc import app  # noqa: PLC0415
    from index_svc.handlers import IndexWork  # noqa: PLC0415
    from index_svc.settings import Settings  # noqa: PLC0415

    class IdleIndex(IndexWork):
        """Indexes nothing."""

        async def index(self, work: work_pb2.StageWork, span: StageSpan) -> work_pb2.StageResult:  # noqa: ARG002
            span.items = 0
            return work_pb2.StageResult(indexing=work_pb2.IndexingOutput(searchable_moments=0))

    _replace(app, IndexWork=IdleIndex)
    run_service("index_svc", Settings, app.build)


if __name__ == "__main__":
    {"ingest_svc": _run_ingest, "inference_svc": _run_inference, "index_svc": _run_index}[sys.argv[1]]()
