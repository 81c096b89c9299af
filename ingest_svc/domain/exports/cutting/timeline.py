"""Where each source lies in a clip, in whole pictures and whole samples, so that nothing can drift."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from chassis.core.mediatime import NANOSECONDS_PER_SECOND, TimeSpan
from ingest_svc.domain.exports.cutting.looks import SourceLook

__all__ = ["SAMPLE_RATE_HZ", "Placed", "place"]

SAMPLE_RATE_HZ = 48_000

_EARLY_NS = 2_000_000
"""How much earlier than its first picture a source is opened: times in files are rounded to the millisecond."""

_SLACK = Fraction(101, 200)
"""A picture that begins within this part of a picture of the asked instant becomes the first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One source in a clip.

    Attributes:
        seek_ns: where the file is opened, from the container's zero.
        lead_ns: from there to the first instant of the cut.
        shift_ns: from the asked first instant to the one that is taken, at most half a picture either way.
        first_picture: number of its first picture in the clip.
        pictures: how many it has.
        first_sample: number of its first sample in the clip.
        samples: how many it has.
    """

    seek_ns: int
    lead_ns: int
    shift_ns: int
    first_picture: int
    pictures: int
    first_sample: int
    samples: int

    @property
    def lead_s(self) -> str:
        """The lead in seconds, to the microsecond."""
        return f"{self.lead_ns / NANOSECONDS_PER_SECOND:.6f}"

    @property
    def seek_s(self) -> str:
        """The place to open the file at in seconds, to the microsecond."""
        return f"{self.seek_ns / NANOSECONDS_PER_SECOND:.6f}"


def place(spans: Sequence[TimeSpan], looks: Sequence[SourceLook], rate: Fraction) -> tuple[Placed, ...]:
    """Lay sources one after the other on the grid of a constant rate.

    Every border is rounded by itself from the exact sum of lengths, so the whole is off by half a picture at most, and
    sound and picture of each source begin at the same instant.
    """
    placed, end_ns = [], 0
    first_picture = first_sample = 0
    for span, look in zip(spans, looks, strict=True):
        end_ns += span.length_ns
        next_picture = max(first_picture + 1, round(end_ns * rate / NANOSECONDS_PER_SECOND))
        next_sample = round(next_picture * SAMPLE_RATE_HZ / rate)
        seek_ns, start_ns = _begin(span.start_ns, look, rate)
        placed.append(
            Placed(
                seek_ns=seek_ns,
                lead_ns=start_ns - seek_ns,
                shift_ns=start_ns - span.start_ns,
                first_picture=first_picture,
                pictures=next_picture - first_picture,
                first_sample=first_sample,
                samples=next_sample - first_sample,
            )
        )
        first_picture, first_sample = next_picture, next_sample
    return tuple(placed)


def _begin(asked_ns: int, look: SourceLook, rate: Fraction) -> tuple[int, int]:
    """Return where to open a file and where the cut begins.

    A cut begins where a picture begins, if one does within half a picture: then the pictures of a source with a steady
    rate lie on the clip's grid, and rounded time stamps neither repeat nor drop one. Otherwise the picture that is on
    screen at that instant is held.
    """
    slack_ns = round(_SLACK * NANOSECONDS_PER_SECOND / rate)
    near = [at for at in (look.shown_ns, look.next_ns) if at is not None and abs(at - asked_ns) <= slack_ns]
    if near:
        start_ns = max(0, min(near, key=lambda at: abs(at - asked_ns)))
        first_ns = start_ns
    else:
        start_ns = asked_ns
        first_ns = asked_ns if look.shown_ns is None else min(look.shown_ns, asked_ns)
    if look.open_ns is not None:
        first_ns = min(first_ns, look.open_ns)
    return max(0, first_ns - _EARLY_NS) // 1000 * 1000, start_ns
