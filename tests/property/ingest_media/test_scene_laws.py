"""Laws of the cut list (R-ING-05): whatever the detector says, the scenes are a clean cover of the video."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingest_svc.domain.keyframes import Keyframe, Thumbnail, scenes_with_pictures
from ingest_svc.domain.scenes import scenes_from_cuts, windows

durations = st.integers(min_value=1, max_value=10**13)
lengths = st.integers(min_value=0, max_value=10**10)
cuts = st.lists(st.integers(min_value=-(10**9), max_value=10**13), max_size=60)


@given(cuts, durations, lengths)
def test_scenes_cover_the_video_exactly_in_order_without_gap_or_overlap(
    cuts_ns: list[int], duration_ns: int, min_scene_ns: int
) -> None:
    spans = scenes_from_cuts(cuts_ns, duration_ns, min_scene_ns=min_scene_ns)

    assert spans[0].start_ns == 0
    assert spans[-1].end_ns == duration_ns
    assert all(left.end_ns == right.start_ns for left, right in pairwise(spans))
    assert all(span.length_ns > 0 for span in spans)


@given(cuts, durations, lengths)
def test_no_scene_is_shorter_than_the_minimum_unless_it_is_the_whole_video(
    cuts_ns: list[int], duration_ns: int, min_scene_ns: int
) -> None:
    spans = scenes_from_cuts(cuts_ns, duration_ns, min_scene_ns=min_scene_ns)

    assert len(spans) == 1 or all(span.length_ns >= min_scene_ns for span in spans)


@given(cuts, durations, lengths)
def test_every_boundary_is_a_reported_cut_and_order_and_repeats_do_not_matter(
    cuts_ns: list[int], duration_ns: int, min_scene_ns: int
) -> None:
    spans = scenes_from_cuts(cuts_ns, duration_ns, min_scene_ns=min_scene_ns)

    assert {span.start_ns for span in spans[1:]} <= set(cuts_ns)
    assert spans == scenes_from_cuts([*reversed(cuts_ns), *cuts_ns], duration_ns, min_scene_ns=min_scene_ns)


@given(st.integers(min_value=1, max_value=10**13), st.integers(min_value=10**9, max_value=10**11))
def test_windows_cover_the_sound_and_none_is_longer_than_allowed(duration_ns: int, window_ns: int) -> None:
    spans = windows(duration_ns, window_ns=window_ns)

    assert spans[0].start_ns == 0
    assert spans[-1].end_ns == duration_ns
    assert all(left.end_ns == right.start_ns for left, right in pairwise(spans))
    assert all(0 < span.length_ns <= window_ns for span in spans)
    assert len(spans) == -(-duration_ns // window_ns)


@given(cuts, st.integers(min_value=10**9, max_value=10**13), st.lists(st.integers(min_value=0), max_size=30))
def test_every_picture_inside_the_video_belongs_to_exactly_one_scene(
    cuts_ns: list[int], duration_ns: int, instants_ns: list[int]
) -> None:
    frames = [Keyframe(at_ns % duration_ns, f"keyframe_{n:04d}_0.jpg", 1, 1) for n, at_ns in enumerate(instants_ns)]
    spans = scenes_from_cuts(cuts_ns, duration_ns)

    scenes = scenes_with_pictures(spans, frames, [Thumbnail(0, "thumb_0000.jpg", 1, 1)])

    assert sorted(f.file_name for f in frames) == sorted(k.file_name for scene in scenes for k in scene.keyframes)
    assert scenes[0].thumbnail is not None
