"""Measuring stages costs the pipeline at most 1 % of its CPU.

What it costs: around every piece of work the clocks, the record, the log line, the histogram, the event, and its
publication to JetStream, counted in CPU time of the process that works, against the same work without any of it. What
the pipeline uses: the CPU time of ingest_svc, inference_svc and index_svc for a real clip, from upload to ready, in
the same run. Eight events are sent for a video.
"""

import asyncio
import contextlib
import io
import time
from datetime import UTC, datetime

import uvloop

from bench.harness import Aim, Gate, Measured, Quantity, Run, milliseconds, quantile
from bench.mesh import CLIP, cpu_seconds, open_door, running_mesh
from chassis.core.stages import Stage
from chassis.core.subjects import stage_subject
from chassis.io.jetstream import Bus, Outgoing
from chassis.io.stage import measure_stage, stage_event

__all__ = ["measure"]

_EVENTS_PER_VIDEO = 8
_BLOCK = 50
_WORKERS = ("ingest_svc", "inference_svc", "index_svc")
_PEER = "the same empty work, not measured, in the same process"


async def measure(run: Run) -> Measured:
    """Process a clip a few times, then measure nothing a few hundred times."""
    content, videos = CLIP.read_bytes(), run.count(5, 1)
    used: list[float] = []
    states: list[str] = []
    async with running_mesh(run.folder("mesh")) as mesh, open_door(mesh, "bench") as door:
        for number in range(videos + 1):
            run.say(f"video {number} of {videos}")
            workers = {name: pid for name, pid in mesh.pids.items() if name in _WORKERS}
            before = cpu_seconds(workers)
            video = await door.upload(content + bytes(number + 1), CLIP.name)
            states.append(str((await door.terminal(video["id"]))["state"]))
            used.append(cpu_seconds(workers) - before)
        run.say("stages are measured that do nothing")
        url = mesh.nats_url("operator")
        with contextlib.redirect_stdout(io.StringIO()):  # the log lines are written, and nobody reads them
            per_event, per_nothing = await asyncio.to_thread(lambda: uvloop.run(_alternate(url, run.count(20, 4))))
    per_video = _EVENTS_PER_VIDEO * max(0.0, per_event - per_nothing)
    pipeline = quantile(used[1:], 50)  # the first one warms up
    return Measured(
        values={
            "cpu_per_event": Quantity(round(1e6 * (per_event - per_nothing), 1), "us"),
            "cpu_of_events_per_video": milliseconds(per_video),
            "cpu_of_pipeline_per_video": milliseconds(pipeline),
            "share": Quantity(round(100 * per_video / pipeline, 3), "%"),
        },
        ratio=(pipeline + per_video) / pipeline,
        peer=_PEER,
        gates=(Gate("every video became ready", set(states) == {"VIDEO_STATE_READY"}, str(states)),),
        aims=(Aim("share", 1.0),),
        inputs=(content,),
    )


async def _alternate(url: str, blocks: int) -> tuple[float, float]:
    """Return the CPU seconds of one measured and of one unmeasured piece of empty work."""
    measured: list[float] = []
    unmeasured: list[float] = []
    async with Bus.open(url, name="bench-overhead") as bus:
        for block in range(blocks):
            began = time.process_time()
            for number in range(_BLOCK):
                await _measured(bus, block * _BLOCK + number)
            measured.append((time.process_time() - began) / _BLOCK)
            began = time.process_time()
            for _ in range(_BLOCK):
                await asyncio.sleep(0)
            unmeasured.append((time.process_time() - began) / _BLOCK)
    return quantile(measured, 50), quantile(unmeasured, 50)


async def _measured(bus: Bus, number: int) -> None:
    with measure_stage(
        Stage.METADATA,
        video_id=f"bench-{number}",
        owner_id="bench",
        generation=1,
        attempt=1,
        fence=1,
        queued_at=datetime.now(UTC),
        worker="bench/1/1",
    ) as span:
        await asyncio.sleep(0)
    event = stage_event(span.record)
    subject = stage_subject("ingest", "stage_event", span.record.video_id)
    await bus.publish(
        Outgoing(subject, event.SerializeToString(), "heimdex.metrics.v1.StageEvent", f"stage/{event.event_id}")
    )
