"""VideoService behind a real gRPC server, and what knocks on it."""

from typing import Any

from chassis.io.identity import generate_key_pair, mint_token
from heimdex.ingest.v1 import video_service_pb2, video_service_pb2_grpc
from tests.support.ingest_lab import OWNER

KEYS = generate_key_pair()
TOKEN = mint_token(KEYS.private_pem, subject=OWNER)
M = video_service_pb2


class Door:
    """A client of the running service."""

    def __init__(self, client, api) -> None:
        self.client, self.api = client, api
        self.stub = client.stub(video_service_pb2_grpc.VideoServiceStub)

    async def __call__(self, method, *, token=TOKEN, **fields: object) -> Any:
        request = getattr(M, f"{method}Request")(**fields)
        return await self.client.call(getattr(self.stub, method), request, timeout_seconds=10, token=token)

    async def upload(self, *messages: Any, **header: object):
        def stream():
            yield M.UploadVideoRequest(header=M.UploadVideoHeader(filename="clip.mp4", **header))
            yield from messages

        return await self.client.call(self.stub.UploadVideo, stream(), timeout_seconds=10, token=TOKEN)


def chunk(content):
    return M.UploadVideoRequest(chunk=content)


FINISH = M.UploadVideoRequest(finish=M.UploadVideoFinish())
