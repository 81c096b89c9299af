from inference_svc.domain.scene import (
    Tag,
    TextLine,
    TextSource,
    combine_text,
    merge_lines,
    merge_tags,
    summarise,
    tag_of,
)


def test_what_is_said_is_embedded_before_the_title() -> None:
    """R-ING-11."""
    text = combine_text(transcript="ask not", title="Speech", lines=[], tags=[])

    assert (text.combined, text.source) == ("ask not", TextSource.TRANSCRIPT)


def test_the_title_stands_in_for_silence() -> None:
    """R-ING-11."""
    text = combine_text(transcript="  ", title="My Holiday", lines=[], tags=["macaw"])

    assert (text.combined, text.source) == ("My Holiday\nSeen: macaw", TextSource.TITLE)


def test_a_scene_without_words_or_title_is_still_searchable() -> None:
    """R-ING-11."""
    text = combine_text(transcript="", title="", lines=["EXIT"], tags=[])

    assert (text.combined, text.source) == ("untitled video\nOn screen: EXIT", TextSource.PLACEHOLDER)


def test_tags_of_keyframes_are_merged_by_their_best_score() -> None:
    frames = [[Tag("cup", 0.4, "a@1")], [Tag("Cup", 0.9, "b@1"), Tag("table", 0.5, "b@1")]]

    assert merge_tags(frames, limit=5) == (Tag("Cup", 0.9, "b@1"), Tag("table", 0.5, "b@1"))


def test_a_line_on_two_keyframes_is_one_line() -> None:
    line = TextLine("Chapter  One", 0.9, ())

    assert merge_lines([[line], [TextLine("CHAPTER ONE", 0.8, ())]], limit=9) == ("Chapter One",)


def test_a_summary_says_likely_and_quotes() -> None:
    assert summarise(["espresso", "cup"], ["OPEN"]) == 'Likely: espresso, cup. Text on screen: "OPEN".'


def test_nothing_seen_is_nothing_said() -> None:
    assert summarise([], []) == ""


def test_all_names_of_a_label_are_kept() -> None:
    assert tag_of("hotdog, hot dog, red hot", 0.9, "m@1") == Tag("hotdog", 0.9, "m@1", ("hot dog", "red hot"))
