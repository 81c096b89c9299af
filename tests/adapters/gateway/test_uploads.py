"""POST /v1/uploads against the contract's own UploadVideo, over real sockets."""

import asyncio
import os
import signal
import sys
from base64 import b64encode

import grpc
import httpx
import psutil
import pytest

from tests.support.gateway_lab import ROOT

MIB = 1 << 20


async def test_a_raw_body_becomes_a_client_stream(uploader, ingest):
    body = os.urandom(3 * MIB + 17)
    got = await uploader.post(
        "/v1/uploads?filename=a%20b.mp4&title=T&description=D&sha256=ab",
        content=body,
        headers={"content-type": "video/mp4", "authorization": "Bearer x"},
    )

    assert (got.status_code, got.headers["location"]) == (201, "/v1/videos/v%201")
    assert {"id": "v 1", "size_bytes": str(len(body))} == got.json()
    assert {
        "filename": "a b.mp4",
        "mime_type": "video/mp4",
        "title": "T",
        "description": "D",
        "size_bytes": len(body),
        "sha256": "ab",
    } == ingest.upload_header
    assert ingest.metadata["authorization"] == "Bearer x"
    assert ingest.largest_chunk <= MIB


async def test_tus_metadata_is_understood_and_an_unknown_length_is_zero(uploader, ingest):
    async def body():
        yield b"abc"
        yield b"def"

    pairs = {"filename": "é.mp4", "filetype": "video/mp4", "title": "T"}
    header = ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in pairs.items())
    got = await uploader.post("/v1/uploads", content=body(), headers={"upload-metadata": header})

    assert got.status_code == 201
    assert (
        *(ingest.upload_header[name] for name in ("filename", "mime_type", "title", "size_bytes")),
        ingest.upload_bytes,
    ) == ("é.mp4", "video/mp4", "T", 0, 6)


async def test_a_form_with_a_file_part_is_streamed(uploader, ingest):
    content = os.urandom(2 * MIB + 5)
    got = await uploader.post(
        "/v1/uploads", data={"title": "T", "other": "x"}, files={"file": ("a.mp4", content, "video/mp4")}
    )

    assert (201, len(content)) == (got.status_code, ingest.upload_bytes)
    assert tuple(ingest.upload_header[name] for name in ("filename", "mime_type", "title")) == (
        "a.mp4",
        "video/mp4",
        "T",
    )


@pytest.mark.parametrize(
    ("path", "headers", "field"),
    [
        ("/v1/uploads?nope=1", {}, "nope"),
        ("/v1/uploads?title=a&title=b", {}, "title"),
        ("/v1/uploads", {"upload-metadata": "filename !!"}, "Upload-Metadata"),
        ("/v1/uploads", {"content-type": "multipart/form-data; boundary=x"}, "file"),
    ],
)
async def test_a_malformed_upload_is_400_with_the_field(uploader, path, headers, field):
    content = b"--x--\r\n" if field == "file" else b"abc"
    got = await uploader.post(path, content=content, headers=headers)

    assert got.status_code == 400
    assert field == got.json()["details"][0]["field_violations"][0]["field"]


async def test_a_refusal_of_the_service_reaches_the_client_before_the_body_is_sent(uploader, ingest):
    ingest.upload_refusal = grpc.StatusCode.UNAUTHENTICATED

    async def body():
        for _ in range(200):
            yield b"x" * MIB

    got = await uploader.post("/v1/uploads", content=body())

    assert (got.status_code, got.headers["www-authenticate"]) == (401, "Bearer")


async def test_an_aborted_body_cancels_the_call(uploader, ingest):
    _, writer = await asyncio.open_connection("127.0.0.1", uploader.base_url.port)
    writer.write(b"POST /v1/uploads HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\nabc")
    await asyncio.wait_for(ingest.started.wait(), 5)
    writer.close()
    await writer.wait_closed()

    await asyncio.wait_for(ingest.cancelled.wait(), 5)


async def test_a_client_that_asks_first_is_told_to_continue(uploader, ingest):
    reader, writer = await asyncio.open_connection("127.0.0.1", uploader.base_url.port)
    writer.write(b"POST /v1/uploads HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")

    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"

    writer.write(b"abc")

    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 201")

    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [("PATCH", "/v1/uploads/x", {}), ("DELETE", "/v1/uploads/x", {}), ("POST", "/v1/uploads", {"upload-length": "5"})],
)
async def test_the_resumable_protocol_says_that_it_is_not_built(uploader, method, path, headers):
    got = await uploader.request(method, path, headers=headers)

    assert (got.status_code, got.json()["code"]) == (501, 12)


async def test_200_megabytes_pass_in_constant_memory_and_sigterm_ends_the_process(mesh_set, ingest, unused_tcp_port):
    command = [sys.executable, "-m", "gateway", "--descriptor-set", str(mesh_set), "--json-names", "proto"]
    process = await asyncio.create_subprocess_exec(
        *(*command, "--listen", f"127.0.0.1:{unused_tcp_port}", "--route", f"heimdex.ingest.v1={ingest.address}"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        await asyncio.wait_for(process.stdout.readline(), 30)
        watched = psutil.Process(process.pid)
        peak = 0

        async def body():
            nonlocal peak
            for _ in range(200):
                yield bytes(MIB)
                peak = max(peak, watched.memory_info().rss)

        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{unused_tcp_port}", timeout=50) as client:
            await client.post("/v1/uploads", content=b"warm")
            before, ingest.upload_bytes = watched.memory_info().rss, 0
            got = await client.post("/v1/uploads?filename=big", content=body())

        assert (got.status_code, ingest.upload_bytes) == (201, 200 * MIB)
        assert peak - before < 64 * MIB

        process.send_signal(signal.SIGTERM)

        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
