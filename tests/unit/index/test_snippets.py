from index_svc.domain.query import parse_query
from index_svc.domain.snippets import snippet


def shown(q, text):
    query = parse_query(q, owner_id="ada")
    return snippet(text, query.stems, query.sequence)


def marked(found):
    return [found.text[start:end] for start, end in found.marks]


def test_the_sentence_is_shown_rather_than_an_earlier_single_word():
    text = "My country. " + "Filler words go on and on. " * 20 + "Ask not what your country can do for you!"

    actual = shown("ask not what your country can do for you", text)

    assert actual.text.startswith("… ")
    assert actual.text.endswith("Ask not what your country can do for you!")
    assert " ".join(marked(actual)).endswith("Ask not what your country can do for you")


def test_a_snippet_is_short_whole_words_of_the_original():
    text = "lorem ipsum " * 100 + "The MACAW, here. " + "dolor " * 100

    actual = shown("macaws", text)

    assert len(actual.text) <= 170
    assert marked(actual) == ["MACAW"]
    assert actual.text.strip("… ") in text


def test_small_words_alone_are_no_reason():
    assert shown("the macaw", "the cat and the dog").text == ""
