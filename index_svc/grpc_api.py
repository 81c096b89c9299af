"""SearchService and IndexService over gRPC: decode, decide who is asking, call, encode."""

import secrets
import time
from typing import Any

import grpc

from chassis.core.clock import Clock
from chassis.core.errors import NotBuilt
from chassis.core.ids import owner_key
from chassis.io import metrics
from chassis.io.identity import require_service, require_user
from heimdex.index.v1 import index_service_pb2, index_service_pb2_grpc, search_service_pb2, search_service_pb2_grpc
from index_svc.codec import answer_message, search_event, signals_from
from index_svc.domain.query import parse_query
from index_svc.handlers import Searcher
from index_svc.ports import VectorStore
from index_svc.search_log import SearchLog

__all__ = ["IndexApi", "SearchApi"]

_Context = grpc.aio.ServicerContext[Any, Any]


class SearchApi(search_service_pb2_grpc.SearchServiceServicer):
    """Search over the caller's own moments."""

    def __init__(
        self, *, store: VectorStore, searcher: Searcher, log: SearchLog, clock: Clock, media_secret: str
    ) -> None:
        self._store = store
        self._searcher = searcher
        self._log = log
        self._clock = clock
        self._secret = media_secret

    async def Search(
        self, request: search_service_pb2.SearchRequest, context: _Context
    ) -> search_service_pb2.SearchResponse:
        """Find moments for a text."""
        user = require_user().user_id
        at, started = self._clock.now(), time.perf_counter_ns()
        query = parse_query(
            request.q,
            owner_id=owner_key(user),
            video_ids=tuple(request.video_ids),
            signals=signals_from(request.signals),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        answer = await self._searcher.search(query)
        elapsed_ns = time.perf_counter_ns() - started
        metrics.SEARCH_DURATION.observe(elapsed_ns / 1e9)
        self._log.report(
            search_event(
                secrets.token_urlsafe(16),
                owner_id=user,
                at=at,
                latency_ns=elapsed_ns,
                results_count=len(answer.results),
                query_text=query.text,
                video_ids=tuple(request.video_ids),
            )
        )
        return answer_message(answer, latency_ms=elapsed_ns / 1e6, media_secret=self._secret)

    async def SearchByImage(self, request: Any, context: _Context) -> Any:
        """Not built."""
        raise NotBuilt

    async def FindSimilarScenes(self, request: Any, context: _Context) -> Any:
        """Not built."""
        raise NotBuilt

    async def GetIndexStats(
        self, request: search_service_pb2.GetIndexStatsRequest, context: _Context
    ) -> search_service_pb2.GetIndexStatsResponse:
        """Count the caller's moments and videos."""
        stats = await self._store.stats(owner_key(require_user().user_id))
        return search_service_pb2.GetIndexStatsResponse(moments=stats.moments, videos=stats.videos)


class IndexApi(index_service_pb2_grpc.IndexServiceServicer):
    """What other services ask."""

    def __init__(self, store: VectorStore) -> None:
        self._store = store

    async def ForgetVideo(
        self, request: index_service_pb2.ForgetVideoRequest, context: _Context
    ) -> index_service_pb2.ForgetVideoResponse:
        """Forget every moment of a video."""
        require_service()
        await self._store.delete_video(owner_key(request.owner_id), request.video_id)
        return index_service_pb2.ForgetVideoResponse()
