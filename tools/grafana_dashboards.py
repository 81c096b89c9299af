"""Render the Grafana dashboards: deploy/grafana/dashboards.toml to deploy/grafana/*.json, which Grafana imports."""

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

__all__ = ["FOLDER", "read_dashboards", "render", "stale"]

FOLDER = Path(__file__).resolve().parents[1] / "deploy" / "grafana"
_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 3


def read_dashboards() -> list[dict[str, Any]]:
    """Return the dashboards as they are written: name, title, help, panel[title, unit, kind, help, queries]."""
    return list(tomllib.loads((FOLDER / "dashboards.toml").read_text(encoding="utf-8"))["dashboard"])


def render(dashboard: dict[str, Any]) -> str:
    """Return the JSON of one dashboard."""
    model = {
        "uid": f"heimdex-{dashboard['name']}",
        "title": dashboard["title"],
        "description": dashboard["help"],
        "tags": ["heimdex"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "utc",
        "templating": {
            "list": [{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "panels": [_panel(number, panel) for number, panel in enumerate(dashboard["panel"])],
    }
    return json.dumps(model, indent=1, ensure_ascii=False) + "\n"


def _panel(number: int, panel: dict[str, Any]) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${datasource}"}
    return {
        "id": number + 1,
        "type": panel.get("kind", "timeseries"),
        "title": panel["title"],
        "description": panel["help"],
        "datasource": source,
        "gridPos": {
            "x": number % _COLUMNS * _WIDTH,
            "y": number // _COLUMNS * _HEIGHT,
            "w": _WIDTH,
            "h": _HEIGHT,
        },
        "fieldConfig": {"defaults": {"unit": panel["unit"], "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + rank), "datasource": source, "expr": one["expr"], "legendFormat": one["legend"]}
            for rank, one in enumerate(panel["queries"])
        ],
    }


def stale(*, write: bool) -> list[str]:
    """Return the names of files that are not what the page says; with `write`, make them so."""
    found = []
    for dashboard in read_dashboards():
        path, text = FOLDER / f"{dashboard['name']}.json", render(dashboard)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        found.append(path.name)
        if write:
            path.write_text(text, encoding="utf-8")
    return found


if __name__ == "__main__":
    is_writing = "--write" in sys.argv
    names = stale(write=is_writing)
    sys.stderr.writelines(f"{'written' if is_writing else 'stale'}: {name}\n" for name in names)
    sys.exit(1 if names and not is_writing else 0)
