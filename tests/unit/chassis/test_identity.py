import base64
import hashlib
import hmac
import json
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from chassis.core.errors import PermissionDenied, Unauthenticated
from chassis.io.identity import (
    Principal,
    TokenVerifier,
    current_principal,
    ensure_key_pair,
    generate_key_pair,
    mint_token,
    principal_var,
    require_admin,
    require_service,
    require_user,
)

KEYS = generate_key_pair()
VERIFIER = TokenVerifier(KEYS.public_pem, admin_user_ids=("root",))
NOW = int(time.time())
CLAIMS = {"iss": "heimdex", "aud": "heimdex", "sub": "ada", "iat": NOW, "exp": NOW + 36_000}


def signed(key=KEYS.private_pem, algorithm="EdDSA", headers=None, **changes: object):
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers)


def forged(header, *, secret=None):
    """A token made by hand: the library refuses to make these."""
    head, body = (base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (header, CLAIMS))
    mac = hmac.new(secret, head + b"." + body, hashlib.sha256).digest() if secret else b""
    return b".".join((head, body, base64.urlsafe_b64encode(mac).rstrip(b"="))).decode()


def test_a_token_names_its_user_and_what_the_user_may_do():
    """R-USR-01, R-USR-02, R-AD1-06: admin by claim or by list; a service is a service."""
    assert VERIFIER.verify(mint_token(KEYS.private_pem, subject="ada")) == Principal("ada", is_admin=False, service="")
    assert VERIFIER.verify(mint_token(KEYS.private_pem, subject="ada", is_admin=True)).is_admin
    assert VERIFIER.verify(mint_token(KEYS.private_pem, subject="root")).is_admin
    assert VERIFIER.verify(mint_token(KEYS.private_pem, subject="index", service="index")).is_service


ELSEWHERE = generate_key_pair()
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
REFUSED = {
    "nothing": "",
    "garbage": "garbage",
    "three dots": "a.b.c",
    "another key": signed(ELSEWHERE.private_pem),
    "no algorithm": forged({"alg": "none", "typ": "JWT"}),
    "HS256 with the public key": forged({"alg": "HS256"}, secret=KEYS.public_pem),
    "EdDSA over HMAC": forged({"alg": "EdDSA"}, secret=KEYS.public_pem),
    "another algorithm": signed(RSA, "RS256"),
    "wrong audience": signed(aud="others"),
    "wrong issuer": signed(iss="others"),
    "no expiry": signed(exp=None),
    "no subject": signed(sub=None),
    "empty subject": signed(sub=""),
    "no issuer": signed(iss=None),
    "no audience": signed(aud=None),
    "no time of issue": signed(iat=None),
    "from the future": signed(iat=NOW + 30_000),
    "not yet": signed(nbf=NOW + 30_000),
    "roles that are no list": signed(roles="admin"),
    "service that is no word": signed(service=1),
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED)
def test_a_token_that_is_not_ours_in_every_respect_is_refused(token):
    """R-USR-01."""
    with pytest.raises(Unauthenticated) as refused:
        VERIFIER.verify(token)
    assert refused.value.reason == "TOKEN_INVALID"


def test_an_expired_token_says_so_and_what_to_do():
    """R-USR-01, R-OPS-09."""
    with pytest.raises(Unauthenticated, match="token create") as refused:
        VERIFIER.verify(signed(exp=NOW - 60))
    assert refused.value.reason == "TOKEN_EXPIRED"


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode() + ".e30."))
def test_whatever_a_stranger_sends_is_refused_and_never_a_bug(token):
    """R-USR-01."""
    with pytest.raises(Unauthenticated):
        VERIFIER.verify(token)


@given(st.data())
def test_changing_any_character_of_a_token_breaks_it(data):
    token = signed()
    place = data.draw(st.integers(0, len(token) - 2))  # the last character holds unused bits
    other = data.draw(st.sampled_from("ABCabc019-_.").filter(lambda one: one != token[place]))

    with pytest.raises(Unauthenticated):
        VERIFIER.verify(token[:place] + other + token[place + 1 :])


def test_keys_are_private_stay_and_belong_together(tmp_path):
    """R-USR-04."""
    made = ensure_key_pair(tmp_path / "keys")
    mode = stat.S_IMODE((tmp_path / "keys" / "signing.pem").stat().st_mode)

    assert mode == 0o600
    assert ensure_key_pair(tmp_path / "keys") == made
    assert TokenVerifier(made.public_pem).verify(mint_token(made.private_pem, subject="ada")).user_id == "ada"
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["public.pem", "signing.pem"]


def test_callers_at_once_agree_on_one_pair(tmp_path):
    """R-USR-04."""
    with ThreadPoolExecutor(8) as pool:
        pairs = set(pool.map(lambda _: ensure_key_pair(tmp_path / "keys"), range(16)))

    assert len(pairs) == 1


def test_each_door_lets_in_those_it_is_for():
    """R-AD1-06, R-USR-04."""
    user, admin = Principal("a", is_admin=False, service=""), Principal("r", is_admin=True, service="")
    service = Principal("s", is_admin=False, service="index")
    table = {
        require_user: {user: True, admin: True, service: False},
        require_admin: {user: False, admin: True, service: False},
        require_service: {user: False, admin: False, service: True},
    }
    for door, guests in table.items():
        for guest, is_let_in in guests.items():
            principal_var.set(guest)
            if is_let_in:
                assert door() is guest
            else:
                with pytest.raises(PermissionDenied):
                    door()
    principal_var.set(None)
    with pytest.raises(Unauthenticated):
        current_principal()
