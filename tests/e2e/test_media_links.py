"""Pictures and files by signed link, through the gateway."""

import io
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from PIL import Image

from chassis.io.signed_urls import sign_path
from tests.support.clips import DEMO_CLIP, Clips
from tests.support.mesh import RunningMesh
from tests.support.shared import needs_shared

pytestmark = pytest.mark.timeout(180)

DEMO = DEMO_CLIP.name


def fetch(mesh: RunningMesh, path: str, **headers: str) -> httpx.Response:
    """Fetch as an <img> would: without any token."""
    return httpx.get(mesh.http_url + path, headers=headers, trust_env=False, timeout=30)


def test_every_scene_has_a_picture(mesh: RunningMesh, clips: Clips) -> None:
    """R-ING-12: 200, image/jpeg, of a decent size, neither black nor one colour; the video shows one of them."""
    done = clips(DEMO)
    pictures = set()
    for scene in done.scenes:
        answer = fetch(mesh, scene["thumbnail_url"])
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        pixels = np.asarray(Image.open(io.BytesIO(answer.content)).convert("L"))
        assert min(pixels.shape) >= 90
        assert pixels.mean() > 16
        assert pixels.std() > 4
        pictures.add(answer.content)
    assert len(pictures) == len(done.scenes), "each scene its own"
    assert fetch(mesh, done.video["metadata"]["thumbnail_url"]).content in pictures


@needs_shared
def test_a_turned_video_has_upright_pictures(mesh: RunningMesh, clips: Clips) -> None:
    """R-ING-12: the display matrix turns it by a quarter; the picture is higher than wide."""
    picture = Image.open(
        io.BytesIO(fetch(mesh, clips("derived/rotated90_metadata.mp4").scenes[0]["thumbnail_url"]).content)
    )
    assert picture.height > picture.width


def test_a_link_gives_one_object_and_only_for_a_while(mesh: RunningMesh, clips: Clips) -> None:
    """Architecture 4: another key, another expiry, another or no signature, or too late: 403; nothing is listed."""
    scene = clips(DEMO).scenes[0]
    link = urlsplit(scene["thumbnail_url"])
    other = urlsplit(clips(DEMO).scenes[1]["thumbnail_url"])
    source = f"/media/{scene['thumbnail_key'].split('/g1/')[0]}/source"
    expiry, signature = link.query.split("&")
    later = f"exp={int(expiry.removeprefix('exp=')) + 86_400}"
    last = "0" if signature[-1] != "0" else "1"
    expired = sign_path("a guess", scene["thumbnail_key"], now_seconds=1_000_000.0)

    for path in (
        f"{link.path}?{expiry}&{signature[:-1]}{last}",
        f"{link.path}?{later}&{signature}",
        f"{link.path}?{expiry}",
        f"{link.path}",
        f"{other.path}?{link.query}",
        f"{source}?{link.query}",
        f"/media/?{link.query}",
        expired,
    ):
        answer = fetch(mesh, path)
        assert answer.status_code in {403, 404}, path
        assert b"JFIF" not in answer.content
    assert fetch(mesh, f"{link.path}?{link.query}").status_code == 200


def test_a_link_that_was_good_and_has_expired_is_refused(mesh: RunningMesh, clips: Clips) -> None:
    """Architecture 4: signed with the mesh's own secret, an hour too late."""
    secret = (mesh.data_dir / "keys" / "media.secret").read_text(encoding="ascii").strip()
    key = clips(DEMO).scenes[0]["thumbnail_key"]
    assert fetch(mesh, sign_path(secret, key)).status_code == 200
    answer = fetch(mesh, sign_path(secret, key, now_seconds=1_700_000_000.0))
    assert answer.status_code == 403
    assert "expired" in answer.json()["message"]


def test_a_player_can_ask_for_any_part(mesh: RunningMesh, clips: Clips) -> None:
    """Architecture 4: 206 with Content-Range for a middle, an end, an open range; 416 behind the end; HEAD."""
    scene = clips(DEMO).scenes[0]
    whole = fetch(mesh, scene["thumbnail_url"])
    size = len(whole.content)
    assert whole.headers["accept-ranges"] == "bytes"
    for asked, start, end in (
        ("bytes=10-19", 10, 20),
        ("bytes=-5", size - 5, size),
        (f"bytes={size - 3}-", size - 3, size),
    ):
        part = fetch(mesh, scene["thumbnail_url"], Range=asked)
        assert (part.status_code, part.content) == (206, whole.content[start:end])
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
    behind = fetch(mesh, scene["thumbnail_url"], Range=f"bytes={size}-")
    assert (behind.status_code, behind.headers["content-range"]) == (416, f"bytes */{size}")
    head = httpx.head(mesh.http_url + scene["thumbnail_url"], trust_env=False)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(size))
