"""Captions of pictures: built-in names, files that list them, names of files, sentences made of classes; what has none is counted and listed."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from workings.data.captions import read_captioned, said_by_name
from workings.errors import BadInput


def write_pictures(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for level, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 5, 3), 20 * level, dtype=np.uint8)).save(folder / name)
    return folder


def said(parts) -> dict[int, str]:
    """What is said of each picture, by its level."""
    found = {}
    for part in (parts.train, parts.validation):
        levels = part.pixels(torch.arange(len(part)))[:, 0, 0, 0].tolist()
        found |= {level // 20: label for level, label in zip(levels, part.labels, strict=True)}
    return found


def test_the_built_in_emoji_have_their_names():
    parts = read_captioned("emoji")
    assert len(parts.train) + len(parts.validation) == 1636 and parts.train.shape == (3, 32, 32)
    assert "red apple" in parts.train.labels + parts.validation.labels
    again = read_captioned("emoji")
    assert again.validation.labels == parts.validation.labels and len(parts.validation) == 164


def test_shapes_are_validated_with_pairs_that_are_in_no_training_picture():
    parts = read_captioned("shapes")
    assert not set(parts.train.labels) & set(parts.validation.labels) and len(parts.train) > 10_000


def test_a_file_of_captions_goes_with_paths_or_names_and_the_rest_is_counted_and_listed(tmp_path):
    folder = write_pictures(tmp_path / "p", ["a.png", "in/b.png", "c.png", "d.png"])
    rows = [("a.png", "an apple"), ("b.png", "a  boat\n"), ("c.png", "a cat"), ("gone.png", "nothing")]
    (folder / "captions.jsonl").write_text("".join(json.dumps({"file_name": name, "text": text}) + "\n" for name, text in rows))
    parts = read_captioned(str(folder))
    assert said(parts) == {0: "an apple", 1: "a boat", 2: "a cat"} or set(said(parts).values()) == {"an apple", "a boat", "a cat"}
    assert parts.train.left_out["without a caption"] == 1 and "1 caption" in parts.notes[-1] and "'gone.png'" in parts.notes[-1]
    with pytest.raises(BadInput, match="1 picture of .* without a caption: 'd.png'"):
        read_captioned(str(folder), strict=True)


def test_names_of_files_become_captions(tmp_path):
    folder = write_pictures(tmp_path / "p", ["red_apple_2.png", "blueBoat.png", "fruit/old-pear (3).png"])
    assert set(said(read_captioned(str(folder))).values()) == {"red apple", "blue boat", "old pear"}
    assert said_by_name("17.png") == "17"


def test_classes_become_sentences_and_numbers_that_say_nothing_are_refused(tmp_path):
    assert {"an ankle boot", "a dress", "a t-shirt top"} <= set(read_captioned("fashion", "labels").train.labels)
    arrays = {"x_train": np.zeros((40, 5, 5), dtype=np.uint8), "y_train": np.arange(40) % 10}
    np.savez(tmp_path / "numbers.npz", **arrays)
    with pytest.raises(BadInput, match="are numbers, of which no caption can be made"):
        read_captioned(str(tmp_path / "numbers.npz"), "labels")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("none.jsonl", None, "There is no file of captions"),
        ("c.txt", "a", "is no table of captions"),
        ("c.csv", "a,b\n1,2\n", "has the columns 'a', 'b'; name one 'file_name' and one 'text'"),
        ("c.csv", "file,caption\nother.png,x\n", "2 pictures of .* without a caption"),
    ],
)
def test_a_file_of_captions_that_does_not_fit_is_refused(name, text, sentence, tmp_path):
    folder = write_pictures(tmp_path / "p", ["a.png", "b.png"])
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match=sentence):
        read_captioned(str(folder), str(tmp_path / name))
