import base64
from datetime import UTC

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chassis.core.errors import InvalidInput
from ingest_svc.pages import check_page_size, read_index_token, read_video_token, write_index_token, write_video_token

moments = st.datetimes(timezones=st.just(UTC))


@given(moments, st.text())
def test_a_token_leads_back_to_its_place(at, video):
    """R-ING-20."""
    assert read_video_token(write_video_token(at, video)) == (at, video)


@given(st.integers(0, (1 << 31) - 1))
def test_an_index_token_leads_back_to_its_place(index):
    assert read_index_token(write_index_token(index)) == index


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()) | json_like.map(repr))
@example("=" * 5)
@example(base64.urlsafe_b64encode(b"[" * 5_000).decode())
@example(base64.urlsafe_b64encode(b'["2026-01-01T00:00:00", "naive"]').decode())
@example(base64.urlsafe_b64encode(b"9" * 5_000).decode())
@example(base64.urlsafe_b64encode(b"true").decode())
@example(base64.urlsafe_b64encode(b"2147483648").decode())
@example(base64.urlsafe_b64encode(b"-1").decode())
def test_whatever_a_stranger_writes_is_a_place_or_refused_by_name(token):
    """R-OPS-09: a hostile token is the caller's fault, never a bug."""
    for read in (read_video_token, read_index_token):
        try:
            place = read(token)
        except InvalidInput as error:
            assert (error.reason, error.violations[0].field) == ("INVALID_PAGE_TOKEN", "page_token")  # noqa: PT017
        else:
            assert place is None or isinstance(place, int | tuple)


def test_no_token_is_the_first_page():
    assert read_video_token("") is None
    assert read_index_token("") == 0


def test_page_sizes_have_bounds_and_a_default():
    assert [check_page_size(size, default=50, largest=200) for size in (0, 1, 200)] == [50, 1, 200]
    for size in (-1, 201):
        with pytest.raises(InvalidInput) as refused:
            check_page_size(size, default=50, largest=200)
        assert refused.value.violations[0].field == "page_size"
