"""Laws of the loudness meter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest_svc.domain.exports.checking.loudness import LoudnessMeter

RATE_HZ = 8000


def noise(seed, seconds=1.5):
    return (np.random.default_rng(seed).standard_normal((2, round(seconds * RATE_HZ))) * 0.05).astype(np.float32)


def measure(samples, cuts=()):
    meter = LoudnessMeter(RATE_HZ, (1.0, 1.0))
    for block in np.split(samples, sorted(cuts), axis=1):
        meter.feed(block)
    return meter.finish()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), gain_db=st.floats(-20, 20))
def test_a_gain_moves_loudness_and_peak_by_itself(seed, gain_db):
    samples = noise(seed)
    plain, raised = measure(samples), measure(samples * 10 ** (gain_db / 20))

    assert raised.integrated_lufs == pytest.approx(plain.integrated_lufs + gain_db, abs=0.01)
    assert raised.true_peak_dbtp == pytest.approx(plain.true_peak_dbtp + gain_db, abs=0.01)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), cuts=st.lists(st.integers(0, 12_000), max_size=8))
def test_it_does_not_matter_in_which_blocks_the_sound_comes(seed, cuts):
    samples = noise(seed)
    whole, parts = measure(samples), measure(samples, cuts)

    assert parts.integrated_lufs == pytest.approx(whole.integrated_lufs, abs=1e-6)
    assert parts.true_peak_dbtp == pytest.approx(whole.true_peak_dbtp, abs=1e-6)
    assert (parts.samples, parts.clipped_samples) == (whole.samples, whole.clipped_samples)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99))
def test_the_true_peak_is_never_below_the_highest_sample(seed):
    samples = noise(seed)

    assert measure(samples).true_peak_dbtp >= 20 * np.log10(np.abs(samples).max()) - 1e-6
