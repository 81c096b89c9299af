"""RapidOCR (PP-OCR on ONNX Runtime): text in pictures; the only file that imports `rapidocr`."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rapidocr import RapidOCR

from chassis.core.errors import Corruption, UpstreamUnavailable
from inference_svc.domain.preprocess import Image
from inference_svc.domain.scene import TextLine

__all__ = ["RapidTextReader"]

_MIN_SCORE = 0.7
_MIN_ALPHANUMERICS = 2  # single letters are most often texture
_MAX_LINES = 64
_MAX_SIDE = 960  # larger pictures are shrunk to it; smaller ones are read as they are, at a third of the default's cost
_WARM_UP = (64, 64, 3)


class RapidTextReader:
    """Picture to lines of text.

    Attributes:
        device: Always `cpu` for now.
    """

    device = "cpu"

    def __init__(self, folder: Path, *, threads: int) -> None:
        """Load the three models in a folder: detection, direction, recognition.

        Raises:
            Corruption: They can not be loaded.
        """
        settings = {
            "Global.log_level": "error",
            "Global.text_score": _MIN_SCORE,
            "Det.limit_type": "max",
            "Det.limit_side_len": _MAX_SIDE,
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Det.model_path": str(folder / "PP-OCRv6_det_small.onnx"),
            "Rec.model_path": str(folder / "PP-OCRv6_rec_small.onnx"),
            "Cls.model_path": str(folder / "ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
        }
        try:
            self._engine: Any = RapidOCR(params=settings)
            # Its sessions open at the first picture: a bad file must show here.
            self._engine(np.zeros(_WARM_UP, np.uint8))
        except Exception as cause:  # the library raises several unrelated classes
            raise Corruption("the text models can not be loaded", reason="MODEL_UNLOADABLE") from cause
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)

    def read(self, images: Sequence[Image]) -> list[tuple[TextLine, ...]]:
        """Return at most 64 lines per picture with score >= 0.7, top to bottom, corners in pixels of the picture.

        Raises:
            UpstreamUnavailable: The runtime failed.
        """
        return [self._read(image) for image in images]

    def _read(self, image: Image) -> tuple[TextLine, ...]:
        try:
            found = self._engine(np.ascontiguousarray(image[:, :, ::-1]))  # it expects blue first
        except Exception as cause:  # as above
            raise UpstreamUnavailable("the text reader failed", reason="MODEL_RUN_FAILED") from cause
        if found.txts is None or found.boxes is None or found.scores is None:
            return ()
        lines = [
            TextLine(str(text), float(score), tuple((float(x), float(y)) for x, y in box))
            for text, score, box in zip(found.txts, found.scores, found.boxes, strict=True)
            if float(score) >= _MIN_SCORE and sum(map(str.isalnum, str(text))) >= _MIN_ALPHANUMERICS
        ]
        return tuple(lines[:_MAX_LINES])
