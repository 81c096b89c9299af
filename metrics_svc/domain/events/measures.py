"""What is counted and sketched, by the word under which it is kept.

A row of `metrics.sketches` is one measure of one stage, outcome and model, of one owner (empty: of all together), in
one UTC hour or day. Its values are integers: nanoseconds unless said otherwise. Every sample is in exactly one of
`measured`, `approximate` and `missing`; the sketch holds the values of the first two. GPU, ENERGY and CALLS count only
samples that have a value: one that has none held no accelerator and asked no model, so nothing is missing.

A value is approximate when it rests on a clock that had to be corrected, as waits, queues and everything of the run do
then, and by the same rule the length of the attempt. What a process counts by itself (CPU, GPU, energy, calls) is not.
"""

from enum import StrEnum

__all__ = ["ALL_OWNERS", "NANO", "SUM_ONLY", "TALLIES", "Measure"]

ALL_OWNERS = ""
"""The owner under which everybody's samples are kept together; no owner has an empty id."""
NANO = 1_000_000_000
"""Real-time factors are kept in billionths."""


class Measure(StrEnum):
    """The words. For a run, `stage` is completed or, when it did not become ready, the stage where it broke."""

    # of every attempt at a stage: its own stage, outcome and model
    WORK = "work"
    """Length of the attempt."""
    WAIT = "wait"
    """From handed out to begun."""
    CPU = "cpu"
    """CPU time."""
    GPU = "gpu"
    """Time an accelerator was held."""
    ENERGY = "energy"
    """Energy in microjoules."""
    CALLS = "calls"
    """Model calls, a count."""

    # of every run that ended; model is empty
    RUN = "run"
    """The run itself; no value. Approximate when only the end was filled in later."""

    # of every run that became ready (stage completed, outcome succeeded)
    PROCESSING = "processing"
    """Sum of the attempts. Approximate when an attempt was not measured or a clock was corrected."""
    QUEUE = "queue"
    """From queued to the first start."""
    TOTAL = "total"
    """Queue plus processing, where both are known."""
    QUEUED_PROCESSING = "queued_processing"
    """Processing, of those runs alone of which queue is known too."""
    ELAPSED = "elapsed"
    """From the first start to the end, pauses and side-by-side work included."""
    RTF = "rtf"
    """Processing over length of the video, in billionths; missing where either is unknown or the length is 0."""
    RTF_VIDEO = "rtf_video"
    """Length of the video, of those runs alone whose RTF is known."""
    RTF_PROCESSING = "rtf_processing"
    """Processing, of those runs alone whose RTF is known."""
    VIDEO_LENGTH = "video_length"
    """Length of the video; missing where unknown. Its bins tell which have length 0."""

    # of what is not a stage; stage and model are empty
    SEARCH = "search"
    """From request to answer inside index_svc; outcome succeeded."""
    EMPTY_SEARCH = "empty_search"
    """A search without a result; no value."""
    UPLOAD = "upload"
    """From the first byte to accepted."""
    EXPORT = "export"
    """From asked to stored."""


TALLIES: frozenset[Measure] = frozenset({Measure.RUN, Measure.EMPTY_SEARCH})
"""Measures without a value: rows that only count."""
SUM_ONLY: frozenset[Measure] = frozenset(
    {
        Measure.CPU,
        Measure.GPU,
        Measure.ENERGY,
        Measure.CALLS,
        Measure.QUEUED_PROCESSING,
        Measure.RTF_VIDEO,
        Measure.RTF_PROCESSING,
    }
)
"""Measures whose sum is asked for and never a percentile: rows without bins."""
