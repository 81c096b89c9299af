"""A made clip whose truth is known: a photo that walks over a plain ground, with pauses and a reversal."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from PIL import Image

__all__ = ["FPS", "draw_clip"]

FPS = 25


def draw_clip(
    path: Path,
    photo: Path,
    centre: Callable[[float], float],
    *,
    seconds: float,
    ground: Callable[[float], int] = lambda _: 90,
    size: tuple[int, int] = (640, 360),
    photo_height: int = 240,
) -> float:
    """Write an H.264 clip in which the photo's centre is at `centre(t)`, as a part of the width, t in seconds.

    Returns:
        Width of the photo as a part of the picture's width.
    """
    width, height = size
    picture = Image.open(photo).convert("RGB")
    pasted = picture.resize((round(picture.width * photo_height / picture.height), photo_height))
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(round(seconds * FPS)):
            at = number / FPS
            canvas = Image.new("RGB", size, (ground(at),) * 3)
            canvas.paste(pasted, (round(centre(at) * width - pasted.width / 2), height - photo_height))
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(canvas), format="rgb24")))
        output.mux(stream.encode(None))
    return pasted.width / width
