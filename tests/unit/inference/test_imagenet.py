import pytest

from inference_svc.domain.imagenet import broader_name
from tests.support.shared import MODELS, needs_shared


@needs_shared
@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("tench", "fish"),
        ("cock", "bird"),
        ("water ouzel", "bird"),
        ("bald eagle", "bird"),
        ("bullfrog", "frog"),
        ("leatherback turtle", "turtle"),
        ("terrapin", "turtle"),
        ("banded gecko", "lizard"),
        ("Komodo dragon", "lizard"),
        ("African crocodile", "crocodile"),
        ("thunder snake", "snake"),
        ("sidewinder", "snake"),
        ("black widow", "spider"),
        ("wolf spider", "spider"),
        ("black grouse", "bird"),
        ("macaw", "bird"),
        ("black swan", "bird"),
        ("tusker", ""),
        ("Dungeness crab", "crab"),
        ("hermit crab", ""),
        ("white stork", "bird"),
        ("albatross", "bird"),
        ("grey whale", ""),
        ("Chihuahua", "dog"),
        ("Mexican hairless", "dog"),
        ("timber wolf", "wild dog"),
        ("African hunting dog", "wild dog"),
        ("hyena", ""),
        ("red fox", "fox"),
        ("grey fox", "fox"),
        ("tabby", "cat"),
        ("Egyptian cat", "cat"),
        ("cougar", "wild cat"),
        ("cheetah", "wild cat"),
        ("brown bear", "bear"),
        ("sloth bear", "bear"),
        ("mongoose", ""),
        ("tiger beetle", "insect"),
        ("lacewing", "insect"),
        ("admiral", "butterfly"),
        ("lycaenid", "butterfly"),
        ("starfish", ""),
        ("wood rabbit", "rabbit"),
        ("Angora", "rabbit"),
        ("hamster", ""),
        ("orangutan", "ape"),
        ("siamang", "ape"),
        ("guenon", "monkey"),
        ("squirrel monkey", "monkey"),
        ("Madagascar cat", ""),
        ("Indian elephant", "elephant"),
        ("African elephant", "elephant"),
        ("lesser panda", "panda"),
        ("giant panda", "panda"),
        ("barracouta", "fish"),
        ("puffer", "fish"),
        ("abacus", ""),
        ("espresso", ""),
    ],
)
def test_the_first_and_last_class_of_every_run_have_its_name(label: str, name: str) -> None:
    lines = (MODELS / "mobilenet_v2_imagenet" / "labels.txt").read_text().splitlines()
    (line,) = [place for place, text in enumerate(lines) if text.split(",")[0] == label]

    assert broader_name(line - 1) == name


def test_a_negative_index_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="negative"):
        broader_name(-1)
