"""The demo counts a hit only when it is the right one."""

import pytest

from client.demo.clip import ClipSearch, load_clip
from client.demo.judge import first_hit, is_right, missing_capabilities, real_tasks
from client.types import Model, SearchResult

CLIP = load_clip()
FERRY = next(search for search in CLIP.searches if search.text == "ferry to Oslo")


def _hit(start_s: float, end_s: float, video_id: str = "v1") -> SearchResult:
    return {"scene": {"video_id": video_id, "start_s": start_s, "end_s": end_s}, "score": 1.0}


def test_hit_is_right_only_in_its_scene_of_its_video() -> None:
    assert FERRY.scene is not None
    right = (FERRY.scene.start_s, FERRY.scene.end_s)

    assert is_right(FERRY, _hit(*right), "v1")
    assert is_right(FERRY, _hit(right[0] + 0.08, right[1] - 0.08), "v1")
    assert not is_right(FERRY, _hit(*right), "v2")
    assert not is_right(FERRY, _hit(0.0, 5.48), "v1")
    assert not is_right(FERRY, None, "v1")
    assert not is_right(FERRY, first_hit({"results": []}), "v1")


def test_whole_video_as_one_scene_is_right_for_at_most_one_search_with_a_scene() -> None:
    whole = _hit(0.0, CLIP.duration_s)
    right = [search for search in CLIP.searches if search.scene is not None and is_right(search, whole, "v1")]

    assert len(right) <= 1


def test_fixture_and_absent_models_are_no_capability() -> None:
    """Issue 2 point 6: the fixture is never a claim of quality."""
    models: list[Model] = [
        {"name": "whisper-fixture", "task": "MODEL_TASK_ASR", "is_available": True, "is_fixture": True},
        {"name": "base", "task": "MODEL_TASK_ASR", "unavailable_reason": "no network", "fix_command": "fetch base"},
        {"name": "rapidocr", "task": "MODEL_TASK_OCR", "is_available": True},
        {
            "name": "clip",
            "task": "MODEL_TASK_IMAGE_EMBEDDING",
            "unavailable_reason": "no weights",
            "fix_command": "fetch",
        },
    ]

    assert real_tasks(models) == {"MODEL_TASK_OCR"}
    assert missing_capabilities(models) == [
        (
            "speech (what is said): only the fixture whisper-fixture is here: fixture, not a claim of quality; "
            "get it with: fetch base"
        ),
        "search by picture (image vectors): no weights; get it with: fetch",
    ]


def test_three_searches_can_work_without_speech() -> None:
    """Issue 2 point 9: without speech weights the demo still finds the right scene three times."""
    without_speech = [search for search in CLIP.searches if "MODEL_TASK_ASR" not in search.needs and search.scene]

    assert len({search.scene.index for search in without_speech if search.scene}) == 3


@pytest.mark.parametrize("search", CLIP.searches, ids=lambda search: search.text)
def test_truth_supports_the_search(search: ClipSearch) -> None:
    scene = search.scene or CLIP.scenes[0]
    if search.by == "SIGNAL_SPEECH":
        assert search.text in scene.speech
    elif search.by == "SIGNAL_ON_SCREEN_TEXT":
        words = " ".join(scene.on_screen_text).lower().replace(":", "")
        assert search.text.lower() in words
    elif search.by == "SIGNAL_MEANING":
        said = set(" ".join((scene.speech, *scene.on_screen_text)).lower().split())
        assert not said & set(search.text.lower().split())
    else:
        assert search.text in CLIP.title.lower()
