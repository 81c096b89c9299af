"""`heimdex capacity`: how busy the workers are, and how many are needed."""

from collections.abc import Callable
from typing import TypeVar

import click

from client.capacity_types import CapacityQuestion, ModelChange, StageChange
from client.capacity_view import capacity_lines, capacity_table
from client.commands.stages import WINDOW
from client.output import console, print_json, stderr
from client.session import connect

__all__ = ["capacity"]

NumberT = TypeVar("NumberT", int, float)


@click.command()
@click.option(
    "--range",
    "window",
    default="30d",
    show_default=True,
    metavar="DAYS",
    help="Whole UTC days up to today, 1d to 365d.",
)
@click.option(
    "--target-wait", "target_s", type=float, metavar="SECONDS", help="95 % of the work may wait so long; 60 by default."
)
@click.option("--uploads-factor", "factor", type=float, metavar="N", help="What if there were N times the uploads?")
@click.option("--workers", multiple=True, metavar="STAGE=N", help="What if a stage had N workers? May be repeated.")
@click.option(
    "--slower", multiple=True, metavar="STAGE=N", help="What if a stage took N times as long? May be repeated."
)
@click.option(
    "--slower-model", multiple=True, metavar="MODEL=N", help="What if a model took N times as long? May be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def capacity(
    *,
    window: str,
    target_s: float | None,
    factor: float | None,
    workers: tuple[str, ...],
    slower: tuple[str, ...],
    slower_model: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show how busy each stage is, how long work will wait, and how many workers it takes to keep waits short.

    Forecast from what the workers recorded. Needs an administrator's token.
    """
    if not WINDOW.fullmatch(window):
        raise click.BadParameter("1d to 365d", param_hint="--range")
    question = CapacityQuestion(range=window)
    if target_s is not None:
        question["target_wait_s"] = target_s
    if factor is not None:
        question["uploads_factor"] = factor
    if stages := _stages(workers, slower):
        question["stages"] = stages
    if slower_model:
        pairs = _pairs(slower_model, float, "--slower-model")
        question["models"] = [ModelChange(model=model, service_factor=number) for model, number in pairs]
    with connect(as_admin=True) as client:
        answer = client.capacity(question)
    if as_json:
        print_json(answer)
        return
    screen = console()
    if answer.get("stages"):
        screen.print(capacity_table(answer, width=screen.width))
    screen.print(answer.get("advice", ""), style="bold", markup=False)
    for line in capacity_lines(answer):
        stderr().print(line, style="dim", markup=False)


def _stages(workers: tuple[str, ...], slower: tuple[str, ...]) -> list[StageChange]:
    changes: dict[str, StageChange] = {}
    for stage, count in _pairs(workers, int, "--workers"):
        changes.setdefault(stage, StageChange(processing_stage=stage))["workers"] = count
    for stage, factor in _pairs(slower, float, "--slower"):
        changes.setdefault(stage, StageChange(processing_stage=stage))["service_factor"] = factor
    return list(changes.values())


def _pairs(texts: tuple[str, ...], read: Callable[[str], NumberT], option: str) -> list[tuple[str, NumberT]]:
    pairs = []
    for text in texts:
        name, equals, number = text.rpartition("=")
        try:
            pairs.append((name, read(number)))
        except ValueError:
            equals = ""
        if not name or not equals:
            raise click.BadParameter("must be NAME=NUMBER", param_hint=option)
    return pairs
