"""What index_svc does: index the moments of a video, forget a video, answer a query."""

from collections.abc import Mapping
from datetime import UTC

from google.protobuf.message import DecodeError

from chassis.core.errors import Corruption, HeimdexError
from chassis.core.ids import owner_key
from chassis.core.stages import Stage
from chassis.core.subjects import dead_subject
from chassis.io import correlation, logs, metrics
from chassis.io.blobs import BlobStore
from chassis.io.concurrently import all_of
from chassis.io.jetstream import Bus, Delivery, Outgoing
from chassis.io.results import load_input
from chassis.io.stage import StageSpan
from heimdex.ingest.v1 import work_pb2
from index_svc.codec import moment_from
from index_svc.domain.moment import ScoredRecord, VectorField
from index_svc.domain.query import Query, Signal
from index_svc.domain.ranking import Answer, Candidates, rank
from index_svc.ports import TextEncoder, VectorStore

__all__ = ["ForgetWork", "IndexWork", "Searcher"]

_log = logs.get_logger(__name__)
# Past these, ranks say little, and each candidate costs its payload.
_WORD_CANDIDATES = 100
_VECTOR_CANDIDATES = 60
_WORD_SIGNALS = frozenset({Signal.SPEECH, Signal.ON_SCREEN_TEXT, Signal.TAGS, Signal.TITLE})
_FIELDS: Mapping[VectorField, Signal] = {
    VectorField.TEXT: Signal.MEANING,
    VectorField.TAGS: Signal.TAGS,
    VectorField.IMAGE: Signal.PICTURE,
}


class IndexWork:
    """The stage `indexing`."""

    def __init__(self, store: VectorStore, blobs: BlobStore, *, image_dimensions: int) -> None:
        self._store = store
        self._blobs = blobs
        self._image_dimensions = image_dimensions

    async def index(self, work: work_pb2.StageWork, span: StageSpan) -> work_pb2.StageResult:
        """Make the moments of a run findable; ends only after a search can find each of them (R-ING-14).

        Raises:
            Corruption: the work names no moments, or the index counts fewer than it was given.
        """
        made = await load_input(self._blobs, work, Stage.SCENE_PROCESSING)
        created_at = made.ended.finished_at.ToDatetime(tzinfo=UTC)
        moments = tuple(
            moment_from(one, work, created_at=created_at, image_dimensions=self._image_dimensions)
            for one in made.moments.moments
        )
        found = await self._store.upsert_video(owner_key(work.owner_id), work.video_id, work.generation, moments)
        if found != len(moments):
            raise Corruption(f"the index finds {found} of {len(moments)} moments", reason="INDEX_INCOMPLETE")
        span.items = found
        return work_pb2.StageResult(indexing=work_pb2.IndexingOutput(searchable_moments=found))


class ForgetWork:
    """The work that a deletion leaves for us."""

    consumer = "index_forget_video"

    def __init__(self, store: VectorStore, bus: Bus) -> None:
        self._store = store
        self._bus = bus

    async def handle(self, delivery: Delivery) -> None:
        """Forget a video; comes again until it is done."""
        with correlation.bound_to(delivery.correlation_id):
            try:
                work = work_pb2.ForgetVideo.FromString(delivery.data)
                await self._store.delete_video(owner_key(work.owner_id), work.video_id)
            except DecodeError:
                await self._bus.publish(
                    Outgoing(
                        dead_subject("index", "undecodable", "none"),
                        delivery.data,
                        delivery.message_type,
                        f"dead/{delivery.msg_id}",
                    )
                )
                await delivery.reject()
                return
            except HeimdexError as error:
                _log.warning("a video could not be forgotten yet", error=str(error))
                metrics.MESSAGES_HANDLED.labels(self.consumer, "retry").inc()
                await delivery.retry(1.0)
                return
            await delivery.ack()
            metrics.MESSAGES_HANDLED.labels(self.consumer, "ack").inc()


class Searcher:
    """Answers queries: every signal is searched on its own, side by side; what is down is left out and said."""

    def __init__(self, store: VectorStore, encoder: TextEncoder) -> None:
        self._store = store
        self._encoder = encoder

    async def search(self, query: Query) -> Answer:
        """Return a page of results.

        Raises:
            HeimdexError: the index itself does not answer.
        """
        unavailable: dict[Signal, str] = {}
        fields = [field for field, signal in _FIELDS.items() if signal in query.signals]
        words, *vectors = await all_of(
            self._words(query), *(self._vector(query, field, unavailable) for field in fields)
        )
        found = {field: hits for field, hits in zip(fields, vectors, strict=True) if hits is not None}
        return rank(query, Candidates(words, found, unavailable))

    async def _words(self, query: Query) -> tuple[ScoredRecord, ...] | None:
        if not query.signals & _WORD_SIGNALS:
            return None
        return await self._store.search_words(query.lexical_text, query.scope, limit=_WORD_CANDIDATES)

    async def _vector(
        self, query: Query, field: VectorField, unavailable: dict[Signal, str]
    ) -> tuple[ScoredRecord, ...] | None:
        try:
            encoded = await self._encoder.encode(query.text, field)
        except HeimdexError as error:
            unavailable[_FIELDS[field]] = error.message
            return None
        return await self._store.search_vector(
            field, encoded.vector, query.scope, recipe=encoded.recipe, limit=_VECTOR_CANDIDATES
        )
