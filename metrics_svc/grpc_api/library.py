"""What is in the library, whose it is, and where the time of one video went."""

from chassis.core.errors import NotBuilt
from chassis.io.identity import require_admin
from heimdex.metrics.v1 import admin_service_pb2 as admin
from heimdex.metrics.v1 import storage_pb2, waterfall_pb2
from metrics_svc.grpc_api.parts import Api, Context

__all__ = ["LibraryApi"]


class LibraryApi(Api):
    """What is in the library, whose it is, and where the time of one video went."""

    async def GetOverview(self, _request: admin.GetOverviewRequest, _context: Context) -> admin.OverviewResponse:
        """Answer the key figures."""
        require_admin()
        raise NotBuilt

    async def ListUserStats(self, _request: admin.ListUserStatsRequest, _context: Context) -> admin.UserListResponse:
        """Answer a page of users."""
        require_admin()
        raise NotBuilt

    async def GetUserStats(self, _request: admin.GetUserStatsRequest, _context: Context) -> admin.UserDetailResponse:
        """Answer one user in detail."""
        require_admin()
        raise NotBuilt

    async def GetStorage(
        self, _request: storage_pb2.GetStorageRequest, _context: Context
    ) -> storage_pb2.GetStorageResponse:
        """Answer bytes by kind and owner."""
        require_admin()
        raise NotBuilt

    async def GetWaterfall(
        self, _request: waterfall_pb2.GetWaterfallRequest, _context: Context
    ) -> waterfall_pb2.WaterfallResponse:
        """Answer where every second of a video went."""
        require_admin()
        raise NotBuilt
