import numpy as np
import pytest

from inference_svc.domain.detections import decode_yolox, suppress
from inference_svc.domain.preprocess import Kernel, centre_square, distinct, letterbox, resize, resize_shorter_side
from inference_svc.domain.vectors import cosine, l2_normalise, mean_direction


@pytest.mark.parametrize("kernel", list(Kernel))
@pytest.mark.parametrize("size", [(7, 5), (30, 40)], ids=["smaller", "larger"])
def test_a_flat_picture_stays_flat_when_resized(kernel: Kernel, size: tuple[int, int]) -> None:
    flat = np.full((20, 24, 3), 77, np.uint8)

    assert resize(flat, height=size[0], width=size[1], kernel=kernel) == pytest.approx(77, abs=1e-3)


def test_area_resize_is_the_mean_of_what_it_covers() -> None:
    image = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    expected = image.reshape(2, 2, 2, 2, 3).mean(axis=(1, 3))

    assert resize(image, height=2, width=2, kernel=Kernel.AREA) == pytest.approx(expected)


def test_the_centre_square_is_square() -> None:
    assert centre_square(np.zeros((5, 9, 3), np.uint8)).shape == (5, 5, 3)


def test_the_shorter_side_is_exact() -> None:
    assert resize_shorter_side(np.zeros((100, 333, 3), np.uint8), side=224, kernel=Kernel.CUBIC).shape[0] == 224


def test_a_letterbox_pads_below_and_right() -> None:
    fitted = letterbox(np.zeros((50, 100, 3), np.uint8), side=64, padding=114)

    assert fitted.scale == 0.64
    assert fitted.pixels[31].max() == 0
    assert (fitted.pixels[32:] == 114).all()


def test_equal_pictures_are_read_once_and_a_new_caption_is_seen() -> None:
    still = np.zeros((180, 320, 3), np.uint8)
    captioned = still.copy()
    captioned[150:165, 100:160] = 255

    assert distinct([still, still.copy(), captioned, captioned]) == (0, 2)


def test_the_best_of_overlapping_boxes_is_kept_per_class() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 10, 10], [0, 0, 10, 10], [50, 50, 60, 60]], np.float32)
    scores = np.array([[0.9, 0], [0.8, 0], [0, 0.7], [0.2, 0]], np.float32)
    kept = suppress(boxes, scores, labels=["cat", "dog"], min_score=0.3, max_overlap=0.45)

    assert [(cell, label) for cell, label, _ in kept] == [(0, "cat"), (2, "dog")]


def test_a_yolox_cell_is_centred_on_its_place_in_the_grid() -> None:
    side = 32
    output = np.zeros((16 + 4 + 1, 6), np.float32)
    output[5] = [0.5, 0.5, 0, 0, 1, 1]  # stride 8, second row, second column, size e^0 * 8
    boxes, scores = decode_yolox(output, side=side)

    assert boxes[5].tolist() == [8, 8, 16, 16]
    assert scores[5].tolist() == [1]


def test_a_zero_row_stays_zero() -> None:
    assert l2_normalise(np.array([[0, 0], [3, 4]], np.float32)).tolist() == [[0, 0], pytest.approx([0.6, 0.8])]


def test_a_vector_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        l2_normalise(np.array([np.nan, 1.0]))


def test_the_mean_direction_lies_between() -> None:
    rows = np.eye(2, dtype=np.float32)

    assert cosine(mean_direction(rows), rows[0]) == pytest.approx(cosine(mean_direction(rows), rows[1]))
    with pytest.raises(ValueError, match="no vectors"):
        mean_direction(rows[:0])
