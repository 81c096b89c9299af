"""Every answer that can be a file, as JSON and as both files, through the real gateway and the real service."""

import csv
import io
import json
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import openpyxl
import pytest
from google.api import annotations_pb2

from heimdex.common.v1 import table_pb2
from heimdex.metrics.v1 import admin_service_pb2 as admin
from metrics_svc.adapters.event_store import PostgresEventStore
from metrics_svc.codec.tables import LINE_COLUMN, SUMMARY
from metrics_svc.domain.tables import harmless
from tests.support.admin_lab import USER, admin_lab
from tests.support.metrics_samples import operation_event, run_event, samples_of, search_event, stage_event

HOSTILE = ["=cmd|' /C calc'!A0", "+1", "@SUM(A1:A9)", "-2+3", "\uff1dcmd", 'a,"b"\r\n=1;=2']
PATH_VALUES = {"user_id": "owner", "video_id": "v1"}
RENDERED = {
    method.name: method.GetOptions().Extensions[annotations_pb2.http].get
    for method in admin.DESCRIPTOR.services_by_name["AdminService"].methods
    if method.GetOptions().Extensions[table_pb2.rendered_by]
}
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8; header=present",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
METHODS = admin.DESCRIPTOR.services_by_name["AdminService"].methods_by_name


class StoppedClock:
    """A clock that was stopped when the module was loaded."""

    AT = datetime.now(UTC)

    def now(self):
        return self.AT

    def monotonic_ns(self):
        return time.monotonic_ns()


@pytest.fixture
async def lab(tmp_path, new_database, bus_url, monkeypatch):
    # Some answers are about this very moment: it stands still, so that JSON and file are about the same one.
    monkeypatch.setattr("metrics_svc.app.SystemClock", StoppedClock)
    database = await new_database("metrics_svc", "metrics")
    async with admin_lab(tmp_path, database, bus_url, print_defaults=True) as lab:
        await fill(lab.database)
        yield lab


def owner_of(number):
    return ["owner", *HOSTILE][number % 7]


async def fill(database):
    """Two weeks of work by people with good and bad intentions."""
    now = StoppedClock.AT
    events = []
    for number in range(40):
        at = now - timedelta(hours=7 * number)
        owner = owner_of(number)
        more = {"owner_id": owner, "finished_at": at}
        events += [
            stage_event(number, model="base@1", cpu_ns=number * 1_000_000_007, model_calls=number, **more),
            stage_event(number, stage="INDEXING", outcome="FAILED" if number % 5 == 0 else "SUCCEEDED", **more),
            run_event(number, failed_in="INDEXING" if number % 5 == 0 else None, **more),
            search_event(number, at=at, owner_id=owner, query_text=HOSTILE[number % 6], latency_ns=number * 1_234_567),
            operation_event(number, owner_id=owner, finished_at=at),
        ]
    await PostgresEventStore(database).add(samples_of(*events, now=now))
    async with database.connection() as connection:
        await connection.executemany(
            "INSERT INTO metrics.videos (video_id, owner_id, sequence, filename, state, stage, generation, duration_ns,"
            " size_bytes, scene_count, error_reason, error_message, created_at, updated_at, finished_at, is_deleted)"
            " VALUES ($1, $2, 1, $3, $4, 'finalizing', 1, 120000000000, 1000000, 5, '', $5, $6, $6, $6, false)",
            [
                (f"v{n}", owner_of(n), HOSTILE[n % 6], "ready" if n % 5 else "failed", HOSTILE[n % 5], now)
                for n in range(40)
            ],
        )


def path_of(name):
    return RENDERED[name].format(**PATH_VALUES)


def table_field(name):
    """The field whose rows are the table of an answer; None when the answer is one row."""
    fields = METHODS[name].output_type.fields
    return next((field.name for field in fields if field.is_repeated and field.message_type is not None), None)


def flat(value, prefix=""):
    """Leaves of a JSON object by dotted name; lists are leaves."""
    found = {}
    for key, inner in value.items():
        found |= flat(inner, f"{prefix}{key}.") if isinstance(inner, dict) else {f"{prefix}{key}": inner}
    return found


def is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def agrees(value, cell):
    """Whether a cell of a CSV file says what JSON says."""
    if value in (None, [], ""):
        return cell == ""
    if is_number(value):
        return float(cell) == value
    if isinstance(value, bool):
        return cell == str(value).lower()
    return json.loads(cell) == value if isinstance(value, list) else cell in {value, harmless(value)}


def agrees_in_sheet(value, cell):
    """Whether a cell of a spreadsheet does; a text is a text and a time is a time."""
    if value in (None, [], ""):
        return cell.value in {None, ""}
    if isinstance(value, bool) or is_number(value):
        return cell.value == value and cell.data_type in "nb"
    if isinstance(cell.value, datetime):
        apart = cell.value.replace(tzinfo=UTC) - datetime.fromisoformat(value)
        return abs(apart) < timedelta(milliseconds=1)
    if isinstance(value, list):
        return json.loads(cell.value) == value
    if cell.data_type == "n":
        return cell.value == int(value)  # JSON has 64-bit integers as text
    return cell.data_type == "s" and cell.value == value.replace("\r\n", "\n")


async def ask(lab, name, file_format=None):
    return await lab.http.get(path_of(name), params={"format": file_format} if file_format else {})


def rows_of(answer, field):
    return [flat(row) for row in (answer.get(field, []) if field else [answer])]


def test_every_answer_of_the_contract_that_is_a_table_says_who_renders_it():
    """R-AD3-08: `?format=csv` and `xlsx` on every table."""
    gets = {name for name, method in METHODS.items() if name.startswith(("Get", "List")) or name == "AuditMetrics"}

    assert gets - set(RENDERED) == {"GetRateCard", "GetBackfill"}


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
async def test_every_file_reads_back_as_the_numbers_of_the_json(lab, file_format):
    """R-AD3-08: both parse back to the JSON's numbers."""
    faults = {}
    for name in RENDERED:
        plain, file = await ask(lab, name), await ask(lab, name, file_format)
        assert file.status_code == plain.status_code, name
        if plain.status_code == HTTPStatus.NOT_IMPLEMENTED:
            continue
        assert plain.status_code == HTTPStatus.OK, plain.text
        assert file.headers["content-type"].startswith(CONTENT_TYPES[file_format])
        assert file.headers["content-disposition"].endswith(f'.{file_format}"')
        compare = csv_faults if file_format == "csv" else xlsx_faults
        faults[name] = compare(plain.json(), file.content, table_field(name))

    faults["AuditMetrics"] = [name for name in faults.get("AuditMetrics", []) if name != "duration_s"]
    assert {name: found for name, found in faults.items() if found} == {}  # but for how long the audit itself took
    assert len(faults) > 10


def csv_faults(answer, data, field):
    """What a CSV file says otherwise than JSON does."""
    header, *lines = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
    rows = rows_of(answer, field)
    faults = [] if len(lines) == len(rows) else [f"{len(lines)} lines for {len(rows)} rows"]
    for line, row in zip(lines, rows, strict=False):
        faults += set(row) - set(header)
        faults += [column for column, cell in zip(header, line, strict=True) if not agrees(row.get(column), cell)]
        faults += [cell for cell in line if cell.startswith(("=", "+", "@", "\t", "\r", "\uff1d"))]
    return faults


def xlsx_faults(answer, data, field):
    """What a spreadsheet says otherwise than JSON does."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    sheet, rows = book[book.sheetnames[0]], rows_of(answer, field)
    first, *lines = sheet.iter_rows()
    header = [cell.value for cell in first]
    faults = [] if len(lines) == len(rows) else [f"{len(lines)} lines for {len(rows)} rows"]
    for line, row in zip(lines, rows, strict=False):
        faults += [column for column in set(row) - set(header) if not isinstance(row[column], list)]
        faults += told_otherwise(header, line, row)
    faults += [str(cell.value) for one in book for line in one.iter_rows() for cell in line if cell.data_type == "f"]
    return [*faults, *inner_faults(book, sheet.title, rows), *summary_faults(book, flat(answer))]


def told_otherwise(header, line, row):
    return [name for name, cell in zip(header, line, strict=True) if not agrees_in_sheet(row.get(name), cell)]


def inner_faults(book, title, rows):
    """What is repeated in a row is on a sheet of its own, with the line of its row."""
    faults = []
    for number, row in enumerate(rows, 2):
        for column, values in row.items():
            name = f"{title}.{column}"[-31:]
            if not isinstance(values, list) or name not in book.sheetnames:
                continue
            header, *lines = (list(line) for line in book[name].iter_rows())
            mine = [line for line in lines if line[0].value == number]
            faults += [] if len(mine) == len(values) and header[0].value == LINE_COLUMN else [name]
            for value, line in zip(values, mine, strict=False):
                faults += told_otherwise([cell.value for cell in header[1:]], line[1:], flat(value))
    return faults


def summary_faults(book, told):
    """What stands beside the table is on the sheet `summary`."""
    lines = list(book[SUMMARY].iter_rows(min_row=2)) if SUMMARY in book.sheetnames else []
    return [name.value for name, value in lines if not agrees_in_sheet(told.get(name.value), value)]


async def test_people_with_bad_intentions_do_not_reach_the_spreadsheet_of_others(lab):
    """R-AD3-08: hostile ids are inert."""
    params = {"group_by": "owner", "format": "csv"}
    header, *lines = csv.reader(io.StringIO((await lab.http.get("/v1/admin/cost", params=params)).text, newline=""))
    file = await lab.http.get("/v1/admin/cost", params={**params, "format": "xlsx"})
    sheet = openpyxl.load_workbook(io.BytesIO(file.content))["data"]
    keys = [line[header.index("key")] for line in lines]
    cells = [cell for (cell,) in sheet.iter_rows(min_row=2, max_col=1)]

    assert {"'=cmd|' /C calc'!A0", "'+1", "'@SUM(A1:A9)", "'-2+3", "'\uff1dcmd"} < set(keys)
    assert set(HOSTILE[:5]) < {cell.value for cell in cells}
    assert {cell.data_type for cell in cells} == {"s"}


async def test_a_page_of_a_table_is_a_page_of_a_file(lab):
    params = {"group_by": "video", "page_size": "7", "format": "csv"}
    _, *lines = csv.reader(io.StringIO((await lab.http.get("/v1/admin/cost", params=params)).text, newline=""))

    assert len(lines) == 7


async def test_what_is_refused_as_json_is_refused_as_a_file(lab):
    """R-AD2-06, R-AD1-06."""
    for file_format in ("csv", "xlsx"):
        params = {"range": "366d", "format": file_format}
        wrong = await lab.http.get("/v1/admin/cost", params=params)
        strange = await lab.http.get("/v1/admin/cost", params=params, headers={"Authorization": f"Bearer {USER}"})

        fields = [one["field"] for detail in wrong.json()["details"] for one in detail.get("field_violations", [])]
        assert (wrong.status_code, fields, strange.status_code) == (400, ["range"], 403)
