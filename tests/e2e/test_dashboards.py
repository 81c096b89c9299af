"""Every panel of every dashboard and every alert rule, asked of a mesh that has worked."""

import asyncio
import json
import time
from pathlib import Path

import httpx
import pytest
import yaml

from tests.support.eventually import eventually
from tests.support.mesh import RunningMesh
from tests.support.promql import Scrape, evaluate, scrape

pytestmark = pytest.mark.timeout(180)

ROOT = Path(__file__).resolve().parents[2]
DASHBOARDS = sorted((ROOT / "deploy" / "grafana").glob("*.json"))
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
PANELS = [
    pytest.param(
        target["expr"].replace("$__rate_interval", "5m"), id=f"{path.stem}: {panel['title']} {target['refId']}"
    )
    for path in DASHBOARDS
    for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]
    for target in panel["targets"]
]
ALERTS = [pytest.param(rule, id=rule["alert"]) for group in RULES["groups"] for rule in group["rules"]]


def scrape_mesh(mesh: RunningMesh) -> Scrape:
    """Scrape what a running mesh tells Prometheus to scrape."""
    groups = json.loads((mesh.data_dir / "run" / "prometheus_targets.json").read_text(encoding="utf-8"))
    texts = {
        group["labels"]["job"]: httpx.get(f"http://{target}/metrics", trust_env=False).raise_for_status().text
        for group in groups
        for target in group["targets"]
    }
    return scrape(time.time(), texts)


def after_work(mesh: RunningMesh, content: bytes) -> Scrape:
    """Scrape once a video became ready, one failed, a search was answered, and all of that is counted."""
    counted = ("heimdex_library_runs_total", "heimdex_library_run_failures_total", "heimdex_library_searches_total")
    before = scrape_mesh(mesh)
    with mesh.library() as owner:
        owner.process(content)
        owner.wait_terminal(owner.upload(b"no film")["id"])
        owner.json("POST", "/v1/search", json={"q": "anything"})

    def look() -> Scrape:
        now = scrape_mesh(mesh)
        for name in counted:
            assert sum(now.series[name].values()) > sum(before.series[name].values())
        return now

    return asyncio.run(eventually(look, within_seconds=60))


@pytest.fixture(scope="module")
def scrapes(mesh: RunningMesh, tiny: Path) -> list[Scrape]:
    """Two scrapes with work before each: as in Prometheus, a series that was not there before has no increase."""
    return [after_work(mesh, tiny.read_bytes()) for _ in range(2)]


@pytest.mark.parametrize("query", PANELS)
def test_every_panel_asks_for_what_a_service_exposes(query, scrapes):
    """R-AD3-06: a panel whose metric nobody exposes would stay empty for ever."""
    answer = evaluate(query, scrapes)

    assert isinstance(answer, dict)


@pytest.mark.parametrize("rule", ALERTS)
def test_every_alert_rule_asks_for_what_a_service_exposes_and_says_what_to_do(rule, scrapes):
    """R-AD3-04."""
    answer = evaluate(rule["expr"], scrapes)

    assert isinstance(answer, dict)
    assert {"summary", "action"} <= rule["annotations"].keys()


def test_a_mesh_that_has_worked_fills_the_panels_about_work(scrapes):
    queries = (
        'sum(increase(heimdex_library_runs_total{outcome="succeeded"}[5m]))',
        'sum(increase(heimdex_library_run_failures_total{stage="metadata"}[5m]))',
        "sum(increase(heimdex_library_searches_total[5m]))",
        'sum(rate(heimdex_library_attempt_seconds_total{stage="scene_detection"}[5m]))',
        'sum(rate(heimdex_stage_duration_seconds_count{stage="indexing"}[5m]))',
    )

    assert [] == [query for query in queries if not sum(evaluate(query, scrapes).values()) > 0]


def test_no_label_holds_an_id(scrapes):
    """A label per video would fill Prometheus: every label has few values."""
    values: dict[tuple[str, str], set[str]] = {}
    for name, vector in scrapes[-1].series.items():
        for labels in vector:
            for label, value in labels:
                values.setdefault((name, label), set()).add(value)

    assert {} == {key: len(found) for key, found in values.items() if len(found) > 120}
