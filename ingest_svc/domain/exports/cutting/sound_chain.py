"""The filters that turn the sound of all sources into the sound of the clip."""

from collections.abc import Sequence
from dataclasses import dataclass

from ingest_svc.domain.exports.cutting.gain import Gain
from ingest_svc.domain.exports.cutting.timeline import SAMPLE_RATE_HZ, Placed

__all__ = ["HeardSource", "gain_chain", "meter_chain", "sound_chain"]

_GAP_SECONDS = 0.02
"""Time stamps that jump by more than this are filled with silence or cut: half of what sync may be off."""

_OUTER_IN, _OUTER_OUT = SAMPLE_RATE_HZ * 20 // 1000, SAMPLE_RATE_HZ * 60 // 1000
_JOIN = SAMPLE_RATE_HZ * 6 // 1000
"""Fades in samples: at the edges of the clip, and on both sides of a join, where a step would click."""

_PEAK_RATE_HZ = 4 * SAMPLE_RATE_HZ
"""Peaks between samples show at four times the rate (ITU-R BS.1770)."""


@dataclass(frozen=True, slots=True)
class HeardSource:
    """The sound of one source: `label` of its samples, e.g. `0:1`, None where there is none; where it lies."""

    label: str | None
    placed: Placed


def sound_chain(sources: Sequence[HeardSource], result: str) -> str:
    """Return filters that lay sounds one after the other: stereo, 48 kHz, exactly as long as the pictures.

    Every source fills its place to the sample: gaps and missing ends are silence. The outer edges are faded in 20 ms
    and out 60 ms, joins 6 ms each way.
    """
    parts, labels = [], ""
    for number, source in enumerate(sources):
        begin = "" if source.label is None else f"[{source.label}]{_read(source.placed)},"
        if not begin:
            begin = f"anullsrc=sample_rate={SAMPLE_RATE_HZ}:channel_layout=stereo,"
        samples = source.placed.samples
        fades = _fades(samples, is_first=number == 0, is_last=number == len(sources) - 1)
        parts.append(
            f"{begin}apad=whole_len={samples},atrim=end_sample={samples},"
            f"aformat=sample_fmts=fltp:sample_rates={SAMPLE_RATE_HZ}:channel_layouts=stereo,"
            f"asetpts=N/SR/TB,{fades}[s{number}]"
        )
        labels += f"[s{number}]"
    if len(sources) == 1:
        return parts[0].removesuffix("[s0]") + f"[{result}]"
    return ";".join(parts) + f";{labels}concat=n={len(sources)}:v=0:a=1[{result}]"


def gain_chain(gain: Gain | None, samples: int) -> str:
    """Return filters that make a sound louder or quieter, to be put between two labels; the length stays."""
    chain = "anull" if gain is None else f"volume={gain.db:.3f}dB:precision=float"
    if gain is not None and gain.limiter is not None:
        limiter = gain.limiter
        chain += (
            f",aresample={_PEAK_RATE_HZ},alimiter=level=false:latency=true:limit={limiter.ceiling:.6f}"
            f":attack={limiter.attack_ms}:release={limiter.release_ms},aresample={SAMPLE_RATE_HZ}"
        )
    return f"{chain},apad=whole_len={samples},atrim=end_sample={samples},asetpts=N/SR/TB"


def meter_chain(*, with_peak: bool) -> str:
    """Return filters that tell integrated loudness, and true peak, on the standard output of ffmpeg."""
    peak = ":peak=true" if with_peak else ""
    return f"ebur128=metadata=1:framelog=quiet{peak},ametadata=mode=print:file=-"


def _read(placed: Placed) -> str:
    return (
        f"atrim=start={placed.lead_s},asetpts=PTS-{placed.lead_s}/TB,"
        f"aresample={SAMPLE_RATE_HZ}:async=1:min_hard_comp={_GAP_SECONDS}:first_pts=0:osf=fltp:ochl=stereo"
    )


def _fades(samples: int, *, is_first: bool, is_last: bool) -> str:
    into = min(_OUTER_IN if is_first else _JOIN, samples // 4)
    out = min(_OUTER_OUT if is_last else _JOIN, samples // 4)
    return f"afade=t=in:ss=0:ns={into},afade=t=out:ss={samples - out}:ns={out}"
