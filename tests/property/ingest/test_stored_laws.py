"""Laws of what the object store holds: every byte is somewhere once, and what is told adds up to what is there."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chassis.core.ids import owner_key
from ingest_svc.domain.stored import NO_VIDEO, ExportHolder, Inventory, Kind, Told, export_of, place_of, what_changed

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OWNERS = {"v_1": "ada", "v_2": "eve"}
EXPORTS = {"e_1": ExportHolder("v_1", "ada"), "e_2": ExportHolder("v_gone", "eve")}

FOLDERS = ["users", "uploads", "videos", "source", "g1", "g12", "results", "keyframes", "exports", "audio.flac"]
parts = st.sampled_from(
    [*FOLDERS, "v_1", "v_2", "v_3", owner_key("ada"), owner_key("eve"), "..", "", "a b", "\n", "metadata.pb"]
)
keys = st.one_of(
    st.lists(parts, min_size=1, max_size=7).map("/".join),
    st.tuples(st.sampled_from([owner_key("ada"), owner_key("eve")]), st.sampled_from(["v_1", "v_2", "v_3"]), parts).map(
        lambda one: f"users/{one[0]}/videos/{one[1]}/{one[2]}"
    ),
    st.tuples(
        st.sampled_from(["ada", "eve"]), st.sampled_from(["e_1", "e_2", "e_9"]), st.sampled_from(["mp4", "srt"])
    ).map(lambda one: f"exports/{one[0]}/{one[1]}.{one[2]}"),
    st.text(max_size=40),
)
ages = st.sampled_from([timedelta(0), timedelta(minutes=9), timedelta(days=3)])
objects = st.lists(st.tuples(keys, st.integers(0, 1 << 50), ages), max_size=30)


def taken(listing):
    inventory = Inventory()
    for key, size, age in listing:
        inventory.add(key, size, NOW - age)
    return inventory


@given(objects)
def test_every_byte_is_held_by_somebody_exactly_once_whatever_the_keys(listing):
    """R-AD3-03."""
    holdings = taken(listing).holdings(OWNERS, NOW, EXPORTS)

    assert sum(size for _, size, _ in listing) == sum(sum(one.kinds.values()) for one in holdings)
    assert len({one.video_id for one in holdings}) == len(holdings)
    assert {one.video_id for one in holdings} <= {*OWNERS, "v_gone", NO_VIDEO}
    assert all({**OWNERS, "v_gone": "eve"}[one.video_id] == one.owner_id for one in holdings if one.video_id)
    found = {(one.video_id, kind): size for one in holdings for kind, size in one.kinds.items()}
    for export, holder in EXPORTS.items():
        mine = sum(size for key, size, _ in listing if export_of(key) == export)
        elsewhere = sum(
            size
            for key, size, _ in listing
            if place_of(key).video_id == holder.video_id
            and place_of(key).kind is Kind.EXPORT
            and place_of(key).owner_key == owner_key(holder.owner_id)
        )
        assert found.get((holder.video_id, Kind.EXPORT), 0) == mine + elsewhere


@given(objects)
def test_what_is_nobodys_has_a_prefix_that_can_be_listed_again(listing):
    inventory = taken(listing)
    for prefix in inventory.unknown(OWNERS):
        assert any(key.startswith(f"{prefix}/") for key, _, _ in listing)
        inventory.without(prefix)

    assert inventory.unknown(OWNERS) == []


@given(keys)
def test_a_key_has_one_place_and_only_keys_of_a_video_name_one(key):
    place = place_of(key)

    assert (place.video_id == NO_VIDEO) == (place.kind in {Kind.UPLOAD, Kind.ORPHAN})


sizes = st.dictionaries(st.sampled_from(Kind), st.integers(0, 100))
told_sizes = st.dictionaries(st.sampled_from(Kind), st.integers(1, 100))


@given(sizes, told_sizes)
def test_who_hears_every_change_believes_what_is_there(found, told_before):
    told = {kind: Told(size, NOW - timedelta(hours=1)) for kind, size in told_before.items()}
    changed = what_changed(found, told, measured_at=NOW, now=NOW, tell_before=NOW - timedelta(days=20))
    believed = {**told_before, **changed}

    assert {kind: size for kind, size in believed.items() if size} == {k: s for k, s in found.items() if s}
    assert all(told_before.get(kind, 0) != size for kind, size in changed.items())


@given(sizes, told_sizes)
def test_what_was_measured_later_stays(found, told_before):
    told = {kind: Told(size, NOW) for kind, size in told_before.items()}
    changed = what_changed(found, told, measured_at=NOW, now=NOW, tell_before=NOW - timedelta(days=20))

    assert not set(changed) & set(told)
