"""Folders of pictures: classes, parts, what else lies in them, links, and what is refused."""

import os
import re

import numpy as np
import pytest
from PIL import Image

from workings.data.picture_folders import picture_files, read_folder
from workings.data.picture_sources import read_pictures
from workings.errors import BadInput


def make(root, *names: str):
    """Small pictures of different sizes and colors at these paths."""
    for number, name in enumerate(names, start=1):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4 + number, 5, 3), number, np.uint8)).save(path)
    return root


def test_a_class_is_a_folder_with_all_that_is_in_it(tmp_path):
    found = read_folder(make(tmp_path, "dog/2.png", "dog/1.PNG", "cat/deep/er/1.png", "cat/1.bmp"))["train"]
    assert found.labels == ["cat", "cat", "dog", "dog"]
    assert found.pictures.names == ["cat/1.bmp", "cat/deep/er/1.png", "dog/1.PNG", "dog/2.png"]


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "validation", "TEST"), ("train", "valid", "testing")])
def test_parts_that_the_folder_keeps_apart_are_kept_apart(names, tmp_path):
    make(tmp_path, *(f"{part}/{label}/{number}.png" for part in names for label in "ab" for number in range(2)), f"{names[0]}/a/more.png")
    parts = read_pictures(tmp_path, size=(4,))
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (5, 4, 4)
    assert parts.test.name_of(2) == "b/0.png" and parts.test.labels == ["a", "a", "b", "b"]


def test_a_class_may_be_called_train(tmp_path):
    assert set(read_folder(make(tmp_path, "train/1.png", "bus/1.png"))["train"].labels) == {"train", "bus"}


def test_what_is_no_picture_or_in_no_class_is_counted_and_what_is_hidden_is_not(tmp_path):
    make(tmp_path, "a/1.png", "b/1.png", "loose.png", ".hidden/1.png", "a/.1.png", "__MACOSX/a/1.png")
    (tmp_path / "a" / "notes.txt").write_text("")
    (tmp_path / "LICENSE").write_text("")
    (tmp_path / "empty").mkdir()
    found = read_folder(tmp_path)["train"]
    assert found.pictures.names == ["a/1.png", "b/1.png"]
    assert found.left_out == {"not named like one": 2, "in no class folder": 1}
    assert found.notes == [f"1 class folder of {str(tmp_path)!r} without pictures: 'empty'."]


def test_what_lies_beside_the_parts_is_counted(tmp_path):
    make(tmp_path, "train/a/1.png", "train/b/1.png", "test/a/1.png", "more/a/1.png", "loose.png")
    found = read_folder(tmp_path)
    assert set(found) == {"train", "test"} and found["train"].left_out == {"outside of the folders train, validation and test": 2}


def test_links_to_folders_are_followed_and_circles_end(tmp_path):
    make(tmp_path, "there/x/1.png", "root/a/1.png", "root/b/1.png")
    root = tmp_path / "root"
    (root / "c").symlink_to(tmp_path / "there")
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "again").symlink_to(root / "a")
    (root / "b" / "one").symlink_to(root / "b" / "other")
    (root / "b" / "other").symlink_to(root / "b" / "one")
    (root / "circle").symlink_to(root)
    found = read_folder(root)["train"]
    assert found.pictures.names == ["a/1.png", "b/1.png", "c/x/1.png"]
    assert "'circle'" in found.notes[0]


def test_the_pictures_of_a_folder_to_classify_are_those_that_would_be_learned_and_a_pipe_is_none(tmp_path):
    root = make(tmp_path / "root", "2.png", "a/1.png", "a/b/1.JPG", ".hidden/1.png", "a/._1.png")
    make(tmp_path, "there/1.png")
    (root / "c").symlink_to(tmp_path / "there")
    (root / "c.png").symlink_to(root / "nowhere")
    (root / "a" / "up").symlink_to(root)
    os.mkfifo(root / "a" / "pipe.png")
    assert picture_files(root) == [f"{root}/{name}" for name in ("2.png", "a/1.png", "a/b/1.JPG", "c.png", "c/1.png")]
    assert picture_files(root / "a" / "1.png") == [f"{root}/a/1.png"]


def test_spaces_around_the_name_of_a_class_do_not_count(tmp_path):
    make(tmp_path, "train/a/1.png", "train/b/1.png", "test/b /1.png", "test/ a/1.png")
    assert read_folder(tmp_path)["test"].labels == ["a", "b"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "holds no pictures"),
        (["1.png", "2.png"], "holds 2 pictures, but in no class folders"),
        (["a/1.png", "a/2.png"], "in the one class folder 'a'"),
        (["all/a/1.png", "all/b/1.png"], "perhaps '.*all' is what you mean"),
        (["train/1.png", "test/1.png"], "has 'test' and 'train', but there must be a train folder with a folder for each class"),
        (["val/a/1.png", "test/a/1.png"], "must be a train folder"),
        (["train/a/1.png", "train/b/1.png", "val/a/1.png", "dev/a/1.png"], "two folders for the validation part, 'dev' and 'val'"),
        (["train/a/1.png", "train/b/1.png", "test/1.png"], "but in no class folders"),
        (["train/cat/1.png", "train/dog/1.png", "test/cats/1.png"], "'cats' in .* is not among those of the training pictures. Did you mean 'cat'"),
        (["Cat/1.png", "cat/1.png"], "differ in case only"),
    ],
)
def test_a_folder_that_says_no_classes_is_refused(names, said, tmp_path):
    with pytest.raises(BadInput, match=said) as refused:
        read_pictures(make(tmp_path, *names))
    assert re.search(re.escape(str(tmp_path)), str(refused.value))
