import pytest

from index_svc.codec import search_event
from tests.support.metrics_samples import NOW


@pytest.mark.parametrize(("video_ids", "told"), [((), ""), (("v1",), "v1"), (("v1", "v2"), "")])
def test_the_video_a_search_was_limited_to_is_told_when_it_is_one(video_ids, told):
    """R-AD1-05: recent_searches[].video_id."""
    event = search_event(
        "s1", owner_id="ada", at=NOW, latency_ns=1, results_count=2, query_text="macaw", video_ids=video_ids
    )

    assert (event.video_id, event.query_text, event.results_count) == (told, "macaw", 2)
