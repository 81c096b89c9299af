"""The gateway over real sockets: httpx in front, a real gRPC server behind."""

import asyncio
import json

import httpx
import pytest
from grpc_health.v1 import health_pb2

from gateway import message_stream
from gateway.routes import RouteTableError
from tests.support.gateway_lab import build_descriptor_set, serving


async def test_path_query_and_body_reach_the_service_and_its_answer_comes_back(client):
    got = await client.get("/v1/things/a%2Fb?child.sizeBytes=7&strings=x&strings=y")
    put = await client.post("/v1/things", json={"i64": 5, "child": {"sizeBytes": 1}})
    patched = await client.patch("/v1/things/n?i32=1", json={"name": "c"})

    assert got.json() == {"name": "a/b", "child": {"size_bytes": "7"}, "strings": ["x", "y"]}
    assert put.json() == {"i64": "5", "child": {"size_bytes": "1"}}
    assert patched.json() == {"name": "c"}
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-type"] == "application/json"


async def test_another_descriptor_set_is_answered_in_camel_case(lab_set, backend):
    async with serving(lab_set, backend.address) as url, httpx.AsyncClient(base_url=url) as client:
        got = await client.get("/v1/things/a?child.size_bytes=7&odd_name=x")

    assert got.json() == {"name": "a", "child": {"sizeBytes": "7"}, "renamed": "x"}


async def test_who_asks_and_for_how_long_travels_on(client, backend):
    headers = {
        "authorization": "Bearer abc",
        "heimdex-correlation-id": "corr-1",
        "x-request-id": "req-1",
        "grpc-timeout": "5S",
    }
    got = await client.get("/v1/things/a", headers=headers)

    assert {"authorization": "Bearer abc", "heimdex-correlation-id": "corr-1", "x-request-id": "req-1"}.items() <= (
        backend.metadata.items()
    )
    assert 3 < backend.seconds_left < 5.5
    assert (got.headers["heimdex-correlation-id"], got.headers["x-request-id"]) == ("corr-1", "req-1")


async def test_a_missing_correlation_id_is_made_and_a_missing_deadline_is_30_seconds(client, backend):
    got = await client.get("/v1/things/a")

    assert got.headers["heimdex-correlation-id"] == backend.metadata["heimdex-correlation-id"] != ""
    assert 25 < backend.seconds_left < 30.5


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (1, 499),
        (2, 500),
        (3, 400),
        (4, 504),
        (5, 404),
        (6, 409),
        (7, 403),
        (8, 429),
        (9, 400),
        (10, 409),
        (11, 400),
        (12, 501),
        (13, 500),
        (14, 503),
        (15, 500),
        (16, 401),
    ],
)
async def test_an_error_is_a_status_with_its_details(client, code, status):
    got = await client.get(f"/v1/fail/{code}")
    body = got.json()

    assert status == got.status_code
    assert (code, "as asked") == (body["code"], body["message"])
    assert [each["@type"].rpartition(".")[2] for each in body["details"]] == [
        "ErrorInfo",
        "RetryInfo",
        "BadRequest",
        "QuotaFailure",
        "Knows",
    ]
    assert body["details"][2]["field_violations"] == [{"field": "i32", "description": "asked for it"}]
    assert got.headers["retry-after"] == "2"
    assert ("Bearer" if status == 401 else None) == got.headers.get("www-authenticate")


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("GET", "/v1/things/a?bogus=1", b"", "bogus"),
        ("POST", "/v1/things", b'{"child": {"size_bytes": true}}', "child.size_bytes"),
        ("POST", "/v1/things", b'{"nope": 1}', "nope"),
        ("GET", "/v1/things/%zz", b"", "path"),
        ("GET", "/v1/deep/a/x", b"", "i32"),
    ],
)
async def test_a_malformed_request_is_400_with_the_field(client, method, path, body, field):
    got = await client.request(method, path, content=body)

    assert got.status_code == 400
    assert field == got.json()["details"][0]["field_violations"][0]["field"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"[" * 5000, b"\xff", b'{"f": NaN}'])
async def test_malformed_json_is_400_with_a_violation(client, body):
    got = await client.post("/v1/things", content=body)

    assert got.status_code == 400
    assert got.json()["details"][0]["field_violations"][0]["description"]


async def test_no_route_is_404_and_a_wrong_method_405_with_allow(client):
    missing, wrong = await client.get("/v1/nothing"), await client.delete("/v1/things")
    verb = await client.get("/v1/things/a:cancel")

    assert (missing.status_code, missing.json()["code"]) == (404, 5)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert (verb.status_code, verb.headers["allow"]) == (405, "POST")


async def test_a_body_over_the_limit_is_413_whether_its_length_is_known_or_not(client):
    async def pieces():
        for _ in range(80):
            yield b"x" * 65536

    known = await client.post("/v1/things", content=b"x" * (4 * 1024 * 1024 + 1))
    unknown = await client.post("/v1/things", content=pieces())

    assert (known.status_code, unknown.status_code) == (413, 413)


async def test_what_is_not_http_is_answered_as_json(client):
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    writer.write(b"GET /v1/things/a HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 70_000 + b"\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == 3


async def test_a_stream_is_a_line_per_message_flushed_as_it_comes(client, backend):
    async with client.stream("GET", "/v1/things/n:watch?flag=true") as got:
        lines = got.aiter_lines()
        first = await anext(lines)  # the service waits before its second message

        assert got.headers["content-type"] == "application/x-ndjson"
        assert {"flag": False, **json.loads(first)} == {"name": "n", "i32": 1, "flag": False}
        backend.go_on.set()

        assert [json.loads(line)["i32"] async for line in lines] == [2, 3]


async def test_a_stream_is_events_when_asked_for_with_heartbeats_in_silence(client, backend, monkeypatch):
    monkeypatch.setattr(message_stream.SseFrames, "heartbeat_seconds", 0.05)
    async with client.stream("GET", "/v1/things/n:watch?flag=true", headers={"accept": "text/event-stream"}) as got:
        lines = got.aiter_lines()

        assert got.headers["content-type"] == "text/event-stream"
        assert json.loads((await anext(lines)).removeprefix("data: ")) == {"name": "n", "i32": 1}
        assert await anext(lines) == ""
        assert (await anext(lines)).startswith(":")
        backend.go_on.set()

        assert [json.loads(line[6:])["i32"] async for line in lines if line.startswith("data: ")] == [2, 3]


async def test_a_stream_that_breaks_says_so_in_its_last_piece(client):
    lines = (await client.get("/v1/things/n:watch?i64=1")).text.splitlines()
    events = (await client.get("/v1/things/n:watch?i64=1", headers={"accept": "text/event-stream"})).text

    assert json.loads(lines[-1]) == {"error": {"code": 15, "message": "broke after three", "details": []}}
    assert "event: error\ndata: {" in events


async def test_http_body_is_raw_both_ways(client):
    got = await client.post("/v1/raw", content=b"\x00\xff", headers={"content-type": "image/x"})

    assert (got.content, got.headers["content-type"]) == (b"\x00\xff", "image/x")


@pytest.mark.parametrize("body", [b'{"name":"a"}\n\n{"name":"b"}\n', b'[{"name":"a"},\n{"name":"b"}]'])
async def test_a_client_stream_takes_lines_or_a_list(client, body):
    assert (await client.post("/v1/collect", content=body)).json() == {"strings": ["a", "b"]}


async def test_a_bidirectional_stream_answers_while_it_is_asked(client):
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    writer.write(b"POST /v1/chat HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for name in ("a", "b"):
        writer.write(f'd\r\n{{"name":"{name}"}}\n\r\n'.encode())

        assert f'{{"name":"{name}"}}'.encode() in await reader.readuntil(b"}\n")

    writer.write(b"0\r\n\r\n")

    assert b"0\r\n\r\n" in await reader.readuntil(b"\r\n0\r\n\r\n")

    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("path", ["/v1/slow", "/v1/things/n:watch?flag=true"])
async def test_a_client_that_goes_away_cancels_the_call(client, backend, path):
    _, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await asyncio.wait_for(backend.started.wait(), 5)
    writer.close()
    await writer.wait_closed()

    await asyncio.wait_for(backend.cancelled.wait(), 5)


async def test_a_deadline_that_passes_is_504(client):
    assert (await client.get("/v1/slow", headers={"grpc-timeout": "50m"})).status_code == 504


async def test_health_readiness_and_metrics(client, backend):
    assert (await client.get("/healthz")).json() == {"status": "healthy"}
    assert (await client.get("/readyz")).status_code == 200
    await backend.health.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    down = await client.get("/readyz")

    assert (down.status_code, down.json()["reasons"]) == (503, ["backend: NOT_SERVING"])
    await client.get("/v1/things/one")
    await client.get("/v1/things/two")
    text = (await client.get("/metrics")).text

    assert 'heimdex_http_requests_total{route="/v1/things/{name}",method="GET",code_class="2xx"} 2' in text
    assert (await client.get("/openapi.json")).status_code == 501


async def test_a_backend_that_is_down_is_503_and_readiness_names_it(lab_set, unused_tcp_port):
    async with serving(lab_set, f"127.0.0.1:{unused_tcp_port}") as url, httpx.AsyncClient(base_url=url) as client:
        got, ready = await client.get("/v1/things/a"), await client.get("/readyz")

    assert (got.status_code, got.json()["code"]) == (503, 14)
    assert (ready.status_code, ready.json()["reasons"][0].startswith("backend: UNAVAILABLE")) == (503, True)


async def test_ambiguous_routes_refuse_to_start(tmp_path, backend):
    (tmp_path / "two.proto").write_text(
        'syntax = "proto3"; package two; import "google/api/annotations.proto";'
        "message M { string a = 1; string b = 2; }"
        'service S { rpc A(M) returns (M) { option (google.api.http) = {get: "/x/{a}"}; }'
        'rpc B(M) returns (M) { option (google.api.http) = {get: "/x/{b}"}; } }'
    )
    descriptor_set = build_descriptor_set(tmp_path / "two.binpb", tmp_path / "two.proto", root=tmp_path)

    with pytest.raises(RouteTableError, match="match the same paths"):
        async with serving(descriptor_set, backend.address):
            pass
