"""The check of exports against what eyes and ears have, against grain, and in a process of its own."""

from pathlib import Path

import pytest

from chassis.io.spending import Spending, spending_on
from heimdex.ingest.v1 import export_pb2
from ingest_svc.adapters.checker import SandboxChecker
from ingest_svc.adapters.media_sandbox import MediaSandbox
from tests.support.export_clips import Made, check, expected, ffmpeg, make, origin
from tests.support.flash_and_beep import content_sync_ms, make_flash_and_beep

GOOD = export_pb2.CHECK_VERDICT_GOOD
FROZEN = "select='not(between(n,16,45))',fps=30"


def reasons(report: export_pb2.CheckReport) -> list[str]:
    return [reason.partition(":")[0] for reason in report.reasons]


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("good") / "good.mp4")


@pytest.mark.parametrize("late_s", [0.0, 0.03, 0.1, 0.35])
async def test_time_stamps_tell_the_truth_about_what_is_seen_and_heard(tmp_path, late_s):
    """R-EXP-06: a flash and a beep are as far apart as the check says the tracks are, after edit lists and priming."""
    clip = make_flash_and_beep(tmp_path / "clip.mp4", late_s=late_s)

    report = await check(clip, expected(loudness_lufs=-20.0))
    seen_and_heard = content_sync_ms(clip)

    assert len(seen_and_heard) == 2
    assert report.av_sync_ms == pytest.approx(1000 * late_s, abs=1.0)
    assert seen_and_heard == pytest.approx([report.av_sync_ms] * 2, abs=5.0)
    assert ("OUT_OF_SYNC" in reasons(report)) == (late_s > 0.04)


async def test_grain_that_the_coder_leaves_out_is_not_movement(tmp_path):
    """A still picture under camera noise: the clip stands still, and so does what matters in the source."""
    grainy = tmp_path / "grainy.mp4"
    still = "testsrc2=size=360x640:rate=30:duration=1,loop=loop=-1:size=1,trim=end_frame=60"
    noise = "noise=alls=8:allf=t"
    ffmpeg("-f", "lavfi", "-i", f"{still},{noise}", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "8", str(grainy))
    clip = make(tmp_path / "clip.mp4", Made(pictures=f"{still},scale=144:256"))

    report = await check(clip, expected(origins=(origin(grainy, width=360, height=640),)))

    assert (report.verdict, report.frozen_frames_pct) == (GOOD, 0)


async def test_the_check_runs_in_a_child_and_is_charged_to_the_work(tmp_path, good):
    clip = make(tmp_path / "clip.mp4", Made(filters=FROZEN))
    spent = Spending()
    async with MediaSandbox(keeps_spares=False) as sandbox:
        checker = SandboxChecker(sandbox)
        with spending_on(spent):
            reports = [await checker.check(path, expected(origins=(origin(good),))) for path in (good, clip)]
        cut = tmp_path / "cut.mp4"
        cut.write_text("hello")
        reports.append(await checker.check(cut, expected()))

    assert [reasons(report)[:1] for report in reports] == [[], ["FROZEN_PICTURES"], ["UNREADABLE"]]
    assert reports[0].loudness_lufs == pytest.approx(-14, abs=0.1)
    assert spent.cpu_ns
