"""A pipeline whose truth is known: videos come, wait for a worker, are worked on; simulated event by event with SimPy.

It shares nothing with what it judges: no recursion over arrays, no resampling, only processes that wait for workers.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import simpy

__all__ = [
    "DAY_S",
    "HOUR_S",
    "Arrivals",
    "Line",
    "Mean",
    "Piece",
    "Simulated",
    "bursts",
    "constant",
    "daily",
    "exponential",
    "lognormal",
    "mixed",
    "poisson",
    "renewal",
    "simulate",
    "stage_at_load",
    "true_means",
    "truth",
    "with_workers",
]

HOUR_S, DAY_S = 3_600.0, 86_400.0
_FEWEST_STRETCHES, _MOST_STRETCHES = 6, 100

Service = Callable[[np.random.Generator], float]
Arrivals = Callable[[np.random.Generator, float], Iterator[float]]
"""Given a length of time, the moments within it."""


def constant(mean_s: float) -> Service:
    """Work that always takes as long."""
    return lambda _: mean_s


def exponential(mean_s: float) -> Service:
    """Squared coefficient of variation 1."""
    return lambda random: random.exponential(mean_s)


def lognormal(mean_s: float, scv: float) -> Service:
    """Work with a long tail."""
    sigma2 = math.log(1 + scv)
    return lambda random: random.lognormal(math.log(mean_s) - sigma2 / 2, math.sqrt(sigma2))


def mixed(mean_s: float, scv: float) -> Service:
    """Mostly short and sometimes long work: hyperexponential with balanced means."""
    short = (1 + math.sqrt((scv - 1) / (scv + 1))) / 2
    return lambda random: random.exponential(
        mean_s / (2 * short) if random.random() < short else mean_s / (2 * (1 - short))
    )


def poisson(per_hour: float) -> Arrivals:
    """Independent users, around the clock."""
    return lambda random, length_s: _gaps(lambda: random.exponential(3_600 / per_hour), length_s)


def renewal(per_hour: float, gap: Callable[[float], Service]) -> Arrivals:
    """Gaps from any distribution, made for the mean gap in seconds."""
    service = gap(3_600 / per_hour)
    return lambda random, length_s: _gaps(lambda: service(random), length_s)


def bursts(per_hour: float, videos: float) -> Arrivals:
    """Users who upload several videos at once, a geometric number with this mean."""

    def arrivals(random: np.random.Generator, length_s: float) -> Iterator[float]:
        for moment in poisson(per_hour / videos)(random, length_s):
            yield from [moment] * int(random.geometric(1 / videos))

    return arrivals


def daily(per_hour: float, *, swing: float = 0.8, weekend: float = 1.0) -> Arrivals:
    """Independent users who sleep: most at noon; 0 is Monday at midnight, a weekend day has `weekend` of another."""
    peak = 1 + swing

    def arrivals(random: np.random.Generator, length_s: float) -> Iterator[float]:
        for moment in poisson(per_hour * peak)(random, length_s):
            level = 1 - swing * math.cos(2 * math.pi * moment / DAY_S)
            if int(moment // DAY_S) % 7 >= 5:
                level *= weekend
            if random.random() < level / peak:
                yield moment

    return arrivals


def _gaps(draw: Callable[[], float], length_s: float) -> Iterator[float]:
    moment = draw()
    while moment < length_s:
        yield moment
        moment += draw()


@dataclass(frozen=True)
class Line:
    """One stage: its workers (one piece at a time each), how long work takes, and what must be done before it."""

    stage: str
    workers: int
    service: Service
    needs: tuple[str, ...] = ()
    fails: float = 0.0
    """Share of attempts that fail and are tried again."""
    pause_s: float = 30.0
    """Before another try."""
    model: str = ""


@dataclass(frozen=True)
class Piece:
    """One attempt, as its worker would tell it; seconds since the start."""

    video: int
    stage: str
    attempt: int
    queued_s: float
    started_s: float
    service_s: float
    worker: int
    has_failed: bool
    model: str

    @property
    def wait_s(self) -> float:
        return self.started_s - self.queued_s


@dataclass
class Simulated:
    """Everything that happened; `uploads[i]` is when video i came, `ended[i]` when it was through."""

    uploads: list[float] = field(default_factory=list)
    ended: dict[int, float] = field(default_factory=dict)
    pieces: list[Piece] = field(default_factory=list)

    def waits(self, stage: str) -> np.ndarray:
        return np.array([piece.wait_s for piece in self.pieces if piece.stage == stage])


def simulate(lines: Sequence[Line], arrivals: Arrivals, *, length_s: float, seed: int) -> Simulated:
    """Let videos come for so long, begun with nothing waiting, and work until all are through.

    Lengths of work of one video have a common factor only where its services draw one; every draw is seeded.
    """
    random = np.random.default_rng(seed)
    world, seen = simpy.Environment(), Simulated()
    idle = {line.stage: simpy.Store(world) for line in lines}
    for line in lines:
        idle[line.stage].items.extend(range(line.workers))

    def work(video: int, line: Line):
        attempt, has_failed = 0, True
        while has_failed:
            attempt += 1
            queued = world.now
            worker = yield idle[line.stage].get()
            started, takes = world.now, line.service(random)
            yield world.timeout(takes)
            idle[line.stage].put(worker)
            has_failed = random.random() < line.fails
            seen.pieces.append(
                Piece(video, line.stage, attempt, queued, started, takes, worker, has_failed, line.model)
            )
            if has_failed:
                yield world.timeout(line.pause_s)

    def pass_stage(video: int, line: Line, done: dict[str, simpy.Process]):
        yield world.all_of([done[need] for need in line.needs])
        yield world.process(work(video, line))

    def pass_all(video: int):
        done: dict[str, simpy.Process] = {}
        for line in lines:
            done[line.stage] = world.process(pass_stage(video, line, done))
        yield world.all_of(done.values())
        seen.ended[video] = world.now

    def come():
        for moment in arrivals(random, length_s):
            yield world.timeout(moment - world.now)
            seen.uploads.append(moment)
            world.process(pass_all(len(seen.uploads) - 1))

    world.process(come())
    world.run()
    return seen


def truth(
    lines: Sequence[Line], arrivals: Arrivals, *, length_s: float, times: int, seed: int = 90_000
) -> dict[str, np.ndarray]:
    """Return all waits of each stage, of several stretches of that length."""
    seen = [simulate(lines, arrivals, length_s=length_s, seed=seed + number) for number in range(times)]
    return {line.stage: np.concatenate([one.waits(line.stage) for one in seen]) for line in lines}


@dataclass(frozen=True)
class Mean:
    """A mean over many stretches, and how well it is known: its standard error over itself."""

    seconds: float
    error: float


def true_means(
    lines: Sequence[Line], arrivals: Arrivals, *, length_s: float, within: float = 0.015, seed: int = 90_000
) -> dict[str, Mean]:
    """Return the mean wait of each stage, over as many stretches as it takes for a standard error this small."""
    means: list[list[float]] = []
    for number in range(_MOST_STRETCHES):
        seen = simulate(lines, arrivals, length_s=length_s, seed=seed + number)
        means.append([float(seen.waits(line.stage).mean()) for line in lines])
        if len(means) < _FEWEST_STRETCHES:
            continue
        known = np.mean(means, axis=0)
        errors = np.std(means, axis=0, ddof=1) / math.sqrt(len(means)) / known
        if errors.max() <= within:
            return {line.stage: Mean(*pair) for line, *pair in zip(lines, known.tolist(), errors.tolist(), strict=True)}
    raise AssertionError(f"the truth is not known to {within:.1%} after {_MOST_STRETCHES} stretches")


def stage_at_load(
    stage: str,
    workers: int,
    load: float,
    per_hour: float,
    service: Callable[..., Service],
    *,
    scv: float | None = None,
    needs: tuple[str, ...] = (),
    **more: Any,
) -> Line:
    """Return a stage that is so busy at so many uploads an hour."""
    mean_s = load * workers * HOUR_S / per_hour
    return Line(stage, workers, service(mean_s) if scv is None else service(mean_s, scv), needs, **more)


def with_workers(lines: Sequence[Line], workers: dict[str, int]) -> list[Line]:
    """Return the same stages with other workers."""
    return [replace(line, workers=workers[line.stage]) for line in lines]
