"""Sampling: one decode of a stretch leaves small pictures of it, its cuts, and what moves from picture to picture."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from chassis.core.mediatime import NANOSECONDS_PER_SECOND, ns_from_pts
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
from ingest_svc.domain.probe import Refusal, RefusalReason

__all__ = ["FFmpegError", "Refused", "run"]

_FALLBACK_FRAME_NS = 40_000_000
_LEAD_IN_NS = NANOSECONDS_PER_SECOND
_NEAR = 3
_CUT_STANDS_OUT = 2.0
"""A cut changes this much more than the pictures before it, or those after it, do."""
_CELLS_ACROSS = 64
_MOVED_LEVELS = 10.0
"""A cell of the small picture that changes by more than this, of 255, has moved."""


@dataclass(slots=True)
class _Stretch:
    """Takes the frames of a stretch in order; what it keeps counts from the start of the stretch."""

    start_ns: int
    out_dir: Path
    step_ns: int
    max_side: int
    aspect: Fraction
    detector: CutDetector
    at_ns: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    cuts_ns: list[int] = field(default_factory=list)
    motion: list[tuple[float, float, float]] = field(default_factory=list)
    frames: int = 0
    _due_ns: int = 0
    _grid: np.ndarray | None = None
    _last: np.ndarray | None = None
    _changes: list[tuple[int, float]] = field(default_factory=list)

    def lead_in(self, frame: VideoFrame, at_ns: int) -> None:
        """Take a frame before the stretch, at an instant of the file: a cut is told by what was there before it."""
        if self.start_ns - at_ns <= _LEAD_IN_NS:
            planes = small_planes(frame)
            self.detector.show(planes, at_ns)
            self._note_change(_cells(planes.samples[0]), at_ns - self.start_ns)

    def show(self, frame: VideoFrame, at_ns: int) -> None:
        """Take the next frame."""
        planes = small_planes(frame)
        self.frames += 1
        cut_ns = self.detector.show(planes, self.start_ns + at_ns)
        if cut_ns is not None and cut_ns > self.start_ns:
            self.cuts_ns.append(cut_ns - self.start_ns)
        cells = _cells(planes.samples[0])
        self._note_change(cells, at_ns)
        if at_ns >= self._due_ns:
            self._due_ns = max(self._due_ns + self.step_ns, at_ns + self.step_ns // 2)
            self._sample(frame, cells, at_ns)

    def _note_change(self, cells: np.ndarray, at_ns: int) -> None:
        if self._last is not None and self._last.shape == cells.shape:
            self._changes.append((at_ns, float(np.abs(cells - self._last).mean())))
        self._last = cells

    def _is_cut(self, cut_ns: int) -> bool:
        """Tell a cut, where one picture differs, from a camera that is swung about, where all around it do."""
        place = next((place for place, (at_ns, _) in enumerate(self._changes) if at_ns >= cut_ns), None)
        if place is None:
            return True
        before = (change for _, change in self._changes[max(0, place - _NEAR) : place])
        after = (change for _, change in self._changes[place + 1 : place + 1 + _NEAR])
        around = min(max(before, default=0.0), max(after, default=0.0))
        return self._changes[place][1] >= _CUT_STANDS_OUT * around

    def _sample(self, frame: VideoFrame, cells: np.ndarray, at_ns: int) -> None:
        turn = round(-frame.rotation / 90) * 90 % 360
        name = f"sample_{len(self.names):05d}.jpg"
        write_jpeg(frame, self.out_dir / name, max_side=self.max_side, aspect=self.aspect, rotation_degrees=turn)
        grid = np.rot90(cells, k=-(turn // 90))
        self.motion.append(_movement(self._grid, grid))
        self._grid = grid
        self.at_ns.append(at_ns)
        self.names.append(name)

    def answer(self) -> dict[str, object]:
        """Return what was found; across a cut nothing moves, it is another picture."""
        motion = list(self.motion)
        cuts_ns = sorted({cut_ns for cut_ns in self.cuts_ns if self._is_cut(cut_ns)})
        for cut_ns in cuts_ns:
            after = next((place for place, at_ns in enumerate(self.at_ns) if at_ns >= cut_ns), None)
            if after is not None:
                motion[after] = (0.0, 0.5, 0.5)
        return {
            "at_ns": self.at_ns,
            "names": self.names,
            "cuts_ns": cuts_ns,
            "motion": motion,
            "frames": self.frames,
        }


def run(request: Mapping[str, Any], progress: Callable[[float], None]) -> dict[str, object]:
    """Sample one stretch of one file.

    `request` has `path`, `out_dir`, `stream_index`, `start_ns`, `end_ns`, `step_ns`, `max_side`, `max_pixels`,
    `threads`, `threshold` and `min_shot_seconds`.

    Returns:
        `at_ns`, `names`, `cuts_ns`, `motion` and `frames`.

    Raises:
        Refused: not one picture of the stretch can be decoded.
    """
    start_ns, end_ns = request["start_ns"], request["end_ns"]
    with open_media(Path(request["path"])) as container:
        stream = _stream(container, request)
        stretch = _Stretch(
            start_ns,
            Path(request["out_dir"]),
            request["step_ns"],
            request["max_side"],
            sample_aspect(stream),
            CutDetector(threshold=request["threshold"], min_shot_seconds=request["min_shot_seconds"]),
        )
        before: VideoFrame | None = None
        for frame, at_ns in _frames_from(container, stream, start_ns):
            progress((at_ns - start_ns) / (end_ns - start_ns))
            if at_ns >= end_ns:
                break
            if at_ns < start_ns:
                before = frame
                stretch.lead_in(frame, at_ns)
                continue
            if before is not None and stretch.frames == 0 and at_ns - start_ns > request["step_ns"]:
                stretch.show(before, 0)  # a picture that stands for long is still there when the stretch begins
            stretch.show(frame, at_ns - start_ns)
        if stretch.frames == 0 and before is not None:
            stretch.show(before, 0)
    if stretch.frames == 0:
        raise Refused(
            Refusal(RefusalReason.DECODE_FAILED, "Not one picture of this stretch can be decoded; choose another one.")
        )
    return stretch.answer()


def _stream(container: InputContainer, request: Mapping[str, Any]) -> VideoStream:
    """Return the stream if it is still one of pictures: the file is read again, and might have been changed."""
    if request["stream_index"] not in {track.index for track in video_tracks(container)}:
        raise Refused(Refusal(RefusalReason.INVALID_MEDIA, "The file changed while it was read; upload it again."))
    return prepare_video(
        container, request["stream_index"], max_pixels=request["max_pixels"], threads=request["threads"]
    )


def _frames_from(container: InputContainer, stream: VideoStream, start_ns: int) -> Iterator[tuple[VideoFrame, int]]:
    """Yield frames from the keyframe before an instant on; from the very beginning where the file's index misleads."""
    if start_ns <= 0 or stream.time_base is None:
        yield from _frames(container, stream)
        return
    target = int((start_ns + origin_ns(container)) / NANOSECONDS_PER_SECOND / stream.time_base)
    try:
        container.seek(target, stream=stream)
        frames = _frames(container, stream)
        first = next(frames, None)
    except FFmpegError:
        first = None
    if first is not None and first[1] <= start_ns:
        yield first
        yield from frames
        return
    # Some indexes point behind the instant, or nowhere.
    container.seek(0)
    yield from _frames(container, stream)


def _frames(container: InputContainer, stream: VideoStream) -> Iterator[tuple[VideoFrame, int]]:
    """Yield frames with their instants, never going back; what can not be decoded is left out."""
    zero_ns = origin_ns(container)
    step_ns = round(NANOSECONDS_PER_SECOND / stream.average_rate) if stream.average_rate else _FALLBACK_FRAME_NS
    last_ns = -step_ns
    for packet in demux(container, stream):
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except FFmpegError:
            continue
        for frame in frames:
            at_ns = last_ns + step_ns
            if frame.pts is not None and frame.time_base is not None:
                at_ns = max(ns_from_pts(frame.pts, frame.time_base) - zero_ns, last_ns, 0)
            last_ns = at_ns
            yield frame, at_ns


def _cells(luma: np.ndarray) -> np.ndarray:
    """Return float32[h, w], about 64 cells across: the mean of the samples in each."""
    side = max(1, luma.shape[1] // _CELLS_ACROSS)
    rows, columns = max(1, luma.shape[0] // side), max(1, luma.shape[1] // side)
    part = luma[: rows * side, : columns * side].astype(np.float32)
    if part.shape != (rows * side, columns * side):
        return luma.astype(np.float32)
    cells: np.ndarray = part.reshape(rows, side, columns, side).mean(axis=(1, 3))
    return cells


def _movement(before: np.ndarray | None, now: np.ndarray) -> tuple[float, float, float]:
    """Return how much of a picture has changed, 0 to 1, and the centre of the change as parts of the picture."""
    if before is None or before.shape != now.shape:
        return 0.0, 0.5, 0.5
    change = np.abs(now - before)
    change[change < _MOVED_LEVELS] = 0
    total = float(change.sum())
    if total == 0:
        return 0.0, 0.5, 0.5
    rows, columns = change.shape
    x = float((change.sum(axis=0) @ (np.arange(columns) + 0.5)) / columns / total)
    y = float((change.sum(axis=1) @ (np.arange(rows) + 0.5)) / rows / total)
    return float(np.count_nonzero(change) / change.size), x, y
