"""Broader names for ImageNet's narrow ones, so that who looks for a bird or a parrot finds a macaw.

The 1000 classes of ILSVRC-2012 are in the order of WordNet's tree; what is a bird or a dog there is a run of indices.
"""

from bisect import bisect_right

__all__ = ["broader_name"]

# First index of a run and the name of its classes; "" where a run has no plain common name.
_RUNS: tuple[tuple[int, str], ...] = (
    (0, "fish"),
    (7, "bird"),
    (25, "salamander"),
    (30, "frog"),
    (33, "turtle"),
    (38, "lizard"),
    (49, "crocodile"),
    (51, ""),
    (52, "snake"),
    (69, ""),
    (72, "spider"),
    (78, ""),
    (80, "bird"),
    (101, ""),
    (118, "crab"),
    (122, ""),
    (127, "bird"),
    (147, ""),
    (151, "dog"),
    (269, "wild dog"),
    (276, ""),
    (277, "fox"),
    (281, "cat"),
    (286, "wild cat"),
    (294, "bear"),
    (298, ""),
    (300, "insect"),
    (321, "butterfly"),
    (327, ""),
    (330, "rabbit"),
    (333, ""),
    (365, "ape"),
    (370, "monkey"),
    (383, ""),
    (385, "elephant"),
    (387, "panda"),
    (389, "fish"),
    (398, ""),
)
_STARTS = tuple(start for start, _ in _RUNS)


def broader_name(index: int) -> str:
    """Return the broader name of a class, 0..999 in the order of ILSVRC-2012; "" where there is none.

    Raises:
        ValueError: The index is negative.
    """
    if index < 0:
        raise ValueError("a class index is not negative")
    return _RUNS[bisect_right(_STARTS, index) - 1][1]
