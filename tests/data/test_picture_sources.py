"""One function reads labeled pictures by whatever names them: sets that come along, sets that everybody knows, files, the hub."""

import numpy as np
import pytest
import torch
from PIL import Image

from workings.data.picture_settings import CIFAR10_CLASSES, FASHION_CLASSES
from workings.data.picture_sources import KNOWN, read_pictures
from workings.errors import BadInput


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKINGS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


@pytest.fixture
def hub(monkeypatch):
    """A hub with one set, of color pictures."""
    import datasets

    def rows(count: int):
        pixels = np.random.default_rng(count).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
        features = datasets.Features({"img": datasets.Image(), "label": datasets.ClassLabel(names=["ox", "cow"]), "fine_label": datasets.Value("int64")})
        content = {"img": [Image.fromarray(row) for row in pixels], "label": [row % 2 for row in range(count)], "fine_label": list(range(count))}
        return datasets.Dataset.from_dict(content, features=features)

    asked = []

    def splits(*names):
        asked.append(names)
        return datasets.DatasetDict({"test": rows(4), "train": rows(6), "more": rows(2)})

    monkeypatch.setattr("workings.data.picture_tables.hub_splits", splits)
    return asked, rows


def colors(rows) -> torch.Tensor:
    return torch.stack([torch.from_numpy(np.array(row["img"])).permute(2, 0, 1) for row in rows])


@pytest.mark.parametrize("name", ["fashion", "builtin:fashion"])
def test_the_built_in_set_has_5000_pictures_to_learn_from_and_1000_to_test(name, cache):
    parts = read_pictures(name)
    assert (len(parts.train), parts.validation, len(parts.test)) == (5000, None, 1000)
    assert parts.train.shape == (1, 28, 28) and parts.train.labels[:3] == ["Ankle boot", "T-shirt/top", "T-shirt/top"]
    assert set(parts.test.labels) == set(FASHION_CLASSES)


def test_a_known_set_is_taken_from_the_cache(cache):
    cache.mkdir()
    x, y = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8), np.arange(20, dtype=np.uint8) % 10
    np.savez(cache / "cifar10.npz", xtr=x, ytr=y, xte=x[:10], yte=y[:10])
    parts = read_pictures("cifar10")
    assert tuple(parts.train.labels[:10]) == CIFAR10_CLASSES and len(parts.test) == 10
    assert torch.equal(parts.train.pixels(torch.arange(20)), torch.from_numpy(x).permute(0, 3, 1, 2))


def test_a_known_set_of_the_hub_is_kept_in_the_cache(cache, hub):
    asked, rows = hub
    first = read_pictures("cifar10")
    assert asked == [("uoft-cs/cifar10",)] and first.train.labels[:2] == ["ox", "cow"] and len(first.test) == 4
    assert torch.equal(first.train.pixels(torch.arange(6)), colors(rows(6)))
    again = read_pictures("cifar10")
    assert len(asked) == 1 and [path.name for path in cache.iterdir()] == ["cifar10.npz"]
    for one, other in ((first.train, again.train), (first.test, again.test)):
        assert one.labels == other.labels and one.fingerprint() == other.fingerprint()


def test_a_known_set_that_cannot_be_had_is_said_with_where_it_would_be_looked_for(cache, monkeypatch):
    def nothing(*names):
        raise BadInput("no network")

    monkeypatch.setattr("workings.data.picture_tables.hub_splits", nothing)
    for name in KNOWN:
        with pytest.raises(BadInput, match=rf"{name} is neither in .*cache.{name}\.npz.* nor could it be had .* 'fashion'.*no network"):
            read_pictures(name)


def test_a_set_of_the_hub_gives_its_parts_and_names_its_classes(cache, hub):
    _, rows = hub
    parts = read_pictures("hub:someone/cattle")
    assert (len(parts.train), parts.validation, len(parts.test)) == (6, None, 4) and parts.train.labels == ["ox", "cow"] * 3
    assert torch.equal(parts.train.pixels(torch.arange(6)), colors(rows(6)))
    assert read_pictures("someone/cattle", label="fine_label").train.labels == list("012345")


def test_parquet_tables_hold_pictures_and_names_of_classes(tmp_path, hub):
    _, rows = hub
    for part, count in (("train-00000-of-00002", 6), ("train-00001-of-00002", 4), ("test-00000-of-00001", 2)):
        (tmp_path / "data").mkdir(exist_ok=True)
        rows(count).to_parquet(tmp_path / "data" / f"{part}.parquet")
    parts = read_pictures(tmp_path)
    assert (len(parts.train), len(parts.test)) == (10, 2) and parts.train.labels == ["ox", "cow"] * 5
    assert torch.equal(parts.train.pixels(torch.arange(10)), torch.cat([colors(rows(6)), colors(rows(4))]))
    assert len(read_pictures(tmp_path / "data" / "train-00000-of-00002.parquet").train) == 6


def test_parquet_tables_may_hold_bytes_and_rows_without_a_picture_or_a_label_are_counted(tmp_path):
    import io

    import pyarrow
    from pyarrow import parquet

    files = []
    for value in range(5):
        file = io.BytesIO()
        Image.new("L", (4, 4), value).save(file, "PNG")
        files.append(file.getvalue())
    table = {"image": [files[0], None, files[2], files[3], files[4][:30]], "label": [" a", "a", None, "b", "b"]}
    parquet.write_table(pyarrow.table(table), tmp_path / "a.parquet")
    train = read_pictures(tmp_path / "a.parquet").train
    assert train.labels == ["a", "b"] and train.pixels(torch.arange(2))[:, 0, 0, 0].tolist() == [0, 3]
    assert train.left_out == {"without a picture": 1, "without a label": 1, "that cannot be read": 1} and train.name_of(1) == "picture 3"
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="is not a Parquet table"):
        read_pictures(tmp_path / "a.parquet")


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ","), ("a.tsv", "\t")])
def test_a_table_may_name_files_beside_it(name, mark, tmp_path):
    (tmp_path / "pictures").mkdir()
    for value in range(3):
        Image.new("L", (4, 4), value).save(tmp_path / "pictures" / f"{value}.png")
    rows = [("filename", "kind"), ("pictures/0.png", "a"), (str(tmp_path / "pictures" / "1.png"), " b "), ("pictures/9.png", "a"), ("pictures/2.png", "")]
    (tmp_path / name).write_text("".join(mark.join(row) + "\n" for row in rows))
    parts = read_pictures(tmp_path / name, label="kind")
    assert parts.train.labels == ["a", "b"] and parts.train.pixels(torch.arange(2))[:, 0, 0, 0].tolist() == [0, 1]
    assert parts.train.left_out == {"that cannot be read": 1, "without a label": 1}
    assert parts.train.name_of(0) == "pictures/0.png" and "9.png cannot be read as a picture: there is no such file" in parts.notes[0]
    with pytest.raises(BadInput, match="--label NAME"):
        read_pictures(tmp_path / name)
    with pytest.raises(BadInput, match="but not 'kid'. Did you mean 'kind'"):
        read_pictures(tmp_path / name, label="kid")
    with pytest.raises(BadInput, match=r"9\.png cannot be read"):
        read_pictures(tmp_path / name, label="kind", strict=True)


def test_a_table_without_any_of_its_files_names_the_first(tmp_path):
    (tmp_path / "a.csv").write_text("image,label\n1.png,a\n2.png,b\n")
    with pytest.raises(BadInput, match=r"1.png cannot be read .* No picture of .*a.csv' is left"):
        read_pictures(tmp_path / "a.csv")


def test_a_column_that_holds_no_pictures_is_refused(tmp_path):
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"image": [1, 2], "label": ["a", "b"]}), tmp_path / "a.parquet")
    with pytest.raises(BadInput, match="holds int64 values, neither pictures nor names of files"):
        read_pictures(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "is empty"),
        ("nowhere/at/all", "There is no file, folder or set 'nowhere/at/all'"),
        ("cifar-10", "Did you mean 'cifar10'"),
        ("fashon", "Did you mean 'fashion'"),
        ("my/pictures.npz", "There is no file"),
        ("movies", "is for sentences, it has no labeled pictures"),
        ("builtin:fashio", "Did you mean 'fashion'"),
        ("one.png", "is one picture; give a folder"),
        ("all.zip", "unpack it first"),
        ("notes.doc", "give .npz"),
    ],
)
def test_what_names_no_labeled_pictures_is_refused(source, said, cache, tmp_path):
    for name in ("one.png", "all.zip", "notes.doc"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(BadInput, match=said):
        read_pictures(source)
