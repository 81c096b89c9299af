import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local import AddressTaken, LocalMesh, MeshFailed, Service
from deploy.local.addresses import Address
from deploy.local.readiness import http_status
from deploy.local.supervisor import RestartPolicy
from tests.support.dummy_mesh import dummy, dummy_settings
from tests.support.eventually import eventually
from tests.support.processes import alive, descendants, processes_using

PROGRAM = Path(__file__).parents[2] / "support" / "dummy_mesh.py"


@contextlib.asynccontextmanager
async def launcher(folder):
    """`python -m deploy.local` with tiny services, in a process of its own, ready."""
    environment = {
        **os.environ,
        "HEIMDEX_DATA_DIR": str(folder),
        "HEIMDEX_HTTP_ADDR": "127.0.0.1:0",
        "DUMMY_JOURNAL": str(folder / "journal"),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def read_ready(process):
    return json.loads(await asyncio.wait_for(process.stdout.readline(), 30))


def environment_of(pid):
    words = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(word.split("=", 1) for word in words if word)


def events(folder):
    return [json.loads(line) for line in (folder / "run" / "logs" / "mesh.jsonl").read_text().splitlines()]


async def test_kill_9_of_the_launcher_leaves_no_process_and_the_next_one_starts(tmp_path):
    """Issue 2: no orphan after kill -9 of the launcher."""
    async with launcher(tmp_path) as process:
        await read_ready(process)
        children = descendants(process.pid)
        assert len(children) >= 4 + 3  # postgres has children of its own
        process.kill()
        await process.wait()
        await eventually(lambda: not any(map(alive, children)), within_seconds=5)
        await eventually(lambda: not processes_using(tmp_path), within_seconds=5)
    async with launcher(tmp_path) as process:
        assert (await read_ready(process))["pid"] == process.pid


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_everything_in_order_and_exits_0(tmp_path, how):
    """Issue 2: no orphan after Ctrl-C."""
    async with launcher(tmp_path) as process:
        ready = await read_ready(process)
        children = descendants(process.pid)
        assert json.loads((tmp_path / "run" / "mesh.json").read_text())["http_url"] == ready["http_url"]
        began = time.monotonic()
        process.send_signal(how)
        rest, said = await asyncio.wait_for(process.communicate(), 15)

        assert process.returncode == 0, said.decode()
        assert rest == b""
        assert b"ready in" in said
        assert time.monotonic() - began < 5
        assert not [pid for pid in children if alive(pid)]
        assert not (tmp_path / "run" / "mesh.json").exists()
    stopped = [event["process"] for event in events(tmp_path) if event["event"] == "stopped"]
    assert stopped == ["gateway", "ingest", "nats", "postgres"]


async def test_a_signal_while_starting_leaves_nothing(tmp_path):
    async with launcher(tmp_path) as process:
        await eventually((tmp_path / "run" / "logs" / "mesh.jsonl").exists)
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), 15)

        assert process.returncode == 130
        await eventually(lambda: not processes_using(tmp_path), within_seconds=2)


async def test_the_door_closes_first_then_the_services_then_the_servers(tmp_path):
    services = [dummy("INGEST"), dummy("INDEX"), dummy("GATEWAY")]
    async with LocalMesh(dummy_settings(tmp_path), services=services) as mesh:
        assert set(mesh.pids) == {"postgres", "nats", "ingest", "index", "gateway"}
        assert (await http_status(mesh.book["HEIMDEX_HTTP_ADDR"], "/readyz"))[0] == 200
    stopped = [event["process"] for event in events(tmp_path) if event["event"] == "stopped"]

    assert stopped[0] == "gateway"
    assert set(stopped[1:3]) == {"ingest", "index"}
    assert stopped[3:] == ["nats", "postgres"]
    assert (tmp_path / "journal").read_text().split()[0] == "GATEWAY"


async def test_a_killed_service_comes_back_with_back_off_on_its_address(tmp_path):
    """Issue 2: restart with back-off."""
    async with LocalMesh(dummy_settings(tmp_path), services=[dummy("INGEST"), dummy("GATEWAY")]) as mesh:
        address = mesh.book["HEIMDEX_INGEST_METRICS_ADDR"]
        killed = {await mesh.kill("ingest")}
        await mesh.wait_ready("ingest")
        killed.add(await mesh.kill("ingest"))
        await mesh.wait_ready("ingest")

        assert mesh.pids["ingest"] not in killed
        assert mesh.book["HEIMDEX_INGEST_METRICS_ADDR"] == address
        assert json.loads(mesh.folders.mesh_file.read_text())["processes"]["ingest"] == mesh.pids["ingest"]
    deaths = [event["detail"] for event in events(tmp_path) if event["event"] == "died"]
    assert deaths == ["killed by SIGKILL"] * 2


async def test_a_service_that_never_becomes_ready_ends_the_mesh_with_its_last_words(tmp_path):
    broken = Service(name="broken", argv=(sys.executable, "-c", "raise SystemExit('no such weights')"), prefix="INDEX")
    with pytest.raises(MeshFailed, match=r"(?s)broken ended 5 times without ever being ready.*no such weights"):
        async with LocalMesh(dummy_settings(tmp_path), services=[dummy("GATEWAY"), broken]):
            pass

    assert not processes_using(tmp_path)
    assert [event["process"] for event in events(tmp_path) if event["event"] == "stopped"][-2:] == ["nats", "postgres"]


async def test_a_service_that_hangs_unready_is_named_with_its_reason(tmp_path):
    silent = Service(name="silent", argv=("/bin/sleep", "600"), prefix="INDEX")
    with pytest.raises(MeshFailed, match=r"not ready after 0.5 s:\nsilent: no answer"):
        async with LocalMesh(dummy_settings(tmp_path, ready_within_seconds=0.5), services=[silent, dummy("GATEWAY")]):
            pass


async def test_a_taken_http_port_is_refused_by_name_before_anything_starts(tmp_path):
    """Issue 2: refuses a taken port, and names it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        settings = dummy_settings(tmp_path, addresses={"HEIMDEX_HTTP_ADDR": Address("127.0.0.1", port)})
        with pytest.raises(AddressTaken, match=rf"port {port} is already in use by .*\(pid {os.getpid()}\)"):
            async with LocalMesh(settings, services=[dummy("GATEWAY")]):
                pass

    assert not (tmp_path / "postgres").exists()


async def test_two_meshes_run_side_by_side(tmp_path):
    """Issue 2: two meshes with different data folders and ports."""
    services = [dummy("INGEST"), dummy("GATEWAY")]
    async with (
        LocalMesh(dummy_settings(tmp_path / "one"), services=services) as one,
        LocalMesh(dummy_settings(tmp_path / "two"), services=services) as two,
    ):
        addresses = [str(address) for mesh in (one, two) for _, address in mesh.book.items()]
        assert len(addresses) == len(set(addresses))
        assert not set(one.pids.values()) & set(two.pids.values())


async def test_a_service_whose_port_was_taken_moves_and_those_who_know_it_learn(tmp_path):
    patient = RestartPolicy(first_delay_seconds=0.5)
    services = [dummy("INGEST"), dummy("GATEWAY")]
    async with LocalMesh(dummy_settings(tmp_path, restarts=patient), services=services) as mesh:
        lost = mesh.book["HEIMDEX_INGEST_METRICS_ADDR"]
        knew = mesh.pids["gateway"]
        await mesh.kill("ingest")
        with socket.create_server((lost.host, lost.port)) as thief:
            thief.listen()
            await mesh.wait_ready("ingest")
            await eventually(lambda: mesh.pids.get("gateway") not in {None, knew})
            await mesh.wait_ready("gateway")
            environment = environment_of(mesh.pids["gateway"])

        moved = mesh.book["HEIMDEX_INGEST_METRICS_ADDR"]
        assert moved != lost
        assert environment["HEIMDEX_INGEST_METRICS_ADDR"] == str(moved)


async def test_the_children_of_a_killed_service_do_not_outlive_it(tmp_path):
    program = (
        "import os,subprocess,sys;"
        f"subprocess.Popen(['/bin/sleep', '600'], cwd={str(tmp_path)!r});"
        "sys.argv=['x','INDEX']; import runpy; runpy.run_path(os.environ['DUMMY'], run_name='__main__')"
    )
    parent = Service(name="parent", argv=(sys.executable, "-I", "-S", "-c", program), prefix="INDEX")
    settings = dummy_settings(tmp_path)
    environment = {**settings.environment, "DUMMY": str(PROGRAM.with_name("dummy_service.py"))}
    settings = dummy_settings(tmp_path, environment=environment)
    async with LocalMesh(settings, services=[parent, dummy("GATEWAY")]) as mesh:
        (child,) = descendants(mesh.pids["parent"])
        await mesh.kill("parent")

        await eventually(lambda: not alive(child))


async def test_a_service_knows_its_own_secrets_only(tmp_path):
    """R-USR-04, R-AD2-09: a service can log in as itself alone."""
    told = {"HEIMDEX_ALERT_WEBHOOK_URL": "http://127.0.0.1:9/alerts", "HEIMDEX_ALERT_WEBHOOK_SECRET": "s" * 32}
    settings = dummy_settings(tmp_path)
    settings = dummy_settings(tmp_path, environment={**settings.environment, **told})
    services = [dummy("INGEST"), replace(dummy("METRICS"), tells_of_alerts=True), dummy("GATEWAY")]
    async with LocalMesh(settings, services=services) as mesh:
        seen = {name: environment_of(pid) for name, pid in mesh.pids.items()}

    assert {name for name, variables in seen.items() if told.keys() & variables.keys()} == {"metrics"}
    assert told.items() <= seen["metrics"].items()
    assert seen["ingest"]["HEIMDEX_NATS_URL"].startswith("nats://ingest:")
    assert seen["ingest"]["HEIMDEX_NATS_INBOX_PREFIX"] == "_INBOX_ingest"
    assert seen["ingest"]["HEIMDEX_SERVICE_TOKEN"].count(".") == 2
    assert "HEIMDEX_DATABASE_URL" not in seen["ingest"]  # this dummy has no database role
    assert "HEIMDEX_MEDIA_SECRET" not in seen["ingest"]
    assert set(seen["postgres"]) == {"PATH", "LC_ALL", "TZ"}
    assert set(seen["nats"]) == {"LC_ALL", "TZ"}
