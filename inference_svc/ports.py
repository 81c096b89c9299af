"""What the engine asks of its adapters. Arrays: see the docstrings for shape, dtype and range."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from inference_svc.domain.audio_windows import Span
from inference_svc.domain.detections import Detection
from inference_svc.domain.preprocess import Image
from inference_svc.domain.scene import TextLine
from inference_svc.domain.transcript import RawSegment
from inference_svc.domain.vectors import Matrix, Vector

__all__ = [
    "ArrayModel",
    "AudioJob",
    "ImageClassifier",
    "ImageEncoder",
    "ObjectDetector",
    "Recognition",
    "SpeechRecogniser",
    "TaggedImage",
    "TextEncoder",
    "TextReader",
]


class ArrayModel(Protocol):
    """A graph that maps named arrays to named arrays; one thread owns it."""

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
        ...

    def run(self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> list[NDArray[Any]]:
        """Run once; the outputs come in the order asked for."""
        ...


@dataclass(frozen=True, slots=True)
class AudioJob:
    """One recording to write down."""

    samples: NDArray[Any]
    """float32[n], 16 kHz mono, -1..1."""
    language: str = ""
    """BCP-47 tag; empty to find out."""
    on_progress: Callable[[float], None] | None = None
    """Called with the seconds of audio done, increasing; from the model's thread."""
    on_segment: Callable[[RawSegment], None] | None = None
    """Called with every segment as it is recognised; from the model's thread."""
    is_cancelled: Callable[[], bool] | None = None
    """Asked between segments."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a recogniser heard."""

    language: str
    language_probability: float
    duration: float
    voiced: tuple[Span, ...]
    segments: tuple[RawSegment, ...]


class SpeechRecogniser(Protocol):
    """Sound to words."""

    def recognise(self, job: AudioJob) -> Recognition:
        """Write a recording down.

        Raises:
            Stopping: The job was cancelled.
        """
        ...


class TextEncoder(Protocol):
    """Text to vectors."""

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Return float32[len(texts), n], rows L2-normalised; a row depends on its text alone, to the bit on a CPU."""
        ...


class ImageEncoder(Protocol):
    """Picture, and text about pictures, to vectors of one space."""

    def encode_images(self, images: Sequence[Image]) -> Matrix:
        """Return float32[len(images), n], rows L2-normalised."""
        ...


@dataclass(frozen=True, slots=True)
class TaggedImage:
    """What a classifier says about one picture."""

    labels: tuple[tuple[str, float], ...]
    """Label and probability, best first."""
    embedding: Vector
    """float32[n], L2-normalised."""


class ImageClassifier(Protocol):
    """Picture to labels, and a vector on the way."""

    def classify(self, images: Sequence[Image]) -> list[TaggedImage]:
        """Classify pictures, in their order."""
        ...


class ObjectDetector(Protocol):
    """Picture to objects with boxes."""

    def detect(self, images: Sequence[Image]) -> list[tuple[Detection, ...]]:
        """Find objects in pictures, in their order; boxes in pixels of the picture given."""
        ...


class TextReader(Protocol):
    """Picture to lines of text."""

    def read(self, images: Sequence[Image]) -> list[tuple[TextLine, ...]]:
        """Read pictures, in their order; lines from top to bottom."""
        ...
