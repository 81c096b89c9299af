"""What a look at the beginning of a cut told about a source, beyond the facts its upload was measured for."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ingest_svc.domain.strict_json import MAX_NS, flag, mapping, text, whole

__all__ = ["CopyLook", "SourceLook", "read_look"]

_BT2020, _P3 = 9, frozenset((11, 12))
_PQ, _HLG = 16, 18
_BT709, _UNSPECIFIED, _RGB = 1, 2, 0
_HD_LINES = 720
_MAX_SIDE = 1 << 15
_MAX_CODE = 255
_MAX_BUILD = 9999
_EARLIEST_NS = -(10**12)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyLook:
    """What matters to a copy of the streams as they are.

    Attributes:
        start_ns: instant of the keyframe a copy would begin at, from the container's zero.
        end_ns: first instant after the last picture of the copy.
        pictures: number of pictures in it.
        is_closed: whether nothing in it refers to pictures outside of it, and nothing outside is lost with it.
        profile: H.264 profile as the decoder names it.
        bit_rate_bps: bits per second of the pictures in it.
        sound_profile: profile of the sound as the decoder names it; empty without sound.
    """

    start_ns: int
    end_ns: int
    pictures: int
    is_closed: bool
    profile: str
    bit_rate_bps: int
    sound_profile: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLook:
    """How the pictures of a source are stored around a cut.

    Attributes:
        width: stored pixels, before rotation and aspect correction.
        height: stored pixels, before rotation and aspect correction.
        aspect: width of a pixel over its height.
        is_turned: whether the file asks for a quarter turn, so that width and height change places.
        is_rotated: whether the file asks for any turn or mirroring.
        pixel_format: name of the sample layout.
        has_alpha: whether pictures are partly see-through.
        matrix: colour matrix, number of ITU-T H.273; 2 where the file does not say.
        primaries: colour primaries, as above.
        transfer: transfer curve, as above.
        is_full_range: whether luma uses 0 to 255.
        is_interlaced: whether a picture holds two fields, by its flags or by its looks.
        is_flagged: whether the flags say so, picture by picture.
        average_rate: pictures per second over the whole file; 0 when unknown.
        base_rate: the rate of which all distances are multiples, as the demuxer guesses it; 0 when unknown.
        open_ns: where the file has to be opened so that the picture at the start can be decoded; None for the start.
        shown_ns: begin of the picture on screen when the cut starts, from the container's zero; None if unknown.
        next_ns: begin of the one after it; None if unknown.
        x264_build: version of x264 that coded it, where its decoder has to know it; 0 otherwise.
        copy: None where the streams can not be copied in any case.
    """

    width: int
    height: int
    aspect: Fraction = Fraction(1)
    is_turned: bool = False
    is_rotated: bool = False
    pixel_format: str = "yuv420p"
    has_alpha: bool = False
    matrix: int = _UNSPECIFIED
    primaries: int = _UNSPECIFIED
    transfer: int = _UNSPECIFIED
    is_full_range: bool = False
    is_interlaced: bool = False
    is_flagged: bool = False
    average_rate: Fraction = Fraction(0)
    base_rate: Fraction = Fraction(0)
    open_ns: int | None = None
    shown_ns: int | None = None
    next_ns: int | None = None
    x264_build: int = 0
    copy: CopyLook | None = None

    @property
    def is_hdr(self) -> bool:
        """Whether luminance is coded after PQ or HLG."""
        return self.transfer in {_PQ, _HLG}

    @property
    def is_wide(self) -> bool:
        """Whether colours may lie outside of BT.709, or light is not coded as for an ordinary screen."""
        return self.is_hdr or self.primaries in {_BT2020, *_P3} or self.matrix in {_BT2020, _BT2020 + 1}

    @property
    def assumed_matrix(self) -> int:
        """The colour matrix; what the file does not say is taken from its size, as players do."""
        if self.matrix != _UNSPECIFIED:
            return self.matrix
        if self.pixel_format.startswith(("rgb", "bgr", "gbr", "argb", "abgr")):
            return _RGB
        if self.is_wide:
            return _BT2020
        return _BT709 if min(self.width, self.height) >= _HD_LINES else 6

    @property
    def stored(self) -> tuple[int, int]:
        """Width and height in pixels after rotation, before aspect correction."""
        return (self.height, self.width) if self.is_turned else (self.width, self.height)

    @property
    def upright_aspect(self) -> Fraction:
        """Width of a pixel over its height after rotation."""
        return 1 / self.aspect if self.is_turned else self.aspect


def read_look(answer: object) -> SourceLook:
    """Read the answer of the child that looked, which a file may have taken over.

    Raises:
        ValueError: a value is missing, of the wrong type, or out of range.
    """
    fields = mapping(answer)
    return SourceLook(
        width=whole(fields, "width", low=1, high=_MAX_SIDE),
        height=whole(fields, "height", low=1, high=_MAX_SIDE),
        aspect=_fraction(fields.get("aspect"), Fraction(1, 16), Fraction(16)),
        is_turned=flag(fields, "is_turned"),
        is_rotated=flag(fields, "is_rotated"),
        pixel_format=text(fields, "pixel_format"),
        has_alpha=flag(fields, "has_alpha"),
        matrix=whole(fields, "matrix", high=_MAX_CODE),
        primaries=whole(fields, "primaries", high=_MAX_CODE),
        transfer=whole(fields, "transfer", high=_MAX_CODE),
        is_full_range=flag(fields, "is_full_range"),
        is_interlaced=flag(fields, "is_interlaced"),
        is_flagged=flag(fields, "is_flagged"),
        average_rate=_fraction(fields.get("average_rate"), Fraction(0), Fraction(10**9)),
        base_rate=_fraction(fields.get("base_rate"), Fraction(0), Fraction(10**9)),
        open_ns=_instant(fields, "open_ns"),
        shown_ns=_instant(fields, "shown_ns"),
        next_ns=_instant(fields, "next_ns"),
        x264_build=whole(fields, "x264_build", high=_MAX_BUILD),
        copy=_read_copy(fields["copy"]) if fields.get("copy") is not None else None,
    )


def _read_copy(answer: object) -> CopyLook:
    fields = mapping(answer)
    return CopyLook(
        start_ns=whole(fields, "start_ns", low=_EARLIEST_NS, high=MAX_NS),
        end_ns=whole(fields, "end_ns", high=MAX_NS),
        pictures=whole(fields, "pictures", low=1),
        is_closed=flag(fields, "is_closed"),
        profile=text(fields, "profile"),
        bit_rate_bps=whole(fields, "bit_rate_bps"),
        sound_profile=text(fields, "sound_profile"),
    )


def _instant(fields: Mapping[str, Any], key: str) -> int | None:
    return None if fields.get(key) is None else whole(fields, key, low=_EARLIEST_NS, high=MAX_NS)


def _fraction(value: object, least: Fraction, most: Fraction) -> Fraction:
    match value:
        case [int() as above, int() as below] if below > 0 and least <= Fraction(above, below) <= most:
            return Fraction(above, below)
    raise ValueError(f"not a fraction from {least} to {most}")
