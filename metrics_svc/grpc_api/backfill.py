"""Old videos get the one time that can be known of them."""

from chassis.core.errors import NotBuilt
from chassis.io.identity import require_admin
from heimdex.metrics.v1 import backfill_pb2
from metrics_svc.grpc_api.parts import Api, Context

__all__ = ["BackfillApi"]


class BackfillApi(Api):
    """Old videos get the one time that can be known of them."""

    async def StartBackfill(
        self, _request: backfill_pb2.StartBackfillRequest, _context: Context
    ) -> backfill_pb2.Backfill:
        """Start a backfill."""
        require_admin()
        raise NotBuilt

    async def GetBackfill(self, _request: backfill_pb2.GetBackfillRequest, _context: Context) -> backfill_pb2.Backfill:
        """Answer how far it is."""
        require_admin()
        raise NotBuilt

    async def ListBackfills(
        self, _request: backfill_pb2.ListBackfillsRequest, _context: Context
    ) -> backfill_pb2.ListBackfillsResponse:
        """Answer all of them."""
        require_admin()
        raise NotBuilt

    async def VerifyBackfill(
        self, _request: backfill_pb2.VerifyBackfillRequest, _context: Context
    ) -> backfill_pb2.VerifyBackfillResponse:
        """Check what they left."""
        require_admin()
        raise NotBuilt
