"""What goes wrong outside of the mesh: it is tried again as often as that helps, and told in full."""

import shutil

import nats
import pytest

from chassis.io.blobs import generation_key, source_key
from tests.support.clips import DEMO_CLIP
from tests.support.eventually import eventually
from tests.support.fault_mesh import held_up, soon, watch

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


async def _has_dead_letter(mesh, video_id):
    client = await nats.connect(mesh.nats_url())
    try:
        stream = await client.jetstream().stream_info("HEIMDEX_DEAD", subjects_filter=f"heimdex.dead.v1.*.*.{video_id}")
        return sum((stream.state.subjects or {}).values()) == 1
    finally:
        await client.close()


def test_a_fault_that_passes_costs_attempts_that_are_told_and_nothing_else(frail, mine, undisturbed):
    """R-RET-01, R-RET-07: the third attempt succeeds; ListJobs has all three with their reasons."""
    undisturbed.run(frail, DEMO_CLIP)
    with held_up(frail, "nats"):
        video = watch(mine, DEMO_CLIP)
        in_the_way = frail.data_dir / "blobs" / generation_key(mine.user, video.id, 1, "audio.flac")
        (in_the_way / "full").mkdir(parents=True)  # where a file must be written there is a folder that is not empty
    soon(lambda: video.step("metadata")["attempt"] == 3)
    shutil.rmtree(in_the_way)

    undisturbed.judge(video, DEMO_CLIP)
    tries = video.attempts()
    assert [one["number"] for one in tries["metadata"]] == [1, 2, 3]
    assert [one["outcome"] for one in tries["metadata"]] == ["OUTCOME_FAILED", "OUTCOME_FAILED", "OUTCOME_SUCCEEDED"]
    assert [one.get("reason", "") for one in tries["metadata"]] == ["BLOB_STORE_UNAVAILABLE"] * 2 + [""]
    assert all(one["started_at"] <= one["finished_at"] for one in tries["metadata"])
    assert {len(others) for stage, others in tries.items() if stage != "metadata"} == {1}


async def test_a_permanent_fault_is_tried_once_and_replayed_after_the_fix_without_a_new_upload(
    frail, mine, undisturbed
):
    """R-RET-01, R-RET-02: one attempt, a dead letter, and a replay from the stage where it broke."""
    undisturbed.run(frail, DEMO_CLIP)
    with held_up(frail, "nats"):
        video = watch(mine, DEMO_CLIP)
        source = frail.data_dir / "blobs" / source_key(mine.user, video.id)
        source.rename(source.with_suffix(".away"))
    failed = mine.wait_terminal(video.id)
    assert failed["state"] == "VIDEO_STATE_FAILED"
    assert failed["stage"] == "STAGE_DOWNLOADING"
    (only,) = video.attempts()["downloading"]
    assert (only["reason"], only["deliveries"]) == ("SOURCE_MISSING", 1)
    await eventually(lambda: _has_dead_letter(frail, video.id))

    source.with_suffix(".away").rename(source)
    assert mine.json("POST", "/v1/videos:replayFailed", json={})["video_ids"] == [video.id]
    mine.wait_ready(video.id)
    assert video.findings() == undisturbed.run(frail, DEMO_CLIP)[0]
    assert [len(tries) for stage, tries in video.attempts().items() if stage != "downloading"] == [1] * 6
