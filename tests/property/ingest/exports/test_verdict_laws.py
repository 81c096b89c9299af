"""Laws of the verdict: it always comes to one, never to no number, and worse is never called better."""

import math
from dataclasses import fields

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest_svc.domain.exports.checking.check_report import Reason, Verdict
from ingest_svc.domain.exports.checking.doubts import doubts_about, is_fault
from ingest_svc.domain.exports.checking.verdict import judge
from tests.support.export_measures import NS, a_camera, a_face, expected, measured, spoilt_pictures, spoilt_sound

RANK = list(Verdict)
MS = NS // 1000
PARTS = st.floats(0, 1)
amounts = st.tuples(st.floats(0, 1000), st.floats(0, 1000)).map(sorted)


def frame_path(sway):
    return a_camera(*(0.5 + sway * (-1) ** step for step in range(20)), step_ns=NS // 25)


SPOILERS = {
    "length": lambda by: (measured(), expected(duration_ns=3 * NS + round(by * MS))),
    "late sound": lambda by: (spoilt_sound(start_ns=round(by * MS)), expected()),
    "early sound": lambda by: (spoilt_sound(start_ns=-round(by * MS)), expected()),
    "short sound": lambda by: (spoilt_sound(end_ns=3 * NS - round(by * MS)), expected()),
    "gap": lambda by: (spoilt_sound(gap_ns=round(by * MS)), expected()),
    "loud": lambda by: (spoilt_sound(integrated_lufs=-14 + by / 100), expected()),
    "quiet": lambda by: (spoilt_sound(integrated_lufs=-14 - by / 100), expected()),
    "peak": lambda by: (spoilt_sound(true_peak_dbtp=-2 + by / 100), expected()),
    "clipped": lambda by: (spoilt_sound(clipped_samples=round(by)), expected()),
    "black": lambda by: (spoilt_pictures(dark=tuple(float(n < by / 10) for n in range(90))), expected()),
    "damage": lambda by: (measured(damaged_packets=round(by)), expected()),
    "jitter": lambda by: (measured(), expected(cameras=(frame_path(by / 10_000),))),
    "outside": lambda by: (
        measured(),
        expected(
            cameras=(a_camera(0.5, 0.5, step_ns=3 * NS),),
            subjects=(tuple(a_face(n * NS // 50, 0.5 if n >= by / 10 else 0.9) for n in range(100)),),
        ),
    ),
    "captions": lambda by: (measured(), expected(caption_boxes=[(0.1, 0.5 + by / 2000, 0.5, 0.1)])),
}


@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from(sorted(SPOILERS)), pair=amounts)
def test_what_is_worse_in_one_measure_is_never_called_better(kind, pair):
    """R-EXP-06."""
    less, more = (RANK.index(judge(*SPOILERS[kind](by)).verdict) for by in pair)

    assert less <= more


@settings(max_examples=50, deadline=None)
@given(kind=st.sampled_from(sorted(SPOILERS)))
def test_every_measure_can_spoil_a_good_clip_and_at_nothing_it_does_not(kind):
    assert judge(*SPOILERS[kind](0)).verdict is Verdict.GOOD
    assert judge(*SPOILERS[kind](1000)).verdict is not Verdict.GOOD


@st.composite
def tracks(draw):
    steps = draw(st.lists(st.integers(0, NS // 5), min_size=1, max_size=40))
    at_ns = tuple(sum(steps[:number]) for number in range(len(steps)))
    size = len(steps)
    return spoilt_pictures(
        at_ns=at_ns,
        end_ns=at_ns[-1] + steps[-1],
        dark=tuple(draw(st.lists(PARTS, min_size=size, max_size=size))),
        change=tuple(draw(st.lists(st.sampled_from([0.0, 0.05, 1.0, 255.0]), min_size=size, max_size=size))),
        colours=draw(st.tuples(*[st.integers(0, 255)] * 4)),
        is_interlaced=draw(st.booleans()),
    )


@st.composite
def sounds(draw):
    start_ns = draw(st.integers(-NS, NS))
    return spoilt_sound(
        start_ns=start_ns,
        end_ns=start_ns + draw(st.integers(0, 5 * NS)),
        integrated_lufs=draw(st.none() | st.floats(-200, 200)),
        true_peak_dbtp=draw(st.none() | st.floats(-200, 200)),
        channels=draw(st.integers(1, 64)),
    )


@settings(max_examples=200, deadline=None)
@given(
    pictures=st.none() | tracks(),
    sound=st.none() | sounds(),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    seen=st.none() | st.tuples(PARTS, st.floats(0, 255)),
)
def test_every_measurement_comes_to_a_verdict_without_a_number_that_is_none(pictures, sound, flags, seen):
    is_faststart, is_whole, has_sound = flags
    what = measured(
        is_faststart=is_faststart,
        is_whole=is_whole,
        pictures=pictures and pictures.pictures,
        sound=sound and sound.sound,
    )
    doubts = doubts_about(what.pictures, expected()) if what.pictures else ()

    report = judge(what, expected(has_sound=has_sound), tuple(one for one in doubts if is_fault(one, seen)))

    numbers = [getattr(report, field.name) for field in fields(report)]
    assert all(math.isfinite(value) for value in numbers if isinstance(value, float))
    for share in (report.black_frames_pct, report.frozen_frames_pct):
        assert share is None or 0 <= share <= 100
    names = [Reason(reason.partition(":")[0]) for reason in report.reasons]
    assert len(names) == len(set(names))
    assert report.verdict is (
        Verdict.FAILED if any(name.is_failure for name in names) else Verdict.POOR if names else Verdict.GOOD
    )
