"""The door to receivers: one request, a deadline, no redirects, and little of what is answered."""

import asyncio
import logging
from contextlib import asynccontextmanager, suppress

import pytest

from deploy.local.addresses import free_address
from metrics_svc.adapters.webhook import HttpWebhook
from metrics_svc.domain.alerts.webhook import MAX_ERROR_CHARS, Receiver, Reply, headers_of
from tests.support.alert_lab import receiving
from tests.support.metrics_samples import NOW

BODY = '{"said": "Größe"}'.encode()
HEADERS = headers_of("id-1", BODY, [b"secret"], NOW)


@pytest.fixture
async def receiver():
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def webhook():
    async with HttpWebhook.open(whole_seconds=0.5) as webhook:
        yield webhook


async def post(webhook, url):
    return await webhook.post(Receiver("name", url), BODY, HEADERS)


async def test_bytes_and_headers_arrive_as_they_are(webhook, receiver):
    reply = await post(webhook, receiver.url)
    (arrived,) = receiver.taken

    assert reply == Reply(204)
    assert arrived.body == BODY
    assert HEADERS.items() <= {name.lower(): value for name, value in arrived.headers.items()}.items()
    assert arrived.headers["User-Agent"] == "heimdex-alerts/1"


async def test_no_log_holds_the_address(webhook, receiver, caplog):
    """Its path is a secret; the library would log it with every request."""
    caplog.set_level(logging.DEBUG)
    await post(webhook, receiver.url)
    await post(webhook, f"http://{free_address()}/T0KEN")

    assert "T0KEN" in receiver.url
    assert "T0KEN" not in caplog.text


async def test_a_redirect_is_a_failure_and_is_not_followed(webhook, receiver):
    """A receiver can not send us to an address that nobody configured."""
    receiver.answers = [{"status": 307, "headers": {"Location": "/elsewhere"}}]
    reply = await post(webhook, receiver.url)

    assert (reply.status, reply.is_good) == (307, False)
    assert len(receiver.tried) == 1


async def test_of_an_answer_a_short_cut_is_kept_and_nothing_that_does_not_print(webhook, receiver):
    receiver.answers = [{"status": 500, "body": b"no\x00 \x1b[31m\n" + b"x" * 5_000_000}]
    reply = await post(webhook, receiver.url)

    assert reply.status == 500
    assert len(reply.error) == MAX_ERROR_CHARS
    assert reply.error.startswith("HTTP 500 no [31m xxx")


@asynccontextmanager
async def talking(talk):
    """A server that speaks with whoever comes as `talk` does, until the block ends; gives its address."""
    over, ended = asyncio.Event(), []

    async def serve(reader, writer):
        ended.append(asyncio.Event())
        mine = ended[-1]
        await reader.readuntil(b"\r\n\r\n")
        with suppress(ConnectionError):
            await talk(writer, over)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        mine.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}/"
        over.set()
        for one in ended:
            await one.wait()


async def test_a_receiver_that_never_answers_is_left_after_the_deadline(webhook):
    async with talking(lambda _writer, over: over.wait()) as url:
        assert await post(webhook, url) == Reply(None, "no answer within 0.5 s")


async def test_a_receiver_that_drips_is_left_after_the_deadline(webhook):
    """Every byte comes in time, the whole does not."""

    async def drip(writer, over):
        writer.write(b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not over.is_set():
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), 0.05)

    async with talking(drip) as url:
        assert await post(webhook, url) == Reply(None, "no answer within 0.5 s")


async def test_nobody_there_is_a_failure_that_does_not_tell_the_address(webhook):
    secret = f"http://{free_address()}/T0KEN"
    reply = await post(webhook, secret)

    assert reply == Reply(None, "ConnectError")


@pytest.mark.parametrize("answer", [b"", b"this is no HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
async def test_nonsense_is_a_failure(webhook, answer):
    async def talk(writer, _over):
        writer.write(answer)
        await writer.drain()

    async with talking(talk) as url:
        reply = await post(webhook, url)

    assert (reply.status, reply.text) == (None, "RemoteProtocolError")
