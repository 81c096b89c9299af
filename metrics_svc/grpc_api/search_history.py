"""SearchHistoryService: what an owner searched for, for ingest_svc, which looks for shorts."""

from datetime import UTC, datetime

import grpc

from chassis.core.errors import FieldViolation, InvalidInput
from chassis.io.identity import require_service
from chassis.io.stage import timestamp
from heimdex.metrics.v1 import search_history_service_pb2 as api
from heimdex.metrics.v1 import search_history_service_pb2_grpc
from metrics_svc.grpc_api.parts import Context
from metrics_svc.ports.library import LibraryStore

__all__ = ["SearchHistoryApi", "register_search_history"]

SERVICE_NAME = api.DESCRIPTOR.services_by_name["SearchHistoryService"].full_name
_PHRASES, _MOST_PHRASES = 200, 500
_MAX_ID_CHARACTERS = 512
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class SearchHistoryApi(search_history_service_pb2_grpc.SearchHistoryServiceServicer):
    """For services only."""

    def __init__(self, store: LibraryStore) -> None:
        self._store = store

    async def ListSearchedPhrases(
        self, request: api.ListSearchedPhrasesRequest, _context: Context
    ) -> api.ListSearchedPhrasesResponse:
        """Answer the phrases of one owner."""
        require_service()
        if not request.owner_id or len(request.owner_id) > _MAX_ID_CHARACTERS or "\0" in request.owner_id:
            raise _wrong("owner_id", f"must have 1 to {_MAX_ID_CHARACTERS} characters and no NUL")
        if not 0 <= request.limit <= _MOST_PHRASES:
            raise _wrong("limit", f"must be between 0 and {_MOST_PHRASES}")
        found = await self._store.searched_phrases(request.owner_id, _since(request), request.limit or _PHRASES)
        return api.ListSearchedPhrasesResponse(
            phrases=[
                api.SearchedPhrase(text=one.phrase, searches=one.searches, last_asked_at=timestamp(one.last_asked_at))
                for one in found
            ]
        )


def register_search_history(server: grpc.aio.Server, servicer: SearchHistoryApi) -> tuple[str, ...]:
    """Add the service to a server and return the full names of what it serves."""
    search_history_service_pb2_grpc.add_SearchHistoryServiceServicer_to_server(servicer, server)
    return (SERVICE_NAME,)


def _since(request: api.ListSearchedPhrasesRequest) -> datetime:
    if not request.HasField("since"):
        return _EARLIEST
    try:
        return max(request.since.ToDatetime(tzinfo=UTC), _EARLIEST)
    except (ValueError, OverflowError) as error:
        raise _wrong("since", "must be an instant between the years 1 and 9999") from error


def _wrong(field: str, text: str) -> InvalidInput:
    return InvalidInput(f"{field} {text}", violations=(FieldViolation(field, text),))
