"""R-OPS-06: every command of the README is run, as a stranger would run it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.eventually import eventually

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CLIP = ROOT / "client" / "demo" / "harbour.mp4"
MARKED = dict(re.findall(r"<!-- test: (\w+) -->\n```sh\n(.*?)```", README, re.DOTALL))
"""Blocks that are run as a whole."""
BLOCKS = [block for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if block not in MARKED.values()]
LINES = [line.partition("  #")[0].strip() for block in BLOCKS for line in block.splitlines() if line.strip()]
MADE_ELSEWHERE = {"make test"}
"""Commands that can not run inside of themselves."""


@pytest.fixture
def shell(mesh, tmp_path):
    """Run a piece of shell as a user of the shared mesh, in a folder that holds talk.mp4."""
    shutil.copy(CLIP, tmp_path / "talk.mp4")
    environment = {
        **mesh.environment,
        "HEIMDEX_URL": mesh.http_url,
        "HEIMDEX_TOKEN": mesh.token("reader", admin=True),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }

    def run(script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    return run


@pytest.mark.timeout(180)
@pytest.mark.parametrize("command", [line for line in LINES if line.startswith("heimdex ")])
def test_every_heimdex_command_of_the_readme_works(shell, command):
    done = shell(command)

    # doctor exits 1 only when something is broken; warnings are fine
    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.timeout(180)
def test_the_http_example_of_the_readme_works_as_it_stands(shell):
    done = shell(MARKED["http"])

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "VIDEO_STATE_READY" in done.stdout
    assert '"results"' in done.stdout.replace(" ", "")


@pytest.mark.timeout(240)
def test_the_shorts_of_the_readme_are_made_as_they_stand(shell, tmp_path):
    """R-EXP-01."""
    done = shell("heimdex upload talk.mp4 --wait\n" + MARKED["shorts"])

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "verdict: good" in done.stdout
    assert (tmp_path / "short.mp4").stat().st_size > 10_000


def test_every_make_target_of_the_readme_exists_and_help_lists_it():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True).stdout
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", README, re.MULTILINE))

    assert set() == {target for target in named if f"  {target} " not in listed and target != "help"} - {"help"}
    assert MADE_ELSEWHERE <= {f"make {target}" for target in named}


@pytest.mark.timeout(240)
def test_make_demo_and_make_down_work(mesh, tmp_path):
    environment = {**mesh.environment, "HEIMDEX_DATA_DIR": str(tmp_path / "data"), "HEIMDEX_HTTP_ADDR": "127.0.0.1:0"}
    try:
        shown = subprocess.run(
            ["make", "demo"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200, check=False
        )
    finally:
        down = subprocess.run(
            ["make", "down"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    assert (0, 0) == (shown.returncode, down.returncode), shown.stdout + shown.stderr + down.stderr
    assert "curl -s " in shown.stdout


@pytest.mark.timeout(120)
async def test_make_run_stays_until_it_is_interrupted(mesh, tmp_path):
    environment = {**mesh.environment, "HEIMDEX_DATA_DIR": str(tmp_path / "data"), "HEIMDEX_HTTP_ADDR": "127.0.0.1:0"}
    log = tmp_path / "log"
    with log.open("w") as sink:
        running = subprocess.Popen(  # noqa: ASYNC220
            ["make", "run"], cwd=ROOT, env=environment, stdout=sink, stderr=sink, start_new_session=True
        )
        try:
            await eventually(lambda: _says(log, "is ready"), within_seconds=60)
        finally:
            os.killpg(running.pid, signal.SIGINT)
            running.wait(30)

    assert [] == _left_running(tmp_path)


def _says(log: Path, words: str) -> None:
    assert words in log.read_text(), log.read_text()


def _left_running(folder: Path) -> list[Path]:
    return [pid for pid in Path("/proc").glob("[0-9]*") if _belongs(pid, folder)]


def _belongs(pid: Path, folder: Path) -> bool:
    try:
        return str(folder / "data").encode() in (pid / "cmdline").read_bytes()
    except OSError:
        return False
