"""The conformance suite of the port VectorStore, on real Milvus Lite."""

import asyncio
import random

import numpy as np
import pytest

from chassis.core.errors import InvalidInput, Overloaded, StaleWrite, Stopping
from index_svc.adapters.milvus_store import MilvusStore
from index_svc.domain.filters import Scope
from index_svc.domain.moment import Moment, MomentText, VectorField
from index_svc.domain.recall import exact_search, recall
from index_svc.ports import IndexStats, VectorStore
from tests.support.index_moments import RECIPE, make_moment, make_moments, unit_vector

ADA = Scope("ada")


@pytest.fixture
async def store(tmp_path):
    opened = MilvusStore(str(tmp_path / "index"), image_dimensions=8)
    await opened.open()
    yield opened
    await opened.close()


def scenes(hits):
    return sorted(hit.record.scene_id for hit in hits)


async def everything(store: VectorStore, scope: Scope, vector):
    return await store.search_vector(VectorField.TEXT, vector, scope, recipe=RECIPE, limit=100)


async def test_what_comes_back_is_what_went_in(store):
    text = MomentText("Ask not…", 'on "screen"\n', ("macaw", 'a,"b"'), "Ünï", "speech_reel.mp4")
    moment = make_moment(3, text)
    await store.upsert_video("ada", "v1", 1, (moment,))

    (by_word,) = await store.search_words("macaw", ADA, limit=5)
    (by_vector,) = await everything(store, ADA, moment.text_vector)

    assert by_word.record == by_vector.record == moment.record
    assert by_vector.score == pytest.approx(1.0, abs=1e-5)
    assert by_word.score > 0.0


async def test_every_text_of_a_moment_is_found_by_its_words(store):
    """R-SRC-03, R-MET-06: speech, screen, tags, title and file name."""
    await store.upsert_video(
        "ada", "v1", 1, (make_moment(0, MomentText("One", "two", ("three",), "four", "five_six.mp4")),)
    )

    for word in ("one", "two", "three", "four", "five", "six"):
        assert scenes(await store.search_words(word, ADA, limit=5)) == ["s_v1_0"], word
    assert await store.search_words("seven", ADA, limit=5) == ()
    assert await store.search_words(" ", ADA, limit=5) == ()


async def test_search_by_vector_is_as_good_as_exact_search(store):
    """R-SRC-01: recall@5 is 1."""
    moments = make_moments(*("x" for _ in range(300)), seed=1000)
    await store.upsert_video("ada", "v1", 1, moments)

    for seed in range(20):
        expected = exact_search(moments, VectorField.TEXT, unit_vector(seed), ADA, 5)
        actual = (await everything(store, ADA, unit_vector(seed)))[:5]
        assert recall(expected, actual) == 1.0
        assert [hit.score for hit in actual] == pytest.approx([hit.score for hit in expected], abs=1e-5)


async def test_a_moment_without_a_vector_is_found_by_words_only(store):
    """R-SRC-02: and brings no hit of score zero."""
    bare = Moment(make_moment(0, MomentText("macaw")).record)
    await store.upsert_video("ada", "v1", 1, (bare,))

    assert await everything(store, ADA, unit_vector(1)) == ()
    assert scenes(await store.search_words("macaw", ADA, limit=5)) == ["s_v1_0"]


async def test_vectors_of_another_recipe_never_meet(store):
    """R-SRC-04."""
    (moment,) = make_moments("hello")
    await store.upsert_video("ada", "v1", 1, (moment,))

    assert await store.search_vector(VectorField.TEXT, moment.text_vector, ADA, recipe="other", limit=5) == ()


async def test_a_picture_is_found_by_its_vector(store):
    plain = make_moment(0, MomentText())
    await store.upsert_video(
        "ada", "v1", 1, (Moment(plain.record, image_vector=unit_vector(5, 8), image_recipe="clip"),)
    )

    (hit,) = await store.search_vector(VectorField.IMAGE, unit_vector(5, 8), ADA, recipe="clip", limit=5)

    assert hit.record == plain.record
    with pytest.raises(InvalidInput):
        await store.search_vector(VectorField.IMAGE, unit_vector(5, 9), ADA, recipe="clip", limit=5)


async def test_a_moment_is_found_the_moment_it_was_written(store):
    """R-ING-14: 100 repeats, 0 misses."""
    misses = 0
    for number in range(100):
        video = f"v{number}"
        await store.upsert_video("ada", video, 1, make_moments(f"unique{number} words", video=video))
        hits = await store.search_words(f"unique{number}", ADA, limit=5)
        misses += scenes(hits) != [f"s_{video}_0"]

    assert misses == 0
    assert await store.stats("ada") == IndexStats(moments=100, videos=100)


async def test_a_written_moment_stays_found_while_others_are_written(store):
    """R-ING-14: flushes and compactions of the index take nothing away, not for an instant."""
    await store.upsert_video("ada", "kept", 1, make_moments("steadfast", video="kept"))
    is_writing = True
    misses = searches = 0

    async def write():
        nonlocal is_writing
        for number in range(40):
            await store.upsert_video("ada", f"v{number}", 1, make_moments("other", video=f"v{number}"))
        is_writing = False

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        while is_writing:
            searches += 1
            misses += scenes(await store.search_words("steadfast", ADA, limit=5)) != ["s_kept_0"]

    assert (misses, searches > 20) == (0, True)


async def test_a_new_generation_replaces_the_old_one_without_a_trace(store):
    await store.upsert_video("ada", "v1", 1, make_moments("one", "two", "three"))
    actual = await store.upsert_video("ada", "v1", 2, make_moments("uno", "due", generation=2))

    assert actual == await store.count("ada", "v1", 2) == 2
    assert await store.count("ada", "v1", 1) == 0
    hits = await everything(store, ADA, unit_vector(1))
    assert [(hit.record.scene_id, hit.record.generation) for hit in sorted(hits, key=lambda hit: hit.record.index)] == [
        ("s_v1_0", 2),
        ("s_v1_1", 2),
    ]
    assert await store.search_words("one two three", ADA, limit=5) == ()


async def test_writing_twice_is_writing_once(store):
    moments = make_moments("one", "two")
    for _ in range(3):
        assert await store.upsert_video("ada", "v1", 1, moments) == 2

    assert await store.stats("ada") == IndexStats(moments=2, videos=1)
    assert len(await everything(store, ADA, unit_vector(1))) == 2


async def test_a_late_write_of_an_old_generation_is_refused(store):
    await store.upsert_video("ada", "v1", 2, make_moments("new", generation=2))

    with pytest.raises(StaleWrite):
        await store.upsert_video("ada", "v1", 1, make_moments("old"))
    assert await store.search_words("old", ADA, limit=5) == ()
    assert await store.count("ada", "v1", 2) == 1


async def test_a_video_without_scenes_is_indexed_as_nothing(store):
    await store.upsert_video("ada", "v1", 1, make_moments("one"))

    assert await store.upsert_video("ada", "v1", 2, ()) == 0
    assert await store.stats("ada") == IndexStats(moments=0, videos=0)


async def test_a_deleted_video_is_never_found_again(store):
    """R-STO-05."""
    await store.upsert_video("ada", "v1", 1, make_moments("gone"))
    await store.upsert_video("ada", "v2", 1, make_moments("stays", video="v2"))
    await store.delete_video("ada", "v1")
    await store.delete_video("ada", "v1")

    assert await store.search_words("gone", ADA, limit=5) == ()
    assert scenes(await everything(store, ADA, unit_vector(1))) == ["s_v2_0"]
    await store.upsert_video("ada", "v1", 1, make_moments("back"))
    assert scenes(await store.search_words("back", ADA, limit=5)) == ["s_v1_0"]


async def test_moments_of_somebody_or_something_else_are_refused(store):
    for moments in (
        make_moments("x", owner="bob"),
        make_moments("x", video="v2"),
        make_moments("x", generation=2),
        (*make_moments("x"), *make_moments("x")),
    ):
        with pytest.raises(InvalidInput):
            await store.upsert_video("ada", "v1", 1, moments)
    assert await store.stats("ada") == IndexStats(moments=0, videos=0)


async def test_a_moment_too_large_for_the_index_is_refused_with_a_reason(store):
    noise = np.random.default_rng(1).bytes(60_000)
    record = make_moment(0, MomentText()).record
    large = Moment(type(record)(**{name: getattr(record, name) for name in record.__slots__} | {"payload": noise}))

    with pytest.raises(InvalidInput) as caught:
        await store.upsert_video("ada", "v1", 1, (large,))
    assert caught.value.reason == "MOMENT_TOO_LARGE"


async def test_a_very_long_speech_is_found_by_its_beginning(store):
    speech = "beginning " + " ".join(f"word{number}" for number in range(12_000))
    await store.upsert_video("ada", "v1", 1, make_moments(speech))

    (hit,) = await store.search_words("beginning", ADA, limit=5)

    assert hit.record.text.speech == speech


async def test_same_ids_of_two_owners_are_two_moments(store):
    """R-SRC-06: no write of one owner touches a row of another."""
    await store.upsert_video("ada", "v1", 1, make_moments("mine"))
    await store.upsert_video("bob", "v1", 1, make_moments("theirs", owner="bob"))
    await store.delete_video("bob", "v1")

    assert scenes(await store.search_words("mine", ADA, limit=5)) == ["s_v1_0"]
    assert await store.search_words("theirs", Scope("bob"), limit=5) == ()


async def test_a_thousand_random_queries_never_bring_another_owners_moment(store):
    """R-SRC-06: by words and by vector, with and without a list of videos, also of the other's videos."""
    vocabulary = [f"word{number}" for number in range(30)]
    chance = random.Random(7)  # noqa: S311 - the same queries every time
    for number in range(6):
        owner = ("ada", "bob")[number % 2]
        speeches = [" ".join(chance.choices(vocabulary, k=8)) for _ in range(15)]
        moments = make_moments(*speeches, owner=owner, video=f"v{number}", seed=number * 100)
        await store.upsert_video(owner, f"v{number}", 1, moments)

    found = 0
    for number in range(1_000):
        videos = tuple(chance.sample([f"v{video}" for video in range(6)], chance.choice([0, 0, 1, 3])))
        scope = Scope("ada", videos)
        if number % 2:
            hits = await store.search_words(" ".join(chance.choices(vocabulary, k=3)), scope, limit=20)
        else:
            hits = await store.search_vector(VectorField.TEXT, unit_vector(number), scope, recipe=RECIPE, limit=20)
        found += len(hits)
        assert all(hit.record.owner_id == "ada" and (not videos or hit.record.video_id in videos) for hit in hits)
    assert found > 1_000


async def test_no_text_of_a_query_breaks_the_word_search_or_leaves_the_scope(store):
    """R-SRC-06: what a person types is data, never an expression."""
    await store.upsert_video("ada", "v1", 1, make_moments("or owner_id like"))
    await store.upsert_video("bob", "v2", 1, make_moments("or owner_id like", owner="bob", video="v2"))

    for text in ('t7" or owner_id != "', "or owner_id like", "\x00", "🙂", "'; drop", "%" * 500, "{}[]()\\", "東京"):
        hits = await store.search_words(text, ADA, limit=20)
        assert {hit.record.owner_id for hit in hits} <= {"ada"}


async def test_a_closed_store_says_that_it_is_stopping(store):
    await store.close()
    await store.close()

    with pytest.raises(Stopping):
        await store.search_words("x", ADA, limit=5)


async def test_more_than_it_can_hold_is_refused_rather_than_queued(tmp_path):
    narrow = MilvusStore(str(tmp_path / "narrow"), max_waiting=1)
    await narrow.open()
    try:
        tasks = [asyncio.create_task(narrow.ping()) for _ in range(5)]
        outcomes = await asyncio.wait(tasks)
        assert sum(isinstance(task.exception(), Overloaded) for task in outcomes[0]) == 4
    finally:
        await narrow.close()
