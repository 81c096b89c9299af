"""At rest the whole mesh, servers and models' runtime included, stays within 2 GiB of resident memory.

Per process, with its children: resident (RSS), at rest and the most seen while a real clip is worked on. Pages that
several processes share are counted in each, so sums overstate. The peer is the same work in one process
(`bench/bare_pipeline.py`).
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psutil

from bench.harness import Aim, Gate, Measured, Quantity, Run
from bench.mesh import CLIP, family, open_door, running_mesh
from bench.peer import start_peer

__all__ = ["measure"]

_PEER = "the same work in one process, peaks"
_MIB = 1 << 20
_SAMPLE_SECONDS = 0.1
_REST_SECONDS = 5.0
_AT_REST_MIB = 2048.0


async def measure(run: Run) -> Measured:
    """Sample a mesh at rest and at work, then the bare process."""
    clips = run.count(3, 1)
    states = []
    async with running_mesh(run.folder("mesh")) as mesh:
        await asyncio.sleep(run.count(1, 0) * _REST_SECONDS)  # models that are loaded ahead are loaded by then
        rest = _resident(mesh.pids)
        run.say("at rest; now at work")
        with _sampling(mesh.pids) as at_work:
            for number in range(clips):
                async with open_door(mesh, f"user-{number}") as door:
                    video = await door.upload(CLIP.read_bytes(), CLIP.name)
                    states.append((await door.terminal(video["id"]))["state"])
        after = _resident(mesh.pids)
    run.say("the bare process")
    peer = await start_peer("bench.bare_pipeline", run.folder("bare"))
    try:
        with _sampling({"bare": peer.pid}) as bare:
            for number in range(clips):
                await peer.ask(path=str(CLIP), video=f"v_{number}")
    finally:
        await peer.stop()
    values = {f"{name}_rest": _mib(amount) for name, amount in rest.items()}
    values |= {f"{name}_work": _mib(amount) for name, amount in at_work.peaks.items()}
    values |= {
        "all_rest": _mib(sum(rest.values())),
        "all_work": _mib(at_work.peak_sum),
        "all_after": _mib(sum(after.values())),
        "bare_work": _mib(bare.peak_sum),
    }
    ready = states.count("VIDEO_STATE_READY")
    return Measured(
        values=values,
        ratio=at_work.peak_sum / bare.peak_sum,
        peer=_PEER,
        gates=(Gate("every video became ready", ready == clips, f"{ready} of {clips}"),),
        aims=(Aim("all_rest", _AT_REST_MIB),),
        inputs=(CLIP.read_bytes(),),
    )


@dataclass(slots=True)
class _Peaks:
    """The most that was seen, per process and of all at one moment, in bytes."""

    peaks: dict[str, int] = field(default_factory=dict)
    peak_sum: int = 0

    def take(self, sample: Mapping[str, int]) -> None:
        self.peak_sum = max(self.peak_sum, sum(sample.values()))
        for name, amount in sample.items():
            self.peaks[name] = max(self.peaks.get(name, 0), amount)


@contextmanager
def _sampling(pids: Mapping[str, int]) -> Iterator[_Peaks]:
    """Sample ten times a second while the block runs."""
    peaks = _Peaks()
    peaks.take(_resident(pids))

    async def sample() -> None:
        while True:
            peaks.take(await asyncio.to_thread(_resident, pids))
            await asyncio.sleep(_SAMPLE_SECONDS)

    task = asyncio.ensure_future(sample())
    try:
        yield peaks
    finally:
        task.cancel()


def _resident(pids: Mapping[str, int]) -> dict[str, int]:
    """Return resident bytes by name, children included."""
    amounts = {}
    for name, pid in pids.items():
        amounts[name] = 0
        for process in family(pid):
            with suppress(psutil.NoSuchProcess):
                amounts[name] += process.memory_info().rss
    return amounts


def _mib(amount: float) -> Quantity:
    return Quantity(round(amount / _MIB, 1), "MiB")
