"""The typed client against a real HTTP server that speaks the gateway's shapes."""

import os
from pathlib import Path
from typing import Any

import pytest

from client.api import HeimdexClient
from client.errors import ClientError, Exit, HeimdexApiError, MeshNotReachable, Violation


def test_upload_streams_the_file_and_tells_every_byte(door: Any, tmp_path: Path) -> None:
    """R-ING-01: an upload of any size in constant memory, with progress."""
    file = tmp_path / "a film.mp4"
    file.write_bytes(os.urandom(2_500_000))
    door.say("POST", "/v1/uploads", {"id": "v1", "size_bytes": "2500000"}, 201)
    sent: list[int] = []
    with HeimdexClient(door.url, "t") as client:
        video = client.upload(file, title="Ä & Ö", on_bytes=sent.append)
    asked = door.asked[0]

    assert video == {"id": "v1", "size_bytes": "2500000"}
    assert asked.body == file.read_bytes()
    assert asked.query == {"filename": ["a film.mp4"], "title": ["Ä & Ö"]}
    assert asked.headers["content-type"] == "video/mp4"
    assert asked.headers["content-length"] == "2500000"
    assert "transfer-encoding" not in asked.headers
    assert asked.headers["authorization"] == "Bearer t"
    assert sum(sent) == 2_500_000
    assert max(sent) <= 1 << 20


def test_empty_file_is_sent_so_that_the_mesh_can_say_what_is_wrong(door: Any, tmp_path: Path) -> None:
    file = tmp_path / "empty.mp4"
    file.touch()
    door.say("POST", "/v1/uploads", {"id": "v1"}, 201)
    with HeimdexClient(door.url, "t") as client:
        client.upload(file)

    assert door.asked[0].body == b""


def test_refusal_keeps_status_code_reason_and_violations(door: Any, refusal: Any) -> None:
    """R-API: google.rpc.Status as JSON reaches the caller whole."""
    said = refusal(3, "the request is wrong", reason="INVALID_QUERY", fields={"q": "must not be empty"})
    door.say("POST", "/v1/search", said, 400)
    with HeimdexClient(door.url, "t") as client, pytest.raises(HeimdexApiError) as caught:
        client.search("")
    error = caught.value

    assert (error.status, error.code, error.reason) == (400, "INVALID_ARGUMENT", "INVALID_QUERY")
    assert error.violations == (Violation("q", "must not be empty"),)
    assert str(error) == "the request is wrong (q: must not be empty) [INVALID_QUERY]"


@pytest.mark.parametrize(
    ("http", "code", "expected"), [(401, 16, Exit.FORBIDDEN), (403, 7, Exit.FORBIDDEN), (404, 5, Exit.NOT_FOUND)]
)
def test_refusals_have_their_own_exit_status(door: Any, refusal: Any, http: int, code: int, expected: Exit) -> None:
    door.say("GET", "/v1/videos/v1", refusal(code, "no"), http)
    with HeimdexClient(door.url, "t") as client, pytest.raises(HeimdexApiError) as caught:
        client.get_video("v1")

    assert caught.value.exit_status == expected


def test_server_that_is_no_mesh_is_told_apart(door: Any) -> None:
    door.say("GET", "/v1/models", b"<html>hello</html>")
    door.say("GET", "/v1/videos/v1", b"<html>bad gateway</html>", 502)
    with HeimdexClient(door.url, "t") as client:
        with pytest.raises(ClientError, match="not JSON; is it a mesh"):
            client.list_models()
        with pytest.raises(HeimdexApiError, match="not in the words of a mesh: <html>bad gateway"):
            client.get_video("v1")


def test_nobody_listening_is_said_with_what_to_do() -> None:
    with HeimdexClient("http://127.0.0.1:9", "t") as client, pytest.raises(MeshNotReachable, match="heimdex up"):
        client.list_models()


def test_address_that_is_none_is_refused() -> None:
    with pytest.raises(ClientError), HeimdexClient("no address", "t") as client:
        client.list_models()


def test_identifier_can_not_leave_its_path_segment(door: Any) -> None:
    with HeimdexClient(door.url, "t") as client, pytest.raises(HeimdexApiError):
        client.get_video("../admin?x=1")

    assert door.asked[0].path == "/v1/videos/..%2Fadmin%3Fx%3D1"


def test_scenes_of_all_pages_come_in_order(door: Any) -> None:
    pages = {"": {"scenes": [{"index": 0}], "next_page_token": "n"}, "n": {"scenes": [{"index": 1}]}}
    door.answers["GET", "/v1/videos/v1/scenes"] = lambda asked: (200, pages[asked.query.get("page_token", [""])[0]])
    with HeimdexClient(door.url, "t") as client:
        scenes = client.list_scenes("v1")

    assert [scene["index"] for scene in scenes] == [0, 1]


def test_follow_yields_each_change_once_when_the_stream_breaks(door: Any, refusal: Any) -> None:
    """R-STG-14: a client sees every stage in order, live, also across a restart of the door."""
    first = [{"sequence": "1", "video": {"id": "v1"}}, {"sequence": "2"}, {"error": refusal(14, "stopping")}]
    second = [{"sequence": "1"}, {"sequence": "2"}, {"sequence": "3"}]
    streams = iter([(200, first), (503, refusal(14, "starting")), (200, second)])
    door.answers["GET", "/v1/videos/v1:watch"] = lambda _: next(streams)
    door.say("GET", "/v1/videos/v1", {"id": "v1", "state": "VIDEO_STATE_READY"})
    with HeimdexClient(door.url, "t") as client:
        seen = [event["sequence"] for event in client.follow("v1")]

    assert seen == ["1", "2", "3"]
    assert door.asked[0].headers["accept"] == "application/x-ndjson"


def test_follow_ends_at_once_when_the_video_is_not_ours(door: Any, refusal: Any) -> None:
    door.say("GET", "/v1/videos/v1:watch", refusal(5, "no such video"), 404)
    with HeimdexClient(door.url, "t") as client, pytest.raises(HeimdexApiError, match="no such video"):
        list(client.follow("v1"))

    assert len(door.asked) == 1
