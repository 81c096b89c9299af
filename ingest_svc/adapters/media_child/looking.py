"""Looks at stretches of a source where a clip made of it is odd: is the source black there, does it move?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from chassis.core.mediatime import ns_from_pts
from ingest_svc.adapters.media_child.luma import calm_luma, dark_part, distance
from ingest_svc.adapters.media_child.reader import Refused, demux, open_media, origin_ns, prepare_video

__all__ = ["FFmpegError", "Refused", "run"]

_MAX_ERRORS = 100
_LEAST_SAMPLES = 64


def run(request: Mapping[str, Any], progress: Callable[[float], None]) -> dict[str, object]:
    """Look at stretches of one file.

    `request` has `path`, `stream_index`, `max_pixels`, `threads`, `rotation_degrees` and `looks`: begin and end in
    nanoseconds of the file, then left, top, right and bottom of the displayed picture as parts of it.

    Returns:
        `looks`: for each, mean dark part and mean change of its pictures; None where it has fewer than two.

    Raises:
        Refused: the file is not one of media.
    """
    answers: list[dict[str, float] | None] = []
    with open_media(Path(request["path"])) as container:
        stream = prepare_video(
            container, request["stream_index"], max_pixels=request["max_pixels"], threads=request["threads"]
        )
        turns = request["rotation_degrees"] // 90
        for number, (start_ns, end_ns, *window) in enumerate(request["looks"]):
            darks, changes = [], []
            before = None
            for luma in _pictures(container, stream, start_ns, end_ns):
                view = _window(np.rot90(luma, k=-turns), window)
                darks.append(dark_part(view))
                if before is not None:
                    changes.append(distance(view, before))
                before = view
            enough = bool(darks and changes)
            answers.append({"dark": float(np.mean(darks)), "change": float(np.mean(changes))} if enough else None)
            progress((number + 1) / len(request["looks"]))
    return {"looks": answers}


def _pictures(container: InputContainer, stream: VideoStream, start_ns: int, end_ns: int) -> Iterator[np.ndarray]:
    zero_ns = origin_ns(container)
    container.seek((start_ns + zero_ns) // 1000, backward=True)
    errors = 0
    for packet in demux(container, stream):
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except FFmpegError:
            errors += 1
            if errors > _MAX_ERRORS:
                return
            continue
        for frame in frames:
            if frame.pts is None or frame.time_base is None:
                continue
            at_ns = ns_from_pts(frame.pts, frame.time_base) - zero_ns
            if at_ns >= end_ns:
                return
            if at_ns >= start_ns:
                yield calm_luma(frame)


def _window(luma: np.ndarray, window: Sequence[float]) -> np.ndarray:
    """Return the part of a picture that is shown; all of it where the part would be next to nothing."""
    left, top, right, bottom = (min(max(part, 0.0), 1.0) for part in window)
    rows, columns = luma.shape
    view = luma[round(top * rows) : round(bottom * rows), round(left * columns) : round(right * columns)]
    return view if view.size >= _LEAST_SAMPLES else luma
