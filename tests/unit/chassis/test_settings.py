from dataclasses import dataclass
from pathlib import Path

import pytest

from chassis.core.errors import InvalidInput
from chassis.io.settings import Secret, load, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Settings of nobody."""

    address: str = setting("HEIMDEX_{SERVICE}_ADDR", "host:port")
    password: Secret = setting("PASSWORD", "password")
    folder: Path = setting("FOLDER", "folder")
    slots: int = setting("SLOTS", "slots", default=2)
    wait_seconds: float = setting("WAIT", "seconds", default=1.5)
    is_open: bool = setting("OPEN", "whether it is open", default=False)
    users: tuple[str, ...] = setting("USERS", "users, comma-separated", default=())


GOOD = {"HEIMDEX_TEST_ADDR": "h:1", "PASSWORD": "hunter2", "FOLDER": "~/x"}


def test_what_is_not_set_has_its_default():
    """R-AD2-13."""
    settings = load(Sample, GOOD, service="test")

    assert settings == Sample(address="h:1", password=Secret("hunter2"), folder=Path.home() / "x")
    assert (settings.slots, settings.wait_seconds, settings.is_open, settings.users) == (2, 1.5, False, ())


def test_text_becomes_the_type_of_its_field_and_empty_is_not_set():
    more = {"SLOTS": "7", "WAIT": "0.25", "OPEN": "Yes", "USERS": " ada ,, eve"}
    settings = load(Sample, {**GOOD, **more}, service="test")

    assert (settings.slots, settings.wait_seconds, settings.is_open, settings.users) == (7, 0.25, True, ("ada", "eve"))
    assert load(Sample, {**GOOD, "SLOTS": ""}, service="test").slots == 2


def test_all_faults_are_told_together_by_the_name_of_their_variable():
    """R-OPS-09."""
    with pytest.raises(InvalidInput) as refused:
        load(Sample, {"SLOTS": "many", "WAIT": "soon", "OPEN": "ajar", "PASSWORD": "hunter2"}, service="test")
    message = refused.value.message

    assert refused.value.reason == "INVALID_SETTINGS"
    for told in ("HEIMDEX_TEST_ADDR is not set", "FOLDER is not set", "SLOTS='many'", "WAIT='soon'", "OPEN='ajar'"):
        assert told in message
    assert "hunter2" not in message


def test_secrets_do_not_show_themselves():
    settings = load(Sample, GOOD, service="test")

    assert "hunter2" not in repr(settings)
    assert "hunter2" not in f"{settings}"
    assert str.__str__(settings.password) == "hunter2"
