"""Services of the contract that later versions build: they say so."""

from collections.abc import AsyncIterator
from typing import Any

from chassis.core.errors import NotBuilt
from heimdex.ingest.v1 import export_service_pb2_grpc, people_service_pb2_grpc

__all__ = ["ExportApi", "PeopleApi"]


class ExportApi(export_service_pb2_grpc.ExportServiceServicer):
    """Shorts; a later issue builds them."""

    async def CreateExport(self, request: Any, context: Any) -> Any:
        """Not built."""
        raise NotBuilt

    GetExport = CreateExport
    ListExports = CreateExport
    CancelExport = CreateExport
    RetryExport = CreateExport
    DeleteExport = CreateExport
    DownloadCaptions = CreateExport
    GetExportQuota = CreateExport
    ProposeShorts = CreateExport

    async def WatchExport(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """Not built."""
        raise NotBuilt
        yield


class PeopleApi(people_service_pb2_grpc.PeopleServiceServicer):
    """People; a later issue builds them."""

    async def ListPeople(self, request: Any, context: Any) -> Any:
        """Not built."""
        raise NotBuilt

    UpdatePerson = ListPeople
    MergePeople = ListPeople
    SplitPerson = ListPeople
