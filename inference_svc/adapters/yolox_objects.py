"""YOLOX-Nano over COCO: 80 kinds of things with boxes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from chassis.core.errors import Corruption
from inference_svc.domain.detections import Box, Detection, decode_yolox, suppress
from inference_svc.domain.preprocess import Image, letterbox
from inference_svc.ports import ArrayModel

__all__ = ["YoloxDetector"]

_SIDE = 416
_PADDING = 114
_MAX_OVERLAP = 0.45


class YoloxDetector:
    """Picture to objects."""

    def __init__(self, session: ArrayModel, labels: Path, *, min_score: float = 0.35) -> None:
        """Take a session and the label file, one label per line.

        Raises:
            Corruption: The label file can not be read.
        """
        self._session = session
        self._min_score = min_score
        try:
            self._labels = labels.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeError) as cause:
            raise Corruption(f"{labels.name} can not be read", reason="MODEL_UNLOADABLE") from cause

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
        return self._session.device

    def detect(self, images: Sequence[Image]) -> list[tuple[Detection, ...]]:
        """Return the objects of each picture, best first, boxes in pixels of the picture."""
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> tuple[Detection, ...]:
        fitted = letterbox(image, side=_SIDE, padding=_PADDING)
        blue_first = np.ascontiguousarray(fitted.pixels[:, :, ::-1].transpose(2, 0, 1))[None]
        output = self._session.run({"images": blue_first}, ["output"])[0][0]
        boxes, scores = decode_yolox(output, side=_SIDE)
        kept = suppress(boxes, scores, labels=self._labels, min_score=self._min_score, max_overlap=_MAX_OVERLAP)
        height, width = image.shape[:2]
        limits = np.array([width, height, width, height], np.float32)
        placed = np.clip(boxes / fitted.scale, 0, limits)
        return tuple(
            Detection(label, score, Box(*(float(side) for side in placed[cell]))) for cell, label, score in kept
        )
