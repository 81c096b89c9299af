"""A look at the beginning of cuts: how their pictures are stored, and whether the streams could be copied."""

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.error import FFmpegError
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from chassis.core.mediatime import ns_from_pts
from ingest_svc.adapters.media_child.combing import is_combed
from ingest_svc.adapters.media_child.copy_window import look_for_copy
from ingest_svc.adapters.media_child.packets import TIME_BASE, entry_ns, instant, packets_from
from ingest_svc.adapters.media_child.reader import (
    Refused,
    demux,
    open_media,
    origin_ns,
    prepare_video,
    sample_aspect,
)
from ingest_svc.domain.probe import Refusal, RefusalReason

__all__ = ["FFmpegError", "Refused", "run"]

_LOOKED_AT = 12
"""Pictures that are decoded: enough to see fields where something moves."""

_MOST_PACKETS = 600
_EARLIER_NS = tuple(seconds * 1_000_000_000 for seconds in (0, 2, 6, 18, 54, 3600 * 24))
_FULL_RANGE = 2
_X264 = re.compile(rb"x264 - core (\d{1,4})\b")


def run(request: Mapping[str, Any], progress: Callable[[float], None]) -> dict[str, object]:
    """Look at every source of `request["sources"]`: `path`, `video`, `audio` (index or None), `start_ns`, `end_ns`.

    Returns:
        `looks`, one per source, as `ingest_svc.domain.exports.cutting.looks` reads them.

    Raises:
        Refused: a file can not be opened, or not one picture decoded.
    """
    looks = []
    for number, source in enumerate(request["sources"]):
        with open_media(Path(source["path"])) as container:
            looks.append(_look(container, source, request))
        progress((number + 1) / len(request["sources"]))
    return {"looks": looks}


def _look(container: InputContainer, source: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, object]:
    stream = prepare_video(container, source["video"], max_pixels=request["max_pixels"], threads=1)
    zero_ns = origin_ns(container)
    frames, open_ns = _frames(container, stream, source["start_ns"], zero_ns)
    if not frames:
        raise Refused(
            Refusal(
                RefusalReason.DECODE_FAILED,
                "Not one picture of the part that was chosen can be decoded; upload the video again.",
            )
        )
    frame, context = frames[0], stream.codec_context
    is_flagged = any(one.interlaced_frame for one in frames)
    shown_ns, next_ns = _around(container, stream, source["start_ns"], open_ns, zero_ns)
    matrix = _matrix(frame)
    return {
        "width": frame.width,
        "height": frame.height,
        "aspect": _pair(sample_aspect(stream)),
        "is_turned": round(frame.rotation / 90) % 2 == 1,
        "is_rotated": matrix is not None and matrix != _UPRIGHT,
        "pixel_format": frame.format.name,
        "has_alpha": any(part.is_alpha for part in frame.format.components),
        "matrix": int(frame.colorspace),
        "primaries": int(frame.color_primaries),
        "transfer": int(frame.color_trc),
        "is_full_range": int(frame.color_range) == _FULL_RANGE or frame.format.name.startswith("yuvj"),
        "is_interlaced": is_flagged or is_combed(frames),
        "is_flagged": is_flagged,
        "average_rate": _pair(Fraction(stream.average_rate or 0)),
        "base_rate": _pair(Fraction(stream.base_rate or 0)),
        "open_ns": open_ns,
        "shown_ns": shown_ns,
        "next_ns": next_ns,
        "x264_build": _x264_build(container, stream) if _needs_build(frame, context.name) else 0,
        "copy": look_for_copy(container, stream, source, zero_ns) if context.name == "h264" else None,
    }


def _frames(
    container: InputContainer, stream: VideoStream, start_ns: int, zero_ns: int
) -> tuple[list[VideoFrame], int]:
    """Decode some pictures from before an instant on, and return where the file has to be opened for them.

    Containers without an index (MPEG-TS and its like) are entered between keyframes, and show nothing until the next
    one: they are entered earlier, until that one comes before the instant.
    """
    frames: list[VideoFrame] = []
    for earlier_ns in _EARLIER_NS:
        open_ns = max(0, start_ns - earlier_ns)
        frames = _decoded(container, stream, entry_ns(open_ns, zero_ns))
        if open_ns == 0 or (frames and _is_before(frames[0], start_ns + zero_ns)):
            return frames, open_ns
    return frames, 0


def _is_before(frame: VideoFrame, at_ns: int) -> bool:
    return frame.pts is not None and frame.time_base is not None and ns_from_pts(frame.pts, frame.time_base) <= at_ns


def _decoded(container: InputContainer, stream: VideoStream, at_ns: int) -> list[VideoFrame]:
    """Decode some pictures from the keyframe before an instant on; damaged ones are read over."""
    container.seek(at_ns // 1000, backward=True, any_frame=False)
    frames: list[VideoFrame] = []
    for number, packet in enumerate(demux(container, stream)):
        try:
            frames += packet.decode()
        except MemoryError:
            raise
        except FFmpegError:
            continue
        if len(frames) >= _LOOKED_AT or number > _MOST_PACKETS:
            break
    return frames[:_LOOKED_AT]


def _around(
    container: InputContainer, stream: VideoStream, start_ns: int, open_ns: int, zero_ns: int
) -> tuple[int | None, int | None]:
    """Return where the picture that is on screen at an instant begins, and the one after it."""
    shown = following = None
    late = 0
    for packet in packets_from(container, stream, entry_ns(open_ns, zero_ns), _MOST_PACKETS * 20):
        at_ns = instant(packet, zero_ns)
        if at_ns is None or packet.time_base is None or packet.dts is None:
            continue
        if at_ns <= start_ns:
            shown = at_ns if shown is None else max(shown, at_ns)
        elif following is None or at_ns < following:
            following = at_ns
        # Pictures are stored out of order by a few; one that is decoded after the instant can not be shown before it.
        late += packet.dts * packet.time_base * TIME_BASE - zero_ns > start_ns
        if late > 2 and following is not None:  # noqa: PLR2004
            break
    return shown, following


_UPRIGHT = (1, 0, 0, 1)


def _needs_build(frame: VideoFrame, codec: str) -> bool:
    """Tell whether the decoder goes by the encoder's version: old x264 had its own way with full colour."""
    return codec == "h264" and "444" in frame.format.name


def _x264_build(container: InputContainer, stream: VideoStream) -> int:
    """Return the version of x264 as the first packet tells it, 0 if it does not: after a seek nobody would know it."""
    for packet in packets_from(container, stream, 0, 1):
        found = _X264.search(bytes(packet))
        return int(found[1]) if found else 0
    return 0


def _matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """Return the signs of a display matrix; None where there is none."""
    sides: Any = frame.side_data
    data = sides.get(Type.DISPLAYMATRIX)
    if data is None:
        return None
    raw = bytes(data)
    numbers = [int.from_bytes(raw[at : at + 4], "little", signed=True) for at in range(0, 36, 4)]
    return tuple((number > 0) - (number < 0) for number in (numbers[0], numbers[1], numbers[3], numbers[4]))


def _pair(value: Fraction) -> tuple[int, int]:
    return value.numerator, value.denominator
