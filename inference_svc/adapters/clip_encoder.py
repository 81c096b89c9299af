"""A CLIP pair exported to ONNX: pictures, and text about pictures, in one space."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from chassis.core.errors import Corruption
from inference_svc.domain.preprocess import Image, Kernel, centre_square, resize_shorter_side, to_planes
from inference_svc.domain.vectors import Matrix, l2_normalise
from inference_svc.ports import ArrayModel

__all__ = ["MAX_TOKENS", "ClipEncoder"]

MAX_TOKENS = 77
_SIDE = 224
_WHITE = 255.0
_MEAN = (0.48145466 * _WHITE, 0.4578275 * _WHITE, 0.40821073 * _WHITE)
_SCALE = (0.26862954 * _WHITE, 0.26130258 * _WHITE, 0.27577711 * _WHITE)


class ClipEncoder:
    """Picture or text to one space. Inputs run one by one, so no vector depends on its companions."""

    def __init__(self, vision: ArrayModel, text: ArrayModel, tokenizer: Path) -> None:
        """Take both halves (`pixel_values` -> `image_embeds`, `input_ids` -> `text_embeds`) and the tokenizer file.

        Raises:
            Corruption: The tokenizer file can not be read.
        """
        self._vision = vision
        self._text = text
        try:
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
        except Exception as cause:  # the library raises bare Exception
            raise Corruption(f"{tokenizer.name} is not a tokenizer", reason="MODEL_UNLOADABLE") from cause
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
        return self._vision.device

    def encode_images(self, images: Sequence[Image]) -> Matrix:
        """Return float32[len(images), 512], rows L2-normalised."""
        rows = [self._vision.run({"pixel_values": _prepare(image)[None]}, ["image_embeds"])[0][0] for image in images]
        return l2_normalise(np.stack(rows))

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """Return float32[len(texts), 512], rows L2-normalised; words past 77 tokens do not count."""
        rows = []
        for encoding in self._tokenizer.encode_batch(list(texts)):
            ids = np.array([encoding.ids], np.int64)
            rows.append(self._text.run({"input_ids": ids}, ["text_embeds"])[0][0])
        return l2_normalise(np.stack(rows))


def _prepare(image: Image) -> NDArray[np.float32]:
    fitted = centre_square(resize_shorter_side(image, side=_SIDE, kernel=Kernel.CUBIC))
    return to_planes(fitted, mean=_MEAN, scale=_SCALE)
