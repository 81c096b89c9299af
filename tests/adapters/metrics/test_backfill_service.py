"""Backfills over gRPC: metrics_svc as it is, and ingest_svc's half with its own database, its relay and the broker."""

from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest

from chassis.core.clock import SystemClock
from chassis.core.errors import InvalidInput, NotFound, NotReady, UpstreamUnavailable
from chassis.io.concurrently import beside
from chassis.io.grpc_client import GrpcClient
from chassis.io.grpc_server import serve_grpc
from chassis.io.health import Health
from chassis.io.identity import TokenVerifier, generate_key_pair, mint_token
from chassis.io.jetstream import Bus
from chassis.io.postgres import Database
from chassis.io.service import running_service
from chassis.io.settings import Secret
from deploy.local.addresses import free_address
from heimdex.ingest.v1 import maintenance_service_pb2_grpc
from heimdex.metrics.v1 import admin_service_pb2 as admin
from heimdex.metrics.v1 import admin_service_pb2_grpc
from heimdex.metrics.v1 import backfill_pb2 as api
from ingest_svc.adapters.backfill_store import BackfillStore
from ingest_svc.adapters.progress_store import ProgressStore
from ingest_svc.maintenance import MaintenanceApi
from ingest_svc.relay import OutboxRelay
from ingest_svc.work_codec import encode_outgoing
from metrics_svc.app import build
from metrics_svc.settings import Settings
from tests.support.backfill_lab import fingerprint, old_videos
from tests.support.eventually import eventually

KEYS = generate_key_pair()
ADMIN = mint_token(KEYS.private_pem, subject="root", is_admin=True)
SERVICE = mint_token(KEYS.private_pem, subject="metrics_svc", service="metrics_svc")
YESTERDAY = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture
async def library(new_database, bus_url):
    """The database of ingest_svc, whose outbox is sent."""
    url = await new_database("ingest_svc", "ingest")
    async with (
        Database.open(url) as database,
        Bus.open(bus_url, name="relay", corrects_topology=True) as bus,
        beside(OutboxRelay(ProgressStore(database, encode_outgoing), bus, SystemClock()).run()),
    ):
        yield database


@pytest.fixture
async def ingest(library):
    """The port where ingest_svc's half answers."""
    servicer = MaintenanceApi(BackfillStore(library), SystemClock())

    def register(server):
        maintenance_service_pb2_grpc.add_MaintenanceServiceServicer_to_server(servicer, server)
        return ("heimdex.ingest.v1.MaintenanceService",)

    verifier = TokenVerifier(KEYS.public_pem)
    async with serve_grpc("127.0.0.1:0", verifier=verifier, health=Health(), register=register) as port:
        yield port


@pytest.fixture
async def start(tmp_path, new_database, bus_url):
    """Run metrics_svc and return how to ask it; `ingest_address` and `service_token` as given."""
    database_url = await new_database("metrics_svc", "metrics")

    def start(**changes: object):
        key = tmp_path / "public.pem"
        key.write_bytes(KEYS.public_pem)
        values = {
            "nats_url": Secret(bus_url),
            "public_key_file": key,
            "grpc_address": str(free_address()),
            "ops_address": str(free_address()),
            "database_url": Secret(database_url),
            "service_token": Secret(SERVICE),
            **changes,
        }
        return running_service("metrics_svc", Settings(**values), build)

    return start


class Ask:
    """AdminService as an administrator."""

    def __init__(self, context) -> None:
        self._client = GrpcClient(context.settings.grpc_address, token=ADMIN)
        self._stub = self._client.stub(admin_service_pb2_grpc.AdminServiceStub)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def __call__(self, request) -> Any:
        name = type(request).__name__.removesuffix("Request")
        return await self._client.call(getattr(self._stub, name), request, timeout_seconds=20)

    async def done(self, backfill):
        async def look():
            found = await self(api.GetBackfillRequest(backfill_id=backfill.backfill_id))
            assert found.state != "running", found
            return found

        return await eventually(look, within_seconds=30)

    async def verified(self):
        """Wait until every end has been counted, and return what the check says then."""

        async def look():
            found = await self(api.VerifyBackfillRequest())
            assert "RUN_NOT_COUNTED" not in {one.problem for one in found.problems}, found
            return found

        return await eventually(look, within_seconds=20)


@pytest.fixture
async def ask(start, ingest):
    async with start(ingest_address=f"127.0.0.1:{ingest}") as context, Ask(context) as ask:
        yield ask


def counts(backfill):
    return backfill.examined, backfill.changed, backfill.fine, backfill.unfinished, backfill.failed


async def seed(library):
    """More old videos than one page has, a new one, one that runs, one that can not be helped."""
    await old_videos(library, *(f"v_{number:03d}" for number in range(230)), updated_at=YESTERDAY)
    await old_videos(library, "w_failed", state="failed", error_reason="TIMEOUT", updated_at=YESTERDAY)
    await old_videos(library, "w_new", started_at=YESTERDAY, finished_at=YESTERDAY)
    await old_videos(library, "w_runs", state="processing")
    await old_videos(library, "w_started", started_at=YESTERDAY)


async def test_a_dry_run_then_the_real_one_then_nothing_is_left_to_do(ask, library):
    """R-BKF-01 to 04, R-BKF-08: the same counts; the library untouched by the first; every end counted once."""
    await seed(library)
    before = await fingerprint(library, "ingest")
    dry = await ask.done(await ask(api.StartBackfillRequest(dry_run=True)))

    assert await fingerprint(library, "ingest") == before
    real = await ask.done(await ask(api.StartBackfillRequest()))
    again = await ask.done(await ask(api.StartBackfillRequest()))
    assert counts(dry) == counts(real) == (234, 231, 1, 1, 1)
    assert counts(again) == (234, 0, 232, 1, 1)
    assert (dry.videos_total, dry.progress_pct, dry.state, dry.dry_run) == (234, 100, "done", True)
    assert [one.video_id for one in dry.preview] == [f"v_{number:03d}" for number in range(100)]
    assert list(dry.preview) == list(real.preview)
    assert dry.preview[0].finished_at.ToDatetime(tzinfo=UTC) == YESTERDAY
    assert [(one.video_id, one.trouble) for one in real.failures] == [("w_started", "LENGTH_WOULD_BE_INVENTED")]
    assert "Reprocess" in real.failures[0].sentence

    checked = await ask.verified()
    assert (checked.videos_examined, checked.videos_backfilled, checked.runs_forgotten) == (234, 231, 0)
    assert [(one.video_id, one.problem) for one in checked.problems] == [("w_started", "LENGTH_WOULD_BE_INVENTED")]
    assert checked.problems_total == 1


async def test_backfilled_runs_are_counted_by_day_as_approximate_and_have_no_lengths(ask, library):
    """R-BKF-02, R-AD2-11: approximate where they are counted, missing where a length is asked for."""
    await seed(library)
    await ask.done(await ask(api.StartBackfillRequest()))
    await ask.verified()
    days = (await ask(admin.ListThroughputRequest(range="2d"))).data
    throughput = await ask(admin.ListThroughputRequest(range="2d"))
    latency = await ask(admin.GetProcessingLatencyRequest(range="2d"))
    rtf = await ask(admin.GetRtfDistributionRequest(range="2d"))

    assert [day.videos_ready for day in days] == [230, 0]
    assert (throughput.measured, throughput.approximate) == (0, 230)
    assert (latency.videos_measured, latency.measured, latency.missing) == (0, 0, 230)
    assert not latency.HasField("p50_processing_ms")
    assert not rtf.HasField("avg_rtf")


async def test_a_check_names_runs_that_are_not_counted_as_they_should_be(ask, library, start):
    """R-BKF-08."""
    await old_videos(library, "v_a", "v_b", updated_at=YESTERDAY)
    before = await ask(api.VerifyBackfillRequest())
    assert [(one.video_id, one.problem) for one in before.problems] == [("v_a", "NO_END"), ("v_b", "NO_END")]
    assert "heimdex backfill timing" in before.problems[0].sentence
    await ask.done(await ask(api.StartBackfillRequest()))
    assert (await ask.verified()).problems_total == 0

    async with library.connection() as connection:
        await connection.execute(
            "UPDATE ingest.videos SET processing_finished_at = processing_finished_at - interval '1 s' WHERE id = 'v_a'"
        )
        await connection.execute("UPDATE ingest.videos SET generation = 2 WHERE id = 'v_b'")
    after = await ask(api.VerifyBackfillRequest())

    assert [(one.video_id, one.problem) for one in after.problems] == [
        ("v_a", "RUN_OTHER_END"),
        ("v_b", "RUN_NOT_COUNTED"),
    ]


async def test_runs_older_than_the_events_that_are_kept_are_no_problem(ask, library):
    """R-BKF-08: metrics_svc forgets events after 400 days; the rows of the library stay right."""
    await old_videos(library, "v_a", updated_at=datetime.now(UTC) - timedelta(days=900))
    await ask.done(await ask(api.StartBackfillRequest()))
    found = await ask(api.VerifyBackfillRequest())

    assert (found.videos_backfilled, found.runs_forgotten, found.problems_total) == (1, 1, 0)


async def test_the_same_request_is_the_same_backfill_and_another_kind_is_refused(ask, library):
    """R-BKF-04."""
    first = await ask.done(await ask(api.StartBackfillRequest(request_id="mine", dry_run=True)))
    second = await ask(api.StartBackfillRequest(request_id="mine", dry_run=True))

    assert (second.backfill_id, second.state, second.request_id) == (first.backfill_id, "done", "mine")
    with pytest.raises(InvalidInput) as refused:
        await ask(api.StartBackfillRequest(request_id="mine"))
    assert [one.field for one in refused.value.violations] == ["request_id"]


async def test_backfills_are_listed_newest_first_in_pages_and_one_can_be_cancelled_for_good(ask, library):
    for name in "abc":
        await ask.done(await ask(api.StartBackfillRequest(request_id=name)))
    first = await ask(api.ListBackfillsRequest(page_size=2))
    second = await ask(api.ListBackfillsRequest(page_size=2, page_token=first.next_page_token))

    assert [one.request_id for one in (*first.backfills, *second.backfills)] == ["c", "b", "a"]
    assert second.next_page_token == ""
    over = await ask(api.CancelBackfillRequest(backfill_id=first.backfills[0].backfill_id))
    assert over.state == "done"  # it was faster


async def test_without_ingest_svc_nothing_starts_and_the_sentence_says_what_to_do(start, library):
    """R-BKF-06."""
    for address, error, word in (
        (str(free_address()), UpstreamUnavailable, "heimdex doctor"),
        ("", NotReady, "HEIMDEX_INGEST_ADDR"),
    ):
        async with start(ingest_address=address) as context, Ask(context) as ask:
            for request in (api.StartBackfillRequest(), api.VerifyBackfillRequest()):
                with pytest.raises(error, match=word):
                    await ask(request)
            assert not (await ask(api.ListBackfillsRequest())).backfills


async def test_without_a_service_token_the_sentence_names_it(start, ingest):
    """R-USR-04, R-BKF-06."""
    settings = {"ingest_address": f"127.0.0.1:{ingest}", "service_token": Secret("")}
    async with start(**settings) as context, Ask(context) as ask:
        with pytest.raises(NotReady, match="HEIMDEX_SERVICE_TOKEN"):
            await ask(api.StartBackfillRequest())


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (api.StartBackfillRequest(request_id="x" * 129), InvalidInput),
        (api.StartBackfillRequest(request_id="\0"), InvalidInput),
        (api.GetBackfillRequest(backfill_id="\0"), NotFound),
        (api.GetBackfillRequest(), NotFound),
        (api.CancelBackfillRequest(backfill_id="bf_none"), NotFound),
        (api.ListBackfillsRequest(page_size=501), InvalidInput),
        (api.ListBackfillsRequest(page_size=-1), InvalidInput),
        (api.ListBackfillsRequest(page_token="!"), InvalidInput),
        (api.VerifyBackfillRequest(page_token="!"), InvalidInput),
    ],
)
async def test_bad_input_is_refused(ask, request_, error):
    with pytest.raises(error):
        await ask(request_)
