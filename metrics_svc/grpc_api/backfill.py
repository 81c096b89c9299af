"""Old videos get the one time that can be known of them."""

import secrets

from chassis.io.identity import require_admin
from heimdex.metrics.v1 import backfill_pb2
from metrics_svc.codec import backfill as codec
from metrics_svc.domain.alerts.pages import read_number
from metrics_svc.grpc_api.parts import Api, Context
from metrics_svc.handlers import backfill as handlers

__all__ = ["BackfillApi"]


class BackfillApi(Api):
    """Old videos get the one time that can be known of them."""

    async def StartBackfill(
        self, request: backfill_pb2.StartBackfillRequest, _context: Context
    ) -> backfill_pb2.Backfill:
        """Start a backfill."""
        administrator, parts = require_admin(), self.parts.backfills
        started = await handlers.start_backfill(
            request_id=request.request_id,
            fresh_id=secrets.token_hex(16),
            dry_run=request.dry_run,
            by=administrator.user_id,
            now=self.parts.clock.now(),
            store=parts.store,
            ends=parts.ends,
        )
        parts.wake()
        return codec.encode_backfill(started)

    async def GetBackfill(self, request: backfill_pb2.GetBackfillRequest, _context: Context) -> backfill_pb2.Backfill:
        """Answer how far it is."""
        require_admin()
        found = await handlers.get_backfill(request.backfill_id, store=self.parts.backfills.store)
        return codec.encode_backfill(found)

    async def ListBackfills(
        self, request: backfill_pb2.ListBackfillsRequest, _context: Context
    ) -> backfill_pb2.ListBackfillsResponse:
        """Answer all of them."""
        require_admin()
        page, next_before = await handlers.list_backfills(
            page_size=request.page_size,
            before=read_number(request.page_token),
            store=self.parts.backfills.store,
        )
        return codec.encode_backfills(page, next_before)

    async def CancelBackfill(
        self, request: backfill_pb2.CancelBackfillRequest, _context: Context
    ) -> backfill_pb2.Backfill:
        """End it before it is done."""
        administrator = require_admin()
        ended = await handlers.cancel_backfill(
            request.backfill_id,
            by=administrator.user_id,
            now=self.parts.clock.now(),
            store=self.parts.backfills.store,
        )
        return codec.encode_backfill(ended)

    async def VerifyBackfill(
        self, request: backfill_pb2.VerifyBackfillRequest, _context: Context
    ) -> backfill_pb2.VerifyBackfillResponse:
        """Check what they left."""
        require_admin()
        parts = self.parts.backfills
        found = await handlers.verify_backfill(
            page_token=request.page_token,
            keep_days=parts.keep_days,
            now=self.parts.clock.now(),
            store=parts.store,
            ends=parts.ends,
        )
        return codec.encode_verification(found)
