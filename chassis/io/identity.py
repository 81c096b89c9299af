"""Who is calling: Ed25519-signed tokens, made here and verified in every service.

A user token names a user and may carry the admin role; a service token names a service. Algorithm, issuer, audience and
expiry are pinned: a token that lacks one is refused, and so is every algorithm but EdDSA.
"""

import os
import secrets
import time
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.core.errors import PermissionDenied, Unauthenticated

__all__ = [
    "AUDIENCE",
    "ISSUER",
    "KeyPair",
    "Principal",
    "TokenVerifier",
    "current_principal",
    "ensure_key_pair",
    "generate_key_pair",
    "mint_token",
    "principal_var",
    "require_admin",
    "require_service",
    "require_user",
]

ISSUER = "heimdex"
AUDIENCE = "heimdex"
_ALGORITHM = "EdDSA"
_LEEWAY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whose token was verified."""

    user_id: str
    is_admin: bool
    service: str

    @property
    def is_service(self) -> bool:
        """Whether this is one of our own services rather than a user."""
        return bool(self.service)


principal_var: ContextVar[Principal | None] = ContextVar("heimdex_principal", default=None)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An Ed25519 key pair in PEM."""

    private_pem: bytes
    public_pem: bytes


def generate_key_pair() -> KeyPair:
    """Make a new key pair."""
    key = Ed25519PrivateKey.generate()
    return KeyPair(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    )


def ensure_key_pair(keys_dir: Path) -> KeyPair:
    """Return the key pair of a data folder, making `signing.pem` (mode 0600) and `public.pem` at the first call.

    Two callers at once agree: the first to link its file wins.
    """
    keys_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    private_path = keys_dir / "signing.pem"
    if not private_path.exists():
        fresh = keys_dir / f".signing.{secrets.token_hex(8)}"  # a pid is not unique among containers or threads
        fresh.touch(mode=0o600)
        fresh.write_bytes(generate_key_pair().private_pem)
        try:
            os.link(fresh, private_path)
        except FileExistsError:
            pass  # somebody was faster; theirs is used
        finally:
            fresh.unlink()
    private_pem = private_path.read_bytes()
    key = serialization.load_pem_private_key(private_pem, password=None)
    public_pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    public_path = keys_dir / "public.pem"
    if not public_path.exists() or public_path.read_bytes() != public_pem:
        fresh = keys_dir / f".public.{secrets.token_hex(8)}"
        fresh.write_bytes(public_pem)
        fresh.replace(public_path)
    return KeyPair(private_pem, public_pem)


def mint_token(
    private_pem: bytes, *, subject: str, is_admin: bool = False, service: str = "", ttl_seconds: int = 30 * 86_400
) -> str:
    """Sign a token for a user, or for a service when `service` is given."""
    now = int(time.time())
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "iat": now,
        "exp": now + ttl_seconds,
        "roles": ["admin"] if is_admin else [],
    }
    if service:
        claims["service"] = service
    return jwt.encode(claims, private_pem, algorithm=_ALGORITHM)


class TokenVerifier:
    """Turns a bearer token into a principal, or refuses it."""

    def __init__(self, public_pem: bytes, *, admin_user_ids: Iterable[str] = ()) -> None:
        self._key = serialization.load_pem_public_key(public_pem)
        self._admin_user_ids = frozenset(admin_user_ids)

    def verify(self, token: str) -> Principal:
        """Check signature, issuer, audience and times.

        Raises:
            Unauthenticated: with reason TOKEN_EXPIRED or TOKEN_INVALID.
        """
        try:
            claims = jwt.decode(
                token,
                self._key,  # type: ignore[arg-type]
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated(
                "the token has expired; make a new one: heimdex token create", reason="TOKEN_EXPIRED"
            ) from error
        except jwt.InvalidTokenError as error:
            raise Unauthenticated("the token is not valid here", reason="TOKEN_INVALID") from error
        subject = claims["sub"]
        roles = claims.get("roles", [])
        service = claims.get("service", "")
        if not isinstance(subject, str) or not subject or not isinstance(roles, list) or not isinstance(service, str):
            raise Unauthenticated("the token is not valid here", reason="TOKEN_INVALID")
        return Principal(subject, "admin" in roles or subject in self._admin_user_ids, service)


def current_principal() -> Principal:
    """Return who is calling.

    Raises:
        Unauthenticated: nobody; the interceptor did not run.
    """
    principal = principal_var.get()
    if principal is None:
        raise Unauthenticated
    return principal


def require_user() -> Principal:
    """Return the calling user; a service has no library of its own."""
    principal = current_principal()
    if principal.is_service:
        raise PermissionDenied("a service token has no library; call with a user's token", reason="USER_REQUIRED")
    return principal


def require_admin() -> Principal:
    """Return the calling administrator.

    Raises:
        PermissionDenied: the caller is none.
    """
    principal = current_principal()
    if not principal.is_admin:
        raise PermissionDenied("this needs an administrator's token", reason="ADMIN_REQUIRED")
    return principal


def require_service() -> Principal:
    """Return the calling service.

    Raises:
        PermissionDenied: the caller is a user.
    """
    principal = current_principal()
    if not principal.is_service:
        raise PermissionDenied("only services may call this", reason="SERVICE_REQUIRED")
    return principal
