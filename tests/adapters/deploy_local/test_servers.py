import asyncio
import os
import socket
import time

import asyncpg
import nats
import pytest
from nats.errors import TimeoutError as NatsTimeout
from nats.js.api import StreamConfig

from chassis.io.jetstream import Bus
from deploy.local import DataDirInUse, LocalServers, MeshFailed, MeshSettings
from deploy.local.supervisor import RestartPolicy
from tests.support.eventually import eventually


@pytest.fixture
async def servers(tmp_path):
    async with LocalServers(MeshSettings(data_dir=tmp_path)) as running:
        yield running


async def connect_nats(servers, user, errors=None):
    async def remember(error):
        if errors is not None:
            errors.append(str(error))

    return await nats.connect(
        servers.nats_url(user),
        inbox_prefix=f"_INBOX_{user}".encode(),
        error_cb=remember,
        max_reconnect_attempts=50,
        reconnect_time_wait=0.05,
    )


async def test_rows_and_messages_are_there_after_stop_and_start(tmp_path):
    """Issue 2: stopped and started again, a mesh goes on where it was."""
    settings = MeshSettings(data_dir=tmp_path)
    began = time.monotonic()
    async with LocalServers(settings) as servers:
        started_seconds = time.monotonic() - began
        database = await asyncpg.connect(servers.database_url("ingest"))
        await database.execute("CREATE TABLE kept (x int)")
        await database.execute("INSERT INTO kept VALUES (7)")
        await database.close()
        client = await connect_nats(servers, "ingest")
        await client.jetstream().add_stream(StreamConfig(name="HEIMDEX_WORK", subjects=["heimdex.work.v1.>"]))
        await client.jetstream().publish("heimdex.work.v1.inference.transcription.v1", b"once")
        await client.close()
        began = time.monotonic()
    stopped_seconds = time.monotonic() - began
    async with LocalServers(settings) as servers:
        database = await asyncpg.connect(servers.database_url("ingest"))
        rows = await database.fetchval("SELECT x FROM ingest.kept")
        await database.close()
        client = await connect_nats(servers, "ingest")
        message = await client.jetstream().get_msg("HEIMDEX_WORK", 1)
        await client.close()

    assert rows == 7
    assert message.data == b"once"
    assert started_seconds < 10
    assert stopped_seconds < 5


async def test_both_servers_come_back_with_their_data_after_kill_9(servers):
    """Issue 2: kill -9 of nats-server and of Postgres."""
    database = await asyncpg.connect(servers.database_url("ingest"))
    await database.execute("CREATE TABLE kept (x int)")
    client = await connect_nats(servers, "ingest")
    stream = StreamConfig(name="HEIMDEX_WORK", subjects=["heimdex.work.v1.>"])
    await client.jetstream().add_stream(stream)
    await client.jetstream().publish("heimdex.work.v1.x.y.z", b"")
    old = {await servers.kill("postgres"), await servers.kill("nats")}
    await servers.wait_ready("postgres")
    await servers.wait_ready("nats")
    database.terminate()
    database = await asyncpg.connect(servers.database_url("ingest"))

    assert await database.fetchval("SELECT count(*) FROM kept") == 0
    await database.close()
    await eventually(lambda: client.is_connected)
    assert (await client.jetstream().stream_info("HEIMDEX_WORK")).state.messages == 1
    await client.close()
    assert not old & set(servers.pids.values())


async def test_metrics_can_neither_read_what_ingest_owns_nor_write_there(servers):
    """R-AD2-09: the metrics role cannot select what ingest owns."""
    ingest = await asyncpg.connect(servers.database_url("ingest"))
    await ingest.execute("CREATE TABLE transcripts (words text)")
    await ingest.close()
    metrics = await asyncpg.connect(servers.database_url("metrics"))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await metrics.fetch("SELECT words FROM ingest.transcripts")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await metrics.execute("CREATE TABLE ingest.planted (x int)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await metrics.execute("CREATE SCHEMA planted")
        await metrics.execute("CREATE TABLE sketches (x int)")

        assert await metrics.fetchval("SELECT schemaname FROM pg_tables WHERE tablename = 'sketches'") == "metrics"
    finally:
        await metrics.close()


async def test_postgres_keeps_what_it_acknowledged_and_refuses_a_wrong_password(servers):
    database = await asyncpg.connect(servers.database_url("ingest"))
    shown = {name: await database.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit", "timezone")}
    await database.close()

    assert shown == {"fsync": "on", "synchronous_commit": "on", "timezone": "UTC"}
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(servers.database_url("ingest"), password="wrong")


async def test_only_loopback_is_listened_on(servers):
    for name in ("postgres", "nats", "nats_monitor"):
        assert servers.book[name].host == "127.0.0.1"
        with pytest.raises(OSError):  # noqa: PT011
            socket.create_connection(("127.0.0.2", servers.book[name].port), timeout=1)


async def test_the_gateways_nats_user_cannot_publish_stage_events(servers):
    """R-USR-04: per-service NATS permissions."""
    errors = []
    owner = await connect_nats(servers, "ingest")
    await owner.jetstream().add_stream(StreamConfig(name="HEIMDEX_STAGE", subjects=["heimdex.stage.v1.>"]))
    gateway = await connect_nats(servers, "gateway", errors)
    await gateway.publish("heimdex.stage.v1.ingest.stage_event.v", b"forged")
    await gateway.flush()

    await eventually(lambda: any("permissions violation" in error.lower() for error in errors))
    assert (await owner.jetstream().stream_info("HEIMDEX_STAGE")).state.messages == 0
    await gateway.close()
    await owner.close()


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("inference", "heimdex.work.v1.index.indexing.v"),
        ("inference", "heimdex.fact.v1.ingest.stage_ended.v"),
        ("inference", "$JS.API.STREAM.DELETE.HEIMDEX_WORK"),
        ("inference", "$JS.API.STREAM.UPDATE.HEIMDEX_WORK"),
        ("inference", "$JS.API.CONSUMER.CREATE.HEIMDEX_WORK.mine.heimdex.work.v1.index.>"),
        ("inference", "$JS.API.CONSUMER.CREATE.HEIMDEX_WORK.inference_transcribe_audio.heimdex.work.v1.index.>"),
        ("inference", "$JS.API.CONSUMER.MSG.NEXT.HEIMDEX_WORK.index_index_moments"),
        ("index", "heimdex.stage.v1.inference.stage_event.v"),
        ("metrics", "heimdex.fact.v1.ingest.stage_ended.v"),
        ("metrics", "$JS.API.STREAM.PURGE.HEIMDEX_STAGE"),
    ],
)
async def test_a_service_cannot_speak_for_another(servers, user, subject):
    """R-USR-04: per-service NATS permissions."""
    errors = []
    client = await connect_nats(servers, user, errors)
    await client.publish(subject, b"{}")
    await client.flush()

    await eventually(lambda: any("permissions violation" in error.lower() for error in errors))
    await client.close()


async def test_a_worker_takes_its_work_and_tells_its_fact_with_its_own_permissions(servers):
    """R-USR-04: and what each needs is allowed."""
    owner, worker = await connect_nats(servers, "ingest"), await connect_nats(servers, "inference")
    for kind in ("work", "fact"):
        stream = StreamConfig(name=f"HEIMDEX_{kind.upper()}", subjects=[f"heimdex.{kind}.v1.>"])
        await owner.jetstream().add_stream(stream)
    await owner.jetstream().publish("heimdex.work.v1.inference.transcription.v", b"listen")
    pulled = await worker.jetstream().pull_subscribe(
        "heimdex.work.v1.inference.transcription.*", durable="inference_transcribe_audio", stream="HEIMDEX_WORK"
    )
    (message,) = await pulled.fetch(1, timeout=5)
    await worker.jetstream().publish("heimdex.fact.v1.inference.stage_ended.v", b"heard")
    await message.ack_sync()

    assert (await owner.jetstream().consumer_info("HEIMDEX_WORK", "inference_transcribe_audio")).num_ack_pending == 0
    await worker.close()
    await owner.close()


@pytest.mark.parametrize("first", ["ingest", "inference", "index", "metrics"])
async def test_whichever_service_comes_first_brings_the_declared_topology_into_being(servers, first):
    """R-USR-04: narrow permissions, and chassis works with them."""
    for user in (first, "ingest", "inference", "index", "metrics"):
        prefix = f"_INBOX_{user}"
        async with Bus.open(servers.nats_url(user), name=user, inbox_prefix=prefix, wait_seconds=8) as bus:
            await bus.ping()


async def test_an_inbox_is_heard_by_its_owner_only(servers):
    errors = []
    curious = await connect_nats(servers, "index", errors)
    await curious.subscribe("_INBOX_ingest.>")
    await curious.flush()

    await eventually(lambda: any("permissions violation" in error.lower() for error in errors))
    await curious.close()


async def test_two_run_side_by_side_and_a_third_cannot_take_a_held_folder(servers, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    async with LocalServers(MeshSettings(data_dir=other)) as neighbour:
        assert len({*servers.pids.values(), *neighbour.pids.values()}) == 4
        with pytest.raises(DataDirInUse, match=f"pid {os.getpid()}"):
            async with LocalServers(MeshSettings(data_dir=other)):
                pass


async def test_a_stale_pid_file_whose_pid_is_another_programs_does_not_stop_the_start(tmp_path):
    settings = MeshSettings(data_dir=tmp_path)
    async with LocalServers(settings):
        pass
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n/elsewhere\n0\n5432\n\n\n\n")
    async with LocalServers(settings) as servers:
        assert servers.pids["postgres"] != os.getpid()


async def test_a_port_lost_to_somebody_else_while_down_is_chosen_again(servers):
    lost = servers.book["nats"]
    await servers.kill("nats")
    with socket.create_server((lost.host, lost.port)):
        await servers.wait_ready("nats")

        assert servers.book["nats"] != lost
        client = await connect_nats(servers, "operator")
        await client.close()


async def test_a_server_that_cannot_start_ends_the_start_with_its_own_words(tmp_path):
    async with LocalServers(MeshSettings(data_dir=tmp_path)):
        pass
    (tmp_path / "postgres" / "PG_VERSION").write_text("9.0\n")
    impatient = RestartPolicy(first_delay_seconds=0.01, longest_delay_seconds=0.01)
    with pytest.raises(MeshFailed, match=r"(?s)postgres ended 5 times.*not compatible") as failure:
        async with LocalServers(MeshSettings(data_dir=tmp_path, restarts=impatient)):
            pass

    assert "PG_VERSION" in str(failure.value) or "9.0" in str(failure.value)
    assert not await asyncio.to_thread(_anything_left, tmp_path)


async def test_an_error_in_the_body_comes_out_as_it_is(tmp_path):
    with pytest.raises(NatsTimeout):
        async with LocalServers(MeshSettings(data_dir=tmp_path)):
            raise NatsTimeout


def _anything_left(folder):
    from tests.support.processes import processes_using

    return processes_using(folder)
