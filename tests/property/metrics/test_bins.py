"""The bytes of a sketch: what goes in comes out, and a row stays small."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.core.errors import Corruption
from metrics_svc.codec.bins import decode_bins, decode_many, encode_bins, encode_many
from metrics_svc.domain.events.sketch import MAX_VALUE, SCALE_BINS, Sketch

ROW_BYTES = 4_000
"""What the bins of a row may take; the other columns take less than 100."""
THIRTY_DAYS_NS = 30 * 86_400 * 10**9
bins_and_counts = st.dictionaries(
    st.integers(0, SCALE_BINS - 1),
    st.one_of(st.integers(1, 3), st.integers(1, 70_000), st.integers(1, MAX_VALUE), st.just(MAX_VALUE)),
    max_size=300,
)


def there_and_back(bins, counts):
    back, how_many = decode_bins(encode_bins(bins, counts))
    return back.tolist() == bins.tolist() and how_many.tolist() == counts.tolist()


@given(bins_and_counts)
def test_what_is_encoded_comes_back(held):
    bins = np.array(sorted(held), np.int64)

    assert there_and_back(bins, np.array([held[one] for one in bins.tolist()], np.int64))


@pytest.mark.parametrize("count", [1, 256, 257, 1 << 16, (1 << 32) + 1, MAX_VALUE])
@pytest.mark.parametrize("step", [1, 256, 257, SCALE_BINS - 1])
def test_every_width_comes_back(count, step):
    bins = np.arange(0, SCALE_BINS, step)

    assert there_and_back(bins, np.full(bins.size, count))
    assert there_and_back(bins, np.arange(count, count - bins.size, -1).clip(1))


def arrays(held):
    return np.array(sorted(held), np.int64), np.array([held[one] for one in sorted(held)], np.int64)


narrow = st.dictionaries(st.integers(2_000, 2_400), st.integers(1, 256), max_size=70)


@given(st.lists(st.one_of(narrow, narrow, bins_and_counts), max_size=12))
def test_many_rows_are_encoded_and_decoded_as_each_would_be(rows):
    parts = [arrays(held) for held in rows]
    bins, counts = (np.concatenate([*(part[place] for part in parts), np.empty(0, np.int64)]) for place in (0, 1))
    encoded = encode_many([part[0].size for part in parts], bins, counts)
    numbers, back, how_many = decode_many([7 * row for row in range(len(rows))], encoded)

    assert encoded == [encode_bins(*part) for part in parts]
    assert sorted(zip(numbers.tolist(), back.tolist(), how_many.tolist(), strict=True)) == [
        (7 * row, bin_, held[bin_]) for row, held in enumerate(rows) for bin_ in sorted(held)
    ]


def test_nothing_takes_nothing():
    assert encode_bins(np.empty(0, np.int64), np.empty(0, np.int64)) == b""
    assert [part.size for part in decode_bins(b"")] == [0, 0]


@pytest.mark.parametrize(
    "values",
    [
        np.exp(np.random.default_rng(1).uniform(0, np.log(THIRTY_DAYS_NS), 1_000_000)),
        np.random.default_rng(2).lognormal(24, 3, 1_000_000),
        np.random.default_rng(3).integers(0, THIRTY_DAYS_NS, 1_000_000),
        np.full(1_000_000, 7.0),
    ],
    ids=["1 ns to 30 days alike", "lognormal", "uniform", "constant"],
)
def test_a_row_of_a_million_values_stays_below_4_kb(values):
    sketch = Sketch.of(values.astype(np.int64))

    assert len(encode_bins(sketch.bins, sketch.counts)) <= ROW_BYTES
    assert there_and_back(sketch.bins, sketch.counts)


def test_few_values_take_two_bytes_each():
    sketch = Sketch.of(np.random.default_rng(4).lognormal(24, 1, 60).astype(np.int64))

    assert len(encode_bins(sketch.bins, sketch.counts)) <= 2 * 60 + 4


good = encode_bins(np.arange(100), np.arange(100) % 7 + 1)


@pytest.mark.parametrize(
    "data",
    [
        b"\x01",
        b"\x01\x11\x00\x00",
        b"\x09" + good[1:],
        good[:1] + b"\x35" + good[2:],
        good[:2] + b"\xff\xff" + good[4:],
        good[:20],
        good[:4] + b"\xff" * 20,
        b"\x01\x12\x00\x00\x00",
        b"\x02\x11\x00\x00" + zlib.compress(bytes(1 << 20), wbits=-15),
    ],
)
def test_bytes_that_are_no_bins_are_told(data):
    with pytest.raises(Corruption):
        decode_bins(data)
    with pytest.raises(Corruption):
        decode_many([1, 2], [good, data])
