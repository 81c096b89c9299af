"""What is in the library, whose it is, and where the time of one video went."""

from chassis.io.identity import require_admin
from heimdex.metrics.v1 import admin_service_pb2 as admin
from heimdex.metrics.v1 import storage_pb2, waterfall_pb2
from metrics_svc.codec import library as codec
from metrics_svc.codec.waterfall import encode_waterfall
from metrics_svc.codec.wire import question_of
from metrics_svc.grpc_api.parts import Api, Context
from metrics_svc.handlers import library as handlers

__all__ = ["LibraryApi"]


class LibraryApi(Api):
    """Decode, ask the handler, encode."""

    async def GetOverview(self, _request: admin.GetOverviewRequest, _context: Context) -> admin.OverviewResponse:
        """Answer the key figures."""
        require_admin()
        return codec.encode_overview(await handlers.overview(store=self.parts.library, now=self.parts.clock.now()))

    async def ListUserStats(self, request: admin.ListUserStatsRequest, _context: Context) -> admin.UserListResponse:
        """Answer a page of users."""
        require_admin()
        page = handlers.PageRequest(
            sort=request.sort, page=request.page, page_size=request.page_size, token=request.page_token
        )
        store, now = self.parts.library, self.parts.clock.now()
        return codec.encode_users(await handlers.user_page(question_of(request), page, store=store, now=now))

    async def GetUserStats(self, request: admin.GetUserStatsRequest, _context: Context) -> admin.UserDetailResponse:
        """Answer one user in detail."""
        require_admin()
        store, now = self.parts.library, self.parts.clock.now()
        detail = await handlers.user_detail(question_of(request), request.user_id, store=store, now=now)
        return codec.encode_user(detail)

    async def GetStorage(
        self, request: storage_pb2.GetStorageRequest, _context: Context
    ) -> storage_pb2.GetStorageResponse:
        """Answer bytes by kind and owner."""
        require_admin()
        store, now = self.parts.storage, self.parts.clock.now()
        return codec.encode_storage(await handlers.storage(question_of(request), store=store, now=now))

    async def GetWaterfall(
        self, request: waterfall_pb2.GetWaterfallRequest, _context: Context
    ) -> waterfall_pb2.WaterfallResponse:
        """Answer where every second of a video went."""
        require_admin()
        found = await handlers.waterfall(request.video_id, request.generation, store=self.parts.waterfalls)
        return encode_waterfall(found)
