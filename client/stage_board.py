"""One line per stage, live on a terminal, and one line per stage that ended elsewhere."""

from collections.abc import Iterable

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from chassis.core.stages import PIPELINE
from client.output import elapsed, milliseconds, word
from client.types import Step, Video, WatchEvent

__all__ = ["StageBoard", "show_stages"]

_STEP = "STEP_STATE_"
_MARKS = {
    "": ("dim", "·"),
    "pending": ("dim", "·"),
    "queued": ("cyan", "○"),
    "done": ("green", "✓"),
    "skipped": ("yellow", "-"),
    "failed": ("bold red", "✗"),
}
_ENDED = frozenset({"done", "skipped", "failed"})


class StageBoard:
    """A renderable that shows how far each stage of one video is; give it every new video with `update`."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}
        self._spinner = Spinner("dots", style="cyan")

    def update(self, video: Video) -> list[Step]:
        """Take in the video as it is now; return the steps that have ended since the last call."""
        fresh = {word(step.get("stage"), "STAGE_"): step for step in video.get("steps", [])}
        ended = [
            step
            for name, step in fresh.items()
            if _state(step) in _ENDED and (name not in self._steps or _state(self._steps[name]) not in _ENDED)
        ]
        self._steps = fresh
        return ended

    def __rich__(self) -> Table:
        """Draw every stage of the pipeline, those that wait too."""
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=1)
        table.add_column(min_width=17)
        table.add_column(justify="right", min_width=9)
        table.add_column()
        for stage in PIPELINE:
            step = self._steps.get(str(stage), Step())
            state = _state(step)
            style, mark = _MARKS.get(state, ("cyan", "●"))
            sign: Spinner | Text = self._spinner if state == "running" else Text(mark, style)
            took = elapsed(step) if state in _ENDED or state == "running" else None
            table.add_row(sign, Text(str(stage), style), "" if took is None else milliseconds(took), _note(step))
        return table


def show_stages(events: Iterable[WatchEvent], screen: Console) -> Video | None:
    """Show changes as they come; return the video of the last one, None when there was no change at all."""
    board = StageBoard()
    last: Video | None = None
    if not screen.is_terminal:
        for event in events:
            last = event.get("video", last)
            for step in board.update(last or Video()):
                screen.print(_line(step))
        return last
    with Live(board, console=screen, refresh_per_second=10):
        for event in events:
            last = event.get("video", last)
            board.update(last or Video())
    return last


def _state(step: Step) -> str:
    return word(step.get("state"), _STEP)


def _note(step: Step) -> Text:
    state = _state(step)
    note = step.get("message") or step.get("reason") or "" if state in {"skipped", "failed"} else ""
    if state == "queued":
        note = "waiting for a worker"
    attempts = step.get("attempts", 0)
    if attempts > 1:
        note = f"attempt {attempts}" + (f": {note}" if note else "")
    return Text(note, "dim" if state not in {"failed", "skipped"} else _MARKS[state][0])


def _line(step: Step) -> str:
    note = str(_note(step))
    took = elapsed(step)
    parts = [word(step.get("stage"), "STAGE_"), _state(step), "" if took is None else milliseconds(took), note]
    return escape(" ".join(part for part in parts if part))
