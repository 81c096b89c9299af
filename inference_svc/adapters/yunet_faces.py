"""YuNet: faces with boxes, in pictures of any shape."""

from collections.abc import Sequence

import numpy as np

from inference_svc.domain.detections import Box, Detection, suppress
from inference_svc.domain.faces import OUTPUTS, decode_yunet, padded_side
from inference_svc.domain.preprocess import Image, Kernel, resize
from inference_svc.ports import ArrayModel

__all__ = ["YunetDetector"]

_MAX_SIDE = 640
_MAX_OVERLAP = 0.3
_LABELS = ("face",)


class YunetDetector:
    """Picture to faces."""

    def __init__(self, session: ArrayModel, *, min_score: float = 0.6) -> None:
        """Take a session of the graph whose input may have any size."""
        self._session = session
        self._min_score = min_score

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
        return self._session.device

    def detect(self, images: Sequence[Image]) -> list[tuple[Detection, ...]]:
        """Return the faces of each picture, best first, boxes in pixels of the picture; labels are all `face`."""
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> tuple[Detection, ...]:
        # One by one, so that a picture's faces do not depend on its companions.
        height, width = image.shape[:2]
        scale = min(1.0, _MAX_SIDE / max(height, width))
        inner_height, inner_width = max(1, round(height * scale)), max(1, round(width * scale))
        planes = np.zeros((1, 3, padded_side(inner_height), padded_side(inner_width)), np.float32)
        fitted = image if scale == 1.0 else resize(image, height=inner_height, width=inner_width, kernel=Kernel.LINEAR)
        planes[0, :, :inner_height, :inner_width] = fitted[:, :, ::-1].transpose(2, 0, 1)
        found = self._session.run({"input": planes}, OUTPUTS)
        outputs = {name: array[0] for name, array in zip(OUTPUTS, found, strict=True)}
        boxes, scores = decode_yunet(outputs, width=planes.shape[3], height=planes.shape[2])
        kept = suppress(boxes, scores, labels=_LABELS, min_score=self._min_score, max_overlap=_MAX_OVERLAP)
        limits = np.array([width, height, width, height], np.float32)
        placed = np.clip(boxes / np.float32(scale), 0, limits)
        return tuple(
            Detection(label, score, Box(*(float(side) for side in placed[cell]))) for cell, label, score in kept
        )
