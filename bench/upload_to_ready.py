"""From first byte of its upload to ready, a real clip takes at most 1.25 times what the bare work takes (p50).

The bare work is one process with the same libraries, models and settings (`bench/bare_pipeline.py`): no HTTP, no
queues, no database. Both are warm and both get the clip in turn; each round in the mesh is a new user, so that nothing
is known already.
"""

from typing import Any

from bench.harness import Aim, Gate, Measured, Run, Stopwatch, milliseconds, quantile, seconds
from bench.mesh import CLIP, cpu_seconds, open_door, running_mesh
from bench.peer import start_peer
from deploy.local import LocalMesh

__all__ = ["measure"]

_PEER = "the same adapters called in one process, scene detection beside transcription"
_SCENE_KEYS = ("transcript_segment", "ocr_lines", "tags")
_SAME_INSTANT_SECONDS = 1e-6


async def measure(run: Run) -> Measured:
    """Process the clip in turn by the mesh and by the bare script."""
    rounds = run.count(7, 1)
    ours, bare, watched = list[float](), list[float](), list[float]()
    our_cpu, bare_cpu = list[float](), list[float]()
    problems: list[str] = []
    found: list[dict[str, Any]] = []
    peer = await start_peer("bench.bare_pipeline", run.folder("bare"))
    try:
        async with running_mesh(run.folder("mesh")) as mesh:
            for number in range(rounds + 1):
                run.say(f"round {number} of {rounds}{' (to warm up)' if number == 0 else ''}")
                before = cpu_seconds(mesh.pids)
                took, after_answer, found = await _through_mesh(mesh, f"user-{number}")
                spent = cpu_seconds(mesh.pids) - before
                before = cpu_seconds({"bare": peer.pid})
                answer = await peer.ask(path=str(CLIP), video=f"v_{number}")
                problems += _differences(found, answer["scenes"])
                if number > 0:
                    our_cpu.append(spent)
                    bare_cpu.append(cpu_seconds({"bare": peer.pid}) - before)
                    ours.append(took)
                    watched.append(after_answer)
                    bare.append(answer["seconds"])
    finally:
        await peer.stop()
    return Measured(
        values={
            "upload_to_ready_p50": seconds(quantile(ours, 50)),
            "upload_to_ready_max": seconds(max(ours)),
            "bare_p50": seconds(quantile(bare, 50)),
            "added_p50": milliseconds(quantile(ours, 50) - quantile(bare, 50)),
            "upload_answer_p50": milliseconds(quantile(ours, 50) - quantile(watched, 50)),
            "cpu_p50": seconds(quantile(our_cpu, 50)),
            "bare_cpu_p50": seconds(quantile(bare_cpu, 50)),
        },
        ratio=quantile(ours, 50) / quantile(bare, 50),
        peer=_PEER,
        gates=(
            Gate("same scenes, words, on-screen lines and tags in every round", not problems, _told(problems, found)),
        ),
        aims=(Aim("ratio", 1.25),),
        inputs=(CLIP.read_bytes(),),
    )


async def _through_mesh(mesh: LocalMesh, user: str) -> tuple[float, float, list[dict[str, Any]]]:
    """Return the seconds from the first byte and from the upload's answer until ready, and the scenes."""
    content = CLIP.read_bytes()
    async with open_door(mesh, user) as door:
        watch = Stopwatch()
        video = await door.upload(content, CLIP.name)
        answered = watch.seconds
        ended = await door.terminal(video["id"])
        took = watch.seconds
        if ended["state"] != "VIDEO_STATE_READY":
            raise RuntimeError(f"the video is {ended['state']}: {ended.get('error')}")
        return took, took - answered, await door.scenes(video["id"])


def _told(problems: list[str], scenes: list[dict[str, Any]]) -> str:
    """Say what differed, else what was equal: equal nothings would prove nothing."""
    words = sum(len(scene.get("transcript_segment", "").split()) for scene in scenes)
    lines = sum(len(scene.get("ocr_lines", ())) for scene in scenes)
    return "; ".join(problems[:3]) or f"{len(scenes)} scenes, {words} words, {lines} on-screen lines"


def _differences(ours: list[dict[str, Any]], bare: list[dict[str, Any]]) -> list[str]:
    if len(ours) != len(bare):
        return [f"{len(ours)} scenes, bare {len(bare)}"]
    found = []
    for number, (one, other) in enumerate(zip(ours, bare, strict=True)):
        if any(abs(float(one[key]) - other[key]) > _SAME_INSTANT_SECONDS for key in ("start_s", "end_s")):
            found.append(f"scene {number} is cut elsewhere")
        found += [
            f"scene {number}: {key} is {one.get(key)!r}, bare {other[key]!r}"
            for key in _SCENE_KEYS
            if (one.get(key) or type(other[key])()) != other[key]
        ]
    return found
