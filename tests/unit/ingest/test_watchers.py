from ingest_svc.watchers import Watchers


def test_a_change_wakes_those_who_watch_that_video_and_a_missed_one_wakes_all():
    """R-STG-14."""
    watchers = Watchers()
    with watchers.watching("a") as first, watchers.watching("a") as second, watchers.watching("b") as other:
        watchers.notify("a")
        assert (first.is_set(), second.is_set(), other.is_set()) == (True, True, False)
        watchers.notify("")
        assert other.is_set()


def test_who_has_left_leaves_nothing_behind():
    watchers = Watchers()
    with watchers.watching("a") as early:
        with watchers.watching("a") as late:
            pass
        watchers.notify("a")
    watchers.notify("a")

    assert early.is_set()
    assert not late.is_set()
    assert watchers._events == {}
