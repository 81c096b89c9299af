"""Puts pictures of clips and what the check says of them on one sheet, so that a person can look at exports.

`python -m tools.contact_sheet CLIP... --to sheet.png` checks clips against their own length and size;
`python -m tools.contact_sheet --matrix --to sheet.png` makes every clip of the issue in every strategy first.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import font_source_sans_pro
from PIL import Image, ImageDraw, ImageFont

from chassis.core.errors import HeimdexError
from heimdex.ingest.v1 import export_pb2
from ingest_svc.adapters.checker import SandboxChecker
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.exports.checking.expected import Expected
from ingest_svc.domain.exports.values import Encoding, Size
from ingest_svc.domain.probe import MediaFacts

HEIGHT, GAP, LINE = 240, 8, 17
FONT = ImageFont.truetype(Path(font_source_sans_pro.__path__[0]) / "files" / "SourceSansPro-Regular.otf", 15)
COLOURS = {
    export_pb2.CHECK_VERDICT_GOOD: "#8fd18f",
    export_pb2.CHECK_VERDICT_POOR: "#f0c060",
    export_pb2.CHECK_VERDICT_FAILED: "#ff7070",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One clip on the sheet; a path of None for one that could not be made."""

    title: str
    path: Path | None
    lines: tuple[str, ...]
    colour: str


def entry(title: str, path: Path, report: export_pb2.CheckReport, notes: Sequence[str] = ()) -> Entry:
    """Return what the sheet says of a clip."""
    numbers = [
        f"{field.name} {value:.2f}" if isinstance(value, float) else f"{field.name} {value}"
        for field, value in report.ListFields()
        if field.name not in {"verdict", "reasons", "picture_format", "sound_format"}
    ]
    lines = (
        *(", ".join(numbers[first : first + 4]) for first in range(0, len(numbers), 4)),
        ", ".join(part for part in (report.picture_format, report.sound_format) if part),
        *report.reasons,
        *notes,
    )
    verdict = export_pb2.CheckVerdict.Name(report.verdict).removeprefix("CHECK_VERDICT_")
    return Entry(f"{verdict}  {title}", path, lines, COLOURS[report.verdict])


def pictures(path: Path, count: int) -> list[Image.Image]:
    """Return pictures of a clip in even distances, the first and the last included."""
    with av.open(str(path)) as clip:
        shown = [
            Image.fromarray(frame.to_ndarray(width=HEIGHT * frame.width // frame.height, height=HEIGHT, format="rgb24"))
            for frame in clip.decode(video=0)
        ]
    places = {round(number * (len(shown) - 1) / max(1, count - 1)) for number in range(count)}
    return [shown[place] for place in sorted(places)]


def cell(what: Entry, count: int) -> Image.Image:
    """Draw one clip."""
    shown = pictures(what.path, count) if what.path else []
    width = max(sum(one.width + 2 for one in shown), 820)
    picture = Image.new("RGB", (width, HEIGHT + LINE * (1 + len(what.lines)) + 3 * GAP), "#202024")
    draw = ImageDraw.Draw(picture)
    draw.text((2, 0), what.title, what.colour, FONT)
    left = 0
    for one in shown:
        picture.paste(one, (left, LINE + GAP))
        left += one.width + 2
    for number, line in enumerate(what.lines):
        draw.text((2, HEIGHT + LINE * (number + 1) + 2 * GAP), line, "#d8d8d8", FONT)
    return picture


def sheet(cells: Sequence[Image.Image], columns: int) -> Image.Image:
    """Lay cells out in rows."""
    rows = [cells[first : first + columns] for first in range(0, len(cells), columns)]
    width = max(sum(one.width + GAP for one in row) for row in rows)
    whole = Image.new("RGB", (width, sum(max(one.height for one in row) + GAP for row in rows)), "#101014")
    top = 0
    for row in rows:
        left = 0
        for one in row:
            whole.paste(one, (left, top))
            left += one.width + GAP
        top += max(one.height for one in row) + GAP
    return whole


def as_it_is(facts: MediaFacts) -> Expected:
    """Return what a clip is held against of which nobody knows what it was to be: its own length and size."""
    size = Size(facts.video.width, facts.video.height) if facts.video else Size(2, 2)
    return Expected(
        duration_ns=facts.duration_ns,
        encoding=Encoding(size=size, crf=23, preset="veryfast"),
        has_sound=facts.audio is not None,
        loudness_lufs=-14.0,
        lengths_ns=(facts.duration_ns,),
    )


async def check(paths: Sequence[Path], folder: Path) -> list[Entry]:
    """Check clips."""
    async with MediaSandbox(keeps_spares=False) as sandbox:
        checker = SandboxChecker(sandbox)
        found = []
        for path in paths:
            expected = as_it_is((await sandbox.probe(path, folder)).facts)
            found.append(entry(path.name, path, await checker.check(path, expected)))
        return found


async def make_matrix(folder: Path, only: str) -> list[Entry]:
    """Make every export of the matrix whose name holds a word; what fails is on the sheet, too."""
    from tests.support.export_matrix import cases, workshop  # noqa: PLC0415  # clips alone do not need the tests

    found = []
    async with workshop(folder) as open_workshop:
        for case in cases():
            if only not in case.name:
                continue
            try:
                product = await open_workshop.make(case)
            except HeimdexError as error:
                found.append(Entry(f"{error.reason}  {case.name}", None, (str(error),), "#ff7070"))
                continue
            how = f"{case.name} ({product.used_strategy}{', copied' if product.is_stream_copy else ''})"
            found.append(entry(how, product.clip, product.report, product.notes))
            print(found[-1].title, *product.report.reasons, sep="\n    ")
    return found


def main() -> None:
    """Read the command line and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--matrix", action="store_true", help="make and show every clip of the issue in every strategy")
    parser.add_argument("--only", default="", help="of the matrix, only exports whose name holds this")
    parser.add_argument("--to", type=Path, required=True, help="PNG to write")
    parser.add_argument("--frames", type=int, default=6, help="pictures per clip")
    parser.add_argument("--columns", type=int, default=4, help="clips per row")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        work = make_matrix(folder, options.only) if options.matrix else check(options.clips, folder)
        cells = [cell(one, options.frames) for one in asyncio.run(work)]
        if not cells:
            parser.error("there is no clip to show")
        sheet(cells, options.columns).save(options.to)
    print(f"{len(cells)} clips on {options.to}")


if __name__ == "__main__":
    main()
