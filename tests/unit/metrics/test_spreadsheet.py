import io
import math
import zipfile
from datetime import UTC, datetime, timedelta

import openpyxl
import pytest

from chassis.core.errors import InvalidInput
from metrics_svc.codec.spreadsheet import MAX_CELL_CHARS, xlsx_of
from metrics_svc.domain.tables import MAX_ROWS, Book, Cell, Sheet

HOSTILE = [
    "=1+1",
    "+1",
    "@SUM(A1)",
    "=cmd|' /C calc'!A0",
    "-2",
    "https://a.b",
    "mailto:a@b",
    "{=1}",
    "_x0041_",
    "0123",
    " x",
]


def book(*rows: tuple[Cell, ...], columns=("a", "b")):
    return Book(Sheet("data", columns, rows))


def opened(made):
    return openpyxl.load_workbook(io.BytesIO(xlsx_of(made)))


def cells(made):
    """Values and types of the rows below the header."""
    return [[(cell.value, cell.data_type) for cell in row] for row in opened(made)["data"].iter_rows(min_row=2)]


def test_every_cell_comes_back_as_what_it_is():
    """R-AD3-08."""
    at = datetime(2026, 11, 20, 12, 0, 1, 250_000, tzinfo=UTC)
    ((text, flag, whole, number, moment, nothing),) = cells(
        book(("x", True, 7, 0.1, at, None), columns=tuple("abcdef"))
    )

    assert (text, flag, whole, number) == (("x", "s"), (True, "b"), (7, "n"), (0.1, "n"))
    assert moment[1] == "d"
    assert abs(moment[0].replace(tzinfo=UTC) - at) < timedelta(milliseconds=1)
    assert nothing[0] is None


def test_a_number_keeps_every_digit():
    numbers = [0.1 + 0.2, 1e-300, 1.7976931348623157e308, 5e-324, 123456789.12345679, -0.1, 2**53, 9007199254740993.0]

    assert [float(value) for ((value, _),) in cells(book(*((one,) for one in numbers), columns=("a",)))] == numbers


def test_a_whole_number_that_a_spreadsheet_would_round_is_text():
    assert cells(book((2**53 + 1, -(2**60)))) == [[("9007199254740993", "s"), (str(-(2**60)), "s")]]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_text_whatever_it_begins_with(text):
    """R-AD3-08: safe against formula injection."""
    made = book((text, 1))

    assert cells(made)[0][0] == (text, "s")
    with zipfile.ZipFile(io.BytesIO(xlsx_of(made))) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")
        assert "xl/worksheets/_rels/sheet1.xml.rels" not in archive.namelist()


def test_what_is_no_number_and_what_no_date_holds_does_no_harm():
    old = datetime(1601, 1, 1, tzinfo=UTC)

    assert cells(book((math.nan, math.inf), (old, "a\x00\x0b\ufffe"))) == [
        [(None, "n"), (None, "n")],
        [("1601-01-01T00:00:00Z", "s"), ("a\ufffd\ufffd\ufffd", "s")],
    ]


@pytest.mark.parametrize("letter", ["x", "\N{PARROT}"])
def test_a_cell_is_cut_where_a_spreadsheet_would_refuse_the_file(letter):
    (((text, _),),) = cells(book((letter * 40_000,), columns=("a",)))
    (((whole, _),),) = cells(book(("x" * MAX_CELL_CHARS,), columns=("a",)))

    assert len(text.encode("utf-16-le")) // 2 in {MAX_CELL_CHARS, MAX_CELL_CHARS - 1}
    assert text.endswith(f"{letter}\N{HORIZONTAL ELLIPSIS}")
    assert whole == "x" * MAX_CELL_CHARS


def test_more_rows_than_a_sheet_holds_are_refused():
    with pytest.raises(InvalidInput) as refused:
        xlsx_of(Book(Sheet("data", ("a",), ((1,),)), (Sheet("more", ("a",), ((None,),) * MAX_ROWS),)))

    assert [violation.field for violation in refused.value.violations] == ["format"]


def test_sheets_have_names_that_a_spreadsheet_takes():
    names = ["data", "DATA", f"data.{'x' * 40}", f"other.{'x' * 40}"]
    first, *others = (Sheet(name, ("a",), ()) for name in names)
    made = Book(first, tuple(others))

    assert opened(made).sheetnames == ["data", "DATA 2", "x" * 31, f"{'x' * 27} 2"]


def test_the_same_book_is_the_same_file():
    assert xlsx_of(book(("a", 1))) == xlsx_of(book(("a", 1)))
    assert opened(book()).properties.created == datetime(2000, 1, 1)  # noqa: DTZ001  # as the format has it
