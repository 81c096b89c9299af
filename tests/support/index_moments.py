"""Moments for tests of index_svc: real values, made from a seed."""

import numpy as np

from chassis.core.mediatime import NANOSECONDS_PER_SECOND, TimeSpan
from index_svc.domain.moment import TEXT_DIMENSIONS, Moment, MomentText, Record, Vector

__all__ = ["RECIPE", "make_moment", "make_moments", "unit_vector"]

RECIPE = "all-MiniLM-L6-v2@53aa5117/mean-pool"


def unit_vector(seed: int, dimensions: int = TEXT_DIMENSIONS) -> Vector:
    """Return float32[dimensions] of length one, the same for the same seed."""
    values = np.random.default_rng(seed).standard_normal(dimensions).astype(np.float32)
    return values / np.float32(np.linalg.norm(values))


def make_moment(
    index: int, text: MomentText, *, owner: str = "ada", video: str = "v1", generation: int = 1, seed: int | None = None
) -> Moment:
    """Return one moment of ten seconds with vectors of its text and tags."""
    record = Record(
        scene_id=f"s_{video}_{index}",
        video_id=video,
        owner_id=owner,
        generation=generation,
        index=index,
        span=TimeSpan(index * 10 * NANOSECONDS_PER_SECOND, (index + 1) * 10 * NANOSECONDS_PER_SECOND),
        text=text,
        payload=f"{owner}/{video}/{index}/{generation}".encode(),
    )
    start = seed if seed is not None else abs(hash((owner, video, index))) % 2**32
    return Moment(record, text_vector=unit_vector(start), tags_vector=unit_vector(start + 1), text_recipe=RECIPE)


def make_moments(
    *speeches: str, owner: str = "ada", video: str = "v1", generation: int = 1, seed: int = 0
) -> tuple[Moment, ...]:
    """Return one moment per speech, in order, of one video."""
    return tuple(
        make_moment(
            index, MomentText(speech=speech), owner=owner, video=video, generation=generation, seed=seed + 2 * index
        )
        for index, speech in enumerate(speeches)
    )
