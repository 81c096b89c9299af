"""metrics_svc as ingest_svc sees it: what people searched for."""

from datetime import datetime

from chassis.io.grpc_client import GrpcClient
from chassis.io.stage import timestamp
from heimdex.metrics.v1 import search_history_service_pb2 as api
from heimdex.metrics.v1.search_history_service_pb2_grpc import SearchHistoryServiceStub
from ingest_svc.domain.exports.proposing.moments import Searched

__all__ = ["MetricsClient"]

_TIMEOUT_SECONDS = 2.0
_PHRASES = 200


class MetricsClient:
    """Asks for the searches of one owner."""

    def __init__(self, client: GrpcClient) -> None:
        self._client = client
        self._stub = client.stub(SearchHistoryServiceStub)

    async def searched(self, owner_id: str, since: datetime) -> tuple[Searched, ...]:
        """Return what an owner searched for, the most frequent first.

        Raises:
            HeimdexError: metrics_svc does not answer or refused.
        """
        request = api.ListSearchedPhrasesRequest(owner_id=owner_id, since=timestamp(since), limit=_PHRASES)
        answer = await self._client.call(self._stub.ListSearchedPhrases, request, timeout_seconds=_TIMEOUT_SECONDS)
        return tuple(Searched(one.text, one.searches) for one in answer.phrases)
