"""An export as a mesh tells of it, for tests of what talks to one."""

import os
from typing import Any

from click.testing import CliRunner, Result

from client.cli import main

CONTENT = os.urandom(200_000)
MEDIA = "/media/exports/u/e1.mp4"
REPORT = {
    "verdict": "CHECK_VERDICT_GOOD",
    "duration_s": 12.04,
    "expected_duration_s": 12.04,
    "av_sync_ms": 3.2,
    "width_px": 1080,
    "height_px": 1920,
    "frame_rate": 25,
    "black_frames_pct": 0,
    "frozen_frames_pct": 0,
    "loudness_lufs": -14.1,
    "true_peak_dbtp": -1.5,
    "subject_inside_pct": 99.2,
    "path_jitter": 0.31,
    "picture_format": "h264 yuv420p bt709",
    "sound_format": "aac 48000 Hz stereo",
    "is_faststart": True,
}
QUEUED = {
    "id": "e1",
    "status": "EXPORT_STATE_QUEUED",
    "segments": [{"scene": "s1"}],
    "aspect_ratio": "ASPECT_RATIO_9_16",
    "aspect_ratio_strategy": "ASPECT_RATIO_STRATEGY_SMART",
    "output_quality": "OUTPUT_QUALITY_MEDIUM",
    "caption_style": "CAPTION_STYLE_BOLD",
    "created_at": "2026-11-21T12:00:00Z",
    "expires_at": "2026-11-22T12:00:00Z",
    "etag": "1",
}
CUTTING = {**QUEUED, "status": "EXPORT_STATE_PROCESSING", "progress_pct": 55.0, "etag": "2"}
DONE = {
    **QUEUED,
    "status": "EXPORT_STATE_COMPLETED",
    "used_strategy": "ASPECT_RATIO_STRATEGY_BLUR_PAD",
    "cuts": [{"video": "v1", "start_s": 61.2, "end_s": 73.24}],
    "notes": ["SMART_WITHOUT_MODEL: no model finds faces here; the picture is padded."],
    "file_size_bytes": str(len(CONTENT)),
    "duration_s": 12.04,
    "resolution": "1080x1920",
    "download_url": f"{MEDIA}?exp=9&sig=a",
    "captions_srt_url": "/media/exports/u/e1.srt?exp=9&sig=b",
    "check_report": REPORT,
    "etag": "3",
}
FAILED = {
    **QUEUED,
    "status": "EXPORT_STATE_FAILED",
    "error_reason": "SOURCE_MISSING",
    "error_message": "a video of it was deleted",
    "etag": "3",
}


def heimdex(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(main, list(arguments), **options)


def makes(door: Any, ended: dict[str, Any]) -> None:
    door.say("POST", "/v1/scenes/s1/exports", QUEUED)
    door.say("POST", "/v1/exports", QUEUED)
    door.say("GET", "/v1/exports/e1:watch", [{"export": one} for one in (QUEUED, CUTTING, ended)])
    door.say("GET", "/v1/exports/e1", ended)
