"""Milvus behind the port VectorStore: moments in, ranked moments out. The same code for Milvus Lite and for a server.

Writes go through one thread, one after another, because Milvus Lite wants a single writer; reads through a few,
because each holds the interpreter most of its time. Searches are separate and fused by us, not `hybrid_search`: its
fused scores are ranks in disguise, and an answer owes its reader the score of every signal.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from chassis.core.errors import (
    Corruption,
    InvalidInput,
    NotReady,
    Overloaded,
    StaleWrite,
    Stopping,
    UpstreamUnavailable,
)
from index_svc.adapters import milvus_schema as rows
from index_svc.adapters.milvus_connection import MilvusConnection, connect, is_local, set_aside, translated
from index_svc.adapters.milvus_threads import IndexThreads, charged_in
from index_svc.domain.filters import Column, Filter, Scope, all_of, equals, guard
from index_svc.domain.moment import TEXT_DIMENSIONS, Moment, ScoredRecord, Vector, VectorField, as_unit_vector
from index_svc.ports import IndexStats

__all__ = ["MilvusStore"]

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

_ROWS_PER_WRITE = 500
_ROWS_PER_PAGE = 1_000
# A server answers at most 16,384 rows at once; at one scene in two seconds this is five hours and a half.
_MAX_ROWS_PER_VIDEO = 10_000
_READ_THREADS = 4
_STRONG = "Strong"


class MilvusStore:
    """Moments in Milvus.

    Args:
        uri: a folder for Milvus Lite, or the http(s) address of a server.
        token: `user:password` or API key of a server.
        image_dimensions: size of picture vectors; another size is another collection.
        read_timeout_seconds: for one search.
        write_timeout_seconds: for one step of a write.
        max_waiting: reads and writes accepted and not yet answered.
    """

    def __init__(
        self,
        uri: str,
        *,
        token: str = "",
        image_dimensions: int = 512,
        read_timeout_seconds: float = 10.0,
        write_timeout_seconds: float = 60.0,
        max_waiting: int = 256,
    ) -> None:
        self._uri = uri
        self._token = token
        self._image_dimensions = image_dimensions
        self._read_timeout_seconds = read_timeout_seconds
        self._write_timeout_seconds = write_timeout_seconds
        self._max_waiting = max_waiting
        self._name = rows.collection_name(image_dimensions)
        self._connection: MilvusConnection | None = None
        self._threads = IndexThreads(readers=_READ_THREADS)
        self._waiting = 0
        self._is_closed = False
        self.damaged_folder: Path | None = None
        """Where a damaged index was set aside when this one was opened; its videos must be indexed again."""

    async def open(self) -> None:
        """Connect, and create what is missing; see VectorStore.

        A local folder that can not be read is set aside, and the index starts empty: it holds nothing that ingest_svc
        does not have. A folder that another process holds is left alone.

        Raises:
            NotReady: another process has the folder open.
            UpstreamUnavailable: the server can not be reached.
        """
        await self._run(self._threads.writer, self._open)

    async def close(self) -> None:
        """Finish what is being written, refuse the rest, let go of everything; see VectorStore."""
        self._is_closed = True
        await asyncio.to_thread(self._close)

    async def ping(self) -> None:
        """Return when the store answers; see VectorStore."""
        await self._run(
            self._threads.readers, lambda: self._client.has_collection(self._name, timeout=self._read_timeout_seconds)
        )

    async def upsert_video(self, owner_id: str, video_id: str, generation: int, moments: tuple[Moment, ...]) -> int:
        """Make the moments of one generation the moments of the video; see VectorStore."""
        if len(moments) > _MAX_ROWS_PER_VIDEO:
            raise InvalidInput(f"A video may have at most {_MAX_ROWS_PER_VIDEO} moments.", reason="TOO_MANY_MOMENTS")
        fresh: dict[str, dict[str, Any]] = {}
        for moment in moments:
            record = moment.record
            if (record.owner_id, record.video_id, record.generation) != (owner_id, video_id, generation):
                raise InvalidInput("A moment belongs to another owner, video or generation.")
            row = rows.to_row(moment, image_dimensions=self._image_dimensions)
            if fresh.setdefault(row["pk"], row) is not row:
                raise InvalidInput("Two moments have the same scene id.")
        of_video = _of_video(owner_id, video_id)
        return await self._run(self._threads.writer, lambda: self._replace(of_video, generation, fresh))

    async def delete_video(self, owner_id: str, video_id: str) -> None:
        """Forget a video; see VectorStore."""
        of_video = _of_video(owner_id, video_id)
        await self._run(self._threads.writer, lambda: self._replace(of_video, None, {}))

    async def count(self, owner_id: str, video_id: str, generation: int) -> int:
        """Return how many moments of that generation a search can find; see VectorStore."""
        of_video = _of_video(owner_id, video_id)
        found = await self._run(self._threads.readers, lambda: self._generations(of_video))
        return sum(1 for other in found.values() if other == generation)

    async def stats(self, owner_id: str) -> IndexStats:
        """Return how much of one owner's is in the index; see VectorStore."""
        of_owner = Scope(owner_id).filter()
        videos = await self._run(self._threads.readers, lambda: self._video_of_each_row(of_owner))
        return IndexStats(moments=len(videos), videos=len(set(videos)))

    async def search_words(self, words: str, scope: Scope, *, limit: int) -> tuple[ScoredRecord, ...]:
        """Return moments with at least one of the words; see VectorStore."""
        if not words.strip():
            return ()
        hits = await self._search(rows.WORDS_INDEX, words, "BM25", scope.filter(), limit)
        # Milvus Lite reports BM25 below zero, a server above; zero means that no word was found.
        scored = (ScoredRecord(hit.record, abs(hit.score)) for hit in hits if hit.score)
        return guard(scope, tuple(scored))

    async def search_vector(
        self, field: VectorField, vector: Vector, scope: Scope, *, recipe: str, limit: int
    ) -> tuple[ScoredRecord, ...]:
        """Return moments that have that vector, of that recipe; see VectorStore."""
        dimensions = self._image_dimensions if field is VectorField.IMAGE else TEXT_DIMENSIONS
        unit = as_unit_vector(vector, name=field, dimensions=dimensions)
        column = Column.IMAGE_RECIPE if field is VectorField.IMAGE else Column.TEXT_RECIPE
        condition = all_of(scope.filter(), equals(column, rows.recipe_id(recipe)))
        hits = await self._search(field.value, unit, "IP", condition, limit)
        # A moment without that vector is stored as zeros, whose product with anything is exactly zero.
        return guard(scope, tuple(hit for hit in hits if hit.score != 0.0))

    @property
    def _client(self) -> Any:
        if self._connection is None:
            raise NotReady("The search index is not open yet.")
        return self._connection.client

    async def _run(self, pool: ThreadPoolExecutor, work: Callable[[], _Result]) -> _Result:
        if self._is_closed:
            raise Stopping
        if self._waiting >= self._max_waiting:
            raise Overloaded("Too many requests wait for the search index.", reason="INDEX_BUSY")
        self._waiting += 1
        try:
            with translated("answer"):
                return await asyncio.get_running_loop().run_in_executor(pool, charged_in(self._threads, work))
        finally:
            self._waiting -= 1

    async def _search(self, field: str, data: Any, metric: str, condition: Filter, limit: int) -> list[ScoredRecord]:
        def search() -> list[ScoredRecord]:
            (hits,) = self._client.search(
                self._name,
                data=[data],
                anns_field=field,
                limit=limit,
                filter=condition.expression,
                output_fields=list(rows.OUTPUT_COLUMNS),
                search_params={"metric_type": metric},
                consistency_level=_STRONG,
                timeout=self._read_timeout_seconds,
            )
            return [ScoredRecord(_record(hit["entity"]), float(hit["distance"])) for hit in hits]

        return await self._run(self._threads.readers, search)

    def _open(self) -> None:
        try:
            self._connection = self._prepared()
        except Corruption:
            if not is_local(self._uri):
                raise
            _log.exception("The search index can not be read.")
            self.damaged_folder = set_aside(Path(self._uri))
            self._connection = self._prepared()

    def _prepared(self) -> MilvusConnection:
        connection = connect(self._uri, timeout_seconds=self._write_timeout_seconds, token=self._token)
        with contextlib.ExitStack() as undo, translated("open"):
            undo.callback(connection.close)
            client = connection.client
            if not client.has_collection(self._name):
                schema = rows.build_schema(self._image_dimensions)
                client.create_collection(self._name, schema=schema, consistency_level=_STRONG)
            missing = rows.INDEXED_FIELDS - set(client.list_indexes(self._name))
            if missing:
                indexes = rows.build_index_params(missing, is_embedded=connection.is_embedded)
                # Waiting for each index of an empty collection would cost two seconds of the first start.
                client.create_index(self._name, indexes, sync=False)
            client.load_collection(self._name)
            # Reads every segment, so that damage shows here and not in somebody's search.
            for row in client.query(
                self._name, filter="generation >= 0", output_fields=list(rows.OUTPUT_COLUMNS), limit=1
            ):
                rows.from_row(row)
            if connection.is_embedded:
                client.flush(self._name)
            undo.pop_all()
        return connection

    def _close(self) -> None:
        self._threads.shutdown()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _replace(self, of_video: Filter, generation: int | None, fresh: dict[str, dict[str, Any]]) -> int:
        """Write the fresh rows, then delete the video's other rows, then see that the index agrees."""
        known = self._generations(of_video)
        if generation is not None and any(other > generation for other in known.values()):
            raise StaleWrite("The index holds a newer generation of the video.", reason="NEWER_GENERATION")
        batch = list(fresh.values())
        for start in range(0, len(batch), _ROWS_PER_WRITE):
            self._client.upsert(self._name, batch[start : start + _ROWS_PER_WRITE], timeout=self._write_timeout_seconds)
        self._settle()
        stale = sorted(known.keys() - fresh.keys())
        if stale and fresh.keys() - self._generations(of_video).keys():
            raise UpstreamUnavailable("Written moments can not be found yet.", reason="NOT_SEARCHABLE")
        for start in range(0, len(stale), _ROWS_PER_WRITE):
            ids = stale[start : start + _ROWS_PER_WRITE]
            self._client.delete(self._name, ids=ids, timeout=self._write_timeout_seconds)
        if stale:
            self._settle()
        found = self._generations(of_video)
        if found != dict.fromkeys(fresh, generation):
            raise UpstreamUnavailable("The index does not hold what was written.", reason="NOT_SEARCHABLE")
        return len(found)

    def _settle(self) -> None:
        """Move what was written from the log into a segment.

        Milvus Lite searches its log ten times slower than a segment (57 ms instead of 2 ms for BM25 over 1,000 rows),
        so 15 ms per video are well spent. A server looks after itself and limits flushes.
        """
        if self._connection is not None and self._connection.is_embedded:
            self._client.flush(self._name, timeout=self._write_timeout_seconds)

    def _generations(self, condition: Filter) -> dict[str, int]:
        """Return the generation of every row of one video, by key."""
        found = self._client.query(
            self._name,
            filter=condition.expression,
            output_fields=["pk", "generation"],
            limit=_MAX_ROWS_PER_VIDEO + 1,
            consistency_level=_STRONG,
            timeout=self._read_timeout_seconds,
        )
        return {row["pk"]: int(row["generation"]) for row in found}

    def _video_of_each_row(self, condition: Filter) -> list[str]:
        pages = self._client.query_iterator(
            self._name,
            batch_size=_ROWS_PER_PAGE,
            filter=condition.expression,
            output_fields=["pk", Column.VIDEO.value],
            timeout=self._write_timeout_seconds,
        )
        videos: list[str] = []
        while page := pages.next():
            videos.extend(row[Column.VIDEO.value] for row in page)
        pages.close()
        return videos


def _of_video(owner_id: str, video_id: str) -> Filter:
    return Scope(owner_id, (video_id,)).filter()


def _record(row: dict[str, Any]) -> Any:
    try:
        return rows.from_row(row)
    except Exception as error:
        raise Corruption("A row of the search index can not be read.", reason="UNREADABLE_ROW") from error
