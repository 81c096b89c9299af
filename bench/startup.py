"""A mesh whose data folder exists is ready, servers and all five services, within 10 s of `python -m deploy.local`.

Cold: the data folder is new (initdb, keys, migrations). Warm: it was used before. Neither empties the page cache.
The peer is the least that any Python mesh of these libraries pays: five bare interpreters that import what the five
services import, side by side, and end.
"""

import asyncio
import json
import signal
import sys
from pathlib import Path

import aiohttp

from bench.harness import ROOT, Aim, Gate, Measured, Run, Stopwatch, quantile, seconds
from bench.mesh import environment, token_for

__all__ = ["measure"]

_IMPORTS = ("ingest_svc.app", "inference_svc.app", "index_svc.app", "metrics_svc.app", "gateway.app")
_PEER = "five bare interpreters that import the services' modules, side by side"
_QUERY = "a quiet harbour"


async def measure(run: Run) -> Measured:
    """Start, search and stop meshes, and bare interpreters in between."""
    cold, warm, first_search, imports = list[float](), list[float](), list[float](), list[float]()
    answered = 0
    rounds, folders = run.count(5, 1), run.count(3, 1)
    for number in range(folders):
        run.say(f"cold start {number + 1} of {folders}")
        data_dir = run.folder(f"cold-{number}")
        ready, searched = await _start(data_dir)
        cold.append(ready)
        answered += searched is not None
    for number in range(rounds):
        run.say(f"warm start {number + 1} of {rounds}")
        imports.append(await _import_all())
        ready, searched = await _start(data_dir)
        warm.append(ready)
        if searched is not None:
            first_search.append(searched)
            answered += 1
    starts = folders + rounds
    values = {
        "cold_ready_p50": seconds(quantile(cold, 50)),
        "warm_ready_p50": seconds(quantile(warm, 50)),
        "warm_ready_max": seconds(max(warm)),
        "peer_imports_p50": seconds(quantile(imports, 50)),
    }
    if first_search:
        values["warm_first_search_p50"] = seconds(quantile(first_search, 50))
    return Measured(
        values=values,
        ratio=quantile(warm, 50) / quantile(imports, 50),
        peer=_PEER,
        gates=(Gate("a ready mesh answers a search at once", answered == starts, f"{answered} of {starts}"),),
        aims=(Aim("warm_ready_p50", 10.0),),
        inputs=(_QUERY.encode(),),
    )


async def _start(data_dir: Path) -> tuple[float, float | None]:
    """Return the seconds from launch to ready, and to the first answered search (None when that was refused)."""
    watch = Stopwatch()
    launcher = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "deploy.local", "--json"),
        cwd=ROOT,
        env=environment(data_dir) | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        if launcher.stdout is None:
            raise RuntimeError("the launcher has no stdout")
        line = await asyncio.wait_for(launcher.stdout.readline(), 150)
        ready = watch.seconds
        headers = {"Authorization": f"Bearer {token_for(data_dir, 'bench')}"}
        async with (
            aiohttp.ClientSession(json.loads(line)["http_url"], headers=headers) as session,
            session.post("/v1/search", json={"q": _QUERY}) as answer,
        ):
            await answer.read()
            return ready, watch.seconds if answer.ok else None
    finally:
        if launcher.returncode is None:
            launcher.send_signal(signal.SIGTERM)
        await launcher.wait()


async def _import_all() -> float:
    watch = Stopwatch()
    bare = [
        await asyncio.create_subprocess_exec(sys.executable, "-P", "-c", f"import {module}", cwd=ROOT, env=_bare_env())
        for module in _IMPORTS
    ]
    statuses = await asyncio.gather(*(process.wait() for process in bare))
    if any(statuses):
        raise RuntimeError(f"the bare interpreters ended with {statuses}")
    return watch.seconds


def _bare_env() -> dict[str, str]:
    return environment(ROOT) | {"PYTHONPATH": str(ROOT)}
