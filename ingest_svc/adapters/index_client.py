"""index_svc as ingest_svc sees it."""

from chassis.io.grpc_client import GrpcClient
from heimdex.index.v1 import index_service_pb2, index_service_pb2_grpc

__all__ = ["IndexClient"]

_TIMEOUT_SECONDS = 3.0


class IndexClient:
    """Asks the index to forget."""

    def __init__(self, client: GrpcClient) -> None:
        self._client = client
        self._stub = client.stub(index_service_pb2_grpc.IndexServiceStub)

    async def forget_video(self, owner_id: str, video_id: str) -> None:
        """Make a video unfindable.

        Raises:
            HeimdexError: the index does not answer or refused.
        """
        request = index_service_pb2.ForgetVideoRequest(video_id=video_id, owner_id=owner_id)
        await self._client.call(self._stub.ForgetVideo, request, timeout_seconds=_TIMEOUT_SECONDS)
