"""A video whose stages have nothing to do is ready within 150 ms (p50) of the answer to its upload.

That is the fixed price of durability per video: seven stages through outbox, JetStream, workers, results, stage
events, inbox and state machine, in five real services (`bench/noop_worker.py` says what exactly is left out). The peer
is the same seven hops in bare asyncpg and nats-py, on the same servers (`bench/bare_chain.py`). One video at a time.
"""

import sys
from dataclasses import replace

from bench.bare_chain import BareChain, open_chain
from bench.harness import Aim, Gate, Measured, Run, Stopwatch, milliseconds, quantile, spread
from bench.mesh import Door, cpu_seconds, open_door, running_mesh
from bench.noop_worker import noop_services
from deploy.local import SERVICES

__all__ = ["measure"]

_PEER = "the same seven hops with bare asyncpg, nats-py and files"
_BLOCK = 10


async def measure(run: Run) -> Measured:
    """Send tiny distinct files through a mesh that does no work, and tokens through the bare chain, alternating."""
    videos = run.count(100, 5)
    services = tuple(
        replace(one, argv=(sys.executable, "-P", "-m", "bench.noop_worker", one.name))
        if one.name in noop_services()
        else one
        for one in SERVICES
    )
    ours, uploads, bare = list[float](), list[float](), list[float]()
    states: list[str] = []
    async with running_mesh(run.folder("mesh"), services=services) as mesh, open_door(mesh, "bench") as door:
        nats_url, database_url = mesh.nats_url("operator"), mesh.database_url("postgres")
        async with open_chain(nats_url, database_url, run.folder("chain")) as chain:
            await _warm(door, chain, run.count(20, 3))
            used = cpu_seconds(mesh.pids)
            spent = 0.0
            for number in range(videos):
                if number % _BLOCK == 0:
                    run.say(f"video {number} of {videos}")
                before = cpu_seconds(mesh.pids)
                state = await _through_mesh(door, f"video {number}", ours, uploads)
                spent += cpu_seconds(mesh.pids) - before
                states.append(state)
                watch = Stopwatch()
                await chain.process(f"v{number}")
                bare.append(watch.seconds)
            run.say(f"the mesh used {cpu_seconds(mesh.pids) - used:.1f} s of CPU in all")
    ready = states.count("VIDEO_STATE_READY")
    return Measured(
        values={
            **spread("upload_to_ready", ours, 50, 95),
            **spread("upload_answer", uploads, 50),
            **spread("bare_chain", bare, 50, 95),
            "cpu_per_video": milliseconds(spent / videos),
        },
        ratio=quantile(ours, 50) / quantile(bare, 50),
        peer=_PEER,
        gates=(Gate("every video became ready", ready == videos, f"{ready} of {videos}"),),
        aims=(Aim("upload_to_ready_p50", 150.0),),
        inputs=(str(videos).encode(),),
    )


async def _warm(door: Door, chain: BareChain, videos: int) -> None:
    for number in range(videos):
        await _through_mesh(door, f"warm {number}", [], [])
        await chain.process(f"warm-{number}")


async def _through_mesh(door: Door, content: str, ready: list[float], uploads: list[float]) -> str:
    """Upload and watch; append the seconds of the upload, and from its answer to the end of the video."""
    watch = Stopwatch()
    video = await door.upload(content.encode(), "tiny.mp4")
    uploads.append(watch.seconds)
    watch = Stopwatch()
    ended = await door.terminal(video["id"])
    ready.append(watch.seconds)
    return str(ended["state"])
