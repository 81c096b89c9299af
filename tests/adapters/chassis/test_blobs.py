"""The conformance suite of the object store: the same promises from a folder and from a store without files."""

import asyncio

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chassis.core.errors import InvalidInput, NotFound, UpstreamUnavailable
from chassis.io.blobs import BlobStore, check_key, generation_key, result_key, source_key, video_prefix


@pytest.fixture(params=["folder", "file url", "memory"])
def blobs(request, tmp_path):
    """R-STO-01: the same suite runs on each."""
    folder = tmp_path / "blobs"
    return BlobStore({"folder": str(folder), "file url": f"file://{folder}", "memory": "memory:///"}[request.param])


async def read(stream):
    return b"".join([piece async for piece in stream])


async def test_what_was_put_comes_back_whole_and_in_parts(blobs, tmp_path):
    """R-STO-01."""
    content = bytes(range(256)) * 10_000
    (tmp_path / "file").write_bytes(content)
    await blobs.put("a/one", content)
    assert await blobs.put_file("a/two", tmp_path / "file") == len(content)

    for key in ("a/one", "a/two"):
        assert await blobs.get(key) == content
        assert await blobs.head(key) == len(content)
        assert await read(blobs.stream(key)) == content
        assert await read(blobs.stream(key, 5, 1_500_000)) == content[5:1_500_000]
        assert await read(blobs.stream(key, len(content))) == b""
    await blobs.put("a/one", b"")
    assert (await blobs.get("a/one"), await read(blobs.stream("a/one"))) == (b"", b"")


async def test_what_is_not_there_is_not_found_by_every_way(blobs):
    """R-ING-17."""
    for way in (blobs.get, blobs.head, lambda key: read(blobs.stream(key)), lambda key: read(blobs.stream(key, 0, 3))):
        with pytest.raises(NotFound) as refused:
            await way("a/nothing")
        assert refused.value.reason == "OBJECT_MISSING"
    with pytest.raises(NotFound):
        await blobs.rename("a/nothing", "a/else")
    assert not await blobs.exists("a/nothing")
    await blobs.delete("a/nothing")
    assert await blobs.delete_prefix("a") == 0


async def test_a_writer_shows_all_or_nothing(blobs):
    """R-ING-01: small and larger than one part."""
    for key, size in (("w/small", 10), ("w/large", 20 << 20)):
        pieces = [bytes([n % 256]) * min(size, 1 << 20) for n in range(max(1, size >> 20))]
        async with blobs.writer(key) as writer:
            for piece in pieces:
                await writer.write(piece)
            assert not await blobs.exists(key)
        assert await blobs.get(key) == b"".join(pieces)
        with pytest.raises(ValueError, match="broke off"):
            await break_off(blobs.writer(f"{key}-broken"), pieces)
        assert not await blobs.exists(f"{key}-broken")
    assert sorted(await blobs.list_keys("w")) == ["w/large", "w/small"]


async def break_off(writer, pieces):
    async with writer:
        for piece in pieces:
            await writer.write(piece)
        raise ValueError("broke off")


async def test_renaming_moves_and_replaces_and_is_durable_on_request(blobs):
    await blobs.put("a", b"new")
    await blobs.put("b", b"old")
    await blobs.rename("a", "b")
    await blobs.make_durable("b")

    assert await blobs.get("b") == b"new"
    assert not await blobs.exists("a")


async def test_deleting_a_prefix_takes_what_is_below_it_and_nothing_beside(blobs):
    """R-STO-05."""
    keys = [f"users/u/videos/v1/g1/k/{number}" for number in range(30)]
    for key in (*keys, "users/u/videos/v10/source", "users/u/videos/v2/source"):
        await blobs.put(key, b"x")

    assert sorted(await blobs.list_keys("users/u/videos/v1")) == sorted(keys)
    assert await blobs.delete_prefix("users/u/videos/v1") == 30
    assert await blobs.list_keys("users/u/videos/v1") == []
    assert sorted(await blobs.list_keys("users")) == ["users/u/videos/v10/source", "users/u/videos/v2/source"]


async def test_readers_and_writers_at_once_see_whole_objects(blobs):
    """R-RET-06: a result that is written twice is never read by halves."""
    contents = [bytes([n]) * 300_000 for n in range(4)]
    await blobs.put("k", contents[0])

    async def write():
        for content in contents * 3:
            await blobs.put("k", content)

    async def look():
        for _ in range(20):
            assert await blobs.get("k") in contents

    async with asyncio.TaskGroup() as tasks:
        for work in (write(), write(), look(), look()):
            tasks.create_task(work)


async def test_a_store_that_can_not_write_says_so_and_keeps_its_words_to_itself(tmp_path):
    """R-OPS-09."""
    blobs = BlobStore(str(tmp_path / "blobs"))
    await blobs.put("a", b"a file where a folder must be")
    for attempt in (blobs.put("a/b", b"x"), blobs.rename("a", "a/b")):
        with pytest.raises(UpstreamUnavailable) as refused:
            await attempt
        assert refused.value.reason == "BLOB_STORE_UNAVAILABLE"
        assert str(tmp_path) not in refused.value.message + str(refused.value.metadata)


HOSTILE = [
    "..",
    ".",
    "...",
    "",
    "/",
    "//",
    "a/../b",
    "a//b",
    "/a",
    "a/",
    "a\\b",
    "a\0",
    "a b",
    "é",
    "a\n",
    "%2e%2e",
    "~",
]


@pytest.mark.parametrize("key", [*HOSTILE, "a/" * 256 + "b"])
async def test_a_key_that_is_not_ours_is_refused_before_anything_happens(blobs, key):
    """R-STO-02."""
    for way in (blobs.get, blobs.head, blobs.delete, blobs.list_keys, blobs.delete_prefix):
        with pytest.raises(InvalidInput) as refused:
            await way(key)
        assert refused.value.reason == "INVALID_KEY"
    for way in (blobs.put(key, b""), blobs.rename("a", key), blobs.rename(key, "a")):
        with pytest.raises(InvalidInput):
            await way


def test_a_local_path_is_checked_like_every_key(tmp_path):
    """R-STO-02."""
    for key in HOSTILE:
        with pytest.raises(InvalidInput):
            BlobStore(str(tmp_path)).local_path(key)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.sampled_from("ab./\\\0 %~-_\u2024"), max_size=12) | st.text(max_size=600))
@example("x" * 513)
def test_a_key_that_passes_stays_below_its_folder(tmp_path, key):
    """R-STO-02: the length is bounded, and no key leads out."""
    try:
        check_key(key)
    except InvalidInput:
        return

    assert len(key) <= 512
    path = (tmp_path / key).resolve()
    assert path.is_relative_to(tmp_path.resolve())
    assert path != tmp_path.resolve()


@settings(max_examples=100, deadline=None)
@given(st.text(), st.text(), st.integers(1, 99))
def test_keys_of_owners_never_meet(one, other, generation):
    """R-STO-02, R-SRC-06."""
    made = {
        owner: {
            source_key(owner, "v_1"),
            result_key(owner, "v_1", generation, "metadata"),
            generation_key(owner, "v_1", generation, "audio.flac"),
        }
        for owner in (one, other)
    }

    assert all(key.startswith(f"{video_prefix(owner, 'v_1')}/") for owner, keys in made.items() for key in keys)
    assert one == other or made[one].isdisjoint(made[other])
