"""The door to PySceneDetect: frames in, the first instants of new shots out.

A frame is shown to `ContentDetector` as a small picture made of strided views of its planes: every n-th sample, no
scaling. Time is the frame's own stamp; the number of a frame is not time when the frame rate varies.
"""

from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from av.video.frame import VideoFrame
from scenedetect.common import FrameTimecode, Timecode
from scenedetect.detectors.content_detector import ContentDetector

__all__ = ["CutDetector", "Planes", "small_planes"]

cv2.setNumThreads(1)

_TARGET_WIDTH = 256
_TIME_BASE = Fraction(1, 1_000_000_000)
_NOMINAL_FPS = 30.0
_PLANAR_YUV = ("yuv", "yuvj")
_YUV_PLANES = 3
_BITS_OF_A_BYTE = 8

_LEVELS = np.arange(256, dtype=np.float64)
_FULL_RANGE = np.stack(
    [
        np.clip(np.floor((_LEVELS - 16) * 255 / 219), 0, 255),
        np.clip(np.rint((_LEVELS - 128) * 255 / 224 + 128), 0, 255),
        np.clip(np.rint((_LEVELS - 128) * 255 / 224 + 128), 0, 255),
    ],
    axis=-1,
).astype(np.uint8)[None]
"""uint8[1, 256, 3]: television levels (16 to 235) stretched to 0 to 255, which the threshold is made for."""

_FULL_RANGE_MARK = 2


@dataclass(frozen=True, slots=True)
class Planes:
    """A small picture: luma, blue and red difference as uint8[h, w] each; whether black is 0 (or 16)."""

    samples: tuple[np.ndarray, np.ndarray, np.ndarray]
    is_full_range: bool


class CutDetector:
    """Finds hard cuts between frames that are shown in order.

    Args:
        threshold: mean change of hue, saturation and brightness (0 to 255) that makes a cut.
        min_shot_seconds: a cut this soon after the one before it is not reported.
    """

    def __init__(self, *, threshold: float, min_shot_seconds: float) -> None:
        # The length is a float: for this library an int means frames, and frames are not time.
        self._detector = ContentDetector(threshold=threshold, min_scene_len=float(min_shot_seconds))

    def show(self, planes: Planes, at_ns: int) -> int | None:
        """Take the next frame and return the first instant of a new shot, if one is known now.

        It is this frame's, or after a restless stretch an earlier one, at most `min_shot_seconds` and a frame ago.

        Args:
            planes: what `small_planes` made of the frame.
            at_ns: its instant, not before the one of the last frame.
        """
        picture = np.dstack((planes.samples[0], planes.samples[2], planes.samples[1]))
        if not planes.is_full_range:
            picture = cv2.LUT(picture, _FULL_RANGE)
        picture = cv2.cvtColor(picture, cv2.COLOR_YCrCb2BGR)
        stamp = FrameTimecode(Timecode(pts=at_ns, time_base=_TIME_BASE), fps=_NOMINAL_FPS)
        cuts = self._detector.process_frame(stamp, picture)
        return int(cuts[0].pts) if cuts else None


def small_planes(frame: VideoFrame) -> Planes:
    """Return every n-th sample of a frame's planes, at least 256 columns where the frame has that many."""
    name = frame.format.name
    if not name.startswith(_PLANAR_YUV) or name.endswith("be") or len(frame.planes) < _YUV_PLANES:
        frame = frame.reformat(format="yuv420p")
    width, height = frame.width, frame.height
    components = frame.format.components
    chroma_x = -(-width // components[1].width)
    chroma_y = -(-height // components[1].height)
    unit = max(chroma_x, chroma_y)
    step = unit * max(1, width // (unit * _TARGET_WIDTH))
    views = [
        _plane(frame, 0, step, step),
        _plane(frame, 1, step // chroma_x, step // chroma_y),
        _plane(frame, 2, step // chroma_x, step // chroma_y),
    ]
    rows = min(view.shape[0] for view in views)
    columns = min(view.shape[1] for view in views)
    luma, blue, red = (np.ascontiguousarray(view[:rows, :columns]) for view in views)
    return Planes((luma, blue, red), name.startswith("yuvj") or frame.color_range == _FULL_RANGE_MARK)


def _plane(frame: VideoFrame, number: int, step_x: int, step_y: int) -> np.ndarray:
    plane = frame.planes[number]
    bits = frame.format.components[number].bits
    if bits <= _BITS_OF_A_BYTE:
        samples = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return samples[: plane.height : step_y, : plane.width : step_x]
    wide = np.frombuffer(memoryview(plane), np.uint16).reshape(-1, plane.line_size // 2)
    return (wide[: plane.height : step_y, : plane.width : step_x] >> (bits - _BITS_OF_A_BYTE)).astype(np.uint8)
