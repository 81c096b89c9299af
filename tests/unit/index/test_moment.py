import numpy as np
import pytest

from chassis.core.errors import InvalidInput
from chassis.core.mediatime import TimeSpan
from index_svc.domain.moment import Moment, Record
from tests.support.index_moments import RECIPE, unit_vector


def record(**changes: object):
    fields = {"scene_id": "s", "video_id": "v", "owner_id": "o", "generation": 1, "index": 0, "span": TimeSpan(0, 1)}
    return Record(**{**fields, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"scene_id": ""},
        {"video_id": "v/1"},
        {"owner_id": 'o" or owner_id != "'},
        {"owner_id": "o\n"},
        {"generation": 0},
        {"index": -1},
        {"payload": b"x" * (2**20 + 1)},
    ],
)
def test_an_invalid_record_can_not_exist(changes):
    with pytest.raises(InvalidInput):
        record(**changes)


@pytest.mark.parametrize(
    "vector",
    [unit_vector(1, 383), unit_vector(1) * 2, np.zeros(384, np.float32), np.full(384, np.nan, np.float32)],
    ids=["shape", "length", "zeros", "nan"],
)
def test_an_invalid_vector_can_not_exist(vector):
    with pytest.raises(InvalidInput):
        Moment(record(), text_vector=vector, text_recipe=RECIPE)


def test_a_vector_needs_its_recipe():
    """R-SRC-04: vectors of different recipes never meet."""
    with pytest.raises(InvalidInput):
        Moment(record(), text_vector=unit_vector(1))


def test_a_moment_without_vectors_is_a_moment():
    """R-SRC-02: a scene that no model could look at is still found by its words."""
    assert Moment(record()).text_vector is None


def test_a_vector_can_not_be_changed_behind_the_moment():
    source = unit_vector(1)
    moment = Moment(record(), text_vector=source, text_recipe=RECIPE)
    source[0] = 9.0

    assert moment.text_vector is not None
    assert moment.text_vector[0] != 9.0
    with pytest.raises(ValueError, match="read-only"):
        moment.text_vector[0] = 9.0
