from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf import message_factory
from google.protobuf.json_format import MessageToDict

from chassis.core.errors import InvalidInput, PermissionDenied, Unauthenticated
from chassis.core.subjects import stage_subject
from chassis.io.grpc_client import GrpcClient
from chassis.io.identity import generate_key_pair, mint_token
from chassis.io.jetstream import Bus, Outgoing
from chassis.io.service import running_service
from chassis.io.settings import Secret
from deploy.local.addresses import free_address
from heimdex.metrics.v1 import admin_service_pb2 as admin
from heimdex.metrics.v1 import admin_service_pb2_grpc
from metrics_svc.app import build
from metrics_svc.settings import Settings
from tests.support.eventually import eventually
from tests.support.metrics_samples import run_event, stamp

METHODS = admin.DESCRIPTOR.services_by_name["AdminService"].methods
NEVER_EMPTY = {"AuditMetrics", "GetCost", "SimulateCost", "GetRateCard", "UpdateRateCard", "RenderTable"} | {
    "GetOverview",
    "ListUserStats",
    "GetUserStats",
    "GetWaterfall",
    "StartBackfill",
    "GetBackfill",
    "CancelBackfill",
    "VerifyBackfill",
    "GetCapacity",
    "SimulateCapacity",
    "ListAlerts",
    "ListAlertRules",
    "UpdateAlertRule",
    "SilenceAlertRule",
}
"""Whose answer to an empty request is not empty: test_alert_service, test_cost_service, test_tables,
test_library_service and test_backfill_service ask them."""
RANGED = [method for method in METHODS if "range" in method.input_type.fields_by_name]
KEYS = generate_key_pair()
ADMIN = mint_token(KEYS.private_pem, subject="ada", is_admin=True)
USER = mint_token(KEYS.private_pem, subject="ursula")


@pytest.fixture
async def service(tmp_path, new_database, bus_url):
    key = tmp_path / "public.pem"
    key.write_bytes(KEYS.public_pem)
    settings = Settings(
        nats_url=Secret(bus_url),
        public_key_file=key,
        grpc_address=str(free_address()),
        ops_address=str(free_address()),
        database_url=Secret(await new_database("metrics_svc", "metrics")),
        intake_slots=2,
    )
    async with running_service("metrics_svc", settings, build) as context:
        yield context


@pytest.fixture
async def ask(service):
    client = GrpcClient(service.settings.grpc_address, token="")
    stub = client.stub(admin_service_pb2_grpc.AdminServiceStub)

    async def ask(name, request=None, token=ADMIN):
        kind = message_factory.GetMessageClass(METHODS_BY_NAME[name].input_type)
        return await client.call(getattr(stub, name), request or kind(), timeout_seconds=10, token=token)

    yield ask
    await client.close()


METHODS_BY_NAME = {method.name: method for method in METHODS}


async def test_every_method_refuses_a_user_and_a_stranger_even_when_it_is_not_built(ask):
    """R-AD1-06: user token -> PERMISSION_DENIED; no token -> 401; for every admin RPC."""
    for method in METHODS:
        with pytest.raises(PermissionDenied):
            await ask(method.name, token=USER)
        with pytest.raises(Unauthenticated):
            await ask(method.name, token="not a token")


async def test_every_method_answers_an_administrator_about_an_empty_library(ask):
    """R-AD1-06, R-AD2-07: empty database -> zero counts, no averages, never an error."""
    for method in METHODS:
        if method.name not in NEVER_EMPTY:
            answer = MessageToDict(await ask(method.name), preserving_proto_field_name=True)
            series = answer.pop("series", [])
            days = [*answer.pop("data", []), *(day for one in series for day in one["data"])]
            assert not answer.keys() - {"start_at", "end_at"}
            assert all(set(day) - {"hours_ready"} == {"day"} and not day.get("hours_ready") for day in days)


@pytest.mark.parametrize("text", ["0d", "366d", "abc"])
async def test_every_ranged_method_refuses_a_wrong_range_with_the_field(ask, text):
    """R-AD2-06."""
    for method in RANGED:
        with pytest.raises(InvalidInput) as refused:
            await ask(method.name, message_factory.GetMessageClass(method.input_type)(range=text))
        assert [violation.field for violation in refused.value.violations] == ["range"]


async def test_every_series_refuses_a_bucket_that_is_none_with_the_field(ask):
    """R-AD2-06."""
    series = [method for method in METHODS if "bucket" in method.input_type.fields_by_name]
    for method in series:
        with pytest.raises(InvalidInput) as refused:
            await ask(method.name, message_factory.GetMessageClass(method.input_type)(bucket="hour"))
        assert [violation.field for violation in refused.value.violations] == ["bucket"]

    assert len(series) == 5


async def test_a_reversed_window_is_refused_with_the_field(ask):
    """R-AD2-06."""
    now = datetime.now(UTC)
    with pytest.raises(InvalidInput) as refused:
        await ask(
            "GetProcessingLatency",
            admin.GetProcessingLatencyRequest(start_at=stamp(now), end_at=stamp(now - timedelta(days=1))),
        )

    assert [violation.field for violation in refused.value.violations] == ["end_at"]


async def test_a_run_that_was_published_is_in_the_answers(service, bus_url, ask):
    """R-AD2-01 to 05, R-AD2-10: only events bring numbers in."""
    ended = datetime.now(UTC)
    async with Bus.open(bus_url, name="test") as bus:
        for event in (run_event(1, finished_at=ended), run_event(2, finished_at=ended, failed_in="METADATA")):
            subject = stage_subject("ingest", "stage_event", event.video_id)
            await bus.publish(
                Outgoing(subject, event.SerializeToString(), "heimdex.metrics.v1.StageEvent", event.event_id)
            )

    async def both_are_in():
        return bool((await ask("GetProcessingLatency")).videos_measured and (await ask("ListFailuresByStage")).data)

    await eventually(both_are_in)
    latency, rtf, queue = [
        await ask(name) for name in ("GetProcessingLatency", "GetRtfDistribution", "GetQueueAnalysis")
    ]
    (failure,) = (await ask("ListFailuresByStage")).data
    today = (await ask("ListThroughputV2")).data[-1]

    assert (latency.videos_measured, latency.p50_processing_ms, latency.p99_processing_ms) == (1, 60_000, 60_000)
    assert (latency.avg_queue_ms, latency.avg_total_ms, latency.measured) == (1_000, 61_000, 1)
    assert (rtf.p50_rtf, rtf.avg_video_duration_s) == (0.5, 120)
    assert queue.queue_time_pct + queue.processing_time_pct == 100
    assert (failure.processing_stage, failure.failure_count, failure.failure_pct) == ("metadata", 1, 100)
    assert (today.videos_ready, today.videos_failed, today.avg_processing_s) == (1, 1, 60)


async def test_it_starts_with_nothing_but_its_own_role_and_its_own_user(tmp_path, servers, bus_url):
    """R-AD2-09, R-USR-04: the role that sees only schema metrics, the NATS user that hears only what is its own."""
    async with Bus.open(servers.nats_url("ingest"), name="the owner of the topology", inbox_prefix="_INBOX_ingest"):
        key = tmp_path / "public.pem"
        key.write_bytes(KEYS.public_pem)
        settings = Settings(
            nats_url=Secret(servers.nats_url("metrics")),
            nats_inbox_prefix="_INBOX_metrics",
            public_key_file=key,
            grpc_address=str(free_address()),
            ops_address=str(free_address()),
            database_url=Secret(servers.database_url("metrics")),
        )
        async with running_service("metrics_svc", settings, build) as context:
            assert not await context.health.faults()
