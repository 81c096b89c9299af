"""ExportService behind a real gRPC server, and what knocks on it."""

from dataclasses import dataclass
from typing import Any

import pytest

from chassis.io.grpc_client import GrpcClient
from chassis.io.identity import mint_token
from heimdex.ingest.v1 import export_pb2, export_service_pb2, export_service_pb2_grpc
from ingest_svc.domain.exports.facts import Done
from tests.support.export_lab import Shelves, a_deed, claim, cuttable, nothing
from tests.support.ingest_lab import OWNER
from tests.support.video_door import KEYS, TOKEN

M = export_service_pb2
E = export_pb2
EVE = mint_token(KEYS.private_pem, subject="eve")
SECRET = "secret"


@dataclass
class Door:
    """A client of the running service, and what lies behind it."""

    client: GrpcClient
    shelves: Shelves
    exports: Any
    shelf: Any
    clock: Any

    def __post_init__(self) -> None:
        self.stub = self.client.stub(export_service_pb2_grpc.ExportServiceStub)

    async def __call__(self, method, *, token=TOKEN, **fields: object) -> Any:
        request = getattr(M, f"{method}Request")(**fields)
        return await self.client.call(getattr(self.stub, method), request, timeout_seconds=10, token=token)

    async def create(self, **fields: object) -> Any:
        return (await self("CreateExport", **fields)).export

    async def get(self, export_id, **more: object) -> Any:
        return (await self("GetExport", export=export_id, **more)).export

    async def video(self, name="harbour", **more: object) -> str:
        return await cuttable(self.shelves, name, **more)

    async def finish(self, export_id, publish=nothing, **result: object) -> None:
        export = await claim(self.exports, (await self.shelf.get(OWNER, export_id)).export, at=self.clock.now())
        await self.exports.apply(export_id, Done(export.fence), now=self.clock.now(), deed=a_deed(publish, **result))


async def refusal(call, kind):
    with pytest.raises(kind) as refused:
        await call
    return refused.value
