"""What happens to the index when processes die, folders rot and servers are away."""

import asyncio
import errno
import inspect
import signal
import stat
import sys
from pathlib import Path

import milvus_lite
import pymilvus.exceptions
import pytest
from milvus_lite.storage.manifest import Manifest

from chassis.core.errors import HeimdexError, NotReady, UpstreamUnavailable
from index_svc.adapters.milvus_connection import to_heimdex_error
from index_svc.adapters.milvus_store import MilvusStore
from index_svc.domain.filters import Scope
from index_svc.ports import IndexStats
from tests.support.index_moments import make_moments

ROOT = Path(__file__).resolve().parents[3]
ADA = Scope("ada")

WRITER = """
import asyncio, sys
from index_svc.adapters.milvus_store import MilvusStore
from tests.support.index_moments import make_moments

async def main():
    store = MilvusStore(sys.argv[1])
    await store.open()
    for number in range(10_000):
        video = f"v{number}"
        await store.upsert_video("ada", video, 1, make_moments(f"unique{number}", "second", video=video))
        print(number, flush=True)

asyncio.run(main())
"""


async def opened(folder):
    store = MilvusStore(str(folder))
    await store.open()
    return store


async def fill(folder, videos=3):
    store = await opened(folder)
    for number in range(videos):
        video = f"v{number}"
        await store.upsert_video("ada", video, 1, make_moments(f"unique{number}", "second", video=video))
    await store.close()


async def test_an_index_opened_again_holds_all_it_held(tmp_path):
    await fill(tmp_path / "index")
    store = await opened(tmp_path / "index")
    try:
        assert store.damaged_folder is None
        assert await store.stats("ada") == IndexStats(moments=6, videos=3)
        assert len(await store.search_words("unique1", ADA, limit=5)) == 1
    finally:
        await store.close()


async def test_a_folder_that_is_not_there_is_made(tmp_path):
    store = await opened(tmp_path / "deep" / "below" / "index")
    try:
        assert await store.stats("ada") == IndexStats(moments=0, videos=0)
    finally:
        await store.close()


async def test_a_folder_with_a_very_long_name_works_and_nobody_else_can_enter_it(tmp_path):
    """R-SRC-06: the embedded server knows no passwords, so its door is a socket in a private folder."""
    for folder in (tmp_path / "short", tmp_path / ("long" * 30) / ("name" * 10)):
        store = await opened(folder)
        try:
            await store.ping()
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        finally:
            await store.close()


async def test_a_second_process_is_refused_and_takes_nothing_away(tmp_path):
    first = await opened(tmp_path / "index")
    second = MilvusStore(str(tmp_path / "index"))
    try:
        with pytest.raises(NotReady) as caught:
            await second.open()
        assert caught.value.reason == "INDEX_LOCKED"
        await first.upsert_video("ada", "v1", 1, make_moments("still mine"))
    finally:
        await second.close()
        await first.close()


def break_newest_manifest(folder: Path) -> None:
    for path in folder.rglob("manifest.json"):
        path.write_text("not json")


def break_manifests(folder: Path) -> None:
    for path in folder.rglob("manifest*.json*"):
        path.write_text("not json")


def break_segments(folder: Path) -> None:
    for path in folder.rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def break_schema(folder: Path) -> None:
    for path in folder.rglob("schema.json"):
        path.write_bytes(b"\x00" * 100)


def lose_segments(folder: Path) -> None:
    for path in folder.rglob("*.parquet"):
        path.unlink()


@pytest.mark.parametrize(
    "damage", [break_newest_manifest, break_manifests, break_segments, break_schema, lose_segments]
)
async def test_a_damaged_index_is_set_aside_and_an_empty_one_works(tmp_path, damage):
    folder = tmp_path / "index"
    await fill(folder)
    damage(folder)
    store = await opened(folder)
    try:
        assert store.damaged_folder is not None
        assert store.damaged_folder.is_dir()
        assert await store.stats("ada") == IndexStats(moments=0, videos=0)
        assert await store.upsert_video("ada", "v1", 1, make_moments("works")) == 1
    finally:
        await store.close()


async def test_a_fault_of_the_machine_is_not_taken_for_damage(tmp_path, monkeypatch):
    """A full disk or a lack of file handles must not cost anybody the index."""
    await fill(tmp_path / "index")
    monkeypatch.setattr(Manifest, "load", raise_too_many_open_files)
    store = MilvusStore(str(tmp_path / "index"))
    with pytest.raises(UpstreamUnavailable):
        await store.open()
    await store.close()
    monkeypatch.undo()

    again = await opened(tmp_path / "index")
    try:
        assert await again.stats("ada") == IndexStats(moments=6, videos=3)
    finally:
        await again.close()


def raise_too_many_open_files(_folder: str) -> None:
    raise OSError(errno.EMFILE, "too many open files")


async def test_a_server_that_is_away_is_an_upstream_that_is_away():
    store = MilvusStore("http://127.0.0.1:1", write_timeout_seconds=1.0)
    try:
        with pytest.raises(UpstreamUnavailable):
            await store.open()
    finally:
        await store.close()


def test_every_exception_of_milvus_becomes_one_of_ours():
    library = [*vars(pymilvus.exceptions).values(), *vars(milvus_lite).values()]
    classes = [one for one in library if inspect.isclass(one) and issubclass(one, Exception)]

    assert len(classes) > 30
    for one in classes:
        error = one.__new__(one)
        Exception.__init__(error)
        if isinstance(error, pymilvus.exceptions.MilvusException):
            error = one(message="x")
        assert isinstance(to_heimdex_error(error, "test"), HeimdexError), one


async def write_until_killed(folder: Path, lines: int) -> int:
    """Return the number of the last video that the writer said was written."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(folder), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    told = [await child.stdout.readline() for _ in range(lines)]
    child.send_signal(signal.SIGKILL)
    await child.communicate()
    return int(told[-1])


@pytest.mark.slow
async def test_what_was_written_survives_kill_9_of_the_writer(tmp_path):
    folder = tmp_path / "index"
    for lines in (20, 27, 34):
        last = await write_until_killed(folder, lines)
        store = await opened(folder)
        try:
            assert store.damaged_folder is None
            for number in range(last + 1):
                assert len(await store.search_words(f"unique{number}", ADA, limit=5)) == 1, number
                assert await store.count("ada", f"v{number}", 1) == 2
        finally:
            await store.close()
