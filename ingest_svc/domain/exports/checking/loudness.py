"""How loud a sound is: integrated loudness and true peak after ITU-R BS.1770-4, in numpy, from the standard.

Nothing here is used to make a sound louder or quieter; it only measures.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Loudness", "LoudnessMeter", "channel_weights"]

_TAPS = 4096
"""Length to which the weighting filters are cut: their answer has fallen below -140 dB of its begin by then."""

_FFT = 2**16
_BLOCK_HOPS = 4
"""A block is 400 ms, and begins every 100 ms."""

_SILENT_LUFS = -70.0
_RELATIVE_LU = -10.0
_OFFSET_LU = -0.691

_OVERSAMPLING = 4
_PEAK_REACH = 12
"""Samples to each side that take part in one value between two samples."""

_PIECE = 2048
_FULL_SCALE = 0.9999
_NO_POWER = 1e-12

_SURROUND = frozenset(("BL", "BR", "SL", "SR", "BC"))
_SURROUND_WEIGHT = 1.41


def channel_weights(names: Sequence[str]) -> tuple[float, ...]:
    """Return what each channel counts, by its name: `LFE` nothing, those beside and behind 1.41, others 1."""
    return tuple(0.0 if "LFE" in name else _SURROUND_WEIGHT if name in _SURROUND else 1.0 for name in names)


@dataclass(frozen=True, slots=True)
class Loudness:
    """How loud a sound was.

    Attributes:
        integrated_lufs: gated loudness of the whole; None for silence and below 400 ms.
        true_peak_dbtp: highest value of the sound between its samples, too; None for digital silence.
        clipped_samples: values at or over full scale, all channels together.
        samples: values per channel.
    """

    integrated_lufs: float | None
    true_peak_dbtp: float | None
    clipped_samples: int
    samples: int


@dataclass(slots=True)
class LoudnessMeter:
    """Measures a sound that comes in blocks of any length; memory does not grow with it, but for 10 numbers a second.

    Attributes:
        rate_hz: samples per second, at least 8000.
        weights: what each channel counts, see `channel_weights`.
    """

    rate_hz: int
    weights: tuple[float, ...]
    _answer: np.ndarray = field(init=False)
    _between: np.ndarray = field(init=False)
    _waiting: list[np.ndarray] = field(default_factory=list, init=False)
    _waiting_samples: int = field(default=0, init=False)
    _before: np.ndarray = field(init=False)
    _powers: np.ndarray = field(default_factory=lambda: np.zeros(0), init=False)
    _hops: list[float] = field(default_factory=list, init=False)
    _peak: float = field(default=0.0, init=False)
    _clipped: int = field(default=0, init=False)
    _samples: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._answer = np.fft.rfft(_weighting(self.rate_hz), _FFT)
        self._between = _interpolators()
        self._before = np.zeros((len(self.weights), _TAPS - 1))

    def feed(self, block: np.ndarray) -> None:
        """Take the next samples: float[channels, any], full scale 1.0."""
        self._waiting.append(block)
        self._waiting_samples += block.shape[1]
        room = _FFT - _TAPS + 1
        while self._waiting_samples >= room:
            together = np.concatenate(self._waiting, axis=1)
            self._take(together[:, :room])
            self._waiting = [together[:, room:]]
            self._waiting_samples -= room

    def finish(self) -> Loudness:
        """Take what still waits and return what was measured."""
        if self._waiting_samples:
            self._take(np.concatenate(self._waiting, axis=1))
        self._find_peak(np.concatenate((self._before[:, -2 * _PEAK_REACH :], np.zeros_like(self._before)), axis=1))
        peak = 20 * math.log10(self._peak) if self._peak > 0 else None
        return Loudness(_gated(np.array(self._hops)), peak, self._clipped, self._samples)

    def _take(self, block: np.ndarray) -> None:
        count = block.shape[1]
        # What is no number, or absurd, would make everything after it none: the sound is what a player would play.
        block = np.clip(np.nan_to_num(np.asarray(block, dtype=np.float64)), -100.0, 100.0)
        joined = np.concatenate((self._before, block), axis=1)
        self._samples += count
        self._clipped += int(np.count_nonzero(np.abs(block) >= _FULL_SCALE))
        self._find_peak(joined[:, _TAPS - 1 - 2 * _PEAK_REACH :])
        heard = np.fft.irfft(np.fft.rfft(joined, _FFT, axis=1) * self._answer, _FFT, axis=1)[:, _TAPS - 1 :][:, :count]
        power = np.asarray(self.weights) @ np.square(heard)
        self._before = joined[:, -(_TAPS - 1) :]
        powers = np.concatenate((self._powers, power))
        hop = self.rate_hz // 10
        whole = len(powers) // hop
        self._hops.extend(powers[: whole * hop].reshape(whole, hop).mean(axis=1).tolist())
        self._powers = powers[whole * hop :]

    def _find_peak(self, joined: np.ndarray) -> None:
        """Look for a higher peak; a stretch too quiet to hold one is passed over."""
        most = float(np.abs(self._between).sum(axis=1).max())
        length = joined.shape[1]
        for channel in joined:
            loud = np.abs(channel)
            self._peak = max(self._peak, float(loud.max(initial=0.0)))
            starts = np.arange(0, max(1, length - 2 * _PEAK_REACH), _PIECE)
            bounds = [float(loud[start : start + _PIECE + 2 * _PEAK_REACH].max(initial=0.0)) * most for start in starts]
            for number in np.argsort(bounds)[::-1]:
                if bounds[number] <= self._peak:
                    break
                piece = channel[starts[number] : starts[number] + _PIECE + 2 * _PEAK_REACH]
                if len(piece) < 2 * _PEAK_REACH:
                    continue
                for taps in self._between:
                    self._peak = max(self._peak, float(np.abs(np.convolve(piece, taps, "valid")).max()))


def _gated(hops: np.ndarray) -> float | None:
    """Return the loudness of mean powers of 100 ms each: blocks below -70 LUFS, then 10 LU below the rest, are out."""
    if len(hops) < _BLOCK_HOPS:
        return None
    blocks = np.convolve(hops, np.full(_BLOCK_HOPS, 1 / _BLOCK_HOPS), "valid")
    loud = blocks[_lufs(blocks) > _SILENT_LUFS]
    if not len(loud):
        return None
    threshold = float(_lufs(np.array([loud.mean()]))[0]) + _RELATIVE_LU
    return float(_lufs(np.array([loud[_lufs(loud) > threshold].mean()]))[0])


def _lufs(power: np.ndarray) -> np.ndarray:
    return np.asarray(_OFFSET_LU + 10 * np.log10(np.maximum(power, _NO_POWER)))


def _interpolators() -> np.ndarray:
    """Return float[3, 24]: filters that give the values a quarter, a half and three quarters between two samples."""
    at = np.arange(2 * _PEAK_REACH) - _PEAK_REACH + 1
    rows = []
    for phase in range(1, _OVERSAMPLING):
        distance = at - phase / _OVERSAMPLING
        window = np.square(np.cos(np.pi * distance / (2 * _PEAK_REACH)))
        taps = np.sinc(distance) * window
        rows.append((taps / taps.sum())[::-1])
    return np.array(rows)


def _weighting(rate_hz: int) -> np.ndarray:
    """Return the first answer, float[4096], of the two filters of the standard: the head, then the low cut.

    The standard states them for 48 kHz; their analogue shape (frequency, gain and quality below) gives them elsewhere.
    """
    turn = math.tan(math.pi * 1681.974450955533 / rate_hz)
    quality, gain = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    middle = gain**0.4996667741545416
    head = (
        (gain + middle * turn / quality + turn**2, 2 * (turn**2 - gain), gain - middle * turn / quality + turn**2),
        (1 + turn / quality + turn**2, 2 * (turn**2 - 1), 1 - turn / quality + turn**2),
    )
    turn = math.tan(math.pi * 38.13547087602444 / rate_hz)
    quality = 0.5003270373238773
    whole = 1 + turn / quality + turn**2
    # The standard leaves the numerator of the low cut at 1, -2, 1 whatever the rate.
    low_cut = ((whole, -2 * whole, whole), (whole, 2 * (turn**2 - 1), 1 - turn / quality + turn**2))
    impulse = [1.0] + [0.0] * (_TAPS - 1)
    return np.array(_filtered(_filtered(impulse, *head), *low_cut))


def _filtered(values: list[float], above: tuple[float, ...], below: tuple[float, ...]) -> list[float]:
    """Return values after one second-order section, given by its coefficients above and below the fraction."""
    b0, b1, b2 = (value / below[0] for value in above)
    _, a1, a2 = (value / below[0] for value in below)
    first = second = 0.0
    out = []
    for value in values:
        result = b0 * value + first
        first = b1 * value - a1 * result + second
        second = b2 * value - a2 * result
        out.append(result)
    return out
