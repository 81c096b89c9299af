"""The guard of every gRPC server: no exception text gets out, every call has an identity and a correlation id."""

import asyncio
import contextlib

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.core.errors import BORDERS, FieldViolation, InvalidInput, Overloaded, UpstreamUnavailable
from chassis.io import correlation, metrics
from chassis.io.grpc_client import GrpcClient, caller_token
from chassis.io.grpc_server import serve_grpc
from chassis.io.health import Health
from chassis.io.identity import TokenVerifier, current_principal, generate_key_pair, mint_token

KEYS = generate_key_pair()
TOKEN = mint_token(KEYS.private_pem, subject="ada")
SECRET = "postgresql://user:hunter2@host"
KINDS = ("UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream")
SIDES = {"UnaryUnary": "unary_unary", "UnaryStream": "unary_stream", "StreamUnary": "stream_unary"}


class Lab:
    """One method of each kind; `raises` is what each of them raises."""

    def __init__(self) -> None:
        self.raises = None
        self.seen = []
        self.cancelled = asyncio.Event()

    async def single(self, _request, context):
        self.seen.append((correlation.current(), current_principal().user_id, caller_token(context)))
        if self.raises is not None:
            raise self.raises
        return StringValue(value="ok")

    async def many(self, request, context):
        yield StringValue(value="first")
        try:
            yield await self.single(request, context)
            if getattr(request, "value", "") == "wait":
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    def register(self, server):
        kinds = {}
        for kind in KINDS:
            side = SIDES.get(kind, "stream_stream")
            make = getattr(grpc, f"{side}_rpc_method_handler")
            behaviour = self.many if kind.endswith("Stream") else self.single
            kinds[kind] = make(behaviour, StringValue.FromString, StringValue.SerializeToString)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("lab.Lab", kinds),))
        return ("lab.Lab",)


@pytest.fixture
async def lab():
    lab, lab.health = Lab(), Health()
    verifier = TokenVerifier(KEYS.public_pem)
    async with (
        serve_grpc(
            "127.0.0.1:0", verifier=verifier, health=lab.health, register=lab.register, grace_seconds=0.1
        ) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        lab.address, lab.channel = f"127.0.0.1:{port}", channel
        yield lab


def method(lab, kind):
    make = getattr(lab.channel, SIDES.get(kind, "stream_stream"))
    return make(f"/lab.Lab/{kind}", StringValue.SerializeToString, StringValue.FromString)


async def call(lab, kind, *, token=TOKEN, correlation_id="quote-me"):
    """Call a method of any kind and return its answers, or raise what the client sees."""
    metadata = [(correlation.METADATA_KEY, correlation_id)]
    if token is not None:
        metadata.append(("authorization", f"Bearer {token}"))
    request = iter([StringValue(value="x")]) if kind.startswith("Stream") else StringValue(value="x")
    running = method(lab, kind)(request, metadata=metadata, timeout=10)
    if kind.endswith("Stream"):
        return [one.value async for one in running]
    return [(await running).value]


def details(error):
    status = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    found = {}
    for packed in status.details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo):
            message = kind()
            if packed.Unpack(message):
                found[kind.__name__] = message
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_runs_in_the_name_of_its_caller_under_its_correlation_id(lab, kind):
    """R-USR-01, R-OPS-02."""
    assert (await call(lab, kind))[-1] == "ok"
    assert lab.seen == [("quote-me", "ada", TOKEN)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [ValueError(SECRET), KeyError(SECRET), ExceptionGroup(SECRET, [OSError(SECRET)])])
async def test_the_text_of_a_bug_never_gets_out_and_its_correlation_id_does(lab, kind, error):
    """R-OPS-09, R-OPS-02."""
    lab.raises = error
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(lab, kind)
    seen = f"{refused.value.details()} {refused.value.debug_error_string()} {refused.value.trailing_metadata()}"
    info = details(refused.value)["ErrorInfo"]

    assert refused.value.code() is grpc.StatusCode.INTERNAL
    assert "hunter2" not in seen
    assert type(error).__name__ not in seen
    assert "quote-me" in refused.value.details()
    assert (info.reason, info.domain, info.metadata["correlation_id"]) == ("INTERNAL", "heimdex", "quote-me")


@pytest.mark.parametrize("cls", list(BORDERS), ids=lambda one: one.__name__)
async def test_every_error_of_ours_has_its_code_and_its_reason_outside(lab, cls):
    """R-OPS-09."""
    lab.raises = cls("what went wrong", metadata={"a": "b"})
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(lab, "UnaryUnary")
    info = details(refused.value)["ErrorInfo"]

    assert refused.value.code().name == BORDERS[cls].grpc_code
    assert refused.value.details() == "what went wrong"
    assert (info.reason, info.domain, dict(info.metadata)) == (cls.default_reason, "heimdex", {"a": "b"})


async def test_wrong_fields_and_times_to_wait_are_details(lab):
    """R-OPS-09, R-EXP-04, R-AD2-06."""
    lab.raises = InvalidInput("x", violations=(FieldViolation("a.b", "must be"),))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(lab, "StreamUnary")
    (violation,) = details(refused.value)["BadRequest"].field_violations
    lab.raises = Overloaded("y", retry_after_seconds=1.25)
    with pytest.raises(grpc.aio.AioRpcError) as full:
        await call(lab, "UnaryStream")

    assert (violation.field, violation.description) == ("a.b", "must be")
    assert details(full.value)["RetryInfo"].retry_delay.ToMilliseconds() == 1_250


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("token", [None, "", "garbage", mint_token(KEYS.private_pem, subject="a", ttl_seconds=-60)])
async def test_nobody_gets_in_without_a_good_token(lab, kind, token):
    """R-USR-01: a service called directly without identity."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(lab, kind, token=token)

    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert details(refused.value)["ErrorInfo"].reason in {"TOKEN_REQUIRED", "TOKEN_INVALID", "TOKEN_EXPIRED"}
    assert lab.seen == []


async def test_an_identity_does_not_stay_for_the_next_call(lab):
    """R-USR-01."""
    eve = mint_token(KEYS.private_pem, subject="eve")
    async with asyncio.TaskGroup() as tasks:
        for number in range(40):
            tasks.create_task(call(lab, KINDS[number % 4], token=eve if number % 2 else TOKEN))

    assert {(user, token) for _, user, token in lab.seen} == {("ada", TOKEN), ("eve", eve)}


async def test_a_client_of_ours_carries_its_correlation_and_gets_our_errors_back(lab):
    """R-OPS-02, R-OPS-09."""
    client = GrpcClient(lab.address, token=TOKEN)
    stub = client._channel.unary_unary("/lab.Lab/UnaryUnary", StringValue.SerializeToString, StringValue.FromString)
    many = client._channel.unary_stream("/lab.Lab/UnaryStream", StringValue.SerializeToString, StringValue.FromString)
    with correlation.bound_to("from-above"):
        await client.call(stub, StringValue(), timeout_seconds=5)
    lab.raises = Overloaded("full", reason="TOO_MANY", retry_after_seconds=7)
    with pytest.raises(Overloaded) as refused:
        await client.call(stub, StringValue(), timeout_seconds=5)
    with pytest.raises(Overloaded):
        _ = [one async for one in client.stream(many, StringValue(), timeout_seconds=5)]
    await client.close()

    assert lab.seen[0][0] == "from-above"
    assert (refused.value.reason, refused.value.retry_after_seconds) == ("TOO_MANY", 7)


async def test_a_service_that_is_not_there_is_unavailable():
    client = GrpcClient("127.0.0.1:1", token=TOKEN)
    stub = client._channel.unary_unary("/lab.Lab/UnaryUnary", StringValue.SerializeToString, StringValue.FromString)
    with pytest.raises(UpstreamUnavailable):
        await client.call(stub, StringValue(), timeout_seconds=5)
    await client.close()


async def test_a_client_that_goes_away_cancels_its_stream_and_is_counted_so(lab):
    def counted():
        labels = {"method": "/lab.Lab/UnaryStream", "code": "CANCELLED"}
        return metrics.REGISTRY.get_sample_value("heimdex_rpc_duration_seconds_count", labels) or 0

    before = counted()
    running = method(lab, "UnaryStream")(
        StringValue(value="wait"), metadata=[("authorization", f"Bearer {TOKEN}")], timeout=20
    )
    await running.read()
    await running.read()
    running.cancel()
    async with asyncio.timeout(10):
        await lab.cancelled.wait()
    with contextlib.suppress(asyncio.CancelledError):
        await running.read()
    for _ in range(100):
        await asyncio.sleep(0)

    assert counted() == before + 1


async def test_health_tells_the_live_state_to_anybody(lab):
    """R-OPS-01: starting, ready, a fault, stopping; without a token."""
    stub = health_pb2_grpc.HealthStub(lab.channel)

    async def serving():
        answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
        return answer.status == health_pb2.HealthCheckResponse.SERVING

    assert not await serving()
    lab.health.mark_started()
    assert await serving()

    async def broken():
        raise UpstreamUnavailable("NATS is not connected")

    lab.health.register("nats", broken)
    assert not await serving()
    assert await lab.health.faults() == {"nats": "NATS is not connected"}
    lab.health.mark_stopping()
    assert await lab.health.faults() == {"service": "is stopping"}
