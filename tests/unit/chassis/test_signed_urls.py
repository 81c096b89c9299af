from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.core.errors import PermissionDenied
from chassis.io.signed_urls import LINK_SECONDS, link_end, sign_path, verify_signature

NOW = 1_800_000_000
KEY = "users/u_1/videos/v_1/g1/thumbnails/0000.jpg"


def parts(link):
    query = parse_qs(urlsplit(link).query)
    return unquote(urlsplit(link).path).removeprefix("/media/"), query["exp"][0], query["sig"][0]


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1), st.integers(0, 1 << 33))
def test_a_link_is_good_for_its_hour_and_not_longer(key, now):
    """R-EXP-10, R-STO-03."""
    found, expires, signature = parts(sign_path("secret", key, now_seconds=now))

    assert found == key
    assert LINK_SECONDS <= int(expires) - now <= LINK_SECONDS + 300
    verify_signature("secret", found, expires, signature, now_seconds=int(expires) - 1)
    with pytest.raises(PermissionDenied) as refused:
        verify_signature("secret", found, expires, signature, now_seconds=int(expires))
    assert refused.value.reason == "LINK_EXPIRED"


@given(st.integers(0, 1 << 33), st.integers(0, 10_000))
def test_a_link_ends_with_its_object_at_the_latest(now, left):
    """R-EXP-11: the file of an export is gone at its time, and so is every link to it."""
    end = int(parts(sign_path("secret", KEY, now_seconds=now, until_seconds=now + left))[1])

    assert end == link_end(now, now + left) == min(now + left, link_end(now))


def test_the_same_link_is_given_for_some_minutes():
    assert len({sign_path("s", KEY, now_seconds=NOW + second) for second in range(299)}) == 1


@pytest.mark.parametrize("change", ["key", "expiry", "signature", "secret", "garbage expiry", "digits of elsewhere"])
def test_a_link_that_was_changed_is_refused(change):
    """R-EXP-10."""
    key, expires, signature = parts(sign_path("secret", KEY, now_seconds=NOW))
    secret = "other" if change == "secret" else "secret"
    key = key.replace("v_1", "v_2") if change == "key" else key
    expires = {"expiry": str(int(expires) + 1), "garbage expiry": "soon", "digits of elsewhere": "١٢٣"}.get(
        change, expires
    )
    signature = "é" + signature[1:] if change == "signature" else signature

    with pytest.raises(PermissionDenied) as refused:
        verify_signature(secret, key, expires, signature, now_seconds=NOW)
    assert refused.value.reason == "LINK_INVALID"


@given(st.text(), st.text())
def test_whatever_a_stranger_writes_is_refused_and_never_a_bug(expires, signature):
    with pytest.raises(PermissionDenied):
        verify_signature("secret", KEY, expires, signature, now_seconds=NOW)


def test_nothing_to_show_has_no_link():
    assert sign_path("secret", "") == ""
