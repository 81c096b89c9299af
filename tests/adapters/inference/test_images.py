import io
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers

from chassis.core.errors import InvalidInput
from inference_svc.adapters.clip_encoder import ClipEncoder
from inference_svc.adapters.hub import Hub
from inference_svc.adapters.image_reader import read_image
from inference_svc.adapters.mobilenet_tags import MobileNetTagger
from inference_svc.adapters.model_files import Available, ModelFiles
from inference_svc.adapters.onnx_session import OnnxSession
from inference_svc.adapters.rapid_ocr import RapidTextReader
from inference_svc.adapters.yolox_objects import YoloxDetector
from inference_svc.domain.vectors import cosine
from inference_svc.model_pool import load_registry
from tests.support.inference_models import keyframes
from tests.support.shared import MEDIA, MODELS, needs_shared


@cache
def tagger() -> MobileNetTagger:
    folder = MODELS / "mobilenet_v2_imagenet"
    return MobileNetTagger(OnnxSession(folder / "model.onnx", threads=1, device="cpu"), folder / "labels.txt")


@cache
def detector() -> YoloxDetector:
    folder = MODELS / "yolox_nano_coco"
    return YoloxDetector(OnnxSession(folder / "model.onnx", threads=1, device="cpu"), folder / "labels.txt")


@cache
def photo(name: str) -> np.ndarray:
    return read_image((MEDIA / "images" / name).read_bytes())


@needs_shared
@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("parrot.jpg", "macaw, bird"),
        ("coffee.jpg", "espresso"),
        ("bird.jpg", "chickadee, bird"),
        ("cat.jpg", "Egyptian cat, cat"),
        ("hot_dog.jpg", "hotdog, hot dog, red hot"),
    ],
)
def test_photos_are_labelled(name: str, label: str) -> None:
    """R-ING-07."""
    (tagged,) = tagger().classify([photo(name)])

    assert tagged.labels[0][0] == label
    assert all(0.15 <= probability <= 1 for _, probability in tagged.labels)
    assert (tagged.embedding.shape, tagged.embedding.dtype.name) == ((1280,), "float32")


@needs_shared
def test_pictures_of_cats_are_nearer_to_each_other_than_to_a_cup() -> None:
    cat, chelsea, coffee = tagger().encode_images([photo("cat.jpg"), photo("chelsea.jpg"), photo("coffee.jpg")])

    assert cosine(cat, chelsea) > cosine(cat, coffee) + 0.1


@needs_shared
def test_a_picture_has_the_same_bytes_whatever_stands_beside_it() -> None:
    """R-ING-10."""
    both = tagger().encode_images([photo("cat.jpg"), photo("coffee.jpg")])

    assert both[1].tobytes() == tagger().encode_images([photo("coffee.jpg")])[0].tobytes()


@needs_shared
@pytest.mark.parametrize(
    ("name", "things"),
    [("coffee.jpg", {"cup", "dining table"}), ("astronaut.jpg", {"person"}), ("obama.jpg", {"person", "tie"})],
)
def test_things_are_found_inside_the_picture(name: str, things: set[str]) -> None:
    (found,) = detector().detect([photo(name)])
    height, width = photo(name).shape[:2]

    assert {thing.label for thing in found} == things
    assert all(0 <= t.box.left < t.box.right <= width and 0 <= t.box.top < t.box.bottom <= height for t in found)


@needs_shared
def test_text_on_screen_is_read() -> None:
    folder = ModelFiles(model_dir=None, cache_dir=Path("/nonexistent"), hub=Hub(is_offline=True)).resolve(
        next(spec for spec in load_registry() if spec.name == "rapidocr-ppocrv6-small")
    )
    assert isinstance(folder, Available)
    reader = RapidTextReader(folder.folder, threads=1)
    frame = read_image(keyframes(MEDIA / "video/counter.mp4", (1.0,))[0])
    lines, nothing = reader.read([frame, np.zeros((90, 160, 3), np.uint8)])

    assert [line.text for line in lines] == ["Frame = 11", "PTS = 1.0s"]
    assert all(len(line.corners) == 4 for line in lines)
    assert nothing == ()


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, kind, **options)
    return sink.getvalue()


def test_a_picture_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees
    content = encoded(Image.new("RGB", (40, 20)), "JPEG", exif=exif)

    assert read_image(content).shape == (40, 20, 3)


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a", b"\xff\xd8\xff" + bytes(50), encoded(Image.new("RGB", (9, 9)), "GIF")],
    ids=["empty", "gif name", "broken jpeg", "gif"],
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_image(content)


def test_a_picture_bomb_is_refused_before_it_is_decoded() -> None:
    content = encoded(Image.new("1", (8_000, 8_000)), "PNG")
    with pytest.raises(InvalidInput) as refusal:
        read_image(content)

    assert refusal.value.reason in {"IMAGE_TOO_LARGE", "IMAGE_UNREADABLE"}


def tiny_graph(path: Path, source: str, kind: int, shape: list[str | int | None], target: str) -> Path:
    """A graph with the names and shapes of half a CLIP export: the sum of all numbers, three times."""
    nodes = [
        helper.make_node("Cast", [source], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["numbers"], ["flat"], axis=1),
        helper.make_node("ReduceSum", ["flat", "axes"], ["sum"], keepdims=1),
        helper.make_node("Concat", ["sum", "sum", "sum"], [target], axis=1),
    ]
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    inputs = [helper.make_tensor_value_info(source, kind, shape)]
    outputs = [helper.make_tensor_value_info(target, TensorProto.FLOAT, ["batch", 3])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, [axes])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def test_a_clip_pair_is_fed_as_its_export_wants(tmp_path: Path) -> None:
    """The real pair can only come from the hub; this proves the calls and nothing of quality."""
    vision = tiny_graph(tmp_path / "v.onnx", "pixel_values", TensorProto.FLOAT, ["batch", 3, 224, 224], "image_embeds")
    text = tiny_graph(tmp_path / "t.onnx", "input_ids", TensorProto.INT64, ["batch", "tokens"], "text_embeds")
    words = Tokenizer(models.WordLevel({"a": 1, "cat": 2, "?": 0}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    model = ClipEncoder(OnnxSession(vision, threads=1), OnnxSession(text, threads=1), tmp_path / "tokenizer.json")
    pictures = model.encode_images([np.full((100, 300, 3), 255, np.uint8), np.zeros((300, 100, 3), np.uint8)])

    assert np.linalg.norm(pictures, axis=1) == pytest.approx(1)
    assert np.sign(pictures[:, 0]).tolist() == [1, -1]
    assert model.encode_texts(["a cat", "a " * 500]).shape == (2, 3)
