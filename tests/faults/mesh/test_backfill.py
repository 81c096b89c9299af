"""A backfill of a real mesh by command and by HTTP, whose processes are killed in the middle of it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.fault_mesh import soon
from tests.support.mesh import RunningMesh, start_mesh

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
OLD = 6_000
_SEED = """
INSERT INTO ingest.videos (id, owner_id, state, stage, generation, fence, filename, mime_type, size_bytes, sha256,
    source_key, duration_ns, created_at, updated_at, queued_at)
SELECT 'v_old_' || lpad(n::text, 6, '0'), 'u' || n % 7, (ARRAY['ready', 'ready', 'failed', 'cancelled'])[1 + n % 4],
    'finalizing', 1, 0, n || '.mp4', 'video/mp4', 1, '', 'k', n * 1000000::bigint, at, at, at
FROM (SELECT n, now() - interval '20 days' + n * interval '1 second' AS at FROM generate_series(1, $1) n) t
"""
_LIBRARY = """
SELECT md5(string_agg(t.row, E'\\n' ORDER BY t.row)) AS digest FROM (
    SELECT jsonb_build_array(id, state, stage, queued_at, processing_started_at, processing_finished_at, failed_stage,
        end_backfilled_by, duration_ns, updated_at)::text AS row FROM ingest.videos WHERE id LIKE 'v_old_%'
) t
"""


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    with start_mesh(tmp_path_factory.mktemp("backfill")) as running:
        yield running


def heimdex(mesh: RunningMesh, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as an administrator of this mesh would."""
    environment = {
        **os.environ,
        "HEIMDEX_URL": mesh.http_url,
        "HEIMDEX_TOKEN": mesh.token("root", True),
        "HEIMDEX_DATA_DIR": str(mesh.data_dir),
    }
    line = [sys.executable, "-c", "from client.cli import main; main()", *arguments]
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=200, check=False)


def digest(mesh: RunningMesh) -> str:
    return str(mesh.rows(_LIBRARY)[0]["digest"])


def test_a_backfill_survives_a_kill_of_either_side_and_changes_and_counts_each_video_once(mesh: RunningMesh) -> None:
    """R-BKF-01 to 08: dry run, kill in the middle, the rerun finishes, no row twice, nothing invented, 0 problems."""
    mesh.rows(_SEED, OLD)
    before = digest(mesh)
    dry = json.loads(heimdex(mesh, "backfill", "timing", "--dry-run", "--json").stdout)
    assert digest(mesh) == before
    assert (dry["examined"], dry["changed"], dry["dry_run"]) == (OLD, OLD, True)

    with mesh.library("root", admin=True) as admin:
        started = admin.json("POST", "/v1/admin/backfills", json={})
        path = f"/v1/admin/backfills/{started['backfill_id']}"

        def look() -> dict[str, Any]:
            answer = admin.call("GET", path)
            return dict(answer.json()) if answer.is_success else {"examined": -1, "state": "running"}

        soon(lambda: look()["examined"] >= OLD // 10)
        mesh.kill("metrics_svc")
        stopped_at = mesh.rows("SELECT examined FROM metrics.backfills WHERE state = 'running'")[0]["examined"]
        mesh.wait_ready("metrics_svc")
        soon(lambda: look()["examined"] > stopped_at)
        mesh.kill("ingest_svc")
        mesh.wait_ready("ingest_svc")  # the command asks for a mesh that is ready
        shown = heimdex(mesh, "backfill", "timing", "--json")  # started again, it shows the one that runs
        assert shown.returncode == 0, shown.stderr
        real = json.loads(shown.stdout)

    assert OLD // 10 <= stopped_at < OLD, "it was over before anything was killed"
    counts = ("examined", "changed", "fine", "unfinished", "failed", "videos_total")
    assert [real[name] for name in counts] == [dry[name] for name in counts]
    assert (real["backfill_id"], real["state"], real["preview"]) == (started["backfill_id"], "done", dry["preview"])

    verified = heimdex(mesh, "backfill", "verify", "--json")
    assert verified.returncode == 0, verified.stdout
    assert json.loads(verified.stdout)["videos_backfilled"] == OLD
    (library,) = mesh.rows(
        "SELECT count(*) FILTER (WHERE processing_finished_at = updated_at) AS ends,"
        " count(processing_started_at) AS starts, count(failed_stage) AS stages,"
        " count(DISTINCT end_backfilled_by) AS backfills FROM ingest.videos"
    )
    assert dict(library) == {"ends": OLD, "starts": 0, "stages": 0, "backfills": 1}
    (counted,) = mesh.rows(
        "SELECT count(*) AS runs, count(DISTINCT video_id) AS videos, count(duration_ns) AS lengths,"
        " count(queue_ns) AS waits, count(*) FILTER (WHERE is_backfilled) AS marked FROM metrics.video_runs"
    )
    assert dict(counted) == {"runs": OLD, "videos": OLD, "lengths": 0, "waits": 0, "marked": OLD}

    again = json.loads(heimdex(mesh, "backfill", "timing", "--json").stdout)
    assert (again["changed"], again["fine"]) == (0, OLD)
    assert heimdex(mesh, "backfill", "cancel").returncode == 1


def test_a_database_that_is_down_ends_the_command_with_what_to_do(mesh: RunningMesh) -> None:
    """R-BKF-06: exit code != 0 and a line saying what to do."""
    control = mesh.data_dir / "postgres" / "global" / "pg_control"
    aside = control.rename(control.with_name("pg_control.aside"))
    mesh.kill("postgres")  # without that file it can not be restarted
    refused = heimdex(mesh, "backfill", "timing")
    aside.rename(control)
    mesh.wait_ready("postgres")

    assert refused.returncode != 0
    assert "heimdex doctor" in refused.stderr
    assert "Traceback" not in refused.stderr
