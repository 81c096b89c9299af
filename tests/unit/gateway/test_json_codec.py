"""proto3 JSON, both ways; json_format is the yardstick for what is valid."""

import contextlib
import json

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.json_codec import JsonCodec, load_json, new_message, parse_into
from gateway.domain.status_map import Problem


@pytest.fixture(scope="module")
def everything(table):
    return table.pool.FindMessageTypeByName("lab.v1.Everything")


@pytest.fixture(scope="module")
def read(table, everything):
    def read(text):
        message = new_message(everything)
        parse_into(message, load_json(text.encode("utf-8", "surrogatepass")), table.pool)
        return message

    return read


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"i32": 5, "i64": "6", "u64": 7.0, "f": 0.5, "d": "Infinity", "flag": false}',
        '{"data": "_-8", "colour": 1, "colours": ["COLOUR_RED", 0]}',
        '{"child": {"sizeBytes": 1, "tags": ["a"]}, "children": [{}, {"size_bytes": "2"}]}',
        '{"counts": {"a": 1, "b": "2"}, "attributes": {"x": [1, null, {"y": true}]}}',
        '{"at": "2020-01-01T00:00:00+01:00", "length": "-0.5s", "updateMask": "a.bC,d"}',
        '{"maybeInt": "5", "maybe_bool": true, "maybeString": "x", "maybe": 0, "left": ""}',
        '{"anything": {"@type": "type.googleapis.com/lab.v1.Child", "name": "n"}}',
        '{"value": null, "name": null, "child": null, "strings": null}',
        '{"value": [1], "renamed": "x"}',
    ],
)
def test_valid_json_is_read_as_json_format_reads_it(table, everything, read, text):
    expected = new_message(everything)
    json_format.Parse(text, expected, descriptor_pool=table.pool)

    assert expected == read(text)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{", ""),
        ("[]", ""),
        ("5", ""),
        ('{"name": "a", "name": "b"}', ""),
        ('{"f": NaN}', ""),
        ('{"value": 1e999}', ""),
        ("[" * 5000, ""),
        ('{"attributes": {"a": ' + "[" * 200 + "]" * 200 + "}}", "attributes"),
        ('{"nope": 1}', "nope"),
        ('{"child": {"nope": 1}}', "child.nope"),
        ('{"children": [{}, {"tags": [1]}]}', "children[1].tags[0]"),
        ('{"children": {}}', "children"),
        ('{"children": [null]}', "children[0]"),
        ('{"child": []}', "child"),
        ('{"name": 5}', "name"),
        ('{"name": "\\ud800"}', "name"),
        ('{"i32": true}', "i32"),
        ('{"i32": 1.5}', "i32"),
        ('{"i32": "x"}', "i32"),
        ('{"i32": []}', "i32"),
        ('{"flag": "true"}', "flag"),
        ('{"flag": 1}', "flag"),
        ('{"colour": true}', "colour"),
        ('{"colour": "PINK"}', "colour"),
        ('{"data": "!!!!"}', "data"),
        ('{"data": 5}', "data"),
        ('{"counts": []}', "counts"),
        ('{"counts": {"a": "x"}}', 'counts["a"]'),
        ('{"at": 5}', "at"),
        ('{"at": []}', "at"),
        ('{"length": "1"}', "length"),
        ('{"updateMask": ["a"]}', "updateMask"),
        ('{"maybeBool": 1}', "maybeBool"),
        ('{"left": "a", "right": "b"}', "right"),
        ('{"sizeBytes": 1, "name": "a"}', "sizeBytes"),
        ('{"update_mask": "a", "updateMask": "b"}', "updateMask"),
        ('{"anything": {"@type": "type.googleapis.com/nobody.Knows"}}', "anything"),
        ('{"d": 1' + "0" * 400 + "}", "d"),
        ('{"i64": 1' + "0" * 5000 + "}", ""),
    ],
)
def test_invalid_json_is_refused_with_the_path_of_the_field(read, text, field):
    with pytest.raises(Problem) as caught:
        read(text)

    assert (3, field) == (caught.value.code, caught.value.violations[0].field)


@pytest.mark.parametrize(
    ("proto_names", "print_defaults", "expected"),
    [
        (True, False, {"size_bytes": "5"}),
        (False, False, {"sizeBytes": "5"}),
        (True, True, {"name": "", "tags": [], "size_bytes": "5"}),
    ],
)
def test_names_and_defaults_follow_the_setting(table, proto_names, print_defaults, expected):
    child = new_message(table.pool.FindMessageTypeByName("lab.v1.Child"))
    child.size_bytes = 5

    assert expected == json.loads(JsonCodec(table.pool, proto_names, print_defaults).dump(child))


@pytest.mark.parametrize(
    ("field", "proto_names", "expected"),
    [
        ("child", True, {"size_bytes": "5"}),
        ("child", False, {"sizeBytes": "5"}),
        ("children", False, []),
        ("strings", True, ["é"]),
        ("i64", True, "0"),
        ("d", True, "NaN"),
        ("odd_name", False, "x"),
    ],
)
def test_one_field_may_be_the_answer(table, everything, field, proto_names, expected):
    message = new_message(everything)
    message.child.size_bytes = 5
    message.strings.append("é")
    message.d = float("nan")
    message.odd_name = "x"

    assert expected == json.loads(JsonCodec(table.pool, proto_names).dump(message, everything.fields_by_name[field]))


@given(
    data=st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.integers(),
        st.lists,
        max_leaves=5,
    )
)
def test_no_json_value_breaks_the_reader(table, everything, data):
    for field in everything.fields:
        message = new_message(everything)
        with contextlib.suppress(Problem):
            parse_into(message, {field.name: data}, table.pool)
            json.loads(JsonCodec(table.pool, proto_names=True).dump(message))
