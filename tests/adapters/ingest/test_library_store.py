"""LibraryStore: what one owner reads and edits; what is another's does not exist."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from google.protobuf.json_format import ParseDict

from chassis.core.errors import InvalidInput, NotFound
from chassis.core.ids import scene_id
from heimdex.ingest.v1 import video_pb2
from ingest_svc.adapters.library_store import LibraryStore
from ingest_svc.domain.facts import ReprocessRequested
from ingest_svc.domain.video import VideoState
from ingest_svc.metadata import metadata_change
from ingest_svc.pages import read_video_token, write_video_token
from ingest_svc.ports import SceneRow
from ingest_svc.work_codec import forget_message
from tests.support.ingest_lab import OWNER, T0, count, finish, registered, settle

TABLES = ("videos", "video_metadata", "steps", "attempts", "transitions", "scenes", "transcripts")


class Counted:
    """The database, and every statement that went through it."""

    def __init__(self, database) -> None:
        self._database = database
        self.statements = []

    @asynccontextmanager
    async def connection(self):
        async with self._database.connection() as connection:
            with connection.query_logger(self.statements.append):
                yield connection


def scenes(video, number, *, words="a harbour"):
    return [
        SceneRow(
            id=scene_id(video.id, words, index),
            index=index,
            start_ns=index * 1_000_000_000,
            end_ns=(index + 1) * 1_000_000_000,
            transcript_segment=words,
            combined_text=words,
            text_recipe="r1",
            message=video_pb2.Scene(id=scene_id(video.id, words, index), index=index).SerializeToString(),
            created_at=T0,
        )
        for index in range(number)
    ]


async def store_findings(library, video, found, *, generation=1, owner=OWNER):
    return await library.store_findings(
        video_id=video.id,
        owner_id=owner,
        generation=generation,
        scenes=found,
        transcript=video_pb2.Transcript(video_id=video.id, language="en").SerializeToString(),
        language="en",
        thumbnail_key="users/u/videos/v/g1/thumbnails/0000.jpg",
    )


async def test_what_is_anothers_does_not_exist(progress, library):
    """R-SRC-06, R-EXP-02: every way to a video, its scenes and its words ends in NOT_FOUND for a stranger."""
    video = await finish(progress, await registered(progress))
    (scene,) = scenes(video, 1)
    await store_findings(library, video, [scene])
    change = metadata_change(video_pb2.VideoMetadata(title="mine now"), ())
    ways = (
        lambda owner: library.get_video(owner, video.id),
        lambda owner: library.list_attempts(owner, video.id),
        lambda owner: library.get_transcript(owner, video.id),
        lambda owner: library.get_scene(owner, scene.id),
        lambda owner: library.update_metadata(owner, video.id, change),
        lambda owner: library.delete_video(owner, video.id, []),
    )
    for way in ways:
        with pytest.raises(NotFound):
            await way("eve")

    assert await library.list_videos("eve", state=None, after=None, limit=10) == []
    assert (await library.get_video(OWNER, video.id)).title == ""
    for way in ways:
        await way(OWNER)


async def test_a_new_user_has_an_empty_library(library):
    """R-ING-20, R-AD2-07."""
    assert await library.list_videos("new", state=None, after=None, limit=50) == []


async def test_a_walk_over_120_videos_meets_each_once_newest_first(progress, library):
    """R-ING-20: also where many were made in the same instant."""
    made = [
        await registered(progress, f"clip {number}", at=T0 + timedelta(seconds=number // 10)) for number in range(120)
    ]
    await registered(progress, "of another", owner="eve")
    seen, token = [], ""
    while True:
        page = await library.list_videos(OWNER, state=None, after=read_video_token(token), limit=7)
        seen += page
        if len(page) < 7:
            break
        token = write_video_token(page[-1].created_at, page[-1].id)

    assert len(seen) == 120
    assert {row.id for row in seen} == {video.id for video in made}
    assert [row.created_at for row in seen] == sorted((row.created_at for row in seen), reverse=True)


async def test_a_page_of_100_costs_as_many_statements_as_a_page_of_1(database, progress):
    """R-MET-04: metadata and steps come along."""
    for number in range(100):
        await registered(progress, f"clip {number}", title=f"title {number}")
    costs = {}
    for limit in (1, 100):
        counted = Counted(database)
        rows = await LibraryStore(counted).list_videos(OWNER, state=None, after=None, limit=limit)
        costs[limit] = len(counted.statements)

        assert len(rows) == limit
        assert all(row.title and len(row.steps) == 7 for row in rows)
    assert costs == {1: 2, 100: 2}


async def test_a_state_chooses_what_is_listed(progress, library):
    ready = await finish(progress, await registered(progress, "one"))
    await registered(progress, "two")

    assert [row.id for row in await library.list_videos(OWNER, state="ready", after=None, limit=9)] == [ready.id]


async def test_a_video_without_metadata_lists_and_shows_fine(database, progress, library):
    """R-MET-01, R-MET-03."""
    video = await registered(progress)
    assert await count(database, "video_metadata") == 0
    (row,) = await library.list_videos(OWNER, state=None, after=None, limit=1)

    assert row == await library.get_video(OWNER, video.id)
    assert (row.title, row.description, row.tags, dict(row.attributes), row.thumbnail_key) == ("", "", (), {}, "")


async def test_a_change_touches_what_its_mask_names_and_nothing_else(progress, library):
    """R-MET-02, K11: get-or-create, then one part at a time, then emptied by name."""
    video = await registered(progress)

    async def change(paths=(), attributes=None, **parts: object):
        metadata = video_pb2.VideoMetadata(**parts)
        ParseDict(attributes or {}, metadata.attributes)
        row = await library.update_metadata(OWNER, video.id, metadata_change(metadata, paths))
        return row.title, row.description, row.tags, dict(row.attributes)

    facts = {"category": "education", "deep": {"n": [1.0, None, True]}}
    assert await change(description="gulls", tags=["sea"], attributes=facts) == ("", "gulls", ("sea",), facts)
    assert await change(("title",), title="Harbour", description="ignored") == ("Harbour", "gulls", ("sea",), facts)
    assert await change(("tags", "description")) == ("Harbour", "", (), facts)
    assert await change() == ("Harbour", "", (), facts)
    with pytest.raises(InvalidInput) as refused:
        await change(("thumbnail_url",), title="x")
    assert refused.value.violations[0].field == "update_mask"


async def test_two_changes_at_once_both_last(progress, library):
    """R-MET-02: reading and writing are one step, so no change overwrites another's part."""
    video = await registered(progress)
    parts = [("title", {"title": "T"}), ("description", {"description": "D"}), ("tags", {"tags": ["a"]})]
    async with asyncio.TaskGroup() as tasks:
        for path, values in parts:
            change = metadata_change(video_pb2.VideoMetadata(**values), (path,))
            tasks.create_task(library.update_metadata(OWNER, video.id, change))
    row = await library.get_video(OWNER, video.id)

    assert (row.title, row.description, row.tags) == ("T", "D", ("a",))
    assert row.updated_at > row.created_at


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"title": "x" * 256}, "metadata.title"),
        ({"description": "x" * 10_001}, "metadata.description"),
        ({"tags": ["x"] * 65}, "metadata.tags"),
        ({"title": "a\0b"}, "metadata"),
        ({"attributes": {"a": [{"\0": 1}]}}, "metadata"),
        ({"attributes": {"a": ["\0"]}}, "metadata"),
        ({"attributes": {"a": float("nan")}}, "metadata.attributes"),
    ],
)
def test_metadata_beyond_its_bounds_is_refused_by_field(metadata, field):
    """R-MET-01."""
    with pytest.raises(InvalidInput) as refused:
        metadata_change(video_pb2.VideoMetadata(**metadata), ())
    assert [one.field for one in refused.value.violations] == [field]


async def test_deleting_leaves_no_row_and_one_message_that_makes_others_forget(database, progress, library):
    """R-STO-05."""
    kept = await finish(progress, await registered(progress, "kept"))
    video = await finish(progress, await registered(progress, "gone", title="Gone"))
    await store_findings(library, video, scenes(video, 3))
    assert all([await count(database, table, f"{_key(table)} = $1", video.id) for table in TABLES])
    await library.delete_video(OWNER, video.id, [forget_message(video.id, OWNER, T0)])

    assert [await count(database, table, f"{_key(table)} = $1", video.id) for table in TABLES] == [0] * len(TABLES)
    assert await count(database, "outbox", "subject = $1", f"heimdex.work.v1.index.forget_video.{video.id}") == 1
    assert (await library.get_video(OWNER, kept.id)).state is VideoState.READY
    with pytest.raises(NotFound):
        await library.delete_video(OWNER, video.id, [])


async def test_a_deleted_video_can_be_uploaded_again_and_old_answers_do_not_fit(progress, library):
    """R-STO-05, R-STG-07: fences go on rising, so an answer to the first life means nothing in the second."""
    first = await registered(progress)
    await library.delete_video(OWNER, first.id, [])
    second = await registered(progress, at=T0 + timedelta(seconds=1))

    assert second.id == first.id
    assert second.fence > first.fence


async def test_scenes_are_those_of_the_last_run(database, progress, library):
    """R-ING-08, R-RET-06: replaced, never mixed; storing the same findings twice is storing them once."""
    video = await finish(progress, await registered(progress))
    for _ in range(2):
        assert await store_findings(library, video, scenes(video, 5))
    assert [row.id for row in await library.list_scenes(video.id, from_index=0, limit=99)] == [
        row.id for row in scenes(video, 5)
    ]
    video = await settle(progress, video, ReprocessRequested("downloading"), now=T0 + timedelta(days=1))

    assert not await store_findings(library, video, scenes(video, 2), generation=1)  # a late worker of the first run
    assert await store_findings(library, video, scenes(video, 2, words="other"), generation=2)
    row = await library.get_video(OWNER, video.id)
    assert (row.scene_count, row.language, row.generation) == (2, "en", 2)
    assert await count(database, "scenes", "video_id = $1 AND generation = 2", video.id) == 2
    assert await count(database, "scenes") == 2


async def test_findings_of_a_deleted_video_are_not_stored(database, progress, library):
    video = await registered(progress)
    await library.delete_video(OWNER, video.id, [])

    assert not await store_findings(library, video, scenes(video, 1))
    assert await count(database, "scenes") == 0


async def test_scenes_come_in_pages_in_order(progress, library):
    video = await registered(progress)
    await store_findings(library, video, scenes(video, 7))
    pages = [await library.list_scenes(video.id, from_index=start, limit=3) for start in (0, 3, 6)]

    assert [len(page) for page in pages] == [3, 3, 1]
    assert [video_pb2.Scene.FromString(row.message).index for page in pages for row in page] == list(range(7))


async def test_a_video_without_words_yet_says_so(progress, library):
    video = await registered(progress)

    with pytest.raises(NotFound) as refused:
        await library.get_transcript(OWNER, video.id)
    assert refused.value.reason == "TRANSCRIPT_NOT_FOUND"


async def test_attributes_of_any_shape_come_back_as_they_were(progress, library):
    video = await registered(progress)
    strange = {"": "", "ключ": ['"', "\\", "\n", 1e15, -0.5], "deep": {"a": {"b": {"c": [[[]]]}}}}
    metadata = video_pb2.VideoMetadata()
    ParseDict(strange, metadata.attributes)
    row = await library.update_metadata(OWNER, video.id, metadata_change(metadata, ()))

    assert json.loads(json.dumps(dict(row.attributes))) == strange


def _key(table):
    return "id" if table == "videos" else "video_id"
