"""Answers as files."""

from google.api import httpbody_pb2

from chassis.core.errors import NotBuilt
from chassis.io.identity import require_admin
from heimdex.common.v1 import table_pb2
from metrics_svc.grpc_api.parts import Api, Context

__all__ = ["TablesApi"]


class TablesApi(Api):
    """Answers as files."""

    async def RenderTable(self, _request: table_pb2.RenderTableRequest, _context: Context) -> httpbody_pb2.HttpBody:
        """Answer a table as CSV or XLSX."""
        require_admin()
        raise NotBuilt
