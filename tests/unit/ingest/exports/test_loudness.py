"""Loudness and true peak of signals whose numbers are known: those of EBU Tech 3341 and 3342, made here."""

import math

import numpy as np
import pytest

from ingest_svc.domain.exports.checking.loudness import Loudness, LoudnessMeter, channel_weights

RATE_HZ = 48_000
STEREO = ("FL", "FR")
SURROUND = ("FL", "FR", "FC", "LFE", "BL", "BR")


def sine(level_dbfs, seconds, *, hertz=1000.0, rate_hz=RATE_HZ, phase=0.0, fade_s=0.0):
    instants = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * hertz * instants + phase)
    if fade_s:
        wave *= np.minimum(1, np.minimum(instants, seconds - instants) / fade_s)
    return wave


def measure(channels, *, names=STEREO, rate_hz=RATE_HZ, block=1024) -> Loudness:
    meter = LoudnessMeter(rate_hz, channel_weights(names))
    samples = np.array(channels, dtype=np.float32)
    for start in range(0, samples.shape[1], block):
        meter.feed(samples[:, start : start + block])
    return meter.finish()


def stereo(*parts: np.ndarray):
    return [np.concatenate(parts)] * 2


@pytest.mark.parametrize(
    ("truth", "channels"),
    [
        (-23.0, stereo(sine(-23, 20))),
        (-33.0, stereo(sine(-33, 20))),
        (-23.0, stereo(sine(-36, 10), sine(-23, 60), sine(-36, 10))),
        (-23.0, stereo(sine(-72, 10), sine(-36, 10), sine(-23, 60), sine(-36, 10), sine(-72, 10))),
        (-23.0, stereo(sine(-26, 20), sine(-20, 20.1), sine(-26, 20))),
        (-26.01, [sine(-23, 20), np.zeros(20 * RATE_HZ)]),
    ],
    ids=["-23", "-33", "relative gate", "absolute gate", "steps", "one of two channels"],
)
def test_known_signals_have_their_known_loudness(truth, channels):
    """R-EXP-06: the signals of EBU Tech 3341, 1 to 5; the standard allows 0.1 LU."""
    assert measure(channels).integrated_lufs == pytest.approx(truth, abs=0.1)


def test_channels_behind_count_more_and_the_lowest_one_not_at_all():
    """EBU Tech 3341, signal 6, with a loud LFE that must not matter."""
    front, middle, behind = sine(-28, 20), sine(-24, 20), sine(-30, 20)

    heard = measure([front, front, middle, sine(-3, 20, hertz=50), behind, behind], names=SURROUND)

    assert heard.integrated_lufs == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("rate_hz", [22_050, 32_000, 44_100, 96_000])
def test_the_rate_of_the_samples_does_not_matter(rate_hz):
    assert measure([sine(-23, 5, rate_hz=rate_hz)] * 2, rate_hz=rate_hz).integrated_lufs == pytest.approx(
        -23.0, abs=0.1
    )


def test_the_weighting_is_that_of_the_standard():
    """BS.1770-4, tables 1 and 2: the coefficients that are printed there for 48 kHz."""
    head = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
    low_cut = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
    for hertz in (30, 60, 100, 500, 1000, 2000, 5000, 10_000, 16_000):
        turn = np.exp(-2j * math.pi * hertz / RATE_HZ) ** np.arange(3)
        answer = math.prod(abs(np.dot(above, turn) / np.dot(below, turn)) for above, below in (head, low_cut))

        heard = measure([sine(-20, 3, hertz=hertz)] * 2).integrated_lufs

        assert heard == pytest.approx(-20 - 0.691 + 20 * math.log10(answer), abs=0.02)


@pytest.mark.parametrize(
    ("truth", "hertz", "phase"),
    [(-6.0, RATE_HZ / 4, 0.0), (-6.0, RATE_HZ / 4, math.pi / 4), (-6.0, RATE_HZ / 6, math.pi / 3), (-6.0, 997.0, 0.3)],
)
def test_the_true_peak_is_found_between_samples(truth, hertz, phase):
    """EBU Tech 3341, signals 15 to 19: at 45 degrees the samples themselves lie 3 dB below; 0.2 up, 0.4 down."""
    heard = measure([sine(truth, 1.0, hertz=hertz, phase=phase, fade_s=0.1)] * 2)

    assert heard.true_peak_dbtp is not None
    assert -0.4 <= heard.true_peak_dbtp - truth <= 0.2


def test_a_peak_at_the_border_of_two_blocks_is_found():
    wave = np.zeros(200_000)
    whole = measure([wave, wave])
    wave[61_440:61_442] = 0.5  # blocks end near here; between the two samples it is higher than both

    heard = measure([wave, wave])

    assert whole.true_peak_dbtp is None
    assert heard.true_peak_dbtp is not None
    assert heard.true_peak_dbtp > 20 * math.log10(0.55)


def test_silence_and_less_than_a_block_have_no_loudness():
    """What can not be measured is absent."""
    assert measure([np.zeros(RATE_HZ)] * 2).integrated_lufs is None
    assert measure([sine(-80, 2)] * 2).integrated_lufs is None
    assert measure([sine(-20, 0.3)] * 2).integrated_lufs is None
    assert LoudnessMeter(RATE_HZ, (1.0, 1.0)).finish() == Loudness(None, None, 0, 0)


def test_samples_at_full_scale_are_counted():
    wave = np.clip(sine(6, 0.5), -1, 1)

    heard = measure([wave, np.zeros_like(wave)])

    assert heard.clipped_samples == int(np.count_nonzero(np.abs(wave) >= 0.9999)) > 10_000


def test_what_is_no_number_does_not_spoil_the_rest():
    wave = sine(-20, 3)
    wave[1000:1010] = [math.nan, math.inf] * 5

    heard = measure([wave, wave])

    assert heard.integrated_lufs is not None
    assert math.isfinite(heard.integrated_lufs)
