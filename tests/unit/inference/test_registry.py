import pytest

from inference_svc.domain.model_registry import Task, parse_registry
from inference_svc.domain.recipe import recipe_of
from inference_svc.loaders import has_loader
from inference_svc.model_pool import load_registry

ENTRY = """
[[model]]
name = "m"
tasks = ["asr"]
licence = "MIT"
files = [{ path = "a.bin", sha256 = "%s" }]
""" % ("ab" * 32)


def test_the_registry_of_this_package_names_a_model_for_every_task() -> None:
    tasks = {task for spec in load_registry() for task in spec.tasks}

    assert tasks == set(Task)


def test_real_models_come_before_fixtures() -> None:
    asr = [spec.is_fixture for spec in load_registry() if Task.ASR in spec.tasks]

    assert asr == sorted(asr)


def test_every_model_but_the_vectors_of_faces_can_be_run() -> None:
    missing = {spec.name for spec in load_registry() if not has_loader(spec.name)}

    assert missing == {"mobileface_v2"}


def test_no_weight_is_a_pickle() -> None:
    suffixes = {file.path.rsplit(".", 1)[-1] for spec in load_registry() for file in spec.files}

    assert suffixes.isdisjoint({"pt", "pth", "pkl", "ckpt"})


def test_the_main_file_names_the_revision() -> None:
    (spec,) = parse_registry(ENTRY)

    assert (spec.revision, spec.label) == ("abababababab", "m@abababababab")


@pytest.mark.parametrize(
    "text",
    [
        ENTRY + ENTRY,
        ENTRY.replace('"asr"', '"smell"'),
        ENTRY.replace("ab" * 32, ""),
        ENTRY.replace("licence", "license"),
        ENTRY + 'hub = { repo = "a/b", revision = "main", megabytes = 1 }\n',
    ],
    ids=["doubled name", "unknown task", "no digest", "no licence", "unpinned hub revision"],
)
def test_a_faulty_registry_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"model|Task|two models"):
        parse_registry(text)


def test_a_recipe_changes_with_every_part_and_not_with_the_order() -> None:
    """R-ING-10."""
    first = recipe_of("m", "1", {"a": 1, "b": 2})
    others = [recipe_of("n", "1", {}), recipe_of("m", "2", {}), recipe_of("m", "1", {})]

    assert recipe_of("m", "1", {"b": 2, "a": 1}) == first
    assert len({str(recipe) for recipe in (first, *others)}) == 4
