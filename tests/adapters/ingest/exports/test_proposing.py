"""ProposeShorts on stored scenes and transcripts, with metrics_svc answering for what was searched."""

from datetime import timedelta
from itertools import pairwise

import pytest

from chassis.core.errors import InvalidInput, NotFound, NotReady
from chassis.io.grpc_client import GrpcClient
from chassis.io.postgres import Database
from heimdex.ingest.v1 import export_service_pb2 as api
from heimdex.ingest.v1 import video_pb2
from ingest_svc.adapters.metrics_client import MetricsClient
from ingest_svc.domain.facts import CancelRequested
from ingest_svc.exports.faces import FacesOfScenes
from ingest_svc.exports.proposals import Proposer
from ingest_svc.ports import SceneRow
from tests.adapters.ingest.exports.test_faces_of_scenes import answering
from tests.adapters.ingest.exports.test_subject_client import asking, serving
from tests.support.ingest_lab import OWNER, T0, finish, registered, settle
from tests.support.metrics_samples import search_event
from tests.support.search_history_lab import SERVICE, search_history, searched

NS = 1_000_000_000
TALK = (
    (2.0, 13.0, "And so my fellow Americans, ask not what your country can do for you."),
    (16.0, 23.0, "How does a harbour work in winter?"),
    (24.0, 31.0, "It is heated by the sea, which is always warmer than the land."),
    (34.0, 43.0, "Nobody knows why that is so, and nobody asks."),
)


def transcript(*segments: tuple[float, float, str], marks=(), reason=""):
    return video_pb2.Transcript(
        language="en",
        skipped_reason=reason,
        segments=[
            video_pb2.TranscriptSegment(start_s=a, end_s=b, text=text, words=_words(a, b, text), trust_marks=marks)
            for a, b, text in segments
        ],
    )


def _words(start, end, text):
    parts = text.split()
    each = (end - start) / len(parts)
    for n, part in enumerate(parts):
        yield video_pb2.Word(text=part, start_s=start + n * each, end_s=start + (n + 0.95) * each)


def scene(number, video, start, end, **fields: object):
    message = video_pb2.Scene(id=f"s_{number}", video_id=video, index=number, start_s=start, end_s=end, **fields)
    return SceneRow(f"s_{number}", number, start * NS, end * NS, "", "", "r1", message.SerializeToString(), T0)


@pytest.fixture
def ready(progress, library):
    async def make(said, *cuts: int, seconds=50, **fields: object):
        video = await finish(progress, await registered(progress), duration_ns=seconds * NS)
        edges = [0, *cuts, seconds]
        scenes = [scene(n, video.id, a, b, **fields) for n, (a, b) in enumerate(pairwise(edges))]
        await library.store_findings(
            video_id=video.id,
            owner_id=OWNER,
            generation=video.generation,
            scenes=scenes,
            transcript=said.SerializeToString(),
            language="en",
            thumbnail_key="",
        )
        return video.id

    return make


@pytest.fixture
async def metrics(new_database):
    async with Database.open(await new_database("metrics_svc", "metrics"), max_connections=2) as database:
        yield database


@pytest.fixture
async def history(metrics):
    async with search_history(metrics) as port:
        client = GrpcClient(f"127.0.0.1:{port}", token=SERVICE)
        yield MetricsClient(client)
        await client.close()


def ask(video, **fields: object):
    return api.ProposeShortsRequest(video=video, **fields)


async def test_the_best_stretch_comes_first_with_its_reasons(ready, library, clock, metrics, history):
    said = [search_event(n, owner_id=OWNER, query_text="Winter harbour", at=T0 - timedelta(days=n)) for n in range(4)]
    old = search_event(9, owner_id=OWNER, query_text="sea", at=T0 - timedelta(days=200))
    await searched(metrics, *said, old, search_event(8, owner_id="eve", query_text="country"), now=T0)
    video = await ready(transcript(*TALK), 13, 24, ocr_lines=["HARBOUR LIGHTS"])
    answer = await Proposer(library, history, clock).propose(OWNER, ask(video))
    best = answer.proposals[0]
    reasons = {reason.kind: reason for reason in best.reasons}

    assert best.start_s <= 16.0
    assert best.end_s >= 31.0
    assert 15 <= best.end_s - best.start_s <= 60
    assert "How does a harbour work in winter?" in best.text
    assert reasons["SEARCHED_FOR"].message == "searched for 4 times: \u201cwinter harbour\u201d"
    assert {"SPEECH_DENSITY", "WHOLE_SENTENCES", "QUESTION_AND_ANSWER", "ON_SCREEN_TEXT"} <= set(reasons)
    assert all(0 < reason.strength <= 1 for reason in best.reasons)
    assert 0 < best.score <= 1
    assert "s_1" in best.scene_ids
    assert list(answer.missing) == [
        "no faces: NOT_LOOKED_FOR: nobody told where inference_svc is; set HEIMDEX_INFERENCE_ADDR",
    ]


async def test_a_face_in_the_pictures_of_scenes_counts(ready, library, clock, history, blobs):
    await blobs.put("thumbnails/x.jpg", b"face")
    video = await ready(transcript(*TALK), thumbnail_key="thumbnails/x.jpg")
    async with serving(answering()) as port, asking(port) as spotter:
        answer = await Proposer(library, history, clock, FacesOfScenes(blobs, spotter)).propose(OWNER, ask(video))

    assert list(answer.missing) == []
    assert "FACES" in {reason.kind for reason in answer.proposals[0].reasons}


async def test_without_metrics_svc_there_are_proposals_and_it_is_named(ready, library, clock):
    video = await ready(transcript(*TALK))
    nobody = GrpcClient("127.0.0.1:1", token="")
    answers = [
        await Proposer(library, history, clock).propose(OWNER, ask(video)) for history in (MetricsClient(nobody), None)
    ]
    await nobody.close()

    assert [bool(answer.proposals) for answer in answers] == [True, True]
    assert [answer.missing[-1].split(": ")[:2] for answer in answers] == [
        ["no searches", "UPSTREAM_UNAVAILABLE"],
        ["no searches", "METRICS_UNKNOWN"],
    ]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (transcript(reason="MODEL_UNAVAILABLE"), "no words: MODEL_UNAVAILABLE"),
        (transcript(), "no words: NOTHING_SAID"),
        (transcript(*TALK, marks=["REPETITION"]), "no words: NOT_TRUSTED: the recogniser marked all that it heard"),
    ],
)
async def test_without_words_cuts_are_what_is_left(ready, library, clock, said, told):
    answer = await Proposer(library, None, clock).propose(OWNER, ask(await ready(said, 17, 33)))

    assert told in answer.missing
    assert {0.0, 17.0, 33.0, 50.0} >= {answer.proposals[0].start_s, answer.proposals[0].end_s}
    assert answer.proposals[0].text == ""


async def test_a_short_video_is_proposed_as_a_whole(ready, library, clock, history):
    answer = await Proposer(library, history, clock).propose(OWNER, ask(await ready(transcript(), seconds=9)))

    assert [(one.start_s, one.end_s) for one in answer.proposals] == [(0.0, 9.0)]
    assert answer.missing[0].startswith("no 15 s: VIDEO_SHORTER_THAN_ASKED: the video lasts 9 s")


async def test_other_users_videos_do_not_exist(ready, library, clock, history):
    proposer = Proposer(library, history, clock)
    for owner, video in (("eve", await ready(transcript(*TALK))), (OWNER, "v_none"), (OWNER, "")):
        with pytest.raises(NotFound) as refused:
            await proposer.propose(owner, ask(video))

        assert refused.value.reason == "VIDEO_NOT_FOUND"


async def test_a_video_that_is_not_ready_says_in_which_state_it_is(progress, library, clock):
    video = await registered(progress)
    proposer = Proposer(library, None, clock)
    with pytest.raises(NotReady) as waiting:
        await proposer.propose(OWNER, ask(video.id))
    await settle(progress, video, CancelRequested())
    with pytest.raises(NotReady, match="cancelled") as cancelled:
        await proposer.propose(OWNER, ask(video.id))

    assert waiting.value.reason == "VIDEO_NOT_READY"
    assert [one.value.metadata["state"] for one in (waiting, cancelled)] == ["queued", "cancelled"]


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("min_duration_s", {"min_duration_s": 0.5}),
        ("min_duration_s", {"min_duration_s": float("nan")}),
        ("min_duration_s", {"min_duration_s": -1}),
        ("max_duration_s", {"max_duration_s": 181}),
        ("max_duration_s", {"max_duration_s": float("inf")}),
        ("max_duration_s", {"max_duration_s": 10}),
        ("min_duration_s", {"min_duration_s": 90}),
        ("limit", {"limit": 21}),
        ("limit", {"limit": -1}),
    ],
)
async def test_wrong_numbers_are_named(library, clock, field, fields):
    with pytest.raises(InvalidInput) as refused:
        await Proposer(library, None, clock).propose(OWNER, ask("v", **fields))

    assert [one.field for one in refused.value.violations] == [field]
