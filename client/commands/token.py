"""`heimdex token create`: a token for a user of the local mesh."""

import os

import click

from client.mesh import data_dir_of, local_user, make_token
from client.output import print_json

__all__ = ["token"]

_DAY_SECONDS = 86_400
_LONGEST_DAYS = 3_650


@click.group()
def token() -> None:
    """Make tokens."""


@token.command()
@click.option(
    "--user", "user", default=lambda: local_user(os.environ), show_default="your login name", help="Who it is for."
)
@click.option("--admin", "is_admin", is_flag=True, help="Let it see the numbers of all users.")
@click.option(
    "--ttl",
    "ttl_days",
    type=click.FloatRange(0, _LONGEST_DAYS, min_open=True),
    default=30,
    show_default=True,
    help="Days until it expires.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the token with its user and expiry as JSON.")
def create(*, user: str, is_admin: bool, ttl_days: float, as_json: bool) -> None:
    """Print a token, alone on its line, signed with the key of the data folder (made at the first call)."""
    if not user.strip():
        raise click.BadParameter("a token needs a user", param_hint="--user")
    ttl_seconds = max(1, round(ttl_days * _DAY_SECONDS))
    signed = make_token(data_dir_of(os.environ), user, is_admin=is_admin, ttl_seconds=ttl_seconds)
    if as_json:
        print_json({"token": signed, "user": user, "is_admin": is_admin, "ttl_seconds": ttl_seconds})
    else:
        click.echo(signed)
