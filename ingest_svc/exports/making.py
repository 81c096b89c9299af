"""What a worker asks of a maker: one export in, files out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chassis.core.mediatime import TimeSpan
from chassis.io.stage import StageSpan
from heimdex.ingest.v1 import export_pb2
from ingest_svc.domain.exports.values import Strategy
from ingest_svc.exports.record import Order

__all__ = ["Job", "Maker", "Product"]


@dataclass(frozen=True, slots=True)
class Job:
    """One export to be made in `folder`, which is empty and goes away afterwards.

    `on_progress` takes the part that is done, 0 to 1; `span` takes what was counted.
    """

    export_id: str
    owner_id: str
    order: Order
    folder: Path
    on_progress: Callable[[float], None]
    span: StageSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What was made. Caption files are None where no words are known."""

    clip: Path
    thumbnail: Path
    srt: Path | None
    vtt: Path | None
    spans: tuple[TimeSpan, ...]
    used_strategy: Strategy
    is_stream_copy: bool
    notes: tuple[str, ...]
    report: export_pb2.CheckReport
    size_bytes: int
    duration_ns: int


class Maker(Protocol):
    """Makes exports. May run twice for one; when it is cancelled nothing of it goes on."""

    async def make(self, job: Job) -> Product:
        """Make one export.

        Raises:
            NotFound: a video or its file has gone, `SOURCE_MISSING`.
            UnreadableMedia: a source can not be used.
            Corruption: what was made does not pass its check, `EXPORT_CHECK_FAILED`.
            UpstreamUnavailable: something did not answer, or the disk is full; try again.
        """
        ...
