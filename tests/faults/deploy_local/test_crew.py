import asyncio
import json
import os
import sys
import time
from typing import Any

import pytest

from deploy.local.crew import Crew
from deploy.local.errors import MeshFailed
from deploy.local.process import Launch, ProcessSpec
from deploy.local.supervisor import RestartPolicy
from tests.support.eventually import eventually
from tests.support.processes import alive


class Journal:
    def __init__(self) -> None:
        self.lines = []

    def __call__(self, name, what, pid, detail) -> None:
        self.lines.append((name, what, pid, detail, time.monotonic()))

    def times(self, what):
        return [line[4] for line in self.lines if line[1] == what]


async def ready_at_once(_pid):
    return None


async def never_ready(_pid):
    return "still thinking"


def spec(folder, program, *, probe=ready_at_once, **changes: Any):
    launch = Launch((sys.executable, "-I", "-S", "-c", program), {**os.environ}, folder)
    return ProcessSpec(name="one", launch=lambda: launch, probe=probe, **changes)


def crew(folder, journal, **policy: float):
    return Crew(folder, policy=RestartPolicy(**policy), events=journal)


async def run_until_it_fails(idle, process):
    async with idle as running:
        running.start([process])
        await asyncio.Event().wait()


async def test_delays_double_up_to_the_longest(tmp_path):
    journal = Journal()
    async with crew(tmp_path, journal, first_delay_seconds=0.1, longest_delay_seconds=0.2) as running:
        running.start([spec(tmp_path, "import time; time.sleep(0.05)")])
        await eventually(lambda: len(journal.times("started")) >= 5)
    gaps = [start - death for death, start in zip(journal.times("died"), journal.times("started")[1:], strict=False)]

    assert 0.08 < gaps[0] < 0.19
    assert all(0.19 < gap < 0.5 for gap in gaps[1:4])


async def test_what_was_ready_once_is_restarted_for_ever(tmp_path):
    journal = Journal()
    async with crew(tmp_path, journal, first_delay_seconds=0.0, longest_delay_seconds=0.0) as running:
        running.start([spec(tmp_path, "import time; time.sleep(0.05)")])
        await eventually(lambda: len(journal.times("died")) > 8)

        assert not journal.times("gave_up")


async def test_what_never_was_ready_is_given_up_after_five_deaths_and_cancels_the_body(tmp_path):
    journal = Journal()
    hopeless = spec(tmp_path, "import sys; sys.stderr.write('last words'); sys.exit(3)", probe=never_ready)
    with pytest.raises(MeshFailed, match=r"(?s)one ended 5 times .*exit status 3.*last words"):
        await run_until_it_fails(crew(tmp_path, journal, first_delay_seconds=0.0, longest_delay_seconds=0.0), hopeless)

    assert len(journal.times("died")) == 5


async def test_one_that_ignores_its_stop_signal_is_killed_after_its_grace(tmp_path):
    journal = Journal()
    mark = tmp_path / "deaf"
    program = f"import signal,time; signal.signal(15, signal.SIG_IGN); open({str(mark)!r}, 'w'); time.sleep(600)"
    async with crew(tmp_path, journal) as running:
        running.start([spec(tmp_path, program, grace_seconds=0.2)])
        await eventually(mark.exists)
        pid = running.pids["one"]
        began = time.monotonic()
    took = time.monotonic() - began

    assert 0.2 <= took < 2
    assert not alive(pid)
    assert journal.lines[-1][1:4] == ("stopped", None, "killed by SIGKILL")


async def test_cancelling_the_owner_stops_in_order_and_leaves_nothing(tmp_path):
    journal = Journal()
    pids = []

    async def own():
        async with crew(tmp_path, journal) as running:
            running.start([spec(tmp_path, "import time; time.sleep(600)")])
            await running.wait_ready(["one"], within_seconds=5)
            pids.append(running.pids["one"])
            await asyncio.Event().wait()

    owner = asyncio.create_task(own())
    await eventually(lambda: bool(pids))
    owner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await owner

    assert not alive(pids[0])
    assert journal.lines[-1][1] == "stopped"


async def test_a_stop_between_two_lives_does_not_start_a_third(tmp_path):
    journal = Journal()
    async with crew(tmp_path, journal, first_delay_seconds=60.0) as running:
        running.start([spec(tmp_path, "pass")])
        await eventually(lambda: len(journal.times("died")) == 1)

    assert len(journal.times("started")) == 1


async def test_a_program_that_does_not_exist_is_named(tmp_path):
    missing = Launch((str(tmp_path / "missing"),), {}, tmp_path)
    lost = ProcessSpec(name="lost", launch=lambda: missing, probe=never_ready)
    with pytest.raises(MeshFailed, match=r"(?s)exit status 97.*cannot execute .*missing: No such file"):
        await run_until_it_fails(crew(tmp_path, Journal(), first_delay_seconds=0.0, longest_delay_seconds=0.0), lost)


async def test_stdout_and_stderr_are_kept_apart_and_a_long_log_is_cut(tmp_path):
    (tmp_path / "one.jsonl").write_bytes(b"x" * (33 << 20))
    async with crew(tmp_path, Journal()) as running:
        program = "import sys,time; print('{\"n\": 1}', flush=True); sys.stderr.write('oops\\n'); time.sleep(600)"
        running.start([spec(tmp_path, program)])
        await eventually(
            lambda: (tmp_path / "one.err").read_text() == "oops\n" if (tmp_path / "one.err").exists() else False
        )

    assert json.loads((tmp_path / "one.jsonl").read_text()) == {"n": 1}
    assert (tmp_path / "one.jsonl.1").stat().st_size == 33 << 20


async def test_a_frozen_process_is_ended_and_started_again_and_an_answering_one_is_left_alone(tmp_path):
    """A frozen event loop neither dies nor answers: nobody but the supervisor can help."""
    journal, frozen = Journal(), asyncio.Event()

    async def is_alive(_pid):
        return "mute" if frozen.is_set() else None

    sleeper = spec(tmp_path, "import time; time.sleep(60)", is_alive=is_alive)
    async with crew(tmp_path, journal, alive_every_seconds=0.02, mute_seconds=0.2, first_delay_seconds=0.0) as running:
        running.start([sleeper])
        await eventually(lambda: bool(journal.times("ready")))
        assert not journal.times("frozen")
        frozen.set()
        await eventually(lambda: bool(journal.times("frozen")))
        frozen.clear()
        await eventually(lambda: len(journal.times("ready")) == 2)
