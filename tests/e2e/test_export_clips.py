"""Every clip of the issue in every strategy, through the parts that make an export: the check calls each of them good.

`python -m tools.contact_sheet --matrix --to sheet.png` makes the same ones, three seconds each, for people to look at.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from chassis.core.mediatime import TimeSpan
from heimdex.ingest.v1 import export_pb2
from ingest_svc.adapters.checker import SandboxChecker
from ingest_svc.adapters.cutter import FfmpegCutter
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.exports.values import CaptionStyle, Quality, Ratio, Strategy, encoding_of
from ingest_svc.exports.expectation import expected_of
from ingest_svc.exports.ports import Clip, ClipSource
from tests.support.export_matrix import CLIPS, NS, Case, cases, workshop
from tests.support.flash_and_beep import content_sync_ms, make_flash_and_beep
from tests.support.shared import needs_shared

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


async def judged(made: Sequence[Case], folder: Path) -> dict[str, tuple[str, list[str]]]:
    """Return the verdict and the reasons for each case."""
    found = {}
    async with workshop(folder, longest_s=1.0) as open_workshop:
        for case in made:
            report = (await open_workshop.make(case)).report
            found[case.name] = (export_pb2.CheckVerdict.Name(report.verdict), list(report.reasons))
    return found


def all_good(made: Sequence[Case]) -> dict[str, tuple[str, list[str]]]:
    return {case.name: ("CHECK_VERDICT_GOOD", []) for case in made}


@needs_shared
@pytest.mark.parametrize("clip", CLIPS)
async def test_a_real_clip_comes_out_good_in_every_strategy(clip, tmp_path):
    """R-EXP-05, R-EXP-06."""
    wanted = [case for case in cases() if case.clip == clip and case.is_plain]

    assert {case.options.strategy for case in wanted} == set(Strategy)
    assert await judged(wanted, tmp_path) == all_good(wanted)


@needs_shared
async def test_every_shape_and_every_style_of_captions_comes_out_good(tmp_path):
    """R-EXP-05."""
    wanted = [case for case in cases() if not case.is_plain]

    assert {case.options.captions for case in wanted} == set(CaptionStyle)
    assert {case.options.ratio for case in wanted} == set(Ratio)
    assert await judged(wanted, tmp_path) == all_good(wanted)


@pytest.mark.parametrize("rate", ["24000/1001", "30", "12.5"])
async def test_a_reel_of_flashes_and_beeps_keeps_them_together_over_every_cut(tmp_path, rate):
    """R-EXP-06: sound within 40 ms of the picture by what is seen and heard, not by what the file says."""
    source = make_flash_and_beep(tmp_path / "source.mp4", rate=rate, seconds=3.0)
    async with MediaSandbox(keeps_spares=False) as sandbox:
        facts = (await sandbox.probe(source, tmp_path)).facts
        spans = [TimeSpan(round(begin * NS), round((begin + 1.013) * NS)) for begin in (0.21, 1.17, 0.03, 1.29)]
        clip = Clip(
            sources=tuple(
                ClipSource(path=source, facts=facts, span=span, strategy=Strategy.LETTERBOX) for span in spans
            ),
            encoding=encoding_of(Ratio.R_9_16, Quality.LOW),
        )
        made = tmp_path / "made.mp4"
        await FfmpegCutter(sandbox).cut(clip, made)
        report = await SandboxChecker(sandbox).check(made, expected_of(clip))
    # A flash is shown with the next picture of its source: what was apart there may be apart here.
    first, second, _ = content_sync_ms(source)
    moved = [one - before for one, before in zip(content_sync_ms(made), (first, second, first, second), strict=True)]

    assert (report.verdict, list(report.reasons)) == (export_pb2.CHECK_VERDICT_GOOD, [])
    assert all(abs(one) <= 40 for one in moved), moved
