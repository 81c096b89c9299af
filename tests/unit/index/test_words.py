from index_svc.domain.words import content_words, spellings, tokens


def words(text):
    return [token.word for token in tokens(text)]


def test_file_names_fall_into_words():
    """R-MET-06: a search by file name finds the video."""
    actual = words("speech_reel-2024.MP4")

    assert actual == ["speech", "reel", "2024", "mp4"]


def test_case_accents_and_apostrophes_do_not_matter():
    assert words("Don\u2019t CAFÉ naïve Straße") == words("dont cafe naive STRASSE")


def test_languages_without_spaces_are_cut_into_characters():
    assert words("東京 tower") == ["東", "京", "tower"]


def test_a_token_knows_where_it_stands():
    text = "It's  over"
    (first, second) = tokens(text)

    assert (text[first.start : first.end], text[second.start : second.end]) == ("It's", "over")


def test_small_words_are_left_out_of_a_query_unless_there_are_no_others():
    assert content_words("ask not what your country can do for you") == ("ask", "country")
    assert content_words("to be or not to be") == ("to", "be", "or", "not")


def test_the_index_is_asked_for_singular_and_plural():
    assert spellings("parrots") == spellings("parrot") == ("parrot", "parrots")
    assert spellings("1961") == ("1961",)
