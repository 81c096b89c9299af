"""Where the project's neighbours keep real clips and weights; tests that need them skip, and say so, without them."""

from pathlib import Path

import pytest

__all__ = ["MEDIA", "MODELS", "SHARED", "needs_shared"]

SHARED = Path(__file__).resolve().parents[3] / "shared"
MEDIA = SHARED / "media"
MODELS = SHARED / "models"

needs_shared = pytest.mark.skipif(
    not MEDIA.is_dir(), reason="../shared (real clips and weights) is not beside this checkout"
)
