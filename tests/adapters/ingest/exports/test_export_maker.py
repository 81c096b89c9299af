"""The maker: parts that behave are put together; what goes wrong has a name, what was done otherwise is said."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from chassis.core.errors import Corruption, NotFound
from chassis.core.mediatime import TimeSpan
from chassis.io.stage import StageSpan
from heimdex.ingest.v1 import export_pb2, video_pb2
from ingest_svc.adapters.caption_font import caption_typeface
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.adapters.outliner import SandboxOutliner
from ingest_svc.domain.exports.values import CaptionStyle, Cut, Options, Ratio, Sighting, Strategy
from ingest_svc.domain.probe import AudioTrack, MediaFacts, VideoTrack
from ingest_svc.exports.maker import ExportMaker, Tools
from ingest_svc.exports.making import Job
from ingest_svc.exports.ports import Made, Sampled, Subjects
from ingest_svc.exports.record import Order
from ingest_svc.exports.sources import Sources
from ingest_svc.work_codec import media_info_message
from tests.support.export_lab import NS, Shelves, cuttable
from tests.support.ingest_lab import OWNER, T0
from tests.support.media_clips import Clip as MadeClip
from tests.support.media_clips import Shot, write_clip

GOOD, POOR, FAILED = (export_pb2.CheckVerdict.Value(f"CHECK_VERDICT_{word}") for word in ("GOOD", "POOR", "FAILED"))
PICTURES = VideoTrack(0, "h264", 1920, 1080, 1920, 1080, 0, 25.0, False, "yuv420p", 8, 0, True)
SOUND = AudioTrack(1, "aac", 2, 48_000, "en", 0, True)


def said(*words: tuple[str, float, float]):
    one = video_pb2.TranscriptSegment(
        text=" ".join(text for text, _, _ in words),
        start_s=words[0][1],
        end_s=words[-1][2],
        words=[video_pb2.Word(text=text, start_s=start, end_s=end) for text, start, end in words],
    )
    return video_pb2.Transcript(language="en", segments=[one])


SAID = said(("Hello", 4.5, 5.3), ("harbour", 5.4, 6.0), ("master", 6.1, 6.6))


@dataclass
class Parts:
    """All the parts, as plain as they can be; the cutter and the checker are told how to behave."""

    duration_ns: int = 300 * NS
    verdicts: list[Any] = field(default_factory=lambda: [GOOD])
    models: tuple[str, ...] = ("yunet@1",)
    sightings: tuple[Sighting, ...] = ()
    error: Exception | None = None
    clips: list[Any] = field(default_factory=list)
    expected: list[Any] = field(default_factory=list)

    async def outline(self, path, _out_dir, _info, duration_ns):
        size = path.stat().st_size
        return MediaFacts(("mp4",), size, duration_ns, 0, PICTURES, SOUND, (PICTURES,), (SOUND,), 0)

    async def cut(self, clip, out, *, on_progress=None):
        if self.error is not None:
            raise self.error
        self.clips.append(clip)
        if on_progress is not None:
            on_progress(0.5)
        out.write_bytes(b"clip %d" % len(self.clips))
        length = sum(source.span.length_ns for source in clip.sources)
        return Made(
            size_bytes=6, duration_ns=length, frame_rate=Fraction(25), is_stream_copy=False, notes=("CUT: somehow",)
        )

    async def thumbnail(self, clip, out):
        assert clip.exists()
        out.write_bytes(b"jpeg")

    async def sample(self, _path, _facts, span, out_dir):
        (out_dir / "sample_00000.jpg").write_bytes(b"jpeg")
        times = tuple(range(0, span.length_ns, NS // 5))
        return Sampled(times, tuple(out_dir / "sample_00000.jpg" for _ in times), (0,))

    async def find(self, _sampled):
        return Subjects(self.sightings, self.models)

    async def check(self, clip, expected):
        assert clip.exists()
        self.expected.append(expected)
        verdict = self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]
        return export_pb2.CheckReport(verdict=verdict, reasons=[] if verdict == GOOD else ["LENGTH: it is too short"])


@dataclass
class Workshop:
    """A maker, and one video of five minutes in which three words are said."""

    parts: Parts
    shelves: Shelves
    shelf: Any
    folder: Path
    video: str
    progress: list[float] = field(default_factory=list)

    async def make(self, *spans: tuple[float, float], max_seconds=180.0, **options: Any):
        cuts = tuple(Cut(self.video, TimeSpan(round(a * NS), round(b * NS))) for a, b in spans or ((5.0, 10.0),))
        order = Order(
            cuts=cuts,
            options=Options(**{"strategy": Strategy.LETTERBOX, **options}),
            request_id="",
            request_digest="",
            resolution="1080x1920",
            storage_path=f"exports/{OWNER}/e_1.mp4",
        )
        parts = self.parts
        tools = Tools(
            sources=Sources(self.shelf, self.shelves.blobs, parts),
            cutter=parts,
            sampler=parts,
            subjects=parts,
            checker=parts,
            typeface=caption_typeface,
        )
        self.folder.mkdir(exist_ok=True)
        folder = self.folder / str(len(list(self.folder.iterdir())))
        folder.mkdir()
        job = Job("e_1", OWNER, order, folder, self.progress.append, StageSpan(T0))
        return await ExportMaker(tools, max_seconds=max_seconds).make(job)


@pytest.fixture
async def workshop(request, database, shelf, tmp_path):
    shelves = Shelves(
        *map(request.getfixturevalue, ("progress", "library")), database, request.getfixturevalue("blobs")
    )
    video = await cuttable(shelves)
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE ingest.transcripts SET transcript = $2 WHERE video_id = $1", video, SAID.SerializeToString()
        )
    return Workshop(Parts(), shelves, shelf, tmp_path / "work", video)


async def test_a_plain_clip_is_cut_checked_and_has_its_files(workshop):
    """R-EXP-06: what was asked for reaches the cutter and the checker; progress rises to the end."""
    made = await workshop.make((5.0, 10.0), snaps=False, ratio=Ratio.R_1_1)
    (clip,), (expected,) = workshop.parts.clips, workshop.parts.expected

    assert made.spans == (TimeSpan(5 * NS, 10 * NS),)
    assert (clip.sources[0].strategy, clip.subtitles) == (Strategy.LETTERBOX, None)
    assert (clip.encoding.size.width, clip.encoding.size.height) == (1080, 1080)
    assert (expected.duration_ns, expected.has_sound) == (5 * NS, True)
    assert (made.size_bytes, made.duration_ns, made.report.verdict) == (6, 5 * NS, GOOD)
    assert (made.clip.read_bytes(), made.thumbnail.read_bytes()) == (b"clip 1", b"jpeg")
    assert "harbour" in made.srt.read_text()
    assert made.vtt.read_text().startswith("WEBVTT")
    assert made.notes == ("CUT: somehow",)
    assert workshop.progress == sorted(workshop.progress)


async def test_the_edges_move_out_of_words_when_that_is_asked_for(workshop):
    """5.0 s lies in a word."""
    (span,) = (await workshop.make((5.0, 10.0))).spans

    assert span.start_ns < 4.5 * NS
    assert 5 * NS - span.start_ns <= NS


async def test_snapping_makes_no_clip_longer_than_one_may_ask_for(workshop):
    """R-EXP-03: what was asked for fits, what snapping would make of it does not."""
    made = await workshop.make((5.0, 10.0), max_seconds=5.0)

    assert made.spans == (TimeSpan(5 * NS, 10 * NS),)


async def test_words_are_burned_in_where_they_are_known_and_missed_where_not(workshop):
    burned = await workshop.make((4.0, 8.0), captions=CaptionStyle.BOLD)
    silent = await workshop.make((100.0, 104.0), captions=CaptionStyle.BOLD)

    assert "Hello" in workshop.parts.clips[0].subtitles
    assert len(workshop.parts.expected[0].caption_boxes) >= 1
    assert not [note for note in burned.notes if note.startswith("CAPTIONS")]
    assert workshop.parts.clips[1].subtitles is None
    assert silent.notes[0] == "CAPTIONS_WITHOUT_WORDS: no words to show: nothing is said in this stretch"
    assert (silent.srt, silent.vtt) == (None, None)


async def test_smart_follows_a_face_and_says_what_it_followed(workshop):
    """The camera goes to the cutter, its subject to the checker."""
    workshop.parts.sightings = tuple(Sighting(at, "face", 0.9, 0.7, 0.3, 0.1, 0.2) for at in range(0, 5 * NS, NS // 5))
    made = await workshop.make((5.0, 10.0), strategy=Strategy.SMART, snaps=False)
    (source,) = workshop.parts.clips[0].sources

    assert (made.used_strategy, source.strategy) == (Strategy.SMART, Strategy.SMART)
    assert source.camera.pieces[0].x[0] > 0.6
    assert len(workshop.parts.expected[0].subjects[0]) > 0
    assert not list(workshop.folder.rglob("look_*"))


@pytest.mark.parametrize(("models", "note"), [((), "SMART_WITHOUT_MODEL"), (("yunet@1",), "SMART_NOTHING_TO_FOLLOW")])
async def test_smart_without_anything_to_follow_is_blur_pad_and_says_so(workshop, models, note):
    workshop.parts.models = models
    made = await workshop.make((5.0, 10.0), strategy=Strategy.SMART)

    assert made.used_strategy is Strategy.BLUR_PAD
    assert workshop.parts.clips[0].sources[0].strategy is Strategy.BLUR_PAD
    assert made.notes[0].startswith(f"{note}: ")


async def test_a_picture_of_the_frames_own_shape_needs_no_model(workshop):
    workshop.parts.models = ()
    made = await workshop.make((5.0, 10.0), strategy=Strategy.SMART, ratio=Ratio.R_16_9)

    assert (made.used_strategy, made.notes) == (Strategy.SMART, ("CUT: somehow",))


async def test_a_clip_that_fails_its_check_is_made_once_more(workshop):
    workshop.parts.verdicts = [FAILED, POOR]
    made = await workshop.make()

    assert (made.clip.read_bytes(), made.report.verdict, list(made.report.reasons)) == (
        b"clip 2",
        POOR,
        ["LENGTH: it is too short"],
    )


async def test_a_clip_that_fails_its_check_twice_is_not_delivered(workshop):
    workshop.parts.verdicts = [FAILED]
    with pytest.raises(Corruption, match="LENGTH: it is too short") as failed:
        await workshop.make()

    assert (failed.value.reason, len(workshop.parts.clips)) == ("EXPORT_CHECK_FAILED", 2)


async def test_a_source_that_has_gone_is_missing(workshop):
    """R-ING-17: the object, or the whole video."""
    await workshop.shelves.blobs.delete_prefix("users")
    with pytest.raises(NotFound) as gone:
        await workshop.make()
    assert gone.value.reason == "SOURCE_MISSING"
    await workshop.shelves.library.delete_video(OWNER, workshop.video, [])
    with pytest.raises(NotFound) as deleted:
        await workshop.make()

    assert deleted.value.reason == "SOURCE_MISSING"


async def test_a_source_that_was_cut_off_is_named(workshop):
    async with workshop.shelves.database.connection() as connection:
        await connection.execute("UPDATE ingest.videos SET size_bytes = 11")
    with pytest.raises(Corruption) as refused:
        await workshop.make()

    assert refused.value.reason == "OBJECT_TRUNCATED"


async def test_a_reel_of_one_video_fetches_it_once_and_keeps_the_order(workshop):
    made = await workshop.make((100.0, 101.0), (50.0, 52.0), snaps=False)
    sources = workshop.parts.clips[0].sources

    assert [source.span.length_ns for source in sources] == [NS, 2 * NS]
    assert sources[0].path == sources[1].path
    assert (made.duration_ns, workshop.parts.expected[0].lengths_ns) == (3 * NS, (NS, 2 * NS))


async def test_an_outline_is_what_a_probe_measures(tmp_path):
    """The header's streams, with sizes, turns and rates as they were measured at upload."""
    path = write_clip(
        tmp_path / "turned.mp4", (Shot(1.0, (200, 60, 60)),), MadeClip(width=320, height=180, has_tone=True)
    )
    async with MediaSandbox(keeps_spares=False) as sandbox:
        (tmp_path / "out").mkdir()
        facts = (await sandbox.probe(path, tmp_path / "out")).facts
        info = media_info_message(facts, "turned.mp4")
        outlined = await SandboxOutliner(sandbox).outline(path, tmp_path / "out", info, facts.duration_ns)

    assert outlined == facts
