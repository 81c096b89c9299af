"""HeimdexClient.exports.download: whole, in parts, and never over something else."""

import os
from pathlib import Path
from typing import Any

import pytest

from client.api import HeimdexClient
from client.download import FileInTheWay, check_target, part_of, save_bytes
from client.errors import ClientError, HeimdexApiError

CONTENT = os.urandom(900_000)
LINK = "/media/exports/u/e1.mp4?exp=9&sig=a"
DONE = {
    "id": "e1",
    "status": "EXPORT_STATE_COMPLETED",
    "file_size_bytes": str(len(CONTENT)),
    "download_url": LINK,
    "etag": "4",
}


def offer(door: Any, file: Any, **how: Any) -> None:
    door.say("GET", "/v1/exports/e1", DONE)
    door.say("GET", LINK.partition("?")[0], file(CONTENT, **how))


def test_a_file_comes_whole_and_tells_its_bytes(door: Any, client: HeimdexClient, file: Any, tmp_path: Path) -> None:
    offer(door, file)
    heard: list[int] = []
    export = client.exports.download("e1", tmp_path / "a.mp4", on_progress=heard.append)

    assert export == DONE
    assert (tmp_path / "a.mp4").read_bytes() == CONTENT
    assert (heard[0], heard[-1], heard) == (0, len(CONTENT), sorted(heard))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert door.asked[-1].query == {"exp": ["9"], "sig": ["a"]}


def test_a_download_goes_on_where_it_broke(door: Any, client: HeimdexClient, file: Any, tmp_path: Path) -> None:
    """R-EXP-10: with Range, and a fresh link each time."""
    offer(door, file)
    part = part_of(tmp_path / "a.mp4", "e1")
    part.write_bytes(CONTENT[:300_000])
    breaks = iter([200_000, 100_000, None])
    door.answers["GET", LINK.partition("?")[0]] = lambda _: (200, file(CONTENT, breaks_after=next(breaks)))
    client.exports.download("e1", tmp_path / "a.mp4")
    asked = [one for one in door.asked if one.path.startswith("/media")]

    assert (tmp_path / "a.mp4").read_bytes() == CONTENT
    assert [one.headers.get("range") for one in asked] == ["bytes=300000-", "bytes=500000-", "bytes=600000-"]
    assert len([one for one in door.asked if one.path == "/v1/exports/e1"]) == 4


def test_a_file_that_stops_early_without_a_word_is_gone_on_with(
    door: Any, client: HeimdexClient, file: Any, tmp_path: Path
) -> None:
    offer(door, file)
    ways = iter([file(CONTENT, breaks_after=5, has_length=False), file(CONTENT)])
    door.answers["GET", LINK.partition("?")[0]] = lambda _: (200, next(ways))
    client.exports.download("e1", tmp_path / "a.mp4")

    assert (tmp_path / "a.mp4").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_it_from_its_begin(
    door: Any, client: HeimdexClient, file: Any, tmp_path: Path
) -> None:
    offer(door, file, knows_ranges=False)
    part_of(tmp_path / "a.mp4", "e1").write_bytes(b"x" * 1000)
    client.exports.download("e1", tmp_path / "a.mp4")

    assert (tmp_path / "a.mp4").read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_thrown_away(door: Any, client: HeimdexClient, file: Any, tmp_path: Path) -> None:
    offer(door, file)
    part_of(tmp_path / "a.mp4", "e1").write_bytes(CONTENT + b"x")
    client.exports.download("e1", tmp_path / "a.mp4")

    assert (tmp_path / "a.mp4").read_bytes() == CONTENT


@pytest.mark.parametrize("more", [b"", b"x"])
def test_a_file_of_another_length_is_no_file(
    door: Any, client: HeimdexClient, file: Any, tmp_path: Path, more: bytes
) -> None:
    door.say("GET", "/v1/exports/e1", DONE)
    door.say("GET", LINK.partition("?")[0], file((CONTENT + more) if more else CONTENT[:-1]))
    with pytest.raises(ClientError, match="bytes of this file"):
        client.exports.download("e1", tmp_path / "a.mp4")

    assert not (tmp_path / "a.mp4").exists()


def test_more_bytes_than_announced_are_not_written(door: Any, client: HeimdexClient, file: Any, tmp_path: Path) -> None:
    door.say("GET", "/v1/exports/e1", DONE)
    door.say("GET", LINK.partition("?")[0], file(CONTENT + b"x" * 400_000, has_length=False))
    with pytest.raises(ClientError, match="more than the 900000 bytes"):
        client.exports.download("e1", tmp_path / "a.mp4")

    assert not (tmp_path / "a.mp4").exists()


def test_an_export_that_expires_meanwhile_leaves_nothing(
    door: Any, client: HeimdexClient, file: Any, refusal: Any, tmp_path: Path
) -> None:
    """R-EXP-11."""
    gone = refusal(5, "the export has expired", reason="EXPORT_EXPIRED")
    links = iter([(200, DONE), (200, DONE), (404, gone)])
    door.answers["GET", "/v1/exports/e1"] = lambda _: next(links)
    door.say("GET", LINK.partition("?")[0], file(CONTENT, breaks_after=1000))
    with pytest.raises(HeimdexApiError, match="EXPORT_EXPIRED"):
        client.exports.download("e1", tmp_path / "a.mp4")

    assert list(tmp_path.iterdir()) == []


def test_an_export_without_a_file_is_not_fetched(door: Any, client: HeimdexClient, tmp_path: Path) -> None:
    door.say("GET", "/v1/exports/e1", {"id": "e1", "status": "EXPORT_STATE_PROCESSING"})
    with pytest.raises(ClientError, match="e1 is processing and has no file"):
        client.exports.download("e1", tmp_path / "a.mp4")


@pytest.mark.parametrize("link", ["https://elsewhere.example/e1.mp4", "//elsewhere.example/e1.mp4"])
def test_a_link_to_another_address_does_not_get_our_token(
    door: Any, client: HeimdexClient, tmp_path: Path, link: str
) -> None:
    door.say("GET", "/v1/exports/e1", {**DONE, "download_url": link})
    with pytest.raises(ClientError, match="at another address"):
        client.exports.download("e1", tmp_path / "a.mp4")


def test_a_file_that_came_meanwhile_is_not_overwritten(
    door: Any, client: HeimdexClient, file: Any, tmp_path: Path
) -> None:
    offer(door, file)
    (tmp_path / "a.mp4").write_bytes(b"mine")
    with pytest.raises(FileInTheWay, match="exists by now"):
        client.exports.download("e1", tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == b"mine"

    client.exports.download("e1", tmp_path / "a.mp4", may_overwrite=True)
    assert (tmp_path / "a.mp4").read_bytes() == CONTENT


def test_a_full_disk_is_named_with_its_file(door: Any, client: HeimdexClient, file: Any, tmp_path: Path) -> None:
    offer(door, file)
    part_of(tmp_path / "a.mp4", "e1").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        client.exports.download("e1", tmp_path / "a.mp4")

    assert caught.value.filename == str(part_of(tmp_path / "a.mp4", "e1"))


def test_a_place_is_looked_at_before_any_work(tmp_path: Path) -> None:
    there = tmp_path / "there.mp4"
    there.touch()
    check_target(tmp_path / "new.mp4", may_overwrite=False)
    check_target(there, may_overwrite=True)
    for place, why in (
        (there, "--force"),
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "x.mp4", "there is no folder"),
    ):
        with pytest.raises(FileInTheWay, match=why):
            check_target(place, may_overwrite=False)
    with pytest.raises(FileInTheWay, match="nothing can be written in /proc"):
        check_target(Path("/proc/x.mp4"), may_overwrite=False)

    assert [path.name for path in tmp_path.iterdir()] == ["there.mp4"]


def test_small_files_come_whole_and_overwrite_only_when_told(tmp_path: Path) -> None:
    place = tmp_path / "a.srt"
    save_bytes(b"one", place)
    with pytest.raises(FileInTheWay):
        save_bytes(b"two", place)
    assert place.read_bytes() == b"one"

    save_bytes(b"two", place, may_overwrite=True)
    assert place.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [place]
