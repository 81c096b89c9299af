"""What an owner searched for, told to services alone."""

from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.core.errors import InvalidInput, PermissionDenied
from chassis.io.grpc_client import GrpcClient
from heimdex.metrics.v1 import search_history_service_pb2 as api
from heimdex.metrics.v1.search_history_service_pb2_grpc import SearchHistoryServiceStub
from tests.support.metrics_samples import NOW, search_event, stamp
from tests.support.search_history_lab import SERVICE, USERS, search_history, searched

DAY = timedelta(days=1)


@asynccontextmanager
async def asking(database):
    async with search_history(database) as port:
        client = GrpcClient(f"127.0.0.1:{port}", token=SERVICE)
        stub = client.stub(SearchHistoryServiceStub)

        async def ask(token="", **fields: object):
            request = api.ListSearchedPhrasesRequest(**fields)
            return await client.call(stub.ListSearchedPhrases, request, timeout_seconds=10, token=token)

        yield ask
        await client.close()


async def test_phrases_are_counted_by_their_words_the_most_frequent_first(database):
    asked = ["Harbour", " harbour ", "HARBOUR", "old  wall", "old\twall", "lamp", "", "   "]
    events = [search_event(n, query_text=text, at=NOW - n * DAY) for n, text in enumerate(asked)]
    await searched(database, *events, search_event(99, owner_id="eve", query_text="secret"), now=NOW)
    async with asking(database) as ask:
        found = (await ask(owner_id="owner")).phrases
        first = (await ask(owner_id="owner", limit=1)).phrases
        recent = (await ask(owner_id="owner", since=stamp(NOW - 3.5 * DAY))).phrases

    assert [(one.text, one.searches) for one in found] == [("harbour", 3), ("old wall", 2), ("lamp", 1)]
    assert found[0].last_asked_at == stamp(NOW)
    assert [one.text for one in first] == ["harbour"]
    assert [(one.text, one.searches) for one in recent] == [("harbour", 3), ("old wall", 1)]


async def test_who_never_searched_has_no_phrases(database):
    async with asking(database) as ask:
        assert list((await ask(owner_id="nobody")).phrases) == []


@pytest.mark.parametrize("token", USERS, ids=["user", "administrator"])
async def test_users_are_refused(database, token):
    async with asking(database) as ask:
        with pytest.raises(PermissionDenied) as refused:
            await ask(token=token, owner_id="owner")

    assert refused.value.reason == "SERVICE_REQUIRED"


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("owner_id", {}),
        ("owner_id", {"owner_id": "a\0"}),
        ("owner_id", {"owner_id": "a" * 513}),
        ("limit", {"owner_id": "a", "limit": -1}),
        ("limit", {"owner_id": "a", "limit": 501}),
        ("since", {"owner_id": "a", "since": Timestamp(seconds=1 << 60)}),
    ],
)
async def test_what_is_wrong_is_named(database, field, fields):
    async with asking(database) as ask:
        with pytest.raises(InvalidInput) as refused:
            await ask(**fields)

    assert [one.field for one in refused.value.violations] == [field]
