"""What a media child uses is charged to the work it was for, by our clock."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.core.errors import UnreadableMedia, UpstreamUnavailable
from chassis.io.spending import Spending, spending_on
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.media_limits import SandboxLimits
from tests.support.eventually import eventually
from tests.support.media_clips import Shot, write_clip
from tests.support.processes import media_children

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
RED, GREEN = (220, 60, 60), (20, 70, 20)


@pytest.fixture
async def sandbox() -> AsyncIterator[MediaSandbox]:
    async with MediaSandbox(keeps_spares=False) as box:
        yield box


async def test_the_cpu_of_each_child_is_charged_whole(sandbox: MediaSandbox, tmp_path: Path) -> None:
    """R-AD3-01: as the kernel counts the children of this process when they have ended."""
    clip = write_clip(tmp_path / "clip.mp4", [Shot(2.0, RED), Shot(2.0, GREEN)])
    spending = Spending()
    before = os.times()
    with spending_on(spending):
        probe = await sandbox.probe(clip, tmp_path)
        probed_ns = spending.cpu_ns
        await sandbox.detect_scenes(clip, tmp_path, probe.facts)
    after = os.times()
    kernel_s = after.children_user + after.children_system - before.children_user - before.children_system

    assert probed_ns is not None
    assert spending.cpu_ns is not None
    assert 0 < probed_ns < spending.cpu_ns
    assert spending.cpu_ns / 1e9 == pytest.approx(kernel_s, abs=0.05)  # its ticks are 10 ms


async def test_a_refused_file_has_cost_something_too(sandbox: MediaSandbox, tmp_path: Path) -> None:
    file = tmp_path / "text.mp4"
    file.write_text("no video")
    spending = Spending()
    with spending_on(spending), pytest.raises(UnreadableMedia):
        await sandbox.probe(file, tmp_path)

    assert spending.cpu_ns is not None
    assert spending.cpu_ns > 10_000_000


async def test_what_a_child_used_until_its_time_was_up_is_known(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [Shot(1.0, RED)])
    spending = Spending()
    async with MediaSandbox(SandboxLimits(probe_seconds=0.05), keeps_spares=False) as box:
        with spending_on(spending), pytest.raises(UnreadableMedia):
            await box.probe(clip, tmp_path)

    assert spending.cpu_ns is not None


async def test_what_a_killed_child_used_is_unknown_and_not_zero(sandbox: MediaSandbox, tmp_path: Path) -> None:
    """R-STG-11."""
    clip = write_clip(tmp_path / "clip.mp4", [Shot(1.0, RED)])
    spending = Spending()
    spending.add(cpu_ns=7)

    async def strike() -> None:
        os.kill(await eventually(lambda: next(iter(media_children(os.getpid())), False)), signal.SIGKILL)

    with spending_on(spending), pytest.raises(ExceptionGroup) as failed:  # noqa: PT012  (the group is the point)
        async with asyncio.TaskGroup() as group:
            group.create_task(sandbox.probe(clip, tmp_path))
            group.create_task(strike())

    assert failed.group_contains(UpstreamUnavailable)
    assert spending.cpu_ns is None


async def test_a_child_that_has_answered_is_ended_at_once(sandbox: MediaSandbox, tmp_path: Path) -> None:
    """It waits for the reading of its clock, and for nothing else."""
    clip = write_clip(tmp_path / "clip.mp4", [Shot(0.4, RED)])
    await sandbox.probe(clip, tmp_path)
    began = time.monotonic()

    assert not media_children(os.getpid())
    assert time.monotonic() - began < 1
