"""Shorts from the door to the file: asked for, waited for, downloaded, expired; by HTTP and by the command."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.clips import reason_of
from tests.support.eventually import eventually
from tests.support.mesh import Library, RunningMesh
from tests.support.shown_export import LOW, Shown, fetch, files_of, wait_export

pytestmark = pytest.mark.timeout(180)
PER_DAY = 10


def test_the_record_says_everything(shown: Shown) -> None:
    """R-EXP-01, R-EXP-07, R-EXP-13."""
    export, scene = shown.export, shown.scenes[0]
    begun, ended, expires = (
        datetime.fromisoformat(export[name]) for name in ("created_at", "completed_at", "expires_at")
    )

    assert export["storage_path"] == f"exports/{shown.library.user}/{export['id']}.mp4"
    assert (export["user_id"], export["scene_id"]) == (shown.library.user, scene["id"])
    assert export["resolution"] == "720x1280"
    assert abs(export["duration_s"] - (scene["end_s"] - scene["start_s"])) <= 1 / 25
    assert begun <= ended < expires
    assert expires - begun == timedelta(hours=24)
    assert not export.get("error_message")
    assert export["cuts"][0]["video"] == shown.video["id"]
    assert export["check_report"]["verdict"] in {"CHECK_VERDICT_GOOD", "CHECK_VERDICT_POOR"}
    assert (export["check_report"]["width_px"], export["check_report"]["height_px"]) == (720, 1280)


def test_the_link_works_in_full_and_in_part(mesh: RunningMesh, shown: Shown) -> None:
    """R-EXP-10: as long as the record says, with Range, and for whoever holds it."""
    export = shown.export
    link, size = export["download_url"], int(export["file_size_bytes"])
    whole = fetch(mesh, link)

    assert (whole.status_code, whole.headers["content-type"], len(whole.content)) == (200, "video/mp4", size)
    assert whole.content[4:8] == b"ftyp"
    for asked, start, end in (
        ("bytes=0-99", 0, 100),
        (f"bytes={size - 7}-", size - 7, size),
        ("bytes=-5", size - 5, size),
    ):
        part = fetch(mesh, link, Range=asked)
        assert (part.status_code, part.content) == (206, whole.content[start:end]), asked
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
    assert fetch(mesh, link, Range=f"bytes={size}-").status_code == 416
    assert fetch(mesh, export["thumbnail_url"]).content[:2] == b"\xff\xd8"


def test_a_link_that_was_changed_is_refused(mesh: RunningMesh, shown: Shown) -> None:
    """R-EXP-10: another signature, another end, another file, none at all."""
    link = shown.export["download_url"]
    path, _, query = link.partition("?")
    expiry, signature = query.split("&")
    later = f"exp={int(expiry.removeprefix('exp=')) + 86_400}"
    other = "0" if signature[-1] != "0" else "1"

    for changed in (
        f"{path}?{expiry}&{signature[:-1]}{other}",
        f"{path}?{later}&{signature}",
        f"{path}?{expiry}",
        path,
        f"{path.replace('.mp4', '.jpg')}?{query}",
    ):
        assert fetch(mesh, changed).status_code == 403, changed


def test_no_export_is_there_for_another_user(mesh: RunningMesh, shown: Shown) -> None:
    """R-EXP-02: 404 on every path, as for one that never was; nothing of it is changed."""
    one, scene, video = shown.export["id"], shown.scenes[0]["id"], shown.video["id"]
    span = {"video": video, "start_s": 0.0, "end_s": 1.0}
    calls: list[tuple[str, str, Any, str]] = [
        ("GET", f"/v1/exports/{one}", None, "EXPORT_NOT_FOUND"),
        ("GET", f"/v1/exports/{one}:watch", None, "EXPORT_NOT_FOUND"),
        ("GET", f"/v1/exports/{one}/captions.srt", None, "EXPORT_NOT_FOUND"),
        ("GET", f"/v1/exports/{one}/captions.vtt", None, "EXPORT_NOT_FOUND"),
        ("POST", f"/v1/exports/{one}:cancel", {}, "EXPORT_NOT_FOUND"),
        ("POST", f"/v1/exports/{one}:retry", {}, "EXPORT_NOT_FOUND"),
        ("DELETE", f"/v1/exports/{one}", None, "EXPORT_NOT_FOUND"),
        ("POST", f"/v1/scenes/{scene}/exports", {}, "SCENE_NOT_FOUND"),
        ("POST", "/v1/exports", {"segments": [{"scene": scene}]}, "SCENE_NOT_FOUND"),
        ("POST", "/v1/exports", {"segments": [span]}, "VIDEO_NOT_FOUND"),
        ("POST", f"/v1/videos/{video}:proposeShorts", {}, "VIDEO_NOT_FOUND"),
    ]
    with mesh.library() as stranger:
        for method, path, body, reason in calls:
            answers = [
                stranger.call(
                    method, path.replace(wanted, there), json=body if there == wanted else _renamed(body, wanted, there)
                )
                for wanted in (one, scene, video)
                if wanted in path or wanted in json.dumps(body)
                for there in (wanted, f"{wanted[:2]}nobody")
            ]
            assert {(answer.status_code, reason_of(answer.json())) for answer in answers} == {(404, reason)}, path
        assert stranger.json("GET", "/v1/exports").get("exports", []) == []
        assert stranger.json("GET", "/v1/exports:quota").get("used", 0) == 0

    assert wait_export(shown.library, one)["etag"] == shown.export["etag"]


def _renamed(body: Any, wanted: str, there: str) -> Any:
    return json.loads(json.dumps(body).replace(wanted, there))


def test_every_route_of_exports_wants_a_token(mesh: RunningMesh) -> None:
    """R-USR-01."""
    with httpx.Client(base_url=mesh.http_url, trust_env=False) as nobody:
        for method, path in (
            ("GET", "/v1/exports"),
            ("GET", "/v1/exports:quota"),
            ("GET", "/v1/exports/e_x"),
            ("GET", "/v1/exports/e_x:watch"),
            ("GET", "/v1/exports/e_x/captions.srt"),
            ("POST", "/v1/exports"),
            ("POST", "/v1/scenes/s_x/exports"),
            ("POST", "/v1/exports/e_x:cancel"),
            ("POST", "/v1/exports/e_x:retry"),
            ("DELETE", "/v1/exports/e_x"),
            ("POST", "/v1/videos/v_x:proposeShorts"),
        ):
            assert nobody.request(method, path, json={} if method == "POST" else None).status_code == 401, path


def _server_sent(library: Library, export_id: str) -> list[dict[str, Any]]:
    """Watch an export to its end by server-sent events; return its states."""
    headers = {"Accept": "text/event-stream"}
    with library.http.stream("GET", f"/v1/exports/{export_id}:watch", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = [line.removeprefix("data:") for line in stream.iter_lines() if line.startswith("data:")]
    return [json.loads(line)["export"] for line in lines]


def test_watching_and_polling_end_in_the_same_state(shown: Shown) -> None:
    """R-EXP-09: events come in order, each is a change, and the last one is what polling sees."""
    scene = shown.scenes[1]["id"]
    asked = shown.library.json("POST", f"/v1/scenes/{scene}/exports", json=LOW)
    with ThreadPoolExecutor(1) as beside:
        watching = beside.submit(_server_sent, shown.library, asked["id"])
        polled = wait_export(shown.library, asked["id"])
        watched = watching.result(90)
    order = ["EXPORT_STATE_QUEUED", "EXPORT_STATE_PROCESSING", "EXPORT_STATE_COMPLETED"]
    places = [order.index(export["status"]) for export in watched]
    parts = [export["progress_pct"] for export in watched if "progress_pct" in export]
    kept = ("status", "etag", "completed_at", "file_size_bytes", "duration_s", "check_report", "storage_path")

    assert asked["status"] == "EXPORT_STATE_QUEUED"
    assert places == sorted(places)
    assert parts == sorted(parts)
    assert len({export["etag"] for export in watched}) == len(watched)
    assert {name: watched[-1][name] for name in kept} == {name: polled[name] for name in kept}


def test_the_same_request_is_the_same_export(shown: Shown) -> None:
    """request_id makes a repeat the same export, and something else under it is refused."""
    path = f"/v1/scenes/{shown.scenes[0]['id']}/exports"
    used = shown.library.json("GET", "/v1/exports:quota")["used"]
    first = shown.library.json("POST", path, json={**LOW, "request_id": "mine"})
    shown.library.json("POST", f"/v1/exports/{first['id']}:cancel", json={})
    again = shown.library.json("POST", path, json={**LOW, "request_id": "mine"})
    other = shown.library.call("POST", path, json={**LOW, "request_id": "mine", "aspect_ratio": "ASPECT_RATIO_1_1"})

    assert first["id"] == again["id"]
    assert shown.library.json("GET", "/v1/exports:quota")["used"] == used + 1
    assert (other.status_code, reason_of(other.json())) == (409, "REQUEST_ID_REUSED")


def test_one_too_many_is_refused_until_the_oldest_is_a_day_old(mesh: RunningMesh, talk: Path) -> None:
    """R-EXP-04: 429 with QuotaFailure, RetryInfo and Retry-After; the reset is the oldest export plus 24 h, exact."""
    with mesh.library() as library:
        scene = library.scenes(library.process(talk)["id"])[0]["id"]
        path = f"/v1/scenes/{scene}/exports"
        made = []
        for _ in range(PER_DAY):
            made.append(library.json("POST", path, json=LOW))
            library.json("POST", f"/v1/exports/{made[-1]['id']}:cancel", json={})
        library.json("DELETE", f"/v1/exports/{made[0]['id']}")
        before = time.time()
        refused = library.call("POST", path, json=LOW)
        quota = library.json("GET", "/v1/exports:quota")
        trial = library.call("POST", path, json={**LOW, "validate_only": True})
    status = refused.json()
    details = {detail["@type"].rpartition(".")[2]: detail for detail in status["details"]}
    reset = datetime.fromisoformat(made[0]["created_at"]) + timedelta(hours=24)
    wait = reset.timestamp() - before

    assert (refused.status_code, status["code"], reason_of(status)) == (429, 8, "EXPORT_QUOTA_EXCEEDED")
    assert datetime.fromisoformat(details["ErrorInfo"]["metadata"]["reset_at"]) == reset
    assert abs(float(details["RetryInfo"]["retry_delay"].removesuffix("s")) - wait) < 5
    assert abs(int(refused.headers["retry-after"]) - wait) < 6
    assert details["QuotaFailure"]["violations"][0]["description"]
    assert (quota["limit"], quota["used"], quota.get("remaining", 0)) == (PER_DAY, PER_DAY, 0)
    assert datetime.fromisoformat(quota["reset_at"]) == reset
    assert trial.status_code == 429, "a trial says what the real one would"


async def test_an_export_that_has_expired_is_gone(mesh: RunningMesh, talk: Path) -> None:
    """R-EXP-11: 404 EXPORT_EXPIRED at once, listed as expired, and its files are swept."""
    with mesh.library() as library:
        video = library.process(talk)
        span = {"video": video["id"], "start_s": 0.5, "end_s": 1.5}
        asked = library.json("POST", "/v1/exports", json={"segments": [span], "snap_to_words": False, **LOW})
        export = wait_export(library, asked["id"])
        assert export["status"] == "EXPORT_STATE_COMPLETED", export
        assert files_of(mesh, export["id"])

        mesh.rows("UPDATE ingest.exports SET expires_at = completed_at WHERE id = $1 RETURNING id", export["id"])
        for path in ("", ":watch", "/captions.srt"):
            gone = library.call("GET", f"/v1/exports/{export['id']}{path}")
            assert (gone.status_code, reason_of(gone.json())) == (404, "EXPORT_EXPIRED"), path
        (shown,) = library.json("GET", "/v1/exports")["exports"]
        assert (shown["status"], shown["download_url"]) == ("EXPORT_STATE_EXPIRED", "")

        await eventually(lambda: files_of(mesh, export["id"]) == [], within_seconds=60)
        assert fetch(mesh, export["download_url"]).status_code in {403, 404}
        listed = library.json("GET", "/v1/exports", params={"status": "EXPORT_STATE_EXPIRED"})
        assert [one["id"] for one in listed["exports"]] == [export["id"]]


def test_what_can_not_be_cut_is_refused_with_its_reason(shown: Shown) -> None:
    """R-EXP-03 and bad input: a named reason each, and nothing is charged."""
    video, scene = shown.video["id"], shown.scenes[0]["id"]
    used = shown.library.json("GET", "/v1/exports:quota")["used"]

    def span(start: float, end: float) -> dict[str, Any]:
        return {"segments": [{"video": video, "start_s": start, "end_s": end}]}

    long_reel = {"segments": [{"video": video, "start_s": 0.0, "end_s": 3.5}] * 20}
    for body, status, reason in (
        (span(1.0, 1.0), 400, "EMPTY_RANGE"),
        (span(2.0, 1.0), 400, "EMPTY_RANGE"),
        (span(0.0, 999.0), 400, "RANGE_OUTSIDE_VIDEO"),
        (span(-1.0, 1.0), 400, "RANGE_OUTSIDE_VIDEO"),
        ({}, 400, "SCENE_OR_SEGMENTS"),
        ({"segments": [{"video": video}]}, 400, "SCENE_OR_RANGE"),
        ({"segments": [{"scene": scene}] * 21}, 400, "TOO_MANY_SEGMENTS"),
    ):
        refused = shown.library.call("POST", "/v1/exports", json=body)
        assert (refused.status_code, reason_of(refused.json())) == (status, reason), body
    assert shown.library.call("POST", "/v1/exports", json={**long_reel, "validate_only": True}).status_code == 200
    assert shown.library.json("GET", "/v1/exports:quota")["used"] == used


def test_an_export_whose_video_is_deleted_has_no_source(mesh: RunningMesh, talk: Path) -> None:
    """Bad input: the file is gone from the store, and that is said before anything is charged."""
    with mesh.library() as library:
        video = library.process(talk)
        scene = library.scenes(video["id"])[0]["id"]
        for source in (mesh.data_dir / "blobs").rglob("source"):
            if video["id"] in source.parts:
                source.unlink()
        refused = library.call("POST", f"/v1/scenes/{scene}/exports", json=LOW)

        assert (refused.status_code, reason_of(refused.json())) == (400, "SOURCE_MISSING")
        assert library.json("GET", "/v1/exports:quota").get("used", 0) == 0
