"""Which route a raw path takes."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.http_template import parse_template
from gateway.domain.path_matcher import AmbiguousRouteError, BadPathError, Match, MethodMissing, PathMatcher

ROUTES = [
    ("GET", "/v1/videos"),
    ("GET", "/v1/videos/{id}"),
    ("DELETE", "/v1/videos/{id}"),
    ("GET", "/v1/videos/special"),
    ("POST", "/v1/videos:replay"),
    ("POST", "/v1/videos/{id}:cancel"),
    ("GET", "/v1/videos/{id}/{file=t.srt}"),
    ("GET", "/v1/files/{name=**}"),
    ("GET", "/v1/files/{name=**}:watch"),
    ("GET", "/v1/files/{name=**}/end"),
    ("GET", "/v1/{parent=shelves/*}/books/{book}"),
    ("GET", "/v1/x/*/c"),
    ("GET", "/v1/x/b/*"),
    ("*", "/any"),
]


@pytest.fixture(scope="module")
def matcher():
    matcher = PathMatcher()
    for method, text in ROUTES:
        matcher.add(method, parse_template(text), f"{method} {text}")
    return matcher


@pytest.mark.parametrize(
    ("method", "path", "target", "values"),
    [
        ("GET", "/v1/videos", "GET /v1/videos", {}),
        ("GET", "/v1/videos/a", "GET /v1/videos/{id}", {"id": "a"}),
        ("GET", "/v1/videos/special", "GET /v1/videos/special", {}),
        ("DELETE", "/v1/videos/special", "DELETE /v1/videos/{id}", {"id": "special"}),
        ("GET", "/v1/videos/a%2Fb%20c", "GET /v1/videos/{id}", {"id": "a/b c"}),
        ("GET", "/v1/videos/%D1%8F", "GET /v1/videos/{id}", {"id": "я"}),
        ("GET", "/v1/videos/a+b", "GET /v1/videos/{id}", {"id": "a+b"}),
        ("POST", "/v1/videos:replay", "POST /v1/videos:replay", {}),
        ("POST", "/v1/videos/a:cancel", "POST /v1/videos/{id}:cancel", {"id": "a"}),
        ("POST", "/v1/videos/a:b:cancel", "POST /v1/videos/{id}:cancel", {"id": "a:b"}),
        ("GET", "/v1/videos/urn:x", "GET /v1/videos/{id}", {"id": "urn:x"}),
        ("GET", "/v1/videos/a%3Acancel", "GET /v1/videos/{id}", {"id": "a:cancel"}),
        ("GET", "/v1/videos/a/t.srt", "GET /v1/videos/{id}/{file=t.srt}", {"id": "a", "file": "t.srt"}),
        ("GET", "/v1/files", "GET /v1/files/{name=**}", {"name": ""}),
        ("GET", "/v1/files/a/b%2Fc%20d", "GET /v1/files/{name=**}", {"name": "a/b%2Fc d"}),
        ("GET", "/v1/files/a/b:watch", "GET /v1/files/{name=**}:watch", {"name": "a/b"}),
        ("GET", "/v1/files/a/b/end", "GET /v1/files/{name=**}/end", {"name": "a/b"}),
        ("GET", "/v1/files/end", "GET /v1/files/{name=**}/end", {"name": ""}),
        (
            "GET",
            "/v1/shelves/1/books/2",
            "GET /v1/{parent=shelves/*}/books/{book}",
            {"parent": "shelves/1", "book": "2"},
        ),
        ("GET", "/v1/x/b/c", "GET /v1/x/b/*", {}),
        ("GET", "/v1/x/a/c", "GET /v1/x/*/c", {}),
        ("PURGE", "/any", "* /any", {}),
    ],
)
def test_the_most_specific_route_wins_and_its_variables_are_decoded(matcher, method, path, target, values):
    found = matcher.match(method, path)

    assert isinstance(found, Match)
    assert target == found.target
    assert values == {".".join(name): text for name, text in found.bindings}


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/videos/", "/v1/videos//x", "/v2/videos", "/v1/x/b/c/d", "*", ""])
def test_a_path_nobody_serves_is_none(matcher, path):
    assert matcher.match("GET", path) is None


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/v1/videos/a", ("DELETE", "GET")), ("GET", "/v1/videos/a:cancel", ("POST",))],
)
def test_a_wrong_method_tells_the_right_ones(matcher, method, path, allowed):
    assert MethodMissing(allowed) == matcher.match(method, path)


@pytest.mark.parametrize("path", ["/v1/videos/%", "/v1/videos/%zz", "/v1/videos/%ff", "/v1/files/a/%c3"])
def test_a_broken_escape_is_refused(matcher, path):
    with pytest.raises(BadPathError):
        matcher.match("GET", path)


@pytest.mark.parametrize(("first", "second"), [("/a/{x}", "/a/{y}"), ("/a/{x}", "/a/*"), ("/{x=a/**}", "/a/{y=**}")])
def test_ambiguous_routes_are_refused(first, second):
    matcher = PathMatcher()
    matcher.add("GET", parse_template(first), 1)
    matcher.add("POST", parse_template(second), 2)

    with pytest.raises(AmbiguousRouteError):
        matcher.add("GET", parse_template(second), 2)


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_an_encoded_segment_comes_back_as_it_was(text):
    matcher = PathMatcher()
    matcher.add("GET", parse_template("/v1/{id}"), None)

    found = matcher.match("GET", f"/v1/{quote(text, safe='')}")

    assert isinstance(found, Match)
    assert ((("id",), text),) == found.bindings
