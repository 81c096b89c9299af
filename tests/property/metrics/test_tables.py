import csv
import io
import math

import openpyxl
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_svc.codec.spreadsheet import xlsx_of
from metrics_svc.domain.tables import Book, Sheet, csv_of, harmless, printable

signs = st.sampled_from("=+-@\t\r\n;, '\"|\uff1d\uff0b\uff0d\uff20\u200b\u00a0\x00\x1b\ufffe")
text = st.text(st.one_of(signs, st.characters(exclude_categories=["Cs"])), max_size=12)
cells = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), text)
rows = st.lists(st.tuples(cells, cells, cells), max_size=6)
DANGEROUS = "=+-@\uff1d\uff0b\uff0d\uff20\t\r\n"


def sheet(rows):
    return Sheet("data", ("a", "b", "c"), tuple(rows))


def written(cell):
    """What a program that reads CSV finds in place of a cell."""
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    return harmless(printable(cell)) if isinstance(cell, str) else repr(cell)


@given(rows)
def test_csv_reads_back_cell_by_cell(rows):
    """R-AD3-08."""
    header, *lines = csv.reader(io.StringIO(csv_of(sheet(rows)).decode(), newline=""), strict=True)

    assert header == ["a", "b", "c"]
    assert lines == [[written(cell) for cell in row] for row in rows]
    for line, row in zip(lines, rows, strict=True):
        for cell, value in zip(line, row, strict=True):
            if isinstance(value, float) and math.isfinite(value):
                assert float(cell) == value


@given(text)
def test_no_text_begins_a_formula_also_when_spaces_are_dropped_and_other_signs_separate(text):
    """R-AD3-08: formula injection."""
    made = harmless(printable(text))
    for piece in made.replace("\t", ";").replace("\r", ";").replace("\n", ";").split(";"):
        start = piece.lstrip(" \u00a0\u200b")
        try:
            float(start)
        except ValueError:
            assert not start.startswith(tuple(DANGEROUS)), (text, made)


@given(text)
def test_what_is_disarmed_keeps_its_characters(text):
    assert harmless(text).replace("'", "") == text.replace("'", "")
    assert harmless(harmless(text)) == harmless(text)


@settings(max_examples=80, deadline=None)
@given(rows)
def test_xlsx_reads_back_cell_by_cell(rows):
    """R-AD3-08."""
    book = openpyxl.load_workbook(io.BytesIO(xlsx_of(Book(sheet(rows)))))
    lines = [line[:3] for line in book["data"].iter_rows(min_row=2, max_row=1 + len(rows), max_col=3)] if rows else []

    for line, row in zip(lines, rows, strict=True):
        for cell, value in zip(line, row, strict=True):
            check(cell, value)


def check(cell, value):
    if isinstance(value, str):
        assert cell.data_type in {"s", "n"}
        assert (cell.value or "") == printable(value).replace("\r\n", "\n").replace("\r", "\n")
    elif value is None or (isinstance(value, float) and not math.isfinite(value)):
        assert cell.value is None
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > 1 << 53:
        assert (cell.data_type, cell.value) == ("s", str(value))
    else:
        assert cell.value == value
