"""Finds the gain a clip needs, by listening to it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ingest_svc.domain.exports.cutting.clip_plan import ClipPlan
from ingest_svc.domain.exports.cutting.gain import Gain, Heard, Tried, best, first_gain, next_gain, read_meter

__all__ = ["Measured", "measure_sound"]

Meter = Callable[[str], Awaitable[str]]
"""Runs a graph over the sound alone and returns what its meter wrote."""

_NEAR_LU = 1.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What the sound is like, the gain it gets, and what there is to say about it."""

    heard: Heard
    gain: Gain | None
    notes: tuple[str, ...] = ()


async def measure_sound(plan: ClipPlan, target_lufs: float, meter: Meter) -> Measured:
    """Listen to the sound once; where its peaks need a limiter, try gains until the loudness is right."""
    if not plan.has_sound:
        return Measured(Heard(None, None), None)
    heard = read_meter(await meter(plan.meter_graph(None, with_peak=True)))
    gain = first_gain(heard, target_lufs)
    if gain is None:
        note = "LOUDNESS_UNKNOWN: The sound is silent, or too short to have a loudness, and was left as it is."
        return Measured(heard, None, (note,))
    if gain.limiter is None:
        return Measured(heard, gain)
    tried: list[Tried] = []
    following: Gain | None = gain
    while following is not None:
        lufs = read_meter(await meter(plan.meter_graph(following, with_peak=False))).lufs
        if lufs is None:
            break
        tried.append(Tried(following, lufs))
        following = next_gain(tried, target_lufs)
    if not tried:
        return Measured(heard, gain)
    chosen = best(tried, target_lufs)
    notes: tuple[str, ...] = ()
    if abs(chosen.lufs - target_lufs) > _NEAR_LU:
        notes = (f"LOUDNESS_MISSED: Peaks over near silence leave the clip at {chosen.lufs:.1f} LUFS.",)
    return Measured(heard, chosen.gain, notes)
