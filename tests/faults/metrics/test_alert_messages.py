"""A service that is killed while it tells of an alert: the receiver hears of it all the same, and can tell a repeat."""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager

import pytest

from chassis.io.identity import generate_key_pair
from chassis.io.postgres import Database
from deploy.local.addresses import free_address
from tests.support.alert_lab import SECRET, alert_lab, receiving
from tests.support.eventually import eventually


@asynccontextmanager
async def metrics_svc(environment):
    """The service as a process of its own; killed at the end, if nobody did so before."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "metrics_svc", env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


@pytest.mark.timeout(120)
async def test_an_alert_is_told_at_least_once_under_one_identity_when_the_service_is_killed_while_it_tells(
    tmp_path, new_database, bus_url
):
    """R-AD3-04."""
    database_url = await new_database("metrics_svc", "metrics")
    key = tmp_path / "public.pem"
    key.write_bytes(generate_key_pair().public_pem)
    async with (
        receiving() as receiver,
        Database.open(database_url, max_connections=3) as database,
        alert_lab(database, bus_url, receiver.url) as lab,
    ):
        environment = {
            **os.environ,
            "HEIMDEX_NATS_URL": bus_url,
            "HEIMDEX_DATABASE_URL": database_url,
            "HEIMDEX_AUTH_PUBLIC_KEY_FILE": str(key),
            "HEIMDEX_METRICS_ADDR": str(free_address()),
            "HEIMDEX_METRICS_METRICS_ADDR": str(free_address()),
            "HEIMDEX_ALERT_PERIOD_SECONDS": "1",
            "HEIMDEX_ALERT_WEBHOOK_URL": receiver.url,
            "HEIMDEX_ALERT_WEBHOOK_SECRET": SECRET.decode(),
        }
        await lab.change("contradictions", resolve_after_s=0.0)
        await lab.execute(
            "INSERT INTO metrics.contradictions (event_key, digest, kind, event_id, owner_id, differences)"
            " VALUES (gen_random_uuid(), gen_random_uuid(), 'video_runs', 'v/1', 'owner', '{}')"
        )
        receiver.hold.clear()
        async with metrics_svc(environment) as process:
            await eventually(lambda: len(receiver.tried) == 1, within_seconds=40)
            process.send_signal(signal.SIGKILL)
        receiver.hold.set()
        await lab.execute("UPDATE metrics.alert_deliveries SET next_attempt_at = now()")  # the lease is over
        async with metrics_svc(environment):
            await eventually(lambda: len(receiver.tried) == 2, within_seconds=40)
            await lab.execute("DELETE FROM metrics.contradictions")
            await eventually(lambda: len(receiver.tried) == 3, within_seconds=40)
            await eventually(lambda: _all_are_delivered(lab))

        first, again, end = receiver.tried
        assert (first.headers["webhook-id"], first.body) == (again.headers["webhook-id"], again.body)
        assert [post.said["type"] for post in (first, end)] == ["alert.fired", "alert.resolved"]
        assert end.said["data"]["alert_id"] == first.said["data"]["alert_id"]
        assert all(post.is_signed_with(SECRET) for post in receiver.tried)


async def _all_are_delivered(lab):
    rows = await lab.deliveries.deliveries("", before=None, limit=9)
    return [row.state for row in rows] == ["delivered"] * 2
