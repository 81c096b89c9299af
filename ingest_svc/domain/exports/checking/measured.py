"""What was measured of a finished clip, and the strict reading of it: the child that measures has touched a file.

Times are nanoseconds of the file's own clock, after its edit lists; a player shows its zero first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingest_svc.domain.strict_json import checked_whole, flag, items, mapping, number, text, whole

__all__ = ["Measured", "PictureTrack", "SoundTrack", "read_measured"]

_MAX_NS = 10**9 * 3600 * 24
_MAX_PICTURES = 1_000_000
_MAX_DECIBELS = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureTrack:
    """The pictures of a clip, in the order they are shown.

    Attributes:
        codec: name, such as `h264`.
        profile: of the codec, such as `High`; empty when it says none.
        pixel_format: name, such as `yuv420p`.
        colours: primaries, transfer, matrix and range as ITU-T H.273 numbers them (1 is BT.709, 2 says nothing); range
            is 1 for 16 to 235, 2 for 0 to 255, 0 when it says nothing.
        width: pixels of a coded picture.
        height: the same.
        is_square: whether a pixel is as wide as it is high, to the pixel over the whole width.
        rotation_degrees: by how much a player turns the picture; 0 in every clip that we make.
        is_interlaced: whether any picture is made of two fields.
        tick_ns: the smallest step of its clock.
        at_ns: when each picture is shown.
        end_ns: when the last one ends.
        dark: part of each picture that is as good as black, 0 to 1.
        change: mean distance of each picture from the one before in levels of brightness, 0 to 255, where no captions
            are; 0 for the first.
    """

    codec: str
    profile: str
    pixel_format: str
    colours: tuple[int, int, int, int]
    width: int
    height: int
    is_square: bool
    rotation_degrees: int
    is_interlaced: bool
    tick_ns: int
    at_ns: tuple[int, ...]
    end_ns: int
    dark: tuple[float, ...]
    change: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundTrack:
    """The sound of a clip, as it is heard: without what the coder put before and after it.

    Attributes:
        codec: name, such as `aac`.
        rate_hz: samples per second.
        channels: how many.
        start_ns: when it begins.
        end_ns: when it ends.
        gap_ns: the longest stretch in between for which there is no sound.
        integrated_lufs: loudness; None for silence and below 400 ms.
        true_peak_dbtp: None for digital silence.
        clipped_samples: values at or over full scale, all channels together.
        samples: values per channel.
    """

    codec: str
    rate_hz: int
    channels: int
    start_ns: int
    end_ns: int
    gap_ns: int
    integrated_lufs: float | None
    true_peak_dbtp: float | None
    clipped_samples: int
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of a clip. A track is None when the file has none, or nothing of it can be decoded.

    Attributes:
        is_faststart: whether the index comes before the pictures.
        is_whole: whether no part of the file is cut off.
        damaged_packets: packets that could not be decoded.
        pictures: the pictures.
        sound: the sound.
    """

    is_faststart: bool
    is_whole: bool
    damaged_packets: int
    pictures: PictureTrack | None
    sound: SoundTrack | None


def read_measured(answer: object) -> Measured:
    """Read the child's answer to `measure`.

    Raises:
        ValueError: it is not one.
    """
    fields = mapping(answer)
    return Measured(
        is_faststart=flag(fields, "is_faststart"),
        is_whole=flag(fields, "is_whole"),
        damaged_packets=whole(fields, "damaged_packets"),
        pictures=_pictures(mapping(fields["pictures"])) if fields.get("pictures") is not None else None,
        sound=_sound(mapping(fields["sound"])) if fields.get("sound") is not None else None,
    )


def _pictures(fields: Mapping[str, Any]) -> PictureTrack:
    at_ns = _instants(fields)
    primaries, transfer, matrix, span = (checked_whole(value, 0, 255) for value in items(fields, "colours", 4))
    return PictureTrack(
        codec=text(fields, "codec"),
        profile=text(fields, "profile"),
        pixel_format=text(fields, "pixel_format"),
        colours=(primaries, transfer, matrix, span),
        width=whole(fields, "width", low=1, high=10**5),
        height=whole(fields, "height", low=1, high=10**5),
        is_square=flag(fields, "is_square"),
        rotation_degrees=whole(fields, "rotation_degrees", high=359),
        is_interlaced=flag(fields, "is_interlaced"),
        tick_ns=whole(fields, "tick_ns", high=_MAX_NS),
        at_ns=at_ns,
        end_ns=whole(fields, "end_ns", low=at_ns[-1], high=_MAX_NS),
        dark=_numbers(fields, "dark", 1.0, len(at_ns)),
        change=_numbers(fields, "change", 255.0, len(at_ns)),
    )


def _sound(fields: Mapping[str, Any]) -> SoundTrack:
    start_ns = whole(fields, "start_ns", low=-_MAX_NS, high=_MAX_NS)
    return SoundTrack(
        codec=text(fields, "codec"),
        rate_hz=whole(fields, "rate_hz", low=1, high=10**8),
        channels=whole(fields, "channels", low=1, high=1024),
        start_ns=start_ns,
        end_ns=whole(fields, "end_ns", low=start_ns, high=_MAX_NS),
        gap_ns=whole(fields, "gap_ns", high=_MAX_NS),
        integrated_lufs=_decibels(fields, "integrated_lufs"),
        true_peak_dbtp=_decibels(fields, "true_peak_dbtp"),
        clipped_samples=whole(fields, "clipped_samples"),
        samples=whole(fields, "samples", low=1),
    )


def _instants(fields: Mapping[str, Any]) -> tuple[int, ...]:
    found = tuple(checked_whole(value, -_MAX_NS, _MAX_NS) for value in items(fields, "at_ns", _MAX_PICTURES))
    if not found or list(found) != sorted(found):
        raise ValueError("the pictures are out of order")
    return found


def _numbers(fields: Mapping[str, Any], key: str, high: float, count: int) -> tuple[float, ...]:
    found = tuple(number({key: value}, key, high=high) for value in items(fields, key, count))
    if len(found) != count:
        raise ValueError(f"not one {key} for each picture")
    return found


def _decibels(fields: Mapping[str, Any], key: str) -> float | None:
    return None if fields.get(key) is None else number(fields, key, low=-_MAX_DECIBELS, high=_MAX_DECIBELS)
