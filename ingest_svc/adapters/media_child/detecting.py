"""Scene detection: one decode pass finds the cuts and leaves keyframes and thumbnails of every shot."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from chassis.core.mediatime import ns_from_pts
from ingest_svc.adapters.media_child.pictures import write_jpeg
from ingest_svc.adapters.media_child.reader import (
    Refused,
    demux,
    open_media,
    origin_ns,
    prepare_video,
    sample_aspect,
    video_tracks,
)
from ingest_svc.adapters.media_child.scene_detector import CutDetector, small_planes
from ingest_svc.domain.keyframes import Candidate, Keyframe, Slot, Thumbnail, choose
from ingest_svc.domain.probe import Refusal, RefusalReason

__all__ = ["FFmpegError", "Refused", "run"]

_NS = 1_000_000_000
_FALLBACK_FRAME_NS = 40_000_000


@dataclass(slots=True)
class _Health:
    """How well the file could be read."""

    frames: int = 0
    decode_errors: int = 0
    corrupt_frames: int = 0
    end_ns: int = 0


@dataclass(slots=True)
class _Gallery:
    """Collects one shot after the other and writes the pictures of each when it ends."""

    out_dir: Path
    slot_ns: int
    keyframe_max_side: int
    thumbnail_max_side: int
    aspect: Fraction
    keyframes: list[Keyframe] = field(default_factory=list)
    thumbnails: list[Thumbnail] = field(default_factory=list)
    _shot: int = -1
    _number: int = 0
    _slot: Slot[VideoFrame] | None = None
    _shown: Candidate[VideoFrame] | None = None

    def begin_shot(self, at_ns: int) -> None:
        """End the shot before this instant, which may lie a little in the past, and begin the next one."""
        late = self._slot.split(at_ns) if self._slot is not None else Slot[VideoFrame](at_ns)
        self.end_shot()
        self._shot += 1
        self._number = 0
        self._slot = late

    def show(self, frame: VideoFrame, luma: np.ndarray, at_ns: int) -> None:
        """Take the next frame of the shot in hand; `luma` is its small uint8[h, w] picture."""
        if self._slot is None:
            self.begin_shot(at_ns)
        elif at_ns >= self._slot.start_ns + self.slot_ns:
            self._end_slot()
            self._slot = Slot(at_ns)
        if self._slot is not None:
            self._slot.offer(at_ns, lambda: Candidate(at_ns, float(luma.mean()), float(luma.std()), frame))

    def end_shot(self) -> None:
        """Write what is still owed for the shot in hand."""
        if self._slot is None:
            return
        if self._number == 0 or self._slot.end_ns - self._slot.start_ns >= self.slot_ns // 2:
            self._end_slot()
        elif self._shown is not None and self._shown.is_blank:
            self._remember(choose(self._slot.candidates, self._slot.start_ns, self._slot.end_ns))
        if self._shown is not None:
            name = f"thumb_{self._shot:04d}.jpg"
            size = self._write(self._shown, name, self.thumbnail_max_side)
            self.thumbnails.append(Thumbnail(self._shown.at_ns, name, *size))
        self._slot = self._shown = None

    def _end_slot(self) -> None:
        if self._slot is None or not self._slot.candidates:
            return
        chosen = choose(self._slot.candidates, self._slot.start_ns, self._slot.end_ns)
        name = f"keyframe_{self._shot:04d}_{self._number}.jpg"
        self._number += 1
        self.keyframes.append(Keyframe(chosen.at_ns, name, *self._write(chosen, name, self.keyframe_max_side)))
        self._remember(chosen)

    def _remember(self, candidate: Candidate[VideoFrame]) -> None:
        if self._shown is None or (self._shown.is_blank and not candidate.is_blank):
            self._shown = candidate

    def _write(self, candidate: Candidate[VideoFrame], name: str, max_side: int) -> tuple[int, int]:
        frame = candidate.picture
        return write_jpeg(
            frame,
            self.out_dir / name,
            max_side=max_side,
            aspect=self.aspect,
            rotation_degrees=round(-frame.rotation / 90) * 90 % 360,
        )


def run(request: Mapping[str, Any], progress: Callable[[float], None]) -> dict[str, object]:
    """Detect the shots of one file.

    `request` has `path`, `out_dir`, `stream_index`, `duration_ns`, `max_pixels`, `threads`, `threshold`,
    `min_shot_seconds`, `slot_ns`, `keyframe_max_side` and `thumbnail_max_side`.

    Returns:
        `cuts_ns`, `keyframes`, `thumbnails`, `frames`, `decode_errors`, `corrupt_frames` and `end_ns`.

    Raises:
        Refused: not one picture can be decoded.
    """
    health = _Health()
    cuts_ns: list[int] = []
    detector = CutDetector(threshold=request["threshold"], min_shot_seconds=request["min_shot_seconds"])
    with open_media(Path(request["path"])) as container:
        index = _checked_index(container, request["stream_index"])
        stream = prepare_video(container, index, max_pixels=request["max_pixels"], threads=request["threads"])
        gallery = _Gallery(
            Path(request["out_dir"]),
            request["slot_ns"],
            request["keyframe_max_side"],
            request["thumbnail_max_side"],
            sample_aspect(stream),
        )
        for frame, at_ns in _frames(container, stream, health):
            planes = small_planes(frame)
            cut_ns = detector.show(planes, at_ns)
            if cut_ns is not None:
                cuts_ns.append(cut_ns)
                gallery.begin_shot(cut_ns)
            gallery.show(frame, planes.samples[0], at_ns)
            progress(at_ns / request["duration_ns"])
        gallery.end_shot()
    if health.frames == 0:
        raise Refused(
            Refusal(RefusalReason.DECODE_FAILED, "Not one picture of the video can be decoded; export it again.")
        )
    pictures = {
        "keyframes": [asdict(frame) for frame in gallery.keyframes],
        "thumbnails": [asdict(frame) for frame in gallery.thumbnails],
    }
    return {"cuts_ns": cuts_ns, **pictures, **asdict(health)}


def _checked_index(container: InputContainer, index: int) -> int:
    """Return the index if it still names a picture stream: the file is read again, and might have been changed."""
    if index not in {track.index for track in video_tracks(container)}:
        raise Refused(Refusal(RefusalReason.INVALID_MEDIA, "The file changed while it was read; upload it again."))
    return index


def _frames(container: InputContainer, stream: VideoStream, health: _Health) -> Iterator[tuple[VideoFrame, int]]:
    """Yield frames with their instants, never going back; what can not be decoded is counted and left out."""
    zero_ns = origin_ns(container)
    step_ns = round(_NS / stream.average_rate) if stream.average_rate else _FALLBACK_FRAME_NS
    last_ns = -step_ns
    for packet in demux(container, stream):
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except FFmpegError:
            health.decode_errors += 1
            continue
        for frame in frames:
            at_ns = last_ns + step_ns
            if frame.pts is not None and frame.time_base is not None:
                at_ns = max(ns_from_pts(frame.pts, frame.time_base) - zero_ns, last_ns, 0)
            health.frames += 1
            health.corrupt_frames += bool(frame.is_corrupt)
            health.end_ns = at_ns + step_ns
            last_ns = at_ns
            yield frame, at_ns
