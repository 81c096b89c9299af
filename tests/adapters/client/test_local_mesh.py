"""A launcher is recognised by its process, not by the file it left; `down` stops that one and no other."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from chassis.io.identity import TokenVerifier
from client.cli import main
from client.mesh import find_launcher, find_mesh

# Its command line names the launcher's module and it holds the lock file open, as the real one does.
_STANDS_IN = "import signal, sys; f = open(sys.argv[2], 'w'); print('up', flush=True); signal.pause()"


def _start(lock: Path, module: str) -> "subprocess.Popen[str]":
    lock.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", _STANDS_IN, module, str(lock)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def _describe(data_dir: Path, pid: int) -> None:
    (data_dir / "run").mkdir(parents=True, exist_ok=True)
    described = {"pid": pid, "http_url": "http://127.0.0.1:9"}
    (data_dir / "run" / "mesh.json").write_text(json.dumps(described))


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    with _start(tmp_path / "run" / "lock", "deploy.local") as process:
        _describe(tmp_path, process.pid)
        yield process
        process.kill()


def test_running_launcher_is_found_and_gets_tokens_of_its_own_key(
    launcher: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    mesh = find_mesh({"HEIMDEX_DATA_DIR": str(tmp_path), "HEIMDEX_USER": "ada"})
    verifier = TokenVerifier((tmp_path / "keys" / "public.pem").read_bytes())

    assert mesh.url == "http://127.0.0.1:9"
    assert (verifier.verify(mesh.token).user_id, verifier.verify(mesh.token).is_admin) == ("ada", False)
    assert verifier.verify(mesh.admin_token).is_admin


def test_down_stops_it_and_waits_until_it_is_gone(launcher: "subprocess.Popen[str]", tmp_path: Path) -> None:
    environment = {"HEIMDEX_DATA_DIR": str(tmp_path)}
    stopped = CliRunner().invoke(main, ["down", "--json"], env=environment)
    again = CliRunner().invoke(main, ["down"], env=environment)

    assert stopped.exit_code == 0
    assert json.loads(stopped.stdout)["pid"] == launcher.pid
    assert not psutil.pid_exists(launcher.pid)
    assert again.exit_code == 3


@pytest.mark.parametrize("module", ["something.else", "deploy.local"])
def test_process_that_only_has_the_pid_is_left_alone(tmp_path: Path, module: str) -> None:
    """A pid that was given to another program, or to the launcher of another data folder, is not ours to stop."""
    with _start(tmp_path / "other" / "run" / "lock", module) as process:
        _describe(tmp_path / "ours", process.pid)
        result = CliRunner().invoke(main, ["down"], env={"HEIMDEX_DATA_DIR": str(tmp_path / "ours")})
        is_alive = process.poll() is None
        process.kill()

    assert find_launcher(tmp_path / "ours") is None
    assert result.exit_code == 3
    assert is_alive
