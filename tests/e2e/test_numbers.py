"""The numbers of the operators, against the events they come from: SQL over the mesh's database is the witness."""

import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support.clips import reason_of
from tests.support.mesh import Library, RunningMesh

pytestmark = pytest.mark.timeout(180)

FRACTIONS = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
WITHIN = 0.005
PARALLEL = ("STAGE_SCENE_DETECTION", "STAGE_TRANSCRIPTION")


def at(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)


def once(look: Callable[[], Any]) -> Any:
    """Return what `look` returns as soon as it is true: events reach metrics_svc a moment after a video is ready."""
    deadline = time.monotonic() + 30
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return seen


class Measured:
    """A user with five ready videos and three failed ones, all of whose events have been counted."""

    def __init__(self, mesh: RunningMesh, tiny: Path) -> None:
        self.mesh, self.owner = mesh, mesh.library()
        self.admin = mesh.library(admin=True)
        ready = [self.owner.process(tiny.read_bytes() + bytes(number)) for number in range(5)]
        failed = [
            self.owner.wait_terminal(self.owner.upload(f"no film {number}".encode())["id"]) for number in range(3)
        ]
        self.ready, self.failed = ready, failed
        assert once(lambda: len(self.rows("video_runs")) == 8), "the ends of all eight runs are counted"
        assert once(lambda: len(self.rows("stage_events")) == 5 * 7 + 3 * 2), "and so are all their attempts"

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.mesh.rows(f"SELECT * FROM metrics.{table} WHERE owner_id = $1", self.owner.user, role="metrics")  # noqa: S608

    def ask(self, path: str) -> dict[str, Any]:
        return self.admin.json("GET", f"/v1/admin/{path}", params={"range": "1d", "owner_id": self.owner.user})

    def percentiles(self, column: str, table: str, where: str) -> list[float]:
        sql = f"""SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY {column} / 1e6) AS ms
            FROM metrics.{table} WHERE owner_id = $1 AND {where}"""  # noqa: S608
        found: list[float] = self.mesh.rows(sql, self.owner.user, role="metrics")[0]["ms"]
        return found


@pytest.fixture(scope="module")
def measured(mesh: RunningMesh, tiny: Path) -> Iterator[Measured]:
    found = Measured(mesh, tiny)
    yield found
    found.owner.http.close()
    found.admin.http.close()


def test_latency_percentiles_are_those_of_the_events(measured: Measured) -> None:
    """R-AD2-01: p50, p95 and p99 equal percentile_cont within 0.5 %; so do averages; only ready videos count."""
    answer = measured.ask("performance/latency")
    witness = measured.percentiles("duration_ns", "video_runs", "stage = 'completed'")
    runs = [run for run in measured.rows("video_runs") if run["stage"] == "completed"]

    assert answer["videos_measured"] == answer["measured"] == len(runs) == 5
    assert [answer[f"{name}_processing_ms"] for name in FRACTIONS] == pytest.approx(witness, rel=WITHIN)
    assert answer["avg_processing_ms"] == pytest.approx(sum(run["duration_ns"] for run in runs) / 5e6, rel=WITHIN)
    assert answer["avg_queue_ms"] == pytest.approx(sum(run["queue_ns"] for run in runs) / 5e6, rel=WITHIN)
    assert answer["avg_total_ms"] == pytest.approx(answer["avg_queue_ms"] + answer["avg_processing_ms"], rel=WITHIN)


def test_stage_percentiles_are_those_of_the_events(measured: Measured) -> None:
    """Issue 2, point 7: for each stage and outcome, and the sum over attempts is what the table says."""
    table = {(row["processing_stage"], row["outcome"]): row for row in measured.ask("performance/stages")["data"]}
    events = measured.rows("stage_events")

    assert set(table) == {(event["stage"], event["outcome"]) for event in events}
    for (stage, outcome), row in table.items():
        lengths = [event["duration_ns"] for event in events if (event["stage"], event["outcome"]) == (stage, outcome)]
        witness = measured.percentiles("duration_ns", "stage_events", f"stage = '{stage}' AND outcome = '{outcome}'")
        assert [row[f"{name}_ms"] for name in FRACTIONS] == pytest.approx(witness, rel=WITHIN), stage
        assert row["count"] == len(lengths) == sum(bucket["count"] for bucket in row["buckets"])
        assert row["sum_ms"] == pytest.approx(sum(lengths) / 1e6, rel=WITHIN)
        assert row["max_ms"] == pytest.approx(max(lengths) / 1e6, rel=WITHIN)


def test_stage_times_of_a_video_add_up(measured: Measured) -> None:
    """Issue 2, R-STG-02: attempts lie inside the run, cover it but for the hand-overs, and the wall clock agrees."""
    for video in measured.ready:
        started, finished = at(video["processing_started_at"]), at(video["processing_finished_at"])
        spans = sorted(
            (at(attempt["started_at"]), at(attempt["finished_at"]))
            for job in measured.owner.jobs(video["id"])
            for attempt in job["attempts"]
        )
        assert len(spans) == 7
        assert spans[0][0] == started, "the run begins with its first attempt"
        assert max(end for _, end in spans) <= finished
        worked, gaps, reached = timedelta(), timedelta(), started
        for begin, end in spans:
            gaps += max(begin - reached, timedelta())
            worked += max(end - max(begin, reached), timedelta())
            reached = max(reached, end)
        gaps += finished - reached
        whole_ms = int(video["processing_duration_ms"])
        assert (worked + gaps).total_seconds() * 1000 == pytest.approx(whole_ms, abs=1)


def test_events_tell_the_same_times_as_the_video(measured: Measured) -> None:
    """K4, K8, R-STG-04, R-STG-07, R-AD3-02: each attempt is one stage event; together they are the run, to the bit."""
    events = measured.rows("stage_events")
    lengths_ms = {video["id"]: int(video["processing_duration_ms"]) for video in measured.ready + measured.failed}
    for run in measured.rows("video_runs"):
        mine = [event for event in events if event["video_id"] == run["video_id"]]
        shown = {
            (job["stage"].removeprefix("STAGE_").lower(), attempt["number"], at(attempt["started_at"]))
            for job in measured.owner.jobs(run["video_id"])
            for attempt in job["attempts"]
        }
        assert {(event["stage"], event["attempt"], event["started_at"]) for event in mine} == shown
        assert run["elapsed_ns"] / 1e6 == pytest.approx(lengths_ms[run["video_id"]], abs=1)
        assert run["duration_ns"] == sum(event["duration_ns"] for event in mine)
        assert run["unmeasured_attempts"] == 0
        for event in mine:
            length = (event["finished_at"] - event["started_at"]).total_seconds() * 1e9
            assert event["duration_ns"] == pytest.approx(length, abs=5e6)
            assert event["worker_slots"] > 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell the CPU of threads and children")
def test_every_attempt_tells_what_it_used(measured: Measured) -> None:
    """R-AD3-01: CPU of each attempt, the failed ones too; calls where a model was asked; nothing that was not there."""
    for event in measured.rows("stage_events"):
        assert 0 < event["cpu_ns"] < 60e9, event["stage"]
        assert (event["model_calls"] is not None) == bool(event["model"]), event["stage"]
        assert event["gpu_ns"] is None or event["model_calls"]


def test_speed_is_processing_over_length(measured: Measured) -> None:
    """R-AD2-02: the real-time factor of five videos of two seconds."""
    answer = measured.ask("performance/rtf")
    runs = [run for run in measured.rows("video_runs") if run["stage"] == "completed"]
    factors = [run["duration_ns"] / run["video_duration_ns"] for run in runs]
    assert answer["videos_measured"] == 5
    assert answer["avg_rtf"] == pytest.approx(sum(factors) / 5, rel=WITHIN)
    assert answer["p50_rtf"] == pytest.approx(sorted(factors)[2], rel=WITHIN)
    assert answer["avg_video_duration_s"] == pytest.approx(2.0, rel=0.05)


def test_waiting_and_working_are_all_there_is(measured: Measured) -> None:
    """R-AD2-03: the two percents are 100."""
    answer = measured.ask("performance/queue")
    assert answer["queue_time_pct"] + answer["processing_time_pct"] == pytest.approx(100.0)


def test_failures_are_counted_where_they_broke(measured: Measured) -> None:
    """R-AD2-04: three unreadable files broke in metadata: all failures there are."""
    answer = measured.ask("failures/by-stage")
    assert answer["data"] == [{"processing_stage": "metadata", "failure_count": 3, "failure_pct": 100.0}]
    assert {reason_of(video) for video in measured.failed} == {
        run["reason"] for run in measured.rows("video_runs") if run["stage"] == "failed"
    }


def test_throughput_counts_todays_videos(measured: Measured) -> None:
    """R-AD2-05, R-AD1-02: thirty days, the empty ones as zeros, the last one ours."""
    days = measured.admin.json(
        "GET", "/v1/admin/timeseries/throughput-v2", params={"range": "30d", "owner_id": measured.owner.user}
    )["data"]
    dates = [datetime.fromisoformat(day["day"]) for day in days]
    assert len(days) == 30
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(dates))
    assert sum(day["videos_ready"] for day in days[-2:]) == 5
    assert sum(day["videos_failed"] for day in days[-2:]) == 3
    assert all(day["videos_ready"] == day["videos_failed"] == 0 for day in days[:-2])


def test_searches_are_counted(library: Library) -> None:
    """R-AD1-03, R-SRC-05: three searches of a user, one without a result, are three in the series of the day."""
    for q in ("one", "two", "nothing at all like this"):
        library.search(q)
    with library.mesh.library(admin=True) as admin:

        def counted() -> bool:
            asked = {"range": "1d", "owner_id": library.user}
            days = admin.json("GET", "/v1/admin/timeseries/search", params=asked)["data"]
            return bool(sum(day["searches"] for day in days) == 3)

        assert once(counted)


def test_nothing_measured_is_said_without_inventing_numbers(mesh: RunningMesh) -> None:
    """R-AD2-07, R-STG-11: zero videos, no percentiles, no NaN."""
    with mesh.library(admin=True) as admin:
        for path in ("latency", "rtf", "queue", "stages"):
            text = admin.call("GET", f"/v1/admin/performance/{path}?owner_id=nobody").text
            assert "NaN" not in text
            assert "p50" not in text
        empty = admin.json("GET", "/v1/admin/performance/latency", params={"owner_id": "nobody"})
    assert {"start_at", "end_at"} <= empty.keys()
    assert {0} == {value for name, value in empty.items() if name not in {"start_at", "end_at"}}


def test_the_metrics_role_can_not_read_a_transcript(mesh: RunningMesh) -> None:
    """R-AD2-09: the database itself refuses."""
    with pytest.raises(Exception, match="permission denied"):
        mesh.rows("SELECT * FROM ingest.transcripts", role="metrics")
