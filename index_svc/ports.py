"""What the handlers need from the world. Each port names the suite that every adapter behind it must pass."""

from dataclasses import dataclass
from typing import Protocol

from index_svc.domain.filters import Scope
from index_svc.domain.moment import Moment, ScoredRecord, Vector, VectorField

__all__ = ["EncodedText", "IndexStats", "TextEncoder", "VectorStore"]


@dataclass(frozen=True, slots=True)
class IndexStats:
    """How much of one owner's is in the index."""

    moments: int
    videos: int


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A query as a vector, float32[n], L2-normalised, and the recipe that made it."""

    vector: Vector
    recipe: str


class TextEncoder(Protocol):
    """Turns a query into a vector of the space of `VectorField`."""

    async def encode(self, text: str, field: VectorField) -> EncodedText:
        """Return the vector of a text.

        Raises:
            NotReady: no model for that space is available; the message says why.
            UpstreamUnavailable: inference_svc can not be reached.
            DeadlineExceeded: it took too long.
        """


class VectorStore(Protocol):
    """Remembers moments and finds them. Conformance suite: tests/adapters/index/test_vector_store.py.

    Every method may raise UpstreamUnavailable, DeadlineExceeded, Overloaded, or Stopping after `close`.
    """

    async def open(self) -> None:
        """Connect, and create what is missing. Ends when the first search can be answered."""

    async def close(self) -> None:
        """Finish what is being written, refuse the rest, let go of everything. May be called twice."""

    async def ping(self) -> None:
        """Return when the store answers."""

    async def upsert_video(self, owner_id: str, video_id: str, generation: int, moments: tuple[Moment, ...]) -> int:
        """Make the moments of one generation the moments of the video, and return how many a search can find.

        Returns only after each of them can be found and nothing else of the video can. A repeat changes nothing. No
        moments is a valid generation.

        Raises:
            InvalidInput: a moment belongs to another owner, video or generation, or two share a scene id.
            StaleWrite: the index holds a newer generation; nothing was changed.
        """

    async def delete_video(self, owner_id: str, video_id: str) -> None:
        """Forget a video. Returns after no search can find it; a video that is not there is forgotten already."""

    async def count(self, owner_id: str, video_id: str, generation: int) -> int:
        """Return how many moments of that generation a search can find."""

    async def stats(self, owner_id: str) -> IndexStats:
        """Return how much of one owner's is in the index. Cost grows with it."""

    async def search_words(self, words: str, scope: Scope, *, limit: int) -> tuple[ScoredRecord, ...]:
        """Return moments with at least one of the words, best BM25 first, at most `limit`.

        Raises:
            Corruption: the index answered with a moment outside the scope; nothing is returned.
        """

    async def search_vector(
        self, field: VectorField, vector: Vector, scope: Scope, *, recipe: str, limit: int
    ) -> tuple[ScoredRecord, ...]:
        """Return moments that have that vector, of that recipe, highest cosine first, at most `limit`.

        Raises:
            InvalidInput: the vector has another number of dimensions, or is not L2-normalised.
            Corruption: the index answered with a moment outside the scope; nothing is returned.
        """
