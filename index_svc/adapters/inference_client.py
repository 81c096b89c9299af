"""inference_svc as index_svc sees it: a query becomes a vector."""

import asyncio
from collections import OrderedDict

import numpy as np

from chassis.core.errors import NotReady
from chassis.core.ids import derived_id
from chassis.io.grpc_client import GrpcClient
from heimdex.inference.v1 import inference_service_pb2, inference_service_pb2_grpc
from index_svc.domain.moment import VectorField
from index_svc.ports import EncodedText

__all__ = ["InferenceTextEncoder"]

_TIMEOUT_SECONDS = 5.0
_REMEMBERED = 2_048


class InferenceTextEncoder:
    """TextEncoder over InferenceService.EmbedText; the same query is not embedded twice in a row."""

    def __init__(self, client: GrpcClient) -> None:
        self._client = client
        self._stub = client.stub(inference_service_pb2_grpc.InferenceServiceStub)
        self._known: OrderedDict[str, EncodedText] = OrderedDict()
        self._asking: dict[str, asyncio.Lock] = {}

    async def encode(self, text: str, field: VectorField) -> EncodedText:
        """Return the vector of a text; see TextEncoder."""
        if field is VectorField.IMAGE:
            raise NotReady("no model here puts texts and pictures into one space", reason="MODEL_UNAVAILABLE")
        known = self._known.get(text)
        if known is not None:
            self._known.move_to_end(text)
            return known
        # The searches of one query ask at the same moment; the first embeds, the others wait for it.
        async with self._asking.setdefault(text, asyncio.Lock()):
            try:
                return self._known.get(text) or await self._ask(text)
            finally:
                self._asking.pop(text, None)

    async def _ask(self, text: str) -> EncodedText:
        request = inference_service_pb2.EmbedTextRequest(texts=[text])
        answer = await self._client.call(self._stub.EmbedText, request, timeout_seconds=_TIMEOUT_SECONDS)
        vector = np.frombuffer(answer.vectors[0].values_f32, "<f4")
        encoded = EncodedText(vector, derived_id("r", answer.recipe))
        self._known[text] = encoded
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return encoded
