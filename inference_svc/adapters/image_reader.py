"""Encoded pictures to pixels; the only file of this service that imports `PIL`. The bytes may come from a stranger."""

import io
import warnings

import numpy as np
from PIL import Image as PilImage
from PIL import ImageOps, UnidentifiedImageError

from chassis.core.errors import InvalidInput
from inference_svc.domain.preprocess import Image

__all__ = ["MAX_PIXELS", "read_image"]

MAX_PIXELS = 40_000_000
_FORMATS = ("JPEG", "PNG", "WEBP")


def read_image(encoded: bytes, *, max_side: int | None = None) -> Image:
    """Decode a JPEG, PNG or WebP, turned upright, to uint8[height, width, 3] RGB; transparency becomes black.

    A picture with a side of more than `max_side` pixels is shrunk to that, its shape kept to the pixel.

    Raises:
        InvalidInput: It is none of these, is damaged, or has more than 40 million pixels.
    """
    try:
        with warnings.catch_warnings(), PilImage.open(io.BytesIO(encoded), formats=_FORMATS) as picture:
            warnings.simplefilter("ignore", PilImage.DecompressionBombWarning)
            if picture.width * picture.height > MAX_PIXELS:
                raise InvalidInput("the picture has too many pixels", reason="IMAGE_TOO_LARGE")
            if max_side is not None:
                picture.draft("RGB", (max_side, max_side))  # a large JPEG is not decoded in full
            upright = ImageOps.exif_transpose(picture).convert("RGB")
            if max_side is not None:
                upright.thumbnail((max_side, max_side))
            return np.asarray(upright, np.uint8)
    except (UnidentifiedImageError, PilImage.DecompressionBombError, OSError, SyntaxError, ValueError) as cause:
        raise InvalidInput("this is no JPEG, PNG or WebP that can be read", reason="IMAGE_UNREADABLE") from cause
