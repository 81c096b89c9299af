"""MobileNetV2 over ImageNet: labels, and a 1280-d vector that compares pictures (never with free text)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chassis.core.errors import Corruption
from inference_svc.domain.imagenet import broader_name
from inference_svc.domain.preprocess import Image, Kernel, centre_square, resize, to_planes
from inference_svc.domain.vectors import Matrix, l2_normalise
from inference_svc.ports import ArrayModel, TaggedImage

__all__ = ["MobileNetTagger"]

_SIDE = 224
_CENTRE = 128.0
_BACKGROUND = "background"


class MobileNetTagger:
    """Picture to labels and embedding."""

    def __init__(self, session: ArrayModel, labels: Path, *, min_probability: float = 0.15, limit: int = 5) -> None:
        """Take a session and the label file, one label per line, line 0 being "background".

        Raises:
            Corruption: The label file can not be read.
        """
        self._session = session
        self._min_probability = min_probability
        self._limit = limit
        try:
            self._labels = labels.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeError) as cause:
            raise Corruption(f"{labels.name} can not be read", reason="MODEL_UNLOADABLE") from cause

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
        return self._session.device

    def classify(self, images: Sequence[Image]) -> list[TaggedImage]:
        """Return at most 5 labels with probability >= 0.15 per picture, best first, and its L2-normalised embedding."""
        results = []
        for image in images:
            # One by one, so that a picture's bytes do not depend on its companions.
            inputs = {"image": self._prepare(image)[None]}
            probabilities, embedding = self._session.run(inputs, ["probabilities", "embedding"])
            results.append(TaggedImage(self._best(probabilities[0]), l2_normalise(embedding[0])))
        return results

    def encode_images(self, images: Sequence[Image]) -> Matrix:
        """Return float32[len(images), 1280], rows L2-normalised."""
        return np.stack([tagged.embedding for tagged in self.classify(images)])

    def _best(self, probabilities: NDArray[np.float32]) -> tuple[tuple[str, float], ...]:
        order = np.argsort(-probabilities, kind="stable")[: self._limit]
        return tuple(
            (self._name(int(index)), float(probabilities[index]))
            for index in order
            if probabilities[index] >= self._min_probability and self._labels[index] != _BACKGROUND
        )

    def _name(self, index: int) -> str:
        """Return all names of a class; line 0 of the labels is "background", so the class of line n is n - 1."""
        label, broader = self._labels[index], broader_name(index - 1)
        known = broader and broader not in [name.strip() for name in label.split(",")]
        return f"{label}, {broader}" if known else label

    @staticmethod
    def _prepare(image: Image) -> NDArray[np.float32]:
        pixels = resize(centre_square(image), height=_SIDE, width=_SIDE, kernel=Kernel.AREA)
        return to_planes(pixels, mean=(_CENTRE,) * 3, scale=(_CENTRE,) * 3)
