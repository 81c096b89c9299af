"""GET /media/{key}: signed links over a real object store in a folder."""

import os
import time

import httpx
import pytest

from chassis.io.blobs import BlobStore
from chassis.io.settings import Secret
from chassis.io.signed_urls import sign_path
from tests.support.gateway_lab import serving

SECRET = "not-a-secret"
KEY = "users/u/videos/v/g1/thumbs/0001.jpg"
CONTENT = os.urandom(3_000_000)


def link(key=KEY, *, age_seconds=0.0, secret=SECRET):
    return sign_path(secret, key, now_seconds=time.time() - age_seconds)


@pytest.fixture
async def client(lab_set, backend, tmp_path):
    await BlobStore(str(tmp_path)).put(KEY, CONTENT)
    await BlobStore(str(tmp_path)).put("users/u/page.html", b"<script>")
    async with (
        serving(lab_set, backend.address, blob_url=str(tmp_path), media_secret=Secret(SECRET)) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        yield client


async def test_a_signed_object_is_sent_whole(client):
    got, head = await client.get(link()), await client.head(link())

    assert (got.status_code, got.content) == (200, CONTENT)
    assert {"content-type": "image/jpeg", "accept-ranges": "bytes", "x-content-type-options": "nosniff"}.items() <= (
        dict(got.headers).items()
    )
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "3000000")


@pytest.mark.parametrize(
    ("name", "content_type", "is_shown"),
    [
        ("e_1.mp4", "video/mp4", True),
        ("e_1.jpg", "image/jpeg", True),
        ("e_1.vtt", "text/vtt; charset=utf-8", True),
        ("e_1.srt", "application/x-subrip; charset=utf-8", False),
    ],
)
async def test_files_of_an_export_have_their_media_types(client, tmp_path, name, content_type, is_shown):
    """R-EXP-10: whatever this system thinks of their endings."""
    key = f"exports/ada/{name}"
    await BlobStore(str(tmp_path)).put(key, b"0123456789")
    got = await client.get(link(key), headers={"range": "bytes=2-4"})

    assert (got.status_code, got.content, got.headers["content-type"]) == (206, b"234", content_type)
    assert ("content-disposition" in got.headers) is not is_shown


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=1000000-", 1_000_000, 3_000_000), ("bytes=-7", 2_999_993, 3_000_000)],
)
async def test_a_range_is_sent_alone(client, header, start, end):
    got = await client.get(link(), headers={"range": header})

    assert (206, CONTENT[start:end]) == (got.status_code, got.content)
    assert f"bytes {start}-{end - 1}/3000000" == got.headers["content-range"]


async def test_a_range_behind_the_end_is_416(client):
    got = await client.get(link(), headers={"range": "bytes=3000000-"})

    assert (got.status_code, got.headers["content-range"]) == (416, "bytes */3000000")


@pytest.mark.parametrize(
    "path",
    [
        f"/media/{KEY}",
        link(age_seconds=7200),
        link(secret="other"),
        link().replace(KEY, KEY + "x"),
        link() + "0",
        f"/media/{KEY}?exp=99999999999&sig=",
        f"/media/{KEY}?exp=x&sig=y",
    ],
)
async def test_a_bad_link_is_403(client, path):
    assert (await client.get(path)).status_code == 403


@pytest.mark.parametrize("key", ["users/u/none.jpg", "../../etc/passwd", "a//b"])
async def test_a_signed_link_to_nothing_is_404(client, key):
    target = httpx.URL(str(client.base_url)).copy_with(raw_path=link(key).encode())

    assert (await client.get(target)).status_code == 404


async def test_a_page_is_never_shown_only_saved(client):
    got = await client.get(link("users/u/page.html"))

    assert (got.headers["content-disposition"], got.status_code) == ("attachment", 200)
    assert "sandbox" in got.headers["content-security-policy"]
