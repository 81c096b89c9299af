"""The life of a service: ready when all is open, stopped in one written order, ended by what it can not do without."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from chassis.core.errors import UpstreamUnavailable
from chassis.io.identity import ensure_key_pair
from chassis.io.service import ChassisSettings, running_service
from chassis.io.settings import Secret
from tests.support.eventually import eventually

ROOT = Path(__file__).resolve().parents[3]


def free_address():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{one.getsockname()[1]}"


@pytest.fixture
def settings(tmp_path):
    ensure_key_pair(tmp_path)
    return ChassisSettings(
        nats_url=Secret("nats://x"),
        public_key_file=tmp_path / "public.pem",
        grpc_address="127.0.0.1:0",
        ops_address=free_address(),
        grace_seconds=0.3,
    )


@asynccontextmanager
async def resource(name, journal):
    journal.append(f"open {name}")
    try:
        yield name
    finally:
        journal.append(f"close {name}")


async def test_a_service_stops_in_the_written_order(settings):
    """R-OPS-01: readiness off, hands empty, tasks cancelled, resources closed in reverse order of opening."""
    journal = []

    async def build(context):
        await context.enter(resource("database", journal))
        await context.enter(resource("bus", journal))
        assert await context.health.faults() == {"service": "is starting"}

        async def worker():
            await context.stopping.wait()
            journal.append(f"worker sees {await context.health.faults()}")
            await asyncio.sleep(0.05)
            journal.append("worker empties its hands")

        async def loop():
            try:
                await asyncio.Event().wait()
            finally:
                journal.append("loop ends")

        context.spawn(loop())
        context.spawn_worker(worker())

    async with running_service("test_svc", settings, build) as context:
        assert await context.health.faults() == {}
        journal.append("ready")

    assert journal == [
        "open database",
        "open bus",
        "ready",
        "worker sees {'service': 'is stopping'}",
        "worker empties its hands",
        "loop ends",
        "close bus",
        "close database",
    ]
    assert not context.has_failed


async def test_work_that_outlasts_the_grace_time_is_cancelled_and_may_give_itself_back(settings):
    given_back = asyncio.Event()

    async def build(context):
        async def stubborn():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                given_back.set()
                raise

        context.spawn_worker(stubborn())

    async with asyncio.timeout(5):
        async with running_service("test_svc", settings, build):
            await asyncio.sleep(0)
    assert given_back.is_set()


@pytest.mark.parametrize("way", ["spawn", "spawn_worker"])
async def test_a_long_lived_task_that_dies_stops_the_service(settings, way):
    """R-OPS-01: half a service is none."""

    async def build(context):
        async def die():
            raise ValueError("gone")

        getattr(context, way)(die())

    async with running_service("test_svc", settings, build) as context, asyncio.timeout(5):
        await context.stopping.wait()
    assert context.has_failed


async def test_a_service_that_can_not_open_closes_what_it_had_opened(settings):
    journal = []

    async def build(context):
        await context.enter(resource("database", journal))
        raise UpstreamUnavailable("no broker")

    with pytest.raises(UpstreamUnavailable, match="no broker"):
        async with running_service("test_svc", settings, build):
            pass
    assert journal == ["open database", "close database"]


async def test_the_side_door_tells_health_readiness_with_reasons_and_metrics(settings):
    """R-OPS-01."""
    fault = []

    async def build(context):
        async def ping():
            if fault:
                raise UpstreamUnavailable(fault[0])

        context.health.register("nats", ping)

    async with (
        running_service("test_svc", settings, build),
        httpx.AsyncClient(base_url=f"http://{settings.ops_address}", trust_env=False) as client,
    ):
        assert (await client.get("/healthz")).json() == {"status": "healthy"}
        assert (await client.get("/readyz")).json() == {"ready": True, "reasons": {}}
        fault.append("NATS is not connected")
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["reasons"]) == (503, {"nats": "NATS is not connected"})
        exposition = (await client.get("/metrics")).text
        assert "heimdex_stage_duration_seconds" in exposition
        assert "heimdex_stage_events_dropped_total" in exposition


PROGRAM = """
import asyncio, sys
from chassis.io.service import ChassisSettings, run_service

async def build(context):
    async def wait():
        await asyncio.Event().wait()
    async def die():
        await asyncio.sleep(0.05)
        raise ValueError("gone")
    context.spawn(die() if sys.argv[1] == "die" else wait())

run_service("test_svc", ChassisSettings, build)
"""


def start(mode, **environment: str):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, mode],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def environment(tmp_path):
    ensure_key_pair(tmp_path)
    return {
        "HEIMDEX_NATS_URL": "nats://user:hunter2@x",
        "HEIMDEX_AUTH_PUBLIC_KEY_FILE": str(tmp_path / "public.pem"),
        "HEIMDEX_TEST_ADDR": "127.0.0.1:0",
        "HEIMDEX_TEST_METRICS_ADDR": free_address(),
    }


async def test_a_signal_ends_a_service_with_0_a_death_with_1_and_wrong_settings_with_2(tmp_path):
    """R-OPS-01, R-OPS-09."""
    good = environment(tmp_path)
    asked, dying, wrong = start("wait", **good), start("die", **environment(tmp_path)), start("wait")

    async def ready():
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                answer = await client.get(f"http://{good['HEIMDEX_TEST_METRICS_ADDR']}/readyz")
            except httpx.TransportError:
                return False
            return answer.status_code == 200

    await eventually(ready, within_seconds=20)
    asked.send_signal(signal.SIGTERM)
    ends = {
        name: await asyncio.to_thread(one.communicate, timeout=20)
        for name, one in (("asked", asked), ("dying", dying), ("wrong", wrong))
    }

    assert (asked.returncode, dying.returncode, wrong.returncode) == (0, 1, 2)
    assert "a long-lived task has died" in ends["dying"][0]
    assert all(name in ends["wrong"][1] for name in good)
    assert "hunter2" not in "".join("".join(one) for one in ends.values())
