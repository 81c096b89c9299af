"""From an export on its way to files that a person has: waiting, downloading, captions, what was measured."""

import contextlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from client.api import HeimdexClient
from client.check_view import check_table, verdict_lines, verdict_of
from client.download import FileInTheWay, check_target, save_bytes
from client.errors import ClientError, Exit, MeshNotReachable
from client.export_board import show_download, show_export
from client.export_errors import failure_of, in_words
from client.export_types import Export
from client.export_view import export_lines, state_of
from client.output import console, print_json

__all__ = ["Delivery", "ExportFailed", "insist", "print_export", "wait_for"]

_KINDS: tuple[Literal["srt", "vtt"], ...] = ("srt", "vtt")


class ExportFailed(ClientError):
    """An export ended without a file, or with one that is not what was asked for."""

    @property
    def exit_status(self) -> Exit:
        """The exit status of a command that ends with this."""
        return Exit.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Where a short goes."""

    to: Path
    may_overwrite: bool = False
    has_subtitles: bool = False

    @property
    def captions(self) -> dict[Literal["srt", "vtt"], Path]:
        """Return where the captions go: beside the file, where players look for them."""
        return {kind: self.to.with_suffix(f".{kind}") for kind in _KINDS} if self.has_subtitles else {}

    @property
    def options(self) -> str:
        """Return the options that name this delivery again."""
        flags = [("--subtitles", self.has_subtitles), ("--force", self.may_overwrite)]
        return " ".join(["--to", shlex.quote(str(self.to)), *(name for name, is_set in flags if is_set)])

    def check(self) -> None:
        """Make sure, before any work is asked for, that every file can be written.

        Raises:
            FileInTheWay: one can not.
        """
        if self.to in self.captions.values():
            raise FileInTheWay(f"{self.to} is to be the film and can not be its subtitles, too; call it .mp4")
        for place in (self.to, *self.captions.values()):
            check_target(place, may_overwrite=self.may_overwrite)

    def fetch(self, client: HeimdexClient, export: Export, screen: Console) -> list[Path]:
        """Download a completed export; return the files that were written."""
        export_id = export.get("id", "")
        with _coming_back(f"heimdex exports download {export_id} {self.options}", screen, "what is here is kept"):
            show_download(
                lambda heard: client.exports.download(
                    export_id, self.to, on_progress=heard, may_overwrite=self.may_overwrite
                ),
                int(export.get("file_size_bytes", 0)),
                screen,
            )
        files = [self.to]
        if self.has_subtitles and not export.get("captions_srt_url"):
            screen.print("no words are known of it, so there are no subtitles", style="yellow")
            return files
        for kind, place in self.captions.items():
            save_bytes(client.exports.captions(export_id, kind), place, may_overwrite=self.may_overwrite)
            files.append(place)
        return files


def wait_for(client: HeimdexClient, export_id: str, delivery: Delivery | None, screen: Console) -> Export:
    """Show an export until it has ended and return it; who stops looking is told how to come back."""
    way_back = f"heimdex exports wait {export_id}" + (f" {delivery.options}" if delivery else "")
    with in_words(), _coming_back(way_back, screen, "the export goes on"):
        return show_export(client.exports.follow(export_id), screen)


def print_export(export: Export, files: list[Path], *, as_json: bool) -> None:
    """Print an export, with what was measured of it, and where its files are."""
    report = export.get("check_report", {})
    if as_json:
        print_json({"export": export, "files": [str(file) for file in files]})
        return
    screen = console()
    for line in export_lines(export):
        screen.print(line)
    if report:
        screen.print(check_table(report))
        for said in verdict_lines(report):
            screen.print(said)
    for file in files:
        screen.print(f"saved {file}", markup=False, soft_wrap=True)


def insist(export: Export) -> None:
    """Make sure that an export which has ended has a file, and that it is what was asked for.

    Raises:
        ExportFailed: it has none, or the check says that it is not.
    """
    if state_of(export) != "completed":
        raise ExportFailed(failure_of(export))
    if verdict_of(export.get("check_report", {})) == "failed":
        raise ExportFailed("the check says that the file is not what was asked for")


@contextlib.contextmanager
def _coming_back(line: str, screen: Console, what: str) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, MeshNotReachable):
        screen.print(f"{what}; come back with: {line}", markup=False, soft_wrap=True)
        raise
