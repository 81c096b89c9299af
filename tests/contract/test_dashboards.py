"""The dashboards are what their page says."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("grafana_dashboards", ROOT / "tools" / "grafana_dashboards.py")
TOOL = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(TOOL)


def test_the_dashboards_are_rendered_from_their_page():
    assert [] == TOOL.stale(write=False), "run `make golden`"


def test_every_panel_is_a_question_with_a_unit_and_a_sentence_for_whoever_has_to_act():
    panels = [panel for dashboard in TOOL.read_dashboards() for panel in dashboard["panel"]]

    assert [] == [panel for panel in panels if not (panel["title"] and panel["unit"] and panel["help"].endswith("."))]
    assert {"overview", "pipeline", "inference", "search"} == {one["name"] for one in TOOL.read_dashboards()}
