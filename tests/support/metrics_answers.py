"""The answers from sketches, asked without a network: the methods over a database and a stopped clock."""

from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from google.protobuf import message_factory
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from chassis.io.identity import Principal, principal_var
from chassis.io.postgres import Database
from heimdex.metrics.v1 import admin_service_pb2 as admin
from metrics_svc.adapters.answer_store import PostgresAnswerStore
from metrics_svc.grpc_api.answers import AnswersApi
from metrics_svc.grpc_api.timing import TimingApi
from tests.support.metrics_samples import stamp

__all__ = ["METHODS", "AskedAt"]

_METHODS = admin.DESCRIPTOR.services_by_name["AdminService"].methods_by_name
METHODS = tuple(name for name in _METHODS if name in vars(AnswersApi) or name in vars(TimingApi))


class _Api(AnswersApi, TimingApi):
    pass


@dataclass
class AskedAt:
    """Asks as an administrator at a moment; what is kept in memory stays from question to question."""

    database: Database
    now: datetime
    cache_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        self.store = PostgresAnswerStore(self.database, cache_bytes=self.cache_bytes)

    async def message(self, method: str, **fields: Any) -> Message:
        """The answer as a message; times may be given as datetimes, and what is None is not given."""
        given = {name: value for name, value in fields.items() if value is not None}
        values = {name: stamp(value) if isinstance(value, datetime) else value for name, value in given.items()}
        request = message_factory.GetMessageClass(_METHODS[method].input_type)(**values)
        parts: Any = SimpleNamespace(clock=SimpleNamespace(now=lambda: self.now), answers=self.store)
        token = principal_var.set(Principal("ada", is_admin=True, service=""))
        try:
            return await getattr(_Api(parts), method)(request, None)
        finally:
            principal_var.reset(token)

    async def answer(self, method: str, *, with_zeros: bool = True, **fields: Any) -> dict[str, Any]:
        """The answer as JSON values, by the names in the contract."""
        return MessageToDict(
            await self.message(method, **fields),
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=with_zeros,
        )
