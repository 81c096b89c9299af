"""The path grammar of google.api.http."""

import pytest

from gateway.domain.http_template import TemplateError, parse_template


@pytest.mark.parametrize(
    ("text", "segments", "verb", "variables"),
    [
        ("/", (), "", ()),
        ("/v1/videos", ("v1", "videos"), "", ()),
        ("/v1/*/x", ("v1", "*", "x"), "", ()),
        ("/v1/**", ("v1", "**"), "", ()),
        ("/v1/{id}", ("v1", "*"), "", ((("id",), 1, 2, False),)),
        ("/v1/{id=*}:cancel", ("v1", "*"), "cancel", ((("id",), 1, 2, False),)),
        ("/v1/{a.b=x/*}/c", ("v1", "x", "*", "c"), "", ((("a", "b"), 1, 3, True),)),
        ("/v1/{n=**}:watch", ("v1", "**"), "watch", ((("n",), 1, 2, True),)),
        ("/v1/{f=t.srt}", ("v1", "t.srt"), "", ((("f",), 1, 2, False),)),
        ("/{a}/{b=c/**}", ("*", "c", "**"), "", ((("a",), 0, 1, False), (("b",), 1, 3, True))),
        ("/v1/{n=**}/end", ("v1", "**", "end"), "", ((("n",), 1, 2, True),)),
    ],
)
def test_every_form_of_the_grammar_is_read(text, segments, verb, variables):
    found = parse_template(text)

    assert (segments, verb) == (found.segments, found.verb)
    assert variables == tuple((v.field_path, v.start, v.end, v.is_multi) for v in found.variables)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v1",
        "/v1/",
        "//",
        "/{",
        "/{}",
        "/{a",
        "/{a=}",
        "/{a={b}}",
        "/{1a}",
        "/{a.}",
        "/v1:",
        "/a:b/c",
        "/a b",
        "/**/*",
        "/**/**",
        "/{a=**}/{b}",
        "/{a}/{a}",
        "/%2",
        "/{a}b",
        "/a?b",
        "/***",
    ],
)
def test_what_is_not_the_grammar_is_refused_with_its_text(text):
    with pytest.raises(TemplateError, match=r"position|literals|twice"):
        parse_template(text)
