"""What the jobs that draw have in common: their pictures, batch by batch, sheets, and a model that draws in use."""

import numpy as np
import pytest
import torch
from PIL import Image

import workings
from tests.tasks.pictures import bars, write_arrays
from workings.data.picture_sources import read_pictures
from workings.errors import BadInput
from workings.tasks import draw as draw_module
from workings.tasks.drawer import Drawer, Drawn, spherical
from workings.tasks.drawing import Drawing, sheet
from workings.tasks.drawing_settings import DrawingData, ScoresSettings, read_sections
from workings.training.settings import TrainingSettings


class Settings:
    def __init__(self, **data):
        self.data, self.scores, self.training = DrawingData(**data), ScoresSettings(), TrainingSettings(batch=7, steps=3)


class Look(Drawing):
    """A job with no players: only its pictures are looked at."""

    optimizer = loss = evaluate = save = None


Look.__abstractmethods__ = frozenset()


def arrays(folder, **data):
    return Look(Settings(source=str(write_arrays(folder)), **data))


def write_flat(folder, count=9):
    pictures, _ = bars(count=count)
    (folder / "flat" / "deeper").mkdir(parents=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / "flat" / ("deeper" if number % 2 else ".") / f"{number}.png")
    (folder / "flat" / "notes.txt").write_text("no picture")
    return folder / "flat"


def test_a_folder_without_class_folders_is_learned_from_at_any_depth(tmp_path):
    task = Look(Settings(source=str(write_flat(tmp_path)), validation=0.2))
    assert len(task.learned) + len(task.held) == 9 and task.names == () and task.shape == (1, 12, 12)
    assert "1 file" in " ".join(task.data_facts()) or "not named like one" in " ".join(task.data_facts())
    assert set(task.batch(0, 0, 0, 7)) == {"pictures"}


def test_its_train_and_test_folders_are_its_parts(tmp_path):
    flat = write_flat(tmp_path)
    (tmp_path / "all").mkdir()
    flat.rename(tmp_path / "all" / "train")
    (tmp_path / "all" / "test").mkdir()
    Image.fromarray(bars(count=1)[0][0]).save(tmp_path / "all" / "test" / "one.png")
    parts = read_pictures(str(tmp_path / "all"), labeled=False)
    assert (len(parts.train), parts.validation, len(parts.test)) == (9, None, 1)


def test_labels_are_told_only_when_they_are_wanted(tmp_path):
    assert "labels" not in arrays(tmp_path).batch(0, 0, 0, 7)
    task = arrays(tmp_path, labels=True)
    batch = task.batch(2, 0, 0, 7)
    pictures, labels = (torch.from_numpy(array) for array in bars())
    for picture, label in zip(batch["pictures"], batch["labels"], strict=True):
        (place,) = (pictures[:, None] == picture).flatten(1).all(1).nonzero()
        assert task.names[label] == str(int(labels[place]))


def test_every_turn_sees_other_pictures_and_an_epoch_holds_each_once(tmp_path):
    class Twice(Look):
        batches_per_step = 2

    task = Twice(Settings(source=str(write_arrays(tmp_path)), validation=0.3))  # 84 to learn from
    seen = torch.cat([task.batch(step, turn, 0, 7)["pictures"] for step in range(6) for turn in range(2)])
    assert len(torch.unique(seen.flatten(1), dim=0)) == len(task.learned) == 84 and task.units_per_step == 14


@pytest.mark.parametrize("flip", [0.0, 0.5, 1.0])
def test_a_batch_is_the_same_however_it_is_cut_and_mirrored_as_often_as_asked(flip, tmp_path):
    task, plain = arrays(tmp_path, flip=flip), arrays(tmp_path)
    whole = task.batch(5, 0, 0, 7)["pictures"]
    assert torch.equal(torch.cat([task.batch(5, 0, 0, 3)["pictures"], task.batch(5, 0, 3, 4)["pictures"]]), whole)
    first = torch.cat([task.batch(step, 0, 0, 7)["pictures"] for step in range(40)])
    as_they_are = torch.cat([plain.batch(step, 0, 0, 7)["pictures"] for step in range(40)])
    mirrored = (first == as_they_are.flip(-1)).flatten(1).all(1).float().mean()
    assert float(mirrored) == pytest.approx(flip, abs=0.15 * (0 < flip < 1) + 0.02)


def test_one_picture_is_refused_and_so_is_a_folder_without_any(tmp_path):
    with pytest.raises(BadInput, match="has one picture; learning to draw needs"):
        Look(Settings(source=str(write_flat(tmp_path, count=1))))
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="holds no pictures"):
        Look(Settings(source=str(tmp_path / "empty")))


def test_sections_are_read_over_what_is_usual_and_unknown_ones_are_refused():
    sections = {"data": DrawingData, "scores": ScoresSettings, "training": TrainingSettings}
    read = read_sections("vae", {"task": "vae", "scores": {"drawings": 5}}, sections, {"training": {"batch": 64}})
    assert (read["scores"].drawings, read["training"].batch, read["data"].source) == (5, 64, "fashion")
    with pytest.raises(BadInput, match="task 'gan', not for vae"):
        read_sections("vae", {"task": "gan"}, sections, {})
    with pytest.raises(BadInput, match="no setting 'score'. Did you mean 'scores'"):
        read_sections("vae", {"score": {}}, sections, {})


def test_a_sheet_has_every_picture_in_its_place():
    pictures = torch.arange(5, dtype=torch.uint8)[:, None, None, None].expand(5, 3, 2, 4)
    laid = sheet(pictures, 3)
    assert laid.shape == (3, 4, 12)
    assert laid[0, ::2, ::4].tolist() == [[0, 1, 2], [3, 4, 0]]


class Waves(Drawer):
    """Draws its noise: a picture of one level for each class."""

    task, names, shape, latent_shape = "waves", ("calm", "high seas"), (1, 3, 5), (7,)

    def __init__(self, names=("calm", "high seas")):
        self.folder, self.names = "waves", names

    def decoded(self, z, labels, **choices):
        level = 128 + 20 * z[:, 0] + (0 if labels is None else 50 * labels)
        return level.clamp(0, 255).byte()[:, None, None, None].expand(-1, *self.shape)


def test_the_first_drawings_are_the_same_however_many_are_asked_for():
    assert torch.equal(Waves().draw(3, seed=4).pictures, Waves().draw(300, seed=4).pictures[:3])
    assert not torch.equal(Waves().draw(3, seed=5).pictures, Waves().draw(3, seed=4).pictures)


def test_temperature_0_draws_one_picture_again_and_again():
    assert len(Waves(()).draw(6, temperature=0).pictures.unique(dim=0)) == 1


def test_classes_come_in_turn_or_as_asked_and_unknown_ones_are_listed():
    assert Waves().draw(3).labels == ("calm", "high seas", "calm") and Waves().draw(4).columns == 8
    assert set(Waves().draw(3, label="high seas").labels) == {"high seas"}
    with pytest.raises(BadInput, match="no class 'storm'; there are 'calm', 'high seas'"):
        Waves().draw(3, label="storm")
    with pytest.raises(BadInput, match="was told no classes"):
        Waves(()).draw(3, label="calm")
    with pytest.raises(BadInput, match="2 labels for 3 drawings"):
        Waves().draw(3, label=["calm", "calm"])


def test_the_way_between_two_noises_keeps_their_length():
    a, b = torch.randn(2, 3, 500, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(spherical(a, b, 0.0), a)
    torch.testing.assert_close(spherical(a, b, 1.0), b)
    middle = spherical(a, b, 0.5)
    assert (middle.norm(dim=1) / a.norm(dim=1)).sub(1).abs().max() < 0.1 < ((a + b) / 2).norm(dim=1).div(a.norm(dim=1)).sub(1).abs().min()


def test_drawings_are_saved_a_file_each_or_in_one_sheet(tmp_path):
    drawn = Waves().draw(3)
    files = drawn.save(tmp_path / "out")
    assert [file.name for file in files] == ["000-calm.png", "001-high-seas.png", "002-calm.png"]
    assert np.array(Image.open(files[1])).shape == (3, 5)
    (file,) = Drawn(drawn.pictures, columns=2).save(tmp_path / "one.png", together=True)
    assert Image.open(file).size == (10, 6)
    with pytest.raises(BadInput, match="is a file, but 3 pictures go into a folder"):
        drawn.save(file)


def test_the_verb_says_what_a_model_cannot_draw(monkeypatch, tmp_path):
    monkeypatch.setattr(draw_module, "open_model", lambda _: Waves())
    assert workings.draw("waves", 5).pictures.shape == (5, 1, 3, 5)
    assert workings.draw("waves", how="between", columns=6).columns == 6
    for given, said in [
        (dict(how="reconstruct", pictures=["a.png"]), "reads no pictures; for --reconstruct give the run of a VAE"),
        (dict(pictures=["a.png"]), "'a.png' is not asked for"),
        (dict(how="between", columns=1), "must be at least 2"),
        (dict(n=0), "n is 0"),
        (dict(temperature=-1.0), "temperature is -1.0"),
    ]:
        with pytest.raises(BadInput, match=said):
            workings.draw("waves", **given)
    monkeypatch.setattr(draw_module, "open_model", lambda _: object())
    with pytest.raises(BadInput, match="does not draw"):
        workings.draw("waves")
