"""Videos, users, bytes and runs for tests of metrics_svc: events as messages, and the answers at a fixed time."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from chassis.io.identity import Principal, principal_var
from chassis.io.postgres import Database
from heimdex.common.v1 import stage_pb2
from heimdex.ingest.v1 import video_pb2
from heimdex.metrics.v1 import storage_measured_pb2, video_changed_pb2
from metrics_svc.adapters.event_store import PostgresEventStore
from metrics_svc.adapters.library_store import PostgresLibraryStore
from metrics_svc.adapters.storage_store import PostgresStorageStore
from metrics_svc.adapters.waterfall_store import PostgresWaterfallStore
from metrics_svc.codec.events import DECODERS
from metrics_svc.codec.library import LIBRARY_DECODERS
from metrics_svc.domain.events.samples import OperationSample, SearchSample, StageSample, VideoRun
from metrics_svc.domain.library.library import VideoChange
from metrics_svc.domain.library.storage import Store, StoredMeasurement
from metrics_svc.grpc_api.library import LibraryApi
from metrics_svc.intake import Intake
from tests.support.metrics_samples import MINUTE_NS, NOW, stamp

__all__ = ["LibraryLab", "samples", "store_scanned", "stored", "video_changed"]

_ALL = {**DECODERS, **LIBRARY_DECODERS}


def video_changed(number: object, state: str = "READY", **changes: object) -> video_changed_pb2.VideoChanged:
    """A video of two minutes, uploaded an hour before."""
    values: dict[str, object] = {
        "video_id": f"v{number}",
        "owner_id": "owner",
        "sequence": 10,
        "filename": f"clip {number}.mp4",
        "state": video_pb2.VideoState.Value(f"VIDEO_STATE_{state}"),
        "stage": stage_pb2.STAGE_FINALIZING,
        "generation": 1,
        "duration_ns": 2 * MINUTE_NS,
        "size_bytes": 1_000,
        "created_at": stamp(NOW - timedelta(hours=1)),
        "updated_at": stamp(NOW),
    }
    given = {name: value for name, value in {**values, **changes}.items() if value is not None}
    return video_changed_pb2.VideoChanged(**given)  # type: ignore[arg-type]


def stored(video: str, owner: str = "owner", *, at: Any = NOW, **kinds: int) -> storage_measured_pb2.StorageMeasured:
    """Bytes of some kinds."""
    return storage_measured_pb2.StorageMeasured(
        video_id=video,
        owner_id=owner,
        measured_at=stamp(at),
        stored=[storage_measured_pb2.StoredBytes(kind=kind, bytes=size) for kind, size in kinds.items()],
    )


def store_scanned(store: str = "objects", *, at: Any = NOW, **disk: int) -> storage_measured_pb2.StoreScanned:
    """A scan of a whole store."""
    return storage_measured_pb2.StoreScanned(store=store, scanned_at=stamp(at), **disk)


def samples(*events: Message, now: Any = NOW) -> list[Any]:
    """What the stores are given for events of any kinds."""
    return [_ALL[event.DESCRIPTOR.full_name](event.SerializeToString(), now) for event in events]


class LibraryLab:
    """The stores on one database, the intake in front of them, and the RPCs at a time that stands still."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.at = NOW
        self.library = PostgresLibraryStore(database)
        self.storage = PostgresStorageStore(database)
        events = dict.fromkeys((StageSample, VideoRun, SearchSample, OperationSample), PostgresEventStore(database))
        self.intake = Intake(
            {**events, VideoChange: self.library, StoredMeasurement: self.storage, Store: self.storage}
        )
        parts = SimpleNamespace(
            clock=self, library=self.library, storage=self.storage, waterfalls=PostgresWaterfallStore(database)
        )
        self.api = LibraryApi(parts)  # type: ignore[arg-type]  # the other parts are not of this group of methods

    def now(self) -> Any:
        """The present, as the answers see it."""
        return self.at

    async def take(self, *events: Message) -> int:
        """Take events in, as they come from the stream."""
        return await self.intake.add(samples(*events, now=self.at))

    async def ask(self, name: str, request: Message) -> Any:
        """Ask as an administrator."""
        with _admin():
            return await getattr(self.api, name)(request, None)

    async def json(self, name: str, request: Message) -> Any:
        """Ask, and return what the gateway prints."""
        return MessageToDict(
            await self.ask(name, request),
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )


@contextmanager
def _admin() -> Iterator[None]:
    token = principal_var.set(Principal("ada", is_admin=True, service=""))
    try:
        yield
    finally:
        principal_var.reset(token)
