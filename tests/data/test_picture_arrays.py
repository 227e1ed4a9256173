"""Arrays of pictures: .npz, idx, CIFAR's binary files."""

import gzip
import io
import lzma
import struct
import zipfile

import numpy as np
import pytest
import torch

from workings.data.picture_sources import read_pictures
from workings.errors import BadInput

DRAW = np.random.default_rng(0)
GRAY, COLOR = DRAW.integers(0, 256, (6, 5, 4), dtype=np.uint8), DRAW.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
Y = np.array([0, 1, 2, 0, 1, 2])
ROWS = torch.arange(6)


@pytest.mark.parametrize(
    "names", [("x_train", "y_train", "x_test", "y_test"), ("xtr", "ytr", "xte", "yte"), ("train_images", "train_labels", "test_images", "test_labels")]
)
def test_the_usual_names_of_arrays_are_known(names, tmp_path):
    np.savez(tmp_path / "a.npz", **dict(zip(names, (COLOR, Y, COLOR[:3], Y[:3]), strict=True)), val_images=COLOR[3:], val_labels=Y[3:, None])
    parts = read_pictures(tmp_path / "a.npz")
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (6, 3, 3)
    assert parts.train.labels == list("012012") and parts.train.name_of(4) == "picture 4"
    assert torch.equal(parts.train.pixels(ROWS), torch.from_numpy(COLOR).permute(0, 3, 1, 2))


@pytest.mark.parametrize("layout", [GRAY, GRAY[..., None], GRAY[:, None]], ids=["NHW", "NHWC", "NCHW"])
def test_gray_pictures_may_have_a_side_for_the_channel(layout, tmp_path):
    np.savez_compressed(tmp_path / "a.npz", images=layout, labels=Y[:, None], classes=np.array(["ox", "cow", "calf"]))
    train = read_pictures(tmp_path / "a.npz").train
    assert torch.equal(train.pixels(ROWS), torch.from_numpy(GRAY)[:, None]) and train.labels[:3] == ["ox", "cow", "calf"]


def test_channels_may_come_second_and_labels_may_be_names(tmp_path):
    np.savez(tmp_path / "a.npz", x=COLOR.transpose(0, 3, 1, 2), y=np.array(["a", " b"] * 3))
    train = read_pictures(tmp_path / "a.npz").train
    assert torch.equal(train.pixels(ROWS), torch.from_numpy(COLOR).permute(0, 3, 1, 2)) and train.labels == ["a", "b"] * 3


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"a": GRAY}, "has the arrays a; name the pictures and labels x_train and y_train"),
        ({"x": GRAY / 255, "y": Y}, "are float64"),
        ({"x": GRAY.reshape(6, 20), "y": Y}, r"are uint8 \[6, 20\]"),
        ({"x": DRAW.integers(0, 256, (6, 5, 5, 4), dtype=np.uint8), "y": Y}, "no side is the channels"),
        ({"x": GRAY, "y": Y[:5]}, r"The labels of .* are int64 \[5\]"),
        ({"x": GRAY, "y": np.eye(6)}, "labels"),
        ({"x": GRAY, "y": Y, "classes": np.array(["a", "b"])}, "go from 0 to 2, but there are 2 names"),
        ({"x": GRAY, "y": Y * 0}, "telling classes apart needs at least two"),
        ({"x": GRAY, "y": Y, "x_test": GRAY, "y_test": Y + 1}, "'3' in .* is not among those of the training pictures"),
    ],
)
def test_arrays_that_are_no_labeled_pictures_are_refused(arrays, said, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(BadInput, match=said):
        read_pictures(tmp_path / "a.npz")


def test_an_npz_of_pictures_alone_serves_those_who_ask_for_no_classes(tmp_path):
    np.savez(tmp_path / "a.npz", images=COLOR, test_images=COLOR[:2])
    parts = read_pictures(tmp_path / "a.npz", labeled=False)
    assert parts.train.labels == [""] * len(COLOR) and len(parts.test) == 2
    with pytest.raises(BadInput, match="name the pictures and labels"):
        read_pictures(tmp_path / "a.npz")


def test_an_npz_that_claims_to_be_larger_than_any_memory_is_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**12, 28, 28)})
    labels = io.BytesIO()
    np.save(labels, Y)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("x.npy", header.getvalue() + bytes(100))
        file.writestr("y.npy", labels.getvalue())
    with pytest.raises(BadInput, match=r"a.npz' cannot be read: Unable to allocate"):
        read_pictures(tmp_path / "a.npz")


def test_an_npz_with_objects_is_not_unpickled_and_a_broken_one_is_named(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{"a": 1}] * 6, dtype=object), y=Y)
    with pytest.raises(BadInput, match="could run a program"):
        read_pictures(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", x=GRAY, y=Y)
    whole = (tmp_path / "b.npz").read_bytes()
    for content in (b"", b"PK\x03\x04", whole[:100], whole[:-40], whole.replace(whole[200:208], b"\0" * 8)):
        (tmp_path / "b.npz").write_bytes(content)
        with pytest.raises(BadInput, match=r"b\.npz"):
            read_pictures(tmp_path / "b.npz")


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@pytest.mark.parametrize(("suffix", "press"), [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)])
def test_the_files_of_mnist_are_read_as_they_come(suffix, press, tmp_path):
    for part, rows in (("train", slice(6)), ("t10k", slice(2))):
        (tmp_path / f"{part}-images-idx3-ubyte{suffix}").write_bytes(press(idx(GRAY[rows])))
        (tmp_path / f"{part}-labels-idx1-ubyte{suffix}").write_bytes(press(idx(Y[rows])))
    parts = read_pictures(tmp_path)
    assert len(parts.test) == 2 and parts.validation is None and parts.train.labels == list("012012")
    assert torch.equal(parts.train.pixels(ROWS)[:, 0], torch.from_numpy(GRAY))
    alone = read_pictures(tmp_path / f"train-images-idx3-ubyte{suffix}")
    assert alone.test is None and alone.train.fingerprint() == parts.train.fingerprint()


def test_idx_files_that_are_cut_off_or_alone_are_refused(tmp_path):
    images, labels = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte"
    images.write_bytes(idx(GRAY))
    with pytest.raises(BadInput, match="but not the labels"):
        read_pictures(tmp_path)
    with pytest.raises(BadInput, match="without labels"):
        read_pictures(images)
    labels.write_bytes(idx(Y))
    for content in (b"", b"\0\0\x08", idx(GRAY)[:-1], b"\0\0\x0d\3" + idx(GRAY)[4:]):
        images.write_bytes(content)
        with pytest.raises(BadInput, match=r"train-images-idx3-ubyte' is no idx file of bytes, or it is cut off"):
            read_pictures(tmp_path)


def test_the_binary_version_of_cifar_is_read(tmp_path):
    x, y = DRAW.integers(0, 256, (6, 3, 32, 32), dtype=np.uint8), Y.astype(np.uint8)
    ten, hundred = tmp_path / "ten", tmp_path / "hundred"
    ten.mkdir(), hundred.mkdir()
    for name, rows in (("data_batch_1.bin", slice(3)), ("data_batch_2.bin", slice(3, 6)), ("test_batch.bin", slice(2))):
        (ten / name).write_bytes(np.concatenate([y[rows, None], x[rows].reshape(-1, 3072)], 1).tobytes())
    for name in ("train.bin", "test.bin"):
        (hundred / name).write_bytes(np.concatenate([y[:, None] + 50, y[:, None], x.reshape(-1, 3072)], 1).tobytes())
    parts = read_pictures(ten)
    assert torch.equal(parts.train.pixels(ROWS), torch.from_numpy(x)) and parts.train.labels == list("012012") and len(parts.test) == 2
    assert read_pictures(ten / "data_batch_1.bin").train.labels == list("012")
    assert torch.equal(read_pictures(hundred).train.pixels(ROWS), torch.from_numpy(x)) and read_pictures(hundred).test.labels == list("012012")
    (ten / "data_batch_2.bin").write_bytes(b"1" * 3000)
    with pytest.raises(BadInput, match=r"data_batch_2.bin' is not CIFAR's binary version, or it is cut off: 3,000 bytes"):
        read_pictures(ten)
    (ten / "data_batch_1.bin").unlink(), (ten / "data_batch_2.bin").unlink()
    with pytest.raises(BadInput, match="none to learn from"):
        read_pictures(ten)


def test_names_of_classes_that_come_with_cifar_are_taken(tmp_path):
    rows = np.concatenate([Y.astype(np.uint8)[:, None], np.zeros((6, 3072), np.uint8)], 1)
    (tmp_path / "data_batch_1.bin").write_bytes(rows.tobytes())
    (tmp_path / "batches.meta.txt").write_text("plane\ncar\nbird\n\n")
    assert read_pictures(tmp_path).train.labels[:3] == ["plane", "car", "bird"]


@pytest.mark.parametrize("names", [("data_batch_1", "test_batch", "batches.meta"), ("train", "test", "meta")])
def test_the_pickled_version_of_cifar_is_refused_with_the_one_to_take(names, tmp_path):
    for name in names:
        (tmp_path / name).write_bytes(b"\x80\x02}q")
    with pytest.raises(BadInput, match=r"pickled: reading it can run any program .* binary version"):
        read_pictures(tmp_path)
