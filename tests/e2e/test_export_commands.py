"""The command and the documentation, from a video to a short that lies in a folder."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.clips import DEMO_CLIP, Clips
from tests.support.mesh import RunningMesh
from tests.support.shown_export import Shown

pytestmark = pytest.mark.timeout(180)
DOCS = Path(__file__).resolve().parents[2] / "docs" / "exports.md"
HEIMDEX = Path(sys.executable).with_name("heimdex")


@pytest.fixture
def command(mesh: RunningMesh, clips: Clips, tmp_path: Path) -> Any:
    """`heimdex` as the user of the demo clip, in a folder of its own."""
    environment = {
        **mesh.environment,
        "HEIMDEX_URL": mesh.http_url,
        "HEIMDEX_TOKEN": clips(DEMO_CLIP.name).library.token,
        "HEIMDEX_TRACEBACK": "1",
    }

    def run(*arguments: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
        line = [str(HEIMDEX), *arguments]
        ended = subprocess.run(
            line, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.returncode == status, f"{arguments}\n{ended.stdout}\n{ended.stderr}"
        return ended

    return run


def test_the_command_makes_a_short_of_a_scene(clips: Clips, command: Any, tmp_path: Path) -> None:
    """R-EXP-01, R-EXP-05: one line makes it, waits, downloads and shows what was measured; --json prints one object."""
    scene = clips(DEMO_CLIP.name).scenes[1]
    made = json.loads(
        command(
            "export",
            scene["id"],
            "--to",
            "short.mp4",
            "--quality",
            "low",
            "--strategy",
            "letterbox",
            "--captions",
            "box",
            "--json",
        ).stdout
    )
    export = made["export"]
    shown = command("exports", "show", export["id"])
    again = command("exports", "download", export["id"], "--to", "short.mp4", status=2)

    assert made["files"] == ["short.mp4"]
    assert (tmp_path / "short.mp4").stat().st_size == int(export["file_size_bytes"])
    assert [path.name for path in tmp_path.iterdir()] == ["short.mp4"]
    assert export["scene_id"] == scene["id"]
    assert export["caption_style"] == "CAPTION_STYLE_BOX"
    assert "verdict: " in shown.stdout
    assert "720x1280" in shown.stdout
    assert "overwrite it with --force" in again.stderr


def test_the_command_makes_a_reel_with_subtitles(clips: Clips, command: Any, tmp_path: Path) -> None:
    """Several stretches are one clip, in order; captions lie beside it when words are known."""
    demo = clips(DEMO_CLIP.name)
    spans = [f"{demo.id}@0:01-2.5", f"{demo.id}@0:06-0:07.5"]
    options = ["--ratio", "1:1", "--strategy", "letterbox", "--quality", "low", "--no-snap", "--subtitles"]
    command("export", *spans, "--to", "reel.mp4", *options)
    export = json.loads(command("exports", "--limit", "1", "--json").stdout)["exports"][0]
    names = {path.name for path in tmp_path.iterdir()}

    assert abs(export["duration_s"] - 3.0) <= 2 / 25
    assert [(cut["start_s"], cut["end_s"]) for cut in export["cuts"]] == [(1.0, 2.5), (6.0, 7.5)]
    assert export["resolution"] == "720x720"
    assert names == ({"reel.mp4", "reel.srt", "reel.vtt"} if export.get("captions_srt_url") else {"reel.mp4"})


def test_a_proposed_line_makes_a_short(clips: Clips, command: Any, tmp_path: Path) -> None:
    """Proposals come with reasons and the exact line, and the line works."""
    demo = clips(DEMO_CLIP.name)
    said = command("propose", demo.id, "--min", "3", "--max", "10", "--limit", "2").stdout
    line = next(line.split() for line in said.splitlines() if line.strip().startswith("heimdex export "))

    command(*line[1:], "--quality", "low", "--strategy", "center-crop")
    assert (tmp_path / line[-1]).stat().st_size > 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_http_example_of_the_documentation_works_as_it_stands(shown: Shown, tmp_path: Path) -> None:
    """R-OPS-06: docs/exports.md, line by line."""
    block = (
        DOCS.read_text(encoding="utf-8").partition("<!-- test: http -->")[2].partition("```sh\n")[2].partition("```")[0]
    )
    environment = {
        **shown.library.mesh.environment,
        "HEIMDEX_URL": shown.library.mesh.http_url,
        "HEIMDEX_TOKEN": shown.library.token,
        "VIDEO": shown.video["id"],
        "PATH": os.environ["PATH"],
        "NO_PROXY": "*",
    }
    line = ["bash", "-euo", "pipefail", "-c", block]
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "EXPORT_STATE_COMPLETED" in done.stdout
    assert (tmp_path / "short.mp4").read_bytes()[4:8] == b"ftyp"
