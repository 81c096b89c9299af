"""What a short is made of, as people write it: `SCENE`, or `VIDEO@START-END` with times like `1:02.5` or `62.5`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from client.errors import ClientError
from client.export_types import ExportSegment

__all__ = [
    "CAPTIONS",
    "QUALITIES",
    "RATIOS",
    "STRATEGIES",
    "Choices",
    "parse_seconds",
    "parse_segment",
    "print_seconds",
    "print_segment",
]

RATIOS: Mapping[str, str] = MappingProxyType(
    {"9:16": "ASPECT_RATIO_9_16", "1:1": "ASPECT_RATIO_1_1", "4:5": "ASPECT_RATIO_4_5", "16:9": "ASPECT_RATIO_16_9"}
)
"""Shapes of the frame, by what people call them."""

STRATEGIES: Mapping[str, str] = MappingProxyType(
    {
        "smart": "ASPECT_RATIO_STRATEGY_SMART",
        "center-crop": "ASPECT_RATIO_STRATEGY_CENTER_CROP",
        "letterbox": "ASPECT_RATIO_STRATEGY_LETTERBOX",
        "blur-pad": "ASPECT_RATIO_STRATEGY_BLUR_PAD",
    }
)
"""How the picture fills the frame."""

QUALITIES: Mapping[str, str] = MappingProxyType(
    {"low": "OUTPUT_QUALITY_LOW", "medium": "OUTPUT_QUALITY_MEDIUM", "high": "OUTPUT_QUALITY_HIGH"}
)
"""How much the encoder may spend."""

CAPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "none": "CAPTION_STYLE_NONE",
        "bold": "CAPTION_STYLE_BOLD",
        "box": "CAPTION_STYLE_BOX",
        "quiet": "CAPTION_STYLE_QUIET",
    }
)
"""How words are burned in."""

_TIME = re.compile(r"(?:(?:([0-9]{1,4}):)?([0-9]{1,4}):)?([0-9]{1,6}(?:\.[0-9]{1,9})?)")
_SIXTY = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """How a short is to look, in the words of the tables above. `snaps`: begin and end avoid cutting into words."""

    ratio: str = "9:16"
    strategy: str = "smart"
    quality: str = "medium"
    captions: str = "none"
    snaps: bool = True

    def as_json(self) -> dict[str, str | bool]:
        """Return it as fields of a request.

        Raises:
            ClientError: a word is not one of its table.
        """
        return {
            "aspect_ratio": _chosen(RATIOS, self.ratio, "ratio"),
            "aspect_ratio_strategy": _chosen(STRATEGIES, self.strategy, "strategy"),
            "output_quality": _chosen(QUALITIES, self.quality, "quality"),
            "caption_style": _chosen(CAPTIONS, self.captions, "captions"),
            "snap_to_words": self.snaps,
        }


def parse_segment(text: str) -> ExportSegment:
    """Read a scene or a range.

    Raises:
        ClientError: it is neither, or the range does not end after its start.
    """
    video, at, times = text.rpartition("@")
    if not at:
        if not text.strip():
            raise ClientError("a scene has no name")
        return {"scene": text}
    start, dash, end = times.partition("-")
    if not video or not dash:
        raise ClientError(f"{text!r} is no range; write VIDEO@START-END, such as {video or 'VIDEO'}@1:02.5-1:30")
    start_s, end_s = parse_seconds(start), parse_seconds(end)
    if end_s <= start_s:
        raise ClientError(f"{text!r} ends before it has begun; write VIDEO@START-END")
    return {"video": video, "start_s": start_s, "end_s": end_s}


def print_segment(segment: ExportSegment) -> str:
    """Write a stretch so that `parse_segment` reads it again."""
    if scene := segment.get("scene"):
        return scene
    start, end = print_seconds(segment.get("start_s", 0.0)), print_seconds(segment.get("end_s", 0.0))
    return f"{segment.get('video', '')}@{start}-{end}"


def parse_seconds(text: str) -> float:
    """Read `62.5`, `1:02.5` or `0:01:02.5`.

    Raises:
        ClientError: it is no time.
    """
    found = _TIME.fullmatch(text.strip())
    hours, minutes, seconds = found.groups() if found else (None, None, "nan")
    is_time = (minutes is None or float(seconds) < _SIXTY) and (hours is None or int(minutes or 0) < _SIXTY)
    if not found or not is_time:
        raise ClientError(f"{text!r} is no time; write seconds (62.5), minutes (1:02.5) or hours (1:01:02.5)")
    return int(hours or 0) * 3600 + int(minutes or 0) * _SIXTY + float(seconds)


def print_seconds(seconds: float) -> str:
    """Write a time to the millisecond: `62.5` as `1:02.5`, and `7` as `0:07`."""
    whole_ms = round(max(0.0, seconds) * 1000)
    minutes, rest_ms = divmod(whole_ms, _SIXTY * 1000)
    hours, minutes = divmod(minutes, _SIXTY)
    second, ms = divmod(rest_ms, 1000)
    fraction = f".{ms:03d}".rstrip("0") if ms else ""
    return f"{hours}:{minutes:02d}:{second:02d}{fraction}" if hours else f"{minutes}:{second:02d}{fraction}"


def _chosen(table: Mapping[str, str], word: str, name: str) -> str:
    if word not in table:
        raise ClientError(f"{name} {word!r} is none of {', '.join(table)}")
    return table[word]
