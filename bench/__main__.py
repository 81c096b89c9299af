"""`python -m bench [--quick] [NAME ...]`: measure, print one JSON line per claim on stdout, progress on stderr.

Exits 1 when a correctness gate failed or a measurement could not be made. Lines are kept under bench/results/.
"""

import asyncio
import importlib
import json
import logging
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from rich.console import Console

from bench.harness import ROOT, Gate, Measured, Run, Stopwatch, result_line

__all__ = ["BENCHES", "main"]

BENCHES = (
    "startup",
    "bus_latency",
    "overhead",
    "search",
    "upload_to_ready",
    "memory",
    "metrics_intake",
    "metrics_answers",
    "metrics_overhead",
    "exports",
)
"""Modules of this package with `async def measure(run) -> Measured`; the first sentence of each is its claim."""

_RESULTS = ROOT / "bench" / "results"
_LONGEST_SECONDS = 1800
Measure = Callable[[Run], Awaitable[Measured]]


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(BENCHES))
@click.option("--quick", is_flag=True, help="Tiny counts: shows that it works, says nothing about speed.")
def main(*, names: tuple[str, ...], quick: bool) -> None:
    """Measure the claims by these NAMES, or all."""
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    console = Console(stderr=True)
    _RESULTS.mkdir(exist_ok=True)
    kept = _RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}{'-quick' if quick else ''}.jsonl"
    all_passed = True
    for name in names or BENCHES:
        line = _measure(name, is_quick=quick, console=console)
        all_passed = all_passed and line["passed"]
        text = json.dumps(line, ensure_ascii=False)
        click.echo(text)
        with kept.open("a", encoding="utf-8") as file:
            file.write(text + "\n")
    sys.exit(0 if all_passed else 1)


def _measure(name: str, *, is_quick: bool, console: Console) -> dict[str, Any]:
    module = importlib.import_module(f"bench.{name}")
    measure: Measure = module.measure
    console.rule(f"[bold]{name}[/] {_claim(module)}", align="left")
    watch = Stopwatch()
    with tempfile.TemporaryDirectory(prefix="heimdex-bench-", ignore_cleanup_errors=True) as scratch:
        run = Run(Path(scratch), is_quick, console)
        try:
            measured = asyncio.run(_in_time(measure, run))
        except Exception as error:  # noqa: BLE001  # the other claims are measured all the same
            console.print_exception(max_frames=4)
            measured = Measured(values={}, gates=(Gate("it could be measured", passed=False, detail=repr(error)),))
    line = result_line(name, _claim(module), measured, run=run, took_seconds=watch.seconds)
    for gate in measured.gates:
        mark = "[green]ok[/]" if gate.passed else "[bold red]FAILED[/]"
        run.say(f"{mark} {gate.name} {gate.detail}")
    for key, one in measured.values.items():
        run.say(f"{key} = {one.value} {one.unit}")
    return line


async def _in_time(measure: Measure, run: Run) -> Measured:
    async with asyncio.timeout(run.count(_LONGEST_SECONDS, _LONGEST_SECONDS // 10)):
        return await measure(run)


def _claim(module: ModuleType) -> str:
    """Return the first sentence of a module, on one line."""
    return " ".join((module.__doc__ or "").split("\n\n", 1)[0].split())


if __name__ == "__main__":
    main()
