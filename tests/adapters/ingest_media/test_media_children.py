"""A child that reads a file spends what it was given, ends with its work, and takes nothing along."""

import asyncio
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from chassis.core.errors import HeimdexError, UnreadableMedia, UpstreamUnavailable
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.media_limits import SandboxLimits
from tests.support.eventually import eventually
from tests.support.media_clips import Clip, Shot, write_clip
from tests.support.processes import alive, descendants, media_children

RED = (220, 60, 60)


async def test_memory_beyond_the_limit_is_a_named_error(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "huge.mp4", [Shot(0.4, RED)], Clip(width=3840, height=2160))
    async with MediaSandbox(SandboxLimits(memory_bytes=40 * 2**20), keeps_spares=False) as box:
        with pytest.raises(UnreadableMedia) as refused:
            await box.probe(clip, tmp_path)

    assert refused.value.reason == "MEDIA_CHILD_KILLED"
    assert refused.value.metadata["cause"] in {"memory", "crash"}  # it depends on who asked for the byte too many
    assert not media_children(os.getpid())


async def test_time_beyond_the_limit_is_a_named_error_and_leaves_no_process(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [Shot(1.0, RED)])
    async with MediaSandbox(SandboxLimits(probe_seconds=0.01), keeps_spares=False) as box:
        with pytest.raises(UnreadableMedia) as refused:
            await box.probe(clip, tmp_path)

        assert refused.value.reason == "MEDIA_TIMEOUT"
        assert not media_children(os.getpid())


@pytest.mark.parametrize(("killer", "kind"), [(signal.SIGKILL, UpstreamUnavailable), (signal.SIGSEGV, UnreadableMedia)])
async def test_a_child_that_dies_is_a_named_error(
    sandbox: MediaSandbox, tmp_path: Path, killer: signal.Signals, kind: type[HeimdexError]
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [Shot(1.0, RED)])

    async def strike() -> None:
        os.kill(await eventually(lambda: next(iter(media_children(os.getpid())), False)), killer)

    with pytest.raises(ExceptionGroup) as failed:  # noqa: PT012  (the group is the point)
        async with asyncio.TaskGroup() as group:
            group.create_task(sandbox.probe(clip, tmp_path))
            group.create_task(strike())

    [error] = failed.value.exceptions
    assert isinstance(error, kind)
    assert error.reason == "MEDIA_CHILD_KILLED"
    assert not media_children(os.getpid())


async def test_a_cancelled_probe_leaves_no_process(sandbox: MediaSandbox, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [Shot(1.0, RED)])
    async with asyncio.TaskGroup() as group:
        task = group.create_task(sandbox.probe(clip, tmp_path))
        await eventually(lambda: bool(media_children(os.getpid())))
        task.cancel()

    assert not media_children(os.getpid())


def has_no_new_privileges(pid: int) -> bool:
    return "NoNewPrivs:\t1" in Path(f"/proc/{pid}/status").read_text()


async def test_idle_children_hold_no_privilege_and_no_secret_and_end_with_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEIMDEX_DATABASE_URL", "postgresql://secret")
    async with MediaSandbox() as box:
        assert (await box.probe(write_clip(tmp_path / "clip.mp4", [Shot(0.4, RED)]), tmp_path)).facts.video
        spares = media_children(os.getpid())
        assert len(spares) == 2
        for pid in spares:
            await eventually(partial(has_no_new_privileges, pid))
            assert b"secret" not in await asyncio.to_thread(Path(f"/proc/{pid}/environ").read_bytes)

    assert not any(alive(pid) for pid in spares)


async def test_children_die_with_a_parent_that_is_killed() -> None:
    script = (
        "import asyncio\nfrom ingest_svc.adapters.media_sandbox import MediaSandbox\n"
        "async def main():\n    async with MediaSandbox():\n"
        "        print('up', flush=True)\n        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=Path.cwd()) as parent:  # noqa: ASYNC220
        assert parent.stdout is not None
        await asyncio.to_thread(parent.stdout.readline)
        children = descendants(parent.pid)
        assert len(children) == 2

        parent.kill()
        parent.wait()

    await eventually(lambda: not any(alive(pid) for pid in children))
