import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf import descriptor_pb2

from chassis.core.errors import InvalidInput
from heimdex.metrics.v1 import admin_service_pb2 as admin
from heimdex.metrics.v1 import cost_pb2
from metrics_svc.codec.tables import book_of
from metrics_svc.domain.tables import FileFormat, Sheet, csv_of, harmless, moment_text, printable, read_format
from tests.support.metrics_samples import NOW, stamp

STAGES = admin.StagePerformanceResponse(
    data=[
        admin.StagePerformanceItem(
            processing_stage="metadata",
            count=2,
            avg_ms=0.1,
            sum_ms=0.2,
            buckets=[
                admin.LatencyBucket(from_ms=0, to_ms=1, count=1),
                admin.LatencyBucket(from_ms=1, to_ms=2, count=1),
            ],
        ),
        admin.StagePerformanceItem(
            processing_stage="indexing", buckets=[admin.LatencyBucket(from_ms=4, to_ms=8, count=3)]
        ),
    ],
    measured=5,
)


def read(data):
    assert data.endswith(b"\r\n")
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def sheet(book, name):
    (found,) = [sheet for sheet in book.sheets if sheet.name == name]
    return found


@pytest.mark.parametrize(
    "text",
    [
        *("=1+1", "+1", "-1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1", "\r=1", "\n=1", "\ttext", "\rtext", "\ntext"),
        *(
            "\uff1d1",
            "\uff0b1",
            "\uff0dA1",
            "\uff20SUM",
            " =1",
            "\u00a0=1",
            "\u200b=1",
            "\ufeff=1",
            "-",
            "=",
            "--1",
            "-1e",
            "+",
        ),
    ],
)
def test_text_that_begins_like_a_formula_begins_with_an_apostrophe(text):
    """R-AD3-08: safe against formula injection."""
    made = harmless(text)

    assert made.lstrip(" \t\r\n\u00a0\u200b\ufeff").startswith("'")
    assert made.replace("'", "") == text.replace("'", "")


def test_text_that_would_begin_a_formula_where_another_character_separates_is_disarmed_too():
    assert harmless("a;=cmd()") == "a;'=cmd()"
    assert harmless("a\n=1\t@x") == "a\n'=1\t'@x"


@pytest.mark.parametrize(
    "text", ["", "a=b", "1-2", "x@y.z", "'=1", "-1", "-0.000001200", "12", "-1e-7", "ä", "a, b", "é;x"]
)
def test_other_text_and_plain_numbers_stay_as_they_are(text):
    assert harmless(text) == text


def test_a_table_is_rfc_4180_with_lines_of_its_own_for_nothing_but_rows():
    """R-AD3-08."""
    cells = (None, True, 7, 0.1, 'say "hi", you', "two\nlines", NOW, float("nan"))
    data = csv_of(Sheet("x", tuple("abcdefgh"), (cells,)))

    assert data.decode() == ('a,b,c,d,e,f,g,h\r\n,true,7,0.1,"say ""hi"", you","two\nlines",2026-11-20T12:00:00Z,\r\n')


def test_control_characters_are_replaced_and_line_ends_stay():
    assert printable("a\x00b\x1bc\x7f\ufffe\tx\r\n") == "a\ufffdb\ufffdc\ufffd\ufffd\tx\r\n"


def test_times_are_rfc_3339_in_utc_with_the_digits_they_need():
    elsewhere = timezone(timedelta(hours=2))

    assert moment_text(datetime(2026, 1, 2, 3, 4, 5, tzinfo=elsewhere)) == "2026-01-02T01:04:05Z"
    assert moment_text(datetime(2026, 1, 2, 3, 4, 5, 120_000, tzinfo=UTC)) == "2026-01-02T03:04:05.120Z"
    assert moment_text(datetime(2026, 1, 2, 3, 4, 5, 1, tzinfo=UTC)) == "2026-01-02T03:04:05.000001Z"


@pytest.mark.parametrize("text", ["", "pdf", "CSV", "json"])
def test_another_format_is_refused_with_the_field(text):
    with pytest.raises(InvalidInput) as refused:
        read_format(text)

    assert [violation.field for violation in refused.value.violations] == ["format"]
    assert [read_format("csv"), read_format("xlsx")] == list(FileFormat)


def test_the_repeated_message_of_an_answer_is_its_table_and_absent_fields_are_empty():
    header, first, second = read(csv_of(book_of(STAGES, with_sheets=False).main))
    rows = [dict(zip(header, row, strict=True)) for row in (first, second)]

    assert header == [field.name for field in admin.StagePerformanceItem.DESCRIPTOR.fields]
    assert (rows[0]["count"], rows[0]["avg_ms"], rows[0]["p50_ms"], rows[0]["sum_ms"]) == ("2", "0.1", "", "0.2")
    assert json.loads(rows[0]["buckets"]) == [
        {"from_ms": 0, "to_ms": 1, "count": 1},
        {"from_ms": 1, "to_ms": 2, "count": 1},
    ]
    assert (rows[1]["avg_ms"], rows[1]["count"]) == ("", "0")


def test_in_a_book_what_is_repeated_in_a_row_has_a_sheet_that_names_the_line():
    book = book_of(STAGES, with_sheets=True)
    buckets = sheet(book, "data.buckets")

    assert [one.name for one in book.sheets] == ["data", "data.buckets", "summary"]
    assert "buckets" not in book.main.columns
    assert (buckets.columns, buckets.rows) == (
        ("line", "from_ms", "to_ms", "count"),
        ((2, 0.0, 1.0, 1), (2, 1.0, 2.0, 1), (3, 4.0, 8.0, 3)),
    )
    assert {("measured", 5), ("missing", 0)} <= set(sheet(book, "summary").rows)


def test_an_answer_without_a_table_is_a_table_of_one_row():
    book = book_of(admin.ProcessingLatencyResponse(videos_measured=3, p50_processing_ms=1.5), with_sheets=True)
    row = dict(zip(book.main.columns, *book.main.rows, strict=True))

    assert (row["videos_measured"], row["p50_processing_ms"], row["p99_processing_ms"]) == (3, 1.5, None)
    assert book.others == ()


def test_the_first_of_two_tables_is_the_main_one_and_times_are_times():
    answer = admin.UserDetailResponse(
        user_id="u",
        recent_videos=[admin.RecentVideo(id="v", updated_at=stamp(NOW))],
        recent_searches=[admin.RecentSearch(query_text="macaw")],
    )
    book = book_of(answer, with_sheets=True)

    assert [one.name for one in book.sheets] == ["recent_videos", "recent_searches", "summary"]
    assert NOW in book.main.rows[0]
    assert ("last_activity", None) in sheet(book, "summary").rows
    assert book_of(answer, with_sheets=False).others == ()


def test_a_message_beside_the_table_is_shown_by_dotted_names():
    answer = cost_pb2.GetCostResponse(
        data=[cost_pb2.CostRow(key="a", cpu_s=0.5)],
        rate_card=cost_pb2.RateCard(currency="EUR", per_model_call_of=[cost_pb2.ModelPrice(model="m", per_call="1")]),
    )
    summary = dict(sheet(book_of(answer, with_sheets=True), "summary").rows)

    assert summary["rate_card.currency"] == "EUR"
    assert summary["rate_card.per_model_call_of"] == '[{"model":"m","per_call":"1"}]'
    assert (summary["total.cpu_s"], summary["compared_with.etag"]) == (None, None)


def test_a_message_that_holds_itself_ends():
    file = descriptor_pb2.FileDescriptorProto()
    admin.DESCRIPTOR.CopyToProto(file)
    book = book_of(file, with_sheets=True)

    assert len(sheet(book, "message_type").rows) == len(file.message_type)
    assert len(book_of(file, with_sheets=False).main.rows) == len(file.message_type)
