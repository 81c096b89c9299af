"""The answer of the child that measures is a stranger's: whatever does not fit is refused, and nothing else happens."""

import json
import math
from dataclasses import asdict, replace

import pytest

from ingest_svc.domain.exports.checking.doubts import read_looks
from ingest_svc.domain.exports.checking.measured import read_measured
from tests.support.export_measures import measured

GOOD = json.loads(json.dumps(asdict(measured())))


def changed(part, **changes: object):
    return {**GOOD, part: {**GOOD[part], **changes}}


def test_what_was_written_is_read_again():
    assert read_measured(GOOD) == measured()
    assert read_measured({**GOOD, "sound": None, "pictures": None}) == replace(measured(), sound=None, pictures=None)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {**GOOD, "is_whole": 1},
        {**GOOD, "damaged_packets": -1},
        {**GOOD, "sound": []},
        {**GOOD, "pictures": "none"},
        changed("pictures", width=0),
        changed("pictures", width="1080"),
        changed("pictures", rotation_degrees=360),
        changed("pictures", codec="x" * 1000),
        changed("pictures", at_ns=[]),
        changed("pictures", at_ns=GOOD["pictures"]["at_ns"][::-1]),
        changed("pictures", at_ns=GOOD["pictures"]["at_ns"][:-1]),
        changed("pictures", end_ns=0),
        changed("pictures", dark=[0.1]),
        changed("pictures", dark=[math.nan] * 90),
        changed("pictures", change=[256.0] * 90),
        changed("pictures", colours=[1, 1, 1]),
        changed("pictures", colours=[1, 1, 1, 1, 1]),
        changed("sound", end_ns=-1),
        changed("sound", integrated_lufs=math.nan),
        changed("sound", true_peak_dbtp=math.inf),
        changed("sound", integrated_lufs=True),
        changed("sound", rate_hz=0),
    ],
)
def test_what_does_not_fit_is_refused(answer):
    with pytest.raises((ValueError, KeyError)):
        read_measured(answer)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {"looks": []},
        {"looks": [None, None]},
        {"looks": [{"dark": 2.0, "change": 0.0}]},
        {"looks": [{"dark": 0.0, "change": math.nan}]},
        {"looks": [{"dark": 0.0}]},
        {"looks": [[0.0, 0.0]]},
    ],
)
def test_a_look_that_does_not_fit_is_refused(answer):
    with pytest.raises(ValueError, match=r"."):
        read_looks(answer, 1)


def test_a_look_is_two_numbers_or_nothing():
    assert read_looks({"looks": [None, {"dark": 0.5, "change": 3}]}, 2) == (None, (0.5, 3.0))
