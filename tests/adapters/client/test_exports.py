"""The typed client of exports against a real HTTP server that speaks the gateway's shapes."""

import json
import os
from typing import Any

import pytest

from client.api import HeimdexClient
from client.errors import ClientError, HeimdexApiError, MeshNotReachable
from client.export_spec import Choices
from client.patience import Patience

CONTENT = os.urandom(900_000)
LINK = "/media/exports/u/e1.mp4?exp=9&sig=a"
DONE = {
    "id": "e1",
    "status": "EXPORT_STATE_COMPLETED",
    "file_size_bytes": str(len(CONTENT)),
    "download_url": LINK,
    "etag": "4",
}


def state(name: str, etag: int, **more: Any) -> dict[str, Any]:
    return {"export": {"id": "e1", "status": f"EXPORT_STATE_{name}", "etag": str(etag), **more}}


def test_a_scene_and_a_reel_are_asked_for_where_the_contract_says(door: Any, client: HeimdexClient) -> None:
    """R-EXP-01, R-EXP-05."""
    door.say("POST", "/v1/scenes/s1/exports", {"id": "e1"})
    door.say("POST", "/v1/exports", {"id": "e2"})
    reel = [{"scene": "s1"}, {"video": "v1", "start_s": 1.0, "end_s": 2.5}]
    one = client.exports.create([{"scene": "s1"}], Choices(quality="low"), request_id="r")
    two = client.exports.create(reel, validate_only=True)  # type: ignore[arg-type]
    first, second = (json.loads(asked.body) for asked in door.asked)

    assert (one["id"], two["id"]) == ("e1", "e2")
    assert (first["output_quality"], first["request_id"]) == ("OUTPUT_QUALITY_LOW", "r")
    assert "segments" not in first
    assert (second["segments"], second["validate_only"]) == (reel, True)
    assert len(second["request_id"]) == 32


def test_a_connection_that_breaks_while_asking_does_not_make_two_exports(door: Any, client: HeimdexClient) -> None:
    """R-EXP-04: the second try carries the same request_id."""

    def answer(asked: Any) -> tuple[int, Any]:
        if len(door.asked) == 1:
            raise ConnectionResetError
        return 200, {"id": "e1"}

    door.answers["POST", "/v1/scenes/s1/exports"] = answer
    client.exports.create([{"scene": "s1"}])
    ids = {json.loads(asked.body)["request_id"] for asked in door.asked}

    assert len(door.asked) == 2
    assert len(ids) == 1


def test_a_refusal_keeps_reason_facts_and_time(door: Any, client: HeimdexClient, refusal: Any) -> None:
    """R-EXP-03, R-EXP-04."""
    said = refusal(8, "no", reason="EXPORT_QUOTA_EXCEEDED", metadata={"limit": "10"}, retry_delay="11501.250s")
    door.say("POST", "/v1/scenes/s1/exports", said, 429)
    with pytest.raises(HeimdexApiError) as caught:
        client.exports.create([{"scene": "s1"}])

    assert (caught.value.reason, caught.value.metadata) == ("EXPORT_QUOTA_EXCEEDED", {"limit": "10"})
    assert caught.value.retry_after_seconds == 11501.25


def test_exports_of_all_pages_come_one_after_the_other(door: Any, client: HeimdexClient) -> None:
    pages = {"": {"exports": [{"id": "e2"}], "next_page_token": "n"}, "n": {"exports": [{"id": "e1"}]}}
    door.answers["GET", "/v1/exports"] = lambda asked: (200, pages[asked.query.get("page_token", [""])[0]])
    found = [one["id"] for one in client.exports.list(status="completed", video="v1")]

    assert found == ["e2", "e1"]
    assert door.asked[1].query["status"] == ["EXPORT_STATE_COMPLETED"]
    assert door.asked[1].query["video"] == ["v1"]
    assert "scene" not in door.asked[1].query


def test_a_page_is_asked_for_only_when_it_is_needed(door: Any, client: HeimdexClient) -> None:
    door.say("GET", "/v1/exports", {"exports": [{"id": "e2"}], "next_page_token": "n"})
    next(client.exports.list())

    assert len(door.asked) == 1


def test_verbs_go_to_their_paths(door: Any, client: HeimdexClient) -> None:
    door.say("POST", "/v1/exports/e1:cancel", {"id": "e1"})
    door.say("POST", "/v1/exports/e1:retry", {"id": "e1"})
    door.say("DELETE", "/v1/exports/e1", {})
    door.say("GET", "/v1/exports:quota", {"limit": 10})
    door.say("GET", "/v1/exports/e1/captions.vtt", b"WEBVTT\n")
    door.say("POST", "/v1/videos/v1:proposeShorts", {"missing": ["no words"]})

    assert client.exports.cancel("e1") == client.exports.retry("e1") == {"id": "e1"}
    assert client.exports.delete("e1") is None  # type: ignore[func-returns-value]
    assert client.exports.quota() == {"limit": 10}
    assert client.exports.captions("e1", "vtt") == b"WEBVTT\n"
    assert client.exports.propose_shorts("v1", limit=3) == {"missing": ["no words"]}
    assert json.loads(door.asked[-1].body) == {"limit": 3}


def test_an_id_can_not_leave_its_path_segment(door: Any, client: HeimdexClient) -> None:
    with pytest.raises(HeimdexApiError):
        client.exports.get("../admin?x")

    assert door.asked[0].path == "/v1/exports/..%2Fadmin%3Fx"


def test_waiting_yields_each_state_once_when_the_stream_breaks(door: Any, client: HeimdexClient, refusal: Any) -> None:
    """R-EXP-09: watching over a restart of the door sees what polling sees."""
    streams = iter(
        [
            (200, [state("QUEUED", 1), {"error": refusal(14, "stopping")}]),
            (503, refusal(14, "starting")),
            (200, [state("QUEUED", 1), state("PROCESSING", 2, progress_pct=10.0)]),
            (200, [state("PROCESSING", 3, progress_pct=60.0), state("COMPLETED", 4)]),
        ]
    )
    door.answers["GET", "/v1/exports/e1:watch"] = lambda _: next(streams)
    door.say("GET", "/v1/exports/e1", state("PROCESSING", 2)["export"])
    seen = [(one["status"].removeprefix("EXPORT_STATE_"), one["etag"]) for one in client.exports.follow("e1")]

    assert seen == [("QUEUED", "1"), ("PROCESSING", "2"), ("PROCESSING", "3"), ("COMPLETED", "4")]


def test_a_line_that_breaks_off_is_asked_for_again(door: Any, client: HeimdexClient) -> None:
    streams = iter([json.dumps(state("QUEUED", 1)).encode() + b'\n{"export": {"id', [state("COMPLETED", 2)]])
    door.answers["GET", "/v1/exports/e1:watch"] = lambda _: (200, next(streams))

    assert [one["etag"] for one in client.exports.follow("e1")] == ["1", "2"]


@pytest.mark.parametrize("line", [b"[]\n", b"3\n", b"null\n"])
def test_a_stream_of_something_else_is_no_mesh(door: Any, client: HeimdexClient, line: bytes) -> None:
    door.say("GET", "/v1/exports/e1:watch", line)
    with pytest.raises(ClientError, match="is it a mesh"):
        client.exports.wait("e1")


def test_patience_ends() -> None:
    patience, away = Patience(away_seconds=-1.0), MeshNotReachable("away")
    with pytest.raises(MeshNotReachable):
        patience.bear(away)

    longer = Patience()
    longer.bear(away)
    longer.bear(HeimdexApiError(503, "UNAVAILABLE", "starting"))
    with pytest.raises(HeimdexApiError):
        longer.bear(HeimdexApiError(404, "NOT_FOUND", "gone"))


def test_an_export_that_is_not_ours_is_not_waited_for(door: Any, client: HeimdexClient) -> None:
    with pytest.raises(HeimdexApiError, match="no such thing"):
        client.exports.wait("e1")

    assert len(door.asked) == 1


def test_waiting_ends_with_the_last_state(door: Any, client: HeimdexClient) -> None:
    door.say("GET", "/v1/exports/e1:watch", [state("PROCESSING", 1), state("FAILED", 2)])

    assert client.exports.wait("e1")["status"] == "EXPORT_STATE_FAILED"
