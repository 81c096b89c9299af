"""The demo, step by step, against a mesh that runs."""

import json
import shlex
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape

from client.api import HeimdexClient
from client.commands.upload import send
from client.demo.clip import Clip, ClipSearch
from client.demo.judge import CAPABILITIES, first_hit, is_right, missing_capabilities, real_tasks
from client.output import milliseconds, word
from client.search_view import content_of, span_of, why_of
from client.stage_board import show_stages
from client.stage_table import latency_line, rtf_line, stage_table
from client.types import Model, SearchResult, Video
from client.video_view import failure_of, state_of, summary

__all__ = ["Judged", "curl_line", "run_searches", "show_numbers", "show_upload"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A search of the demo with its best hit; `is_right` is None when it could not work here and was not run."""

    search: ClipSearch
    hit: SearchResult | None
    is_right: bool | None

    def as_json(self) -> dict[str, Any]:
        """Return what a program wants to know about it."""
        scene = self.search.scene
        return {
            "q": self.search.text,
            "by": self.search.by,
            "expected_scene": None if scene is None else {"index": scene.index, "name": scene.name},
            "hit": self.hit,
            "is_right": self.is_right,
        }


def show_upload(client: HeimdexClient, clip: Clip, screen: Console) -> Video:
    """Upload the clip, show its stages until it is ready or failed, and return it."""
    screen.print(f"\n[bold]1. Upload[/]  {clip.path.name}, {clip.duration_s:.0f} s, {len(clip.scenes)} scenes")
    video = send(client, clip.path, title=clip.title, screen=screen)
    if state_of(video) == "ready":
        screen.print("these bytes are in the library already; this is how they went:", style="dim")
    video_id = video.get("id", "")
    show_stages(client.follow(video_id), screen)
    video = client.get_video(video_id)
    screen.print(summary(video))
    if state_of(video) != "ready":
        screen.print(failure_of(video), style="red", markup=False)
    return video


def run_searches(
    client: HeimdexClient, clip: Clip, video_id: str, *, models: list[Model], screen: Console
) -> list[Judged]:
    """Run every search that can work with these models, and say of the others why they can not."""
    screen.print("\n[bold]2. Search[/]  each has one right scene")
    real = real_tasks(models)
    judged: list[Judged] = []
    for search in clip.searches:
        if lacking := search.needs - real:
            what = ", ".join(CAPABILITIES.get(task, task) for task in sorted(lacking))
            screen.print(
                f"[yellow]-[/] {escape(search.text)!r} not run: it needs {what}, and no real model for that is here"
            )
            judged.append(Judged(search, None, None))
            continue
        answer = client.search(search.text, page_size=3, video_ids=(video_id,))
        hit = first_hit(answer)
        outcome = Judged(search, hit, is_right(search, hit, video_id))
        _show_judged(outcome, answer.get("latency_ms"), screen)
        judged.append(outcome)
    return judged


def show_numbers(client: HeimdexClient, models: list[Model], screen: Console) -> tuple[dict[str, Any], list[str]]:
    """Print the stage table, the lines for whole videos and one per missing capability; return both."""
    performance, latency, rtf = (
        client.stage_performance(window="1d"),
        client.latency(window="1d"),
        client.rtf(window="1d"),
    )
    screen.print("\n[bold]3. Where the seconds went[/]  today (UTC), on this mesh")
    screen.print(stage_table(performance))
    screen.print(latency_line(latency))
    screen.print(rtf_line(rtf))
    missing = missing_capabilities(models)
    if missing:
        screen.print("\n[bold]Not available on this machine[/]")
        for line in missing:
            screen.print(f"[yellow]-[/] {escape(line)}", soft_wrap=True)
    return {"stages": performance, "latency": latency, "rtf": rtf}, missing


def curl_line(url: str, token: str, text: str, video_id: str) -> str:
    """Return a shell line that repeats a search."""
    body = json.dumps({"q": text, "video_ids": [video_id]}, ensure_ascii=False)
    headers = (f"Authorization: Bearer {token}", "Content-Type: application/json")
    parts = ["curl", "-s", f"{url}/v1/search", *(part for header in headers for part in ("-H", header)), "-d", body]
    return shlex.join(parts)


def _show_judged(judged: Judged, latency_ms: float | None, screen: Console) -> None:
    scene = judged.search.scene
    by = word(judged.search.by, "SIGNAL_").replace("_", " ")
    expected = "any scene of the clip" if scene is None else f"scene {scene.index} ({scene.name})"
    mark = "[green]✓[/]" if judged.is_right else "[bold red]✗[/]"
    took = "" if latency_ms is None else f" in {milliseconds(latency_ms)}"
    screen.print(f"{mark} [bold]{escape(judged.search.text)}[/]  expected {expected}, by {by}{took}")
    if judged.hit is None:
        screen.print("    nothing found")
        return
    found = judged.hit.get("scene", {})
    screen.print(f"    {span_of(found)}  {content_of(found)}", markup=False)
    screen.print(f"    {why_of(judged.hit)}", style="dim", markup=False)
