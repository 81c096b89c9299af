"""Which mesh, and who am I."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from chassis.io.identity import TokenVerifier
from client.cli import main
from client.errors import MeshNotReachable
from client.mesh import NoToken, data_dir_of, find_mesh


def test_data_folder_follows_the_environment() -> None:
    assert data_dir_of({"HEIMDEX_DATA_DIR": "/a/b", "XDG_DATA_HOME": "/c"}) == Path("/a/b")
    assert data_dir_of({"XDG_DATA_HOME": "/c"}) == Path("/c/heimdex")
    assert data_dir_of({}) == Path.home() / ".local" / "share" / "heimdex"


def test_named_mesh_is_called_with_the_given_token(tmp_path: Path) -> None:
    environ = {"HEIMDEX_URL": "http://far:1/", "HEIMDEX_TOKEN": " t\n", "HEIMDEX_DATA_DIR": str(tmp_path)}
    mesh = find_mesh(environ)

    assert (mesh.url, mesh.token, mesh.admin_token) == ("http://far:1", "t", "t")


def test_own_key_signs_nothing_for_a_mesh_elsewhere(tmp_path: Path) -> None:
    """A token that opens one's own mesh is not shown to another."""
    CliRunner().invoke(main, ["token", "create"], env={"HEIMDEX_DATA_DIR": str(tmp_path)})
    with pytest.raises(NoToken, match="HEIMDEX_TOKEN"):
        find_mesh({"HEIMDEX_URL": "http://far:1", "HEIMDEX_DATA_DIR": str(tmp_path)})


@pytest.mark.parametrize(
    "left_behind", ["", "{", "[]", '{"pid": "x"}', '{"pid": 4194303, "http_url": "http://127.0.0.1:1"}']
)
def test_what_a_dead_mesh_left_behind_is_no_mesh(tmp_path: Path, left_behind: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mesh.json").write_text(left_behind)
    with pytest.raises(MeshNotReachable, match="heimdex up"):
        find_mesh({"HEIMDEX_DATA_DIR": str(tmp_path)})


def test_token_is_printed_alone_and_verifies_before_the_first_start(tmp_path: Path) -> None:
    """Issue 2 point 8, R-USR: `heimdex token create --user U [--admin]` prints the token alone."""
    data = tmp_path / "new" / "data"
    arguments = ["token", "create", "--user", "ada", "--admin", "--ttl", "2"]
    result = CliRunner().invoke(main, arguments, env={"HEIMDEX_DATA_DIR": str(data)})
    verifier = TokenVerifier((data / "keys" / "public.pem").read_bytes())
    principal = verifier.verify(result.stdout.strip())

    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    assert result.stderr == ""
    assert (principal.user_id, principal.is_admin, principal.is_service) == ("ada", True, False)
    assert stat.S_IMODE((data / "keys" / "signing.pem").stat().st_mode) == 0o600


def test_user_is_no_administrator_unless_asked(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main, ["token", "create"], env={"HEIMDEX_DATA_DIR": str(tmp_path), "HEIMDEX_USER": "bo"}
    )
    principal = TokenVerifier((tmp_path / "keys" / "public.pem").read_bytes()).verify(result.stdout.strip())

    assert (principal.user_id, principal.is_admin) == ("bo", False)


@pytest.mark.parametrize("arguments", [["--ttl", "0"], ["--ttl", "-1"], ["--user", " "]])
def test_token_without_user_or_life_is_a_wrong_command_line(tmp_path: Path, arguments: list[str]) -> None:
    result = CliRunner().invoke(main, ["token", "create", *arguments], env={"HEIMDEX_DATA_DIR": str(tmp_path)})

    assert result.exit_code == 2


def test_help_tells_every_command_and_exit_status() -> None:
    result = CliRunner().invoke(main, ["--help"])

    shorts = ("export", "exports", "propose")
    for command in ("up", "down", "token", "upload", "search", "video", *shorts, "models", "stages", "doctor", "demo"):
        assert f"\n  {command} " in result.stdout
    assert "6  the video failed" in result.stdout
