"""The words of an export: what can be chosen, what is cut out of what, and how the result is encoded."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType

from chassis.core.mediatime import TimeSpan

__all__ = [
    "CameraPath",
    "CameraPiece",
    "CaptionStyle",
    "Cut",
    "Encoding",
    "ExportState",
    "Options",
    "Quality",
    "Ratio",
    "Sighting",
    "Size",
    "SpokenWord",
    "Strategy",
    "encoding_of",
]


class ExportState(StrEnum):
    """What became of an export."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        """Whether the work is over."""
        return self not in {ExportState.QUEUED, ExportState.PROCESSING}


class Strategy(StrEnum):
    """How a picture of one shape fills a frame of another."""

    CENTER_CROP = "center_crop"
    LETTERBOX = "letterbox"
    BLUR_PAD = "blur_pad"
    SMART = "smart"


class Ratio(StrEnum):
    """Shape of the frame, width to height."""

    R_9_16 = "9:16"
    R_1_1 = "1:1"
    R_4_5 = "4:5"
    R_16_9 = "16:9"

    @property
    def fraction(self) -> Fraction:
        """Width over height."""
        width, height = self.split(":")
        return Fraction(int(width), int(height))


class Quality(StrEnum):
    """How much the encoder may spend."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class CaptionStyle(StrEnum):
    """How words are burned into the picture."""

    NONE = "none"
    BOLD = "bold"
    BOX = "box"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a person chose. `snaps`: whether begin and end move to where nobody is speaking."""

    strategy: Strategy = Strategy.SMART
    ratio: Ratio = Ratio.R_9_16
    quality: Quality = Quality.MEDIUM
    captions: CaptionStyle = CaptionStyle.NONE
    snaps: bool = True


@dataclass(frozen=True, slots=True)
class Cut:
    """One stretch of a video. `scene_id` is that of the scene it was named by; empty for a range."""

    video_id: str
    span: TimeSpan
    scene_id: str = ""


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels, both even and positive."""

    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How the result is encoded: H.264, 8-bit 4:2:0 BT.709, constant frame rate, AAC, MP4 that plays from its start.

    Attributes:
        size: of the picture.
        crf: quality the encoder aims at; lower is better.
        preset: how long the encoder may search.
        audio_bps: bits per second of the sound.
        max_bps: bits per second of the picture, on average over any two seconds.
    """

    size: Size
    crf: int
    preset: str
    audio_bps: int = 192_000
    max_bps: int = 5_000_000


_SHORTER_SIDE: Mapping[Quality, int] = MappingProxyType({Quality.LOW: 720, Quality.MEDIUM: 1080, Quality.HIGH: 1080})
_CRF: Mapping[Quality, int] = MappingProxyType({Quality.LOW: 26, Quality.MEDIUM: 23, Quality.HIGH: 18})
_PRESET: Mapping[Quality, str] = MappingProxyType(
    {Quality.LOW: "veryfast", Quality.MEDIUM: "veryfast", Quality.HIGH: "fast"}
)
_MAX_BPS: Mapping[Quality, int] = MappingProxyType(
    {Quality.LOW: 2_500_000, Quality.MEDIUM: 5_000_000, Quality.HIGH: 7_300_000}
)
"""HIGH stays below 60 MB a minute with its sound, whatever the picture."""


def encoding_of(ratio: Ratio, quality: Quality) -> Encoding:
    """Return the encoding of a shape at a quality: 9:16 is 1080x1920, or 720x1280 at LOW."""
    short, shape = _SHORTER_SIDE[quality], ratio.fraction
    long = round(short * max(shape, 1 / shape) / 2) * 2
    size = Size(short, long) if shape <= 1 else Size(long, short)
    return Encoding(size=size, crf=_CRF[quality], preset=_PRESET[quality], max_bps=_MAX_BPS[quality])


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """One word as it was recognised; times are those of its video, or of the clip once it was placed in one."""

    text: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Sighting:
    """A subject seen in one picture of a cut.

    `at_ns` counts from the start of the cut. Lengths are parts of the displayed picture (after rotation), 0 to 1, from
    its upper left corner. `label` is `face` for faces, the word of the model for objects.
    """

    at_ns: int
    label: str
    score: float
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class CameraPiece:
    """The way of the frame within one shot.

    `span` counts from the start of the cut. `x` and `y` are the centre of the frame as parts of the displayed picture,
    one pair every `step_ns` from `span.start_ns` on, the last at or after `span.end_ns`; linear in between.
    """

    span: TimeSpan
    step_ns: int
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CameraPath:
    """The way of the frame over one cut: pieces that follow each other without gap; it may jump between two pieces.

    `width` and `height` of the frame are parts of the displayed picture, 0 to 1; the frame never leaves the picture.
    """

    width: float
    height: float
    pieces: tuple[CameraPiece, ...]
