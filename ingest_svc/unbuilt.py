"""Services of the contract that later versions build: they say so."""

from typing import Any

from chassis.core.errors import NotBuilt
from heimdex.ingest.v1 import people_service_pb2_grpc

__all__ = ["PeopleApi"]


class PeopleApi(people_service_pb2_grpc.PeopleServiceServicer):
    """People; a later issue builds them."""

    async def ListPeople(self, request: Any, context: Any) -> Any:
        """Not built."""
        raise NotBuilt

    UpdatePerson = ListPeople
    MergePeople = ListPeople
    SplitPerson = ListPeople
