"""Pictures of any size and kind are brought to one size; what cannot be read is left out; what does not fit in memory is decoded when asked for."""

import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from workings.data.encoded_pictures import Encoded, by_all_cores
from workings.data.picture_fitting import Found, fit_parts
from workings.data.picture_settings import Preparation
from workings.data.picture_sources import read_pictures
from workings.data.pictures import batches, numbers, open_picture, prepared, prepared_pixels
from workings.errors import BadInput

SMOOTH = np.linspace(0, 255, 40 * 60 * 3).reshape(40, 60, 3).astype(np.uint8)


def folder(tmp_path, pictures: dict[str, Image.Image | bytes]):
    for name, picture in pictures.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(picture, bytes):
            path.write_bytes(picture)
        else:
            picture.save(path)
    return tmp_path


def noise(height: int, width: int, seed: int = 0, mode: str = "RGB") -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode)


def cut(picture: Image.Image, path) -> bytes:
    picture.save(path)
    whole = path.read_bytes()
    path.unlink()
    return whole[: len(whole) // 2]


def test_a_size_in_common_is_kept_and_others_are_brought_to_64(tmp_path):
    alike = read_pictures(folder(tmp_path / "1", {"a/1.png": noise(7, 9), "b/1.png": noise(7, 9, 1)}))
    assert alike.train.shape == (3, 7, 9) and alike.notes == ()
    assert torch.equal(alike.train.pixels(torch.tensor([1]))[0], torch.from_numpy(np.array(noise(7, 9, 1))).permute(2, 0, 1))
    other = read_pictures(folder(tmp_path / "2", {"a/1.png": noise(7, 9), "b/1.png": noise(9, 7), "b/2.png": noise(9, 7)}))
    assert other.train.shape == (3, 64, 64) and "2 sizes, 7 x 9 the commonest" in other.notes[0]
    large = read_pictures(folder(tmp_path / "3", {"a/1.png": noise(7, 257), "b/1.png": noise(7, 257)}))
    assert large.train.shape == (3, 64, 64) and "All pictures are 257 x 7" in large.notes[0]


def test_a_square_keeps_the_middle_of_the_shorter_side_or_is_stretched(tmp_path):
    left, middle, right = (np.full((4, width, 3), value, np.uint8) for width, value in ((4, 0), (4, 100), (4, 200)))
    root = folder(tmp_path, {"a/1.png": Image.fromarray(np.concatenate([left, middle, right], 1)), "b/1.png": noise(4, 4)})
    crop = read_pictures(root, size=(4,)).train.pixels(torch.tensor([0]))[0]
    assert crop.unique().tolist() == [100]
    stretched = read_pictures(root, how=Preparation(size=(4, 4))).train.pixels(torch.tensor([0]))[0]
    assert stretched[0, 0, 0] < 50 and stretched[0, 0, 3] > 150
    assert read_pictures(root, size=(3, 5)).train.shape == (3, 3, 5)


@pytest.mark.parametrize(
    "how", [Preparation(resize="shortest", size=(9,), filter="bicubic", crop=(6, 8)), Preparation(channels=1, resize="none", size=(4, 4), crop=(5, 3))]
)
def test_pictures_are_brought_to_one_size_exactly_as_a_model_wants_them(how, tmp_path):
    pictures = {"a/1.jpg": noise(40, 30), "b/1.png": noise(12, 31, 1)}
    train = read_pictures(folder(tmp_path, pictures), how=how).train
    assert train.shape == (how.channels, *how.crop)
    for row, name in enumerate(pictures):
        assert torch.equal(numbers(train.pixels(torch.tensor([row])), how)[0], prepared(open_picture(tmp_path / name, how.channels), how))


def test_pictures_are_gray_if_none_has_a_color(tmp_path):
    gray = {"a/1.png": noise(4, 4, mode="L"), "b/1.png": noise(4, 4, mode="1"), "b/2.png": Image.fromarray(np.arange(16, dtype=np.uint16).reshape(4, 4) * 4000)}
    gray["a/2.png"] = noise(4, 4, mode="L").convert("P")
    assert read_pictures(folder(tmp_path, gray)).train.shape == (1, 4, 4)
    assert read_pictures(tmp_path, channels=3).train.shape == (3, 4, 4)
    assert read_pictures(folder(tmp_path, {"b/3.png": noise(4, 4, mode="P")})).train.shape == (3, 4, 4)
    assert read_pictures(tmp_path, channels=1).train.shape == (1, 4, 4)


def test_every_kind_that_means_something_is_read(tmp_path):
    moving = [noise(8, 8, seed).convert("P") for seed in range(3)]
    moving[0].save(tmp_path / "moving.gif", save_all=True, append_images=moving[1:])
    kinds = {"a/cmyk.jpg": noise(8, 8, mode="CMYK"), "a/clear.png": noise(8, 8, mode="RGBA"), "b/gray.webp": noise(8, 8, mode="L"), "b/deep.tiff": noise(8, 8)}
    train = read_pictures(folder(tmp_path / "root", kinds | {"b/moving.gif": (tmp_path / "moving.gif").read_bytes()})).train
    assert len(train) == 5 and not train.left_out
    first = np.array(open_picture(tmp_path / "moving.gif"))
    assert torch.equal(train.pixels(torch.tensor([4]))[0], torch.from_numpy(first).permute(2, 0, 1))


def test_what_cannot_be_read_is_left_out_named_and_counted(tmp_path):
    good = {f"{label}/{number}.png": noise(8, 8, number) for label in "ab" for number in range(3)}
    bad = {"a/0a.png": b"", "a/5.jpg": b"no picture", "b/0.jpg": cut(noise(64, 64), tmp_path / "x.jpg"), "b/9.png": cut(noise(8, 8), tmp_path / "x.png")}
    parts = read_pictures(folder(tmp_path / "root", good | bad))
    train = parts.train
    assert train.left_out == {"that cannot be read": 4} and [train.name_of(row) for row in range(len(train))] == sorted(good)
    assert "a/0a.png cannot be read as a picture: it is empty." in parts.notes[-1] and parts.notes[-1].endswith(" ...")
    for row in range(len(train)):
        path = tmp_path / "root" / train.name_of(row)
        expected = prepared_pixels(torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)[None], parts.preparation) * 255
        assert torch.equal(train.pixels(torch.tensor([row]))[0], expected[0].round().byte())
    with pytest.raises(BadInput, match=r"^a/0a.png cannot be read as a picture: it is empty. Nor can \d more"):
        read_pictures(tmp_path / "root", strict=True)


def test_a_part_of_which_nothing_can_be_read_is_refused(tmp_path):
    with pytest.raises(BadInput, match="No picture of .* is left"):
        read_pictures(folder(tmp_path, {"a/1.png": b"", "b/1.png": b"x"}))


def test_a_picture_that_would_fill_the_memory_is_left_out_without_a_warning(tmp_path, monkeypatch):
    folder(tmp_path, {"a/1.png": noise(8, 8), "b/1.png": noise(8, 8), "b/huge.png": noise(30, 40), "b/bomb.png": noise(300, 40)})
    monkeypatch.setattr("workings.data.pictures.LARGEST", 1000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        parts = read_pictures(tmp_path)
    assert parts.train.left_out == {"that cannot be read": 2} and "40 x 30 pixels are more than" in parts.notes[-1]
    assert not said


def test_a_thin_picture_that_would_be_huge_with_its_shorter_side_as_long_as_asked_is_left_out_and_named(tmp_path, monkeypatch):
    thin = {"b/thin.png": noise(1, 130), "b/longer.png": noise(260, 2)}
    folder(tmp_path, {"a/1.png": noise(8, 8), "b/1.png": noise(8, 8)} | thin)
    monkeypatch.setattr("workings.data.pictures.LARGEST", 64 * 130 - 1)
    parts = read_pictures(tmp_path, size=(4,))
    assert "that cannot be read" not in parts.train.left_out and len(parts.train) == 4
    parts = read_pictures(tmp_path, size=(64,))
    assert parts.train.left_out == {"that cannot be read": 2}
    assert "b/longer.png is 2 x 260, which would become 64 x 8,320" in parts.notes[-1] and "b/thin.png is 130 x 1" in parts.notes[-1]
    how = Preparation(resize="shortest", size=(64,), crop=(64, 64))
    (_, x, broken), *_ = batches([str(tmp_path / name) for name in ("a/1.png", "b/thin.png")], how, 4)
    assert len(x) == 1 and "thin.png is 130 x 1" in str(broken[0][1])


@pytest.mark.parametrize("strict", [False, True])
def test_what_does_not_fit_is_decoded_on_demand_to_the_same_pixels(strict, tmp_path):
    root = folder(tmp_path, {f"{label}/{number}.{kind}": noise(40, 60, number) for label in "ab" for number, kind in enumerate(("png", "jpg", "gif", "bmp"))})
    held = read_pictures(root, size=(16,)).train
    encoded = Encoded([held.name_of(row) for row in range(8)], lambda row: str(root / held.name_of(row)))
    some = fit_parts({"train": Found("here", encoded, held.labels)}, (16,), strict=strict, memory=8 * 3 * 16 * 16 - 1).train
    assert type(some.store) is not type(held.store)
    rows = torch.tensor([5, 0, 5, 7])
    assert torch.equal(some.pixels(rows), held.pixels(rows)) and torch.equal(some.of([5, 7]).pixels(torch.tensor([1])), held.pixels(torch.tensor([7])))
    assert some.shape == held.shape and some.name_of(3) == held.name_of(3)


def test_on_demand_a_file_that_is_cut_off_is_found_by_its_end_and_one_that_breaks_later_is_gray(tmp_path):
    names = ["a/1.png", "a/2.jpg", "b/1.png", "b/2.png"]
    root = folder(tmp_path, {name: noise(8, 8) for name in names} | {"a/2.jpg": cut(noise(64, 64), tmp_path / "x.jpg")})
    encoded = Encoded(names, lambda row: str(root / names[row]))
    parts = fit_parts({"train": Found("here", encoded, ["a", "a", "b", "b"])}, (8,), memory=0)
    assert parts.train.left_out == {"that cannot be read": 1} and parts.train.labels == ["a", "b", "b"]
    (root / "b/1.png").write_bytes(b"overwritten")
    with pytest.warns(UserWarning, match=r"b/1.png cannot be read .* It is learned as a gray one"):
        pixels = parts.train.pixels(torch.tensor([0, 1, 2]))
    assert pixels[1].unique().tolist() == [128] and torch.equal(pixels[0], pixels[2])


def test_a_large_jpeg_decoded_in_part_looks_as_if_decoded_whole():
    import io

    content = io.BytesIO()
    Image.fromarray(SMOOTH).resize((1200, 800), Image.Resampling.BICUBIC).save(content, "JPEG", quality=95)
    whole, part = open_picture(content.getvalue()), open_picture(content.getvalue(), side=50)
    assert whole.size == (1200, 800) and part.size == (150, 100)
    small = [np.asarray(picture.resize((75, 50), Image.Resampling.BILINEAR)).astype(int) for picture in (whole, part)]
    assert abs(small[0] - small[1]).max() <= 4


def test_tensors_are_brought_to_a_size_as_pictures_are(tmp_path):
    tensor = torch.randint(256, (3, 3, 20, 30), dtype=torch.uint8)
    pictures = {f"a/{row}.png": Image.fromarray(tensor[row].permute(1, 2, 0).numpy()) for row in range(2)} | {
        "b/2.png": Image.fromarray(tensor[2].permute(1, 2, 0).numpy())
    }
    files = read_pictures(folder(tmp_path, pictures), size=(10,), channels=1).train
    held = fit_parts({"train": Found("here", tensor, ["a", "a", "b"])}, (10,), 1).train
    assert torch.equal(held.pixels(torch.arange(3)), files.pixels(torch.arange(3)))


def test_the_fingerprint_follows_the_pictures_the_labels_and_the_choice():
    tensor = torch.randint(256, (4, 1, 5, 5), dtype=torch.uint8)

    def of(tensor, labels, **how):
        return fit_parts({"train": Found("here", tensor, list(labels))}, **how).train

    same = of(tensor, "abab")
    assert same.fingerprint() == of(tensor.clone(), "abab").fingerprint()
    changed = tensor.clone()
    changed[3, 0, 4, 4] ^= 1
    others = [of(changed, "abab"), of(tensor, "abba"), of(tensor.flip(0), "abab"), same.of([0, 1, 2]), of(tensor, "abab", channels=3)]
    assert len({one.fingerprint() for one in (same, *others)}) == 6


def test_the_fingerprint_of_files_follows_their_names_and_lengths():
    def of(names, contents):
        return fit_parts({"train": Found("here", Encoded(names, contents.__getitem__), ["a"])}, (4,), memory=0).train.fingerprint()

    import io

    contents = []
    for height in (4, 5):
        file = io.BytesIO()
        noise(height, 4).save(file, "PNG")
        contents.append(file.getvalue())
    assert of(["1"], contents) == of(["1"], contents)
    assert len({of(["1"], contents), of(["2"], contents), of(["1"], contents[::-1])}) == 3


def test_every_row_is_worked_on_once_and_progress_ends_at_all():
    seen, told = [], []
    broken = by_all_cores(range(100, 1100), lambda place, row: seen.append((place, row)), lambda done, of: told.append((done, of)))
    assert sorted(seen) == [(place, place + 100) for place in range(1000)] and not broken
    assert told == sorted(told) and told[-1] == (1000, 1000)


@pytest.mark.parametrize("size", [(0,), (4, -1), (4, 4, 4)])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(BadInput, match="give height and width"):
        fit_parts({"train": Found("here", torch.zeros(2, 1, 4, 4, dtype=torch.uint8), ["a", "b"])}, size)
