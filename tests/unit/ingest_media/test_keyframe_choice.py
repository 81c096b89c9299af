"""Which frames stand for a shot (R-ING-12): near the middle, never blank if another is there, few kept."""

from collections.abc import Callable
from functools import partial
from operator import ne

from ingest_svc.domain.keyframes import Candidate, Slot, choose

SECOND = 10**9


def picture(at_ns: int, *, is_blank: bool = False) -> Candidate[str]:
    return Candidate(at_ns, 0.0 if is_blank else 100.0, 0.0 if is_blank else 30.0, f"{at_ns}")


def shown(seconds: float, is_blank: Callable[[int], bool] = lambda _: False, fps: int = 25) -> Slot[str]:
    slot: Slot[str] = Slot(0)
    for number in range(round(seconds * fps)):
        at_ns = number * SECOND // fps
        slot.offer(at_ns, partial(picture, at_ns, is_blank=is_blank(number)))
    return slot


def test_the_picture_nearest_to_the_middle_is_chosen_and_few_are_kept() -> None:
    slot = shown(10)

    assert len(slot.candidates) <= 9
    assert abs(choose(slot.candidates, 0, 10 * SECOND).at_ns - 5 * SECOND) <= SECOND


def test_a_blank_picture_is_chosen_only_if_all_are_blank() -> None:
    assert choose(shown(4, lambda _: True).candidates, 0, 4 * SECOND).is_blank
    assert not choose(shown(4, lambda number: number < 97).candidates, 0, 4 * SECOND).is_blank


def test_the_only_picture_that_is_not_blank_is_found_wherever_it_lies() -> None:
    for lucky in range(0, 250, 7):
        slot = shown(10, partial(ne, lucky))

        assert choose(slot.candidates, 0, 10 * SECOND).at_ns == lucky * SECOND // 25


def test_a_slot_split_in_the_past_gives_each_side_its_own_pictures() -> None:
    slot = shown(3)

    late = slot.split(2 * SECOND)

    assert all(candidate.at_ns < 2 * SECOND for candidate in slot.candidates)
    assert slot.candidates[0].at_ns == 0
    assert all(candidate.at_ns >= 2 * SECOND for candidate in late.candidates)
