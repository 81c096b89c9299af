"""Path, query and body become one message; the lab proto has a field of every kind."""

import math

import pytest

from gateway.domain.binding import BindingRuleError, bind, resolve_binding
from gateway.domain.json_codec import JsonCodec
from gateway.domain.status_map import Problem


@pytest.fixture(scope="module")
def make(table):
    descriptor = table.pool.FindMessageTypeByName("lab.v1.Everything")

    def make(query="", body=b"", rule="", path=()):
        binding = resolve_binding(descriptor, table.pool, body=rule, paths=tuple(name for name, _ in path))
        return bind(binding, tuple(path), query, body, "application/json")

    return make


@pytest.fixture(scope="module")
def codec(table):
    return JsonCodec(table.pool, proto_names=True)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("name=a+b%26c", {"name": "a b&c"}),
        ("i32=-5&i64=9223372036854775807&u32=1&u64=18446744073709551615", None),
        ("i32=-5", {"i32": -5}),
        ("i32=1e3", {"i32": 1000}),
        ("i64=-9223372036854775808", {"i64": "-9223372036854775808"}),
        ("u64=18446744073709551615", {"u64": "18446744073709551615"}),
        ("f=1.5&d=-2e3", {"f": 1.5, "d": -2000.0}),
        ("f=NaN&d=-Infinity", {"f": "NaN", "d": "-Infinity"}),
        ("flag=true", {"flag": True}),
        ("data=-_8%3D&name=x", {"data": "+/8=", "name": "x"}),
        ("data=YQ", {"data": "YQ=="}),
        ("colour=COLOUR_RED", {"colour": "COLOUR_RED"}),
        ("colour=1", {"colour": "COLOUR_RED"}),
        ("colour=7", {"colour": 7}),
        ("child.name=n&child.sizeBytes=3", {"child": {"name": "n", "size_bytes": "3"}}),
        ("child.size_bytes=3", {"child": {"size_bytes": "3"}}),
        ("strings=a&strings=&strings=b,c", {"strings": ["a", "", "b,c"]}),
        ("child.tags=a&name=n&child.tags=b", {"child": {"tags": ["a", "b"]}, "name": "n"}),
        ("numbers=1&numbers=2&colours=COLOUR_RED&colours=0", None),
        ("at=2020-02-03T04:05:06.5Z", {"at": "2020-02-03T04:05:06.500Z"}),
        ("length=1.5s", {"length": "1.500s"}),
        ("update_mask=child.sizeBytes,odd_name", {"update_mask": "child.sizeBytes,oddName"}),
        ("updateMask=", {"update_mask": ""}),
        ("maybe_int=5&maybeBool=false&maybeString=", {"maybe_int": "5", "maybe_bool": False, "maybe_string": ""}),
        ("left=", {"left": ""}),
        ("maybe=0", {"maybe": 0}),
        ("renamed=x", {"odd_name": "x"}),
        ("odd_name=x", {"odd_name": "x"}),
    ],
)
def test_query_parameters_reach_fields_of_every_kind(make, codec, query, expected):
    found = codec.to_value(make(query))

    if expected is None:
        assert found
    else:
        assert expected == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("nope=1", "nope"),
        ("child.nope=1", "child.nope"),
        ("name.x=1", "name.x"),
        ("child=1", "child"),
        ("counts=1", "counts"),
        ("attributes=1", "attributes"),
        ("children.name=1", "children.name"),
        ("i32=x", "i32"),
        ("i32=2147483648", "i32"),
        ("i32=1.5", "i32"),
        ("i32=%D9%A1", "i32"),
        ("i32=", "i32"),
        ("u32=-1", "u32"),
        ("f=1e39", "f"),
        ("d=nan", "d"),
        ("d=1_0", "d"),
        ("flag=1", "flag"),
        ("flag=True", "flag"),
        ("data=%21", "data"),
        ("data=a", "data"),
        ("colour=RED", "colour"),
        ("at=yesterday", "at"),
        ("length=5", "length"),
        ("update_mask=a..b", "update_mask"),
        ("maybe_bool=yes", "maybe_bool"),
        ("name=a&name=b", "name"),
        ("left=a&right=b", "right"),
        ("name=%ff", ""),
    ],
)
def test_a_wrong_query_is_refused_with_the_name_of_the_field(make, query, field):
    with pytest.raises(Problem) as caught:
        make(query)

    assert (3, field) == (caught.value.code, caught.value.violations[0].field)


def test_all_wrong_parameters_are_reported_together(make):
    with pytest.raises(Problem) as caught:
        make("i32=x&nope=1&flag=2")

    assert [each.field for each in caught.value.violations] == ["i32", "nope", "flag"]


def test_the_path_wins_over_the_body_and_the_query_is_for_the_rest(make, codec):
    found = make("i32=4", b'{"name":"n"}', "child", ((("name",), "p"), (("child", "size_bytes"), "5")))

    assert codec.to_value(found) == {"name": "p", "i32": 4, "child": {"name": "n", "size_bytes": "5"}}


@pytest.mark.parametrize(
    ("query", "rule", "path"),
    [("i32=1", "*", ()), ("child.name=x", "child", ()), ("name=x", "", ((("name",), "y"),))],
)
def test_a_field_has_one_place(make, query, rule, path):
    with pytest.raises(Problem, match="belongs in the"):
        make(query, b"", rule, path)


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b'["a","b"]', {"strings": ["a", "b"]}), (b"", {}), (b"null", {}), (b"[]", {})],
)
def test_a_repeated_field_may_be_the_body(make, codec, body, expected):
    assert expected == codec.to_value(make("", body, "strings"))


def test_nan_survives(make):
    assert math.isnan(make("d=NaN").d)


@pytest.mark.parametrize(
    ("body", "paths"),
    [("nope", ()), ("", (("nope",),)), ("", (("child",),)), ("", (("strings",),)), ("", (("children", "name"),))],
)
def test_a_rule_that_can_not_work_is_refused(table, body, paths):
    descriptor = table.pool.FindMessageTypeByName("lab.v1.Everything")

    with pytest.raises(BindingRuleError):
        resolve_binding(descriptor, table.pool, body=body, paths=paths)
