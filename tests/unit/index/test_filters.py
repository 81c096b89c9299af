import pytest

from chassis.core.errors import Corruption, InvalidInput
from index_svc.domain.filters import Column, Scope, all_of, equals, guard, one_of
from index_svc.domain.moment import ScoredRecord
from tests.support.index_moments import make_moments


def test_a_scope_always_names_its_owner():
    """R-SRC-06: there is no search without an owner."""
    assert Scope("ada").filter().expression == 'owner_id == "ada"'
    assert Scope("ada", ("v1", "v2")).filter().expression == '(owner_id == "ada") and (video_id in ["v1", "v2"])'


@pytest.mark.parametrize("hostile", ['t7" or owner_id != "', "", "a b", "a\n", "ü", "a" * 65, '"', "\\", "a\x00"])
def test_a_hostile_id_never_reaches_an_expression(hostile):
    for build in (
        lambda: equals(Column.OWNER, hostile),
        lambda: one_of(Column.VIDEO, ("v1", hostile)),
        lambda: Scope(hostile),
        lambda: Scope("ada", (hostile,)),
    ):
        with pytest.raises(InvalidInput):
            build()


def test_a_list_of_ids_is_neither_empty_nor_endless():
    for ids in ((), tuple(f"v{number}" for number in range(101))):
        with pytest.raises(InvalidInput):
            one_of(Column.VIDEO, ids)


def test_parts_are_joined_in_parentheses():
    assert (
        all_of(equals(Column.OWNER, "a"), equals(Column.VIDEO, "b")).expression
        == '(owner_id == "a") and (video_id == "b")'
    )


def test_one_foreign_hit_spoils_the_whole_answer():
    """R-SRC-06: the second lock, should the filter ever fail."""
    mine, theirs = make_moments("mine")[0].record, make_moments("theirs", owner="bob")[0].record
    hits = (ScoredRecord(mine, 0.9), ScoredRecord(theirs, 0.8))

    assert guard(Scope("ada"), hits[:1]) == hits[:1]
    with pytest.raises(Corruption, match="scope"):
        guard(Scope("ada"), hits)
    with pytest.raises(Corruption):
        guard(Scope("ada", ("v2",)), hits[:1])
