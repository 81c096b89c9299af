"""Clips with hostile captions, made by the real cutter."""

import numpy as np
import pytest

from ingest_svc.adapters.caption_font import caption_typeface
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.exports.captions.captions import burn
from ingest_svc.domain.exports.values import CaptionStyle, Encoding, Size
from tests.support.caption_lab import passage, spoken
from tests.support.cut_lab import Flashes, cut, look, source_of, write_flashes

SIZE = Size(360, 640)
SMALL = Encoding(size=SIZE, crf=18, preset="ultrafast")
HOSTILE = (
    r"{\an8\p1}m 0 0 l 900 0 900 900 0 900",
    "',drawtext=textfile=/etc/passwd,' %{pts} ':,;[out]",
)


@pytest.fixture
async def sandbox():
    async with MediaSandbox(keeps_spares=False) as box:
        yield box


async def test_hostile_captions_change_nothing_outside_their_boxes(sandbox, tmp_path):
    """R-OPS-09: what is said reaches the picture as letters alone, and the filter graph not at all."""
    source = source_of(write_flashes(tmp_path / "source.mov", Flashes(seconds=1, at=())))
    await cut(sandbox, [source], tmp_path / "plain.mp4", encoding=SMALL)
    plain = look(tmp_path / "plain.mp4", keeps=True).pictures
    for number, text in enumerate(HOSTILE):
        made = burn(
            [passage(spoken(text, pace=0.05), seconds=1)],
            style=CaptionStyle.BOX,
            size=SIZE,
            typeface=caption_typeface(CaptionStyle.BOX),
        )
        await cut(sandbox, [source], tmp_path / f"{number}.mp4", encoding=SMALL, subtitles=made.script)
        drawn = look(tmp_path / f"{number}.mp4", keeps=True).pictures

        assert len(drawn) == len(plain)
        for one, other in zip(drawn, plain, strict=True):
            changed = np.abs(one.astype(int) - other) > 40
            rows = np.flatnonzero(changed.any(axis=(1, 2)))
            top = min(box[1] for box in made.boxes) * SIZE.height
            assert changed.any()
            assert top - 2 <= rows.min()
            assert rows.max() <= 0.78 * SIZE.height
