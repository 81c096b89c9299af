import asyncio
import io
import json
import logging
import warnings
from datetime import datetime

import pytest

from chassis.io import correlation, logs


@pytest.fixture
def lines():
    """Configure logging into a string and read it back as JSON."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("test_svc", level="INFO", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = before, level
    logging.captureWarnings(capture=False)


log = logs.get_logger("test")


def test_every_line_is_json_with_its_time_level_service_and_event(lines):
    """R-OPS-02: whatever the fields hold, and whoever logs."""
    log.info("a sentence", text="two\nlines", odd=object(), at=datetime.now().astimezone(), none=None, ключ="ü")
    log.warning("another")
    logging.getLogger("library").error("says %s", "this\nand that")
    log.error("a bug", exc_info=ValueError("broken\nline"))
    read = lines()

    assert [line["level"] for line in read] == ["info", "warning", "error", "error"]
    assert all(line["service"] == "test_svc" and datetime.fromisoformat(line["at"]).tzinfo for line in read)
    assert (read[0]["text"], read[0]["ключ"]) == ("two\nlines", "ü")
    assert read[2]["event"] == "says this\nand that"
    assert "broken" in read[3]["error"]
    assert "ValueError" in read[3]["traceback"]


def test_warnings_of_libraries_are_lines_too(lines):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    assert "old" in lines()[0]["event"]


async def test_bound_fields_come_along_nest_and_are_restored_and_tasks_do_not_mix(lines):
    """R-OPS-02."""

    async def one(video):
        with logs.bind(video_id=video):
            await asyncio.sleep(0)
            log.info("inside", detail=1)

    with logs.bind(service_part="a", video_id="outer"):
        async with asyncio.TaskGroup() as tasks:
            for video in ("v1", "v2"):
                tasks.create_task(one(video))
        log.info("between")
    log.info("outside")
    read = lines()

    assert [line.get("video_id") for line in read] == ["v1", "v2", "outer", None]
    assert [line.get("service_part") for line in read] == ["a", "a", "a", None]


@pytest.mark.parametrize("odd", [None, "", "with space", "x" * 65, "new\nline", "é", 'quo"te'])
def test_an_odd_correlation_id_is_replaced_by_a_fresh_one(odd, lines):
    """R-OPS-02: what strangers send does not reach the log."""
    with correlation.bound_to(odd) as bound:
        log.info("x")

    assert bound != odd
    assert len(bound) == 22
    assert lines()[0]["correlation_id"] == bound
    assert correlation.current() == ""


def test_a_good_correlation_id_is_kept_for_the_block(lines):
    """R-OPS-02."""
    with correlation.bound_to("abc-1.2:3_4"):
        assert correlation.current() == "abc-1.2:3_4"
        with correlation.bound_to("inner"):
            log.info("x")
        assert correlation.current() == "abc-1.2:3_4"
    assert lines()[0]["correlation_id"] == "inner"
