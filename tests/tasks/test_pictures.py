"""The picture-classification task: its batches, its first loss, what it learns, and that stopping costs nothing."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tasks.pictures import bars, classifiers, game, write_arrays
from tests.training.games import assert_same_bits, rows, signal_at, train
from workings.data.labeled_pictures import LabeledPictures
from workings.data.picture_settings import Preparation
from workings.data.pictures import numbers
from workings.errors import BadInput
from workings.models.build import build
from workings.models.mlp_settings import MLPSettings
from workings.objectives.classification import class_loss
from workings.tasks import pictures as pictures_task
from workings.tasks.picture_classifier import PictureClassifier
from workings.tasks.pictures import Pictures, at_once, flops_of, logits_of, standardized
from workings.tasks.pictures_settings import read_settings, resolved
from workings.verbs import combine
from workings.weights.folder import load_folder

KINDS = ["mlp-small", "cnn-small", "whitened-small", "gru", "vit", "cct-2-3x2", "hybrid-cifar", "cifar-resnet-20"]


@pytest.mark.parametrize("name", KINDS)
def test_the_first_loss_of_every_model_is_the_logarithm_of_the_number_of_classes(name, tmp_path):
    write_arrays(tmp_path, side=16)
    task = game(tmp_path, model={"preset": name}, training={"batch": 64})
    loss = task.loss("model", task.batch(0, 0, 0, 64), 0)
    assert float(loss.total.detach()) / loss.count == pytest.approx(math.log(3), rel=0.1)


@pytest.mark.parametrize(
    "augmentation", [{"preset": "none"}, {"preset": "photo"}, {"preset": "strong"}, {"mixup": 0.5}, {"cutmix": 1.0}, {"alternating": True}]
)
def test_the_same_step_has_the_same_rows_however_it_is_cut(augmentation, tmp_path):
    task = game(tmp_path, augmentation=augmentation)
    whole = task.batch(5, 0, 0, 8)
    parts = [task.batch(5, 0, first, 2) for first in (0, 2, 4, 6)]
    assert all(torch.equal(torch.cat([part[key] for part in parts]), whole[key]) for key in whole)
    assert not torch.equal(task.batch(6, 0, 0, 8)["pictures"], whole["pictures"])
    torch.testing.assert_close(whole["labels"].sum(1), torch.ones(8))


def test_without_augmentation_an_epoch_is_every_training_picture_once_with_its_label(tmp_path):
    task = game(tmp_path, augmentation={"preset": "none"}, training={"batch": 16})
    seen = [task.batch(step, 0, 0, 16) for step in range(6)]
    pictures, labels = torch.cat([b["pictures"] for b in seen]), torch.cat([b["labels"] for b in seen]).argmax(1)
    everything, classes = (torch.from_numpy(array) for array in bars())
    found = [(everything[:, None] == picture).flatten(1).all(1).nonzero() for picture in pictures]
    assert all(len(place) == 1 for place in found) and len({int(place) for place in found}) == 96 == len(task.learned)
    assert [int(classes[int(place)]) for place in found] == labels.tolist()
    held = {int((everything[:, None] == picture).flatten(1).all(1).nonzero()) for picture in task.held.pixels(torch.arange(len(task.held)))}
    assert held.isdisjoint(int(place) for place in found)


def test_a_fraction_of_the_training_pictures_has_that_part_of_every_class_and_leaves_validation_as_it_is(tmp_path):
    whole, few = game(tmp_path), game(tmp_path, data={"fraction": 0.25})
    assert few.counts.tolist() == [round(count / 4) for count in whole.counts.tolist()]
    assert torch.equal(whole.held.pixels(torch.arange(len(whole.held))), few.held.pixels(torch.arange(len(few.held))))
    names = {whole.learned.name_of(row) for row in range(len(whole.learned))}
    assert {few.learned.name_of(row) for row in range(len(few.learned))} < names


def test_what_the_model_sees_has_mean_0_and_deviation_1(tmp_path):
    task = game(tmp_path)
    x = numbers(task.learned.pixels(torch.arange(len(task.learned))), task.preparation)
    assert float(x.mean()) == pytest.approx(0, abs=1e-3) and float(x.std()) == pytest.approx(1, abs=1e-3)


class Counted:
    """Pictures that are made when they are asked for, and how many were asked for at most."""

    def __init__(self, side: int):
        self.shape, self.most = (3, side, side), 0

    def pixels(self, rows):
        self.most = max(self.most, len(rows))
        return (rows[:, None, None, None] * torch.tensor([1, 2, 3])[:, None, None] % 256).byte().expand(-1, -1, *self.shape[1:])


def test_statistics_and_scores_of_large_pictures_take_no_more_memory_than_those_of_small_ones(monkeypatch):
    assert [at_once((3, side, side)) for side in (32, 256, 4096)] == [500, 32, 1]
    monkeypatch.setattr(pictures_task, "PIXELS", 3 * 64)  # 3 pictures of 8 x 8
    store = Counted(8)
    some = LabeledPictures("here", ["a"] * 10, store, torch.arange(10))
    how = standardized(Preparation(size=(8, 8)), some)
    assert store.most == 3
    everything = some.pixels(torch.arange(10)).double() / 255
    assert how.mean == pytest.approx(everything.mean((0, 2, 3)).tolist(), abs=1e-6) and how.std == pytest.approx(everything.std((0, 2, 3)).tolist(), abs=1e-6)
    store.most = 0
    model = build(MLPSettings(image_size=(8, 8), channels=3, widths=(4,), classes=2)).eval()
    said = logits_of(model, some, how, "one")
    assert store.most == 3
    torch.testing.assert_close(said, model(numbers(some.pixels(torch.arange(10)), how)).detach())


def test_a_whitened_network_has_seen_training_pictures_before_it_begins(tmp_path):
    task = classifiers(tmp_path, model={"preset": "whitened-small", "widths": [16]})({})[0]
    layer = task.players["model"].whitening
    y = layer(numbers(task.learned.pixels(torch.arange(len(task.learned))), task.preparation)) - layer.bias[:, None, None]
    one, _ = y.transpose(0, 1).flatten(1).chunk(2)
    torch.testing.assert_close(one @ one.T / one.shape[1], torch.eye(4), rtol=0, atol=1e-2)


def test_bars_are_told_apart(tmp_path):
    write_arrays(tmp_path, count=600)
    make = classifiers(tmp_path, model={"preset": "cnn-small"}, training={"steps": 150, "batch": 32, "evaluate_every": 50})
    assert train(make, tmp_path / "run") == "done"
    last = [row for row in rows(tmp_path / "run") if row["event"] == "validation"][-1]
    assert last["accuracy"] >= 0.95 and last["majority_accuracy"] < 0.5


STOPPED = {
    "plain": {},
    "mixed and averaged": {"augmentation": {"preset": "strong"}, "optimizer": {"average": 0.9}},
    "batch norm": {"model": {"preset": "cnn-small"}},
    "whitened": {
        "model": {"preset": "whitened-small", "widths": [16, 32]},
        "augmentation": {"alternating": True, "shift": 1},
        "optimizer": {"filters": "muon"},
        "tuning": {"views": "mirror-shift"},
    },
    "dropped layers": {"model": {"preset": "vit", "body": {"width": 16, "layers": 2, "heads": 2, "stochastic_depth": 0.3, "dropout": 0.2}}},
}


@pytest.mark.parametrize("what", STOPPED)
def test_a_stopped_and_resumed_run_has_the_bits_of_one_that_never_stopped(what, tmp_path):
    make = classifiers(tmp_path, **STOPPED[what])
    assert train(make, tmp_path / "whole") == "done"
    assert train(make, tmp_path / "parts", signal_at(11)) == "interrupted"
    assert train(make, tmp_path / "parts") == "done"
    assert_same_bits(tmp_path / "whole", tmp_path / "parts")


def test_a_saved_model_says_of_files_what_it_said_in_training(tmp_path):
    make = classifiers(tmp_path, model={"preset": "cnn-small"})
    train(make, tmp_path / "run")
    task = make({})[0]
    classifier = PictureClassifier(tmp_path / "run", torch.float32)
    pixels = task.held.pixels(torch.arange(5))
    model = load_folder(tmp_path / "run", torch.float32).model
    wanted = model(numbers(pixels, task.preparation)).softmax(1).detach()
    for number, (picture, probabilities) in enumerate(zip(pixels, wanted, strict=True)):
        Image.fromarray(picture[0].numpy()).save(tmp_path / f"{number}.png")
        said = classifier.classify(tmp_path / f"{number}.png", top=3)
        for belief in said.classes:
            assert belief.probability == pytest.approx(float(probabilities[classifier.class_names.index(belief.name)]), rel=1e-4, abs=1e-6)


def test_rare_classes_weigh_as_much_as_others_if_asked(tmp_path):
    pictures, labels = bars(count=200)
    keep = (labels > 0) | (np.arange(200) % 8 == 0)
    np.savez(tmp_path / "bars.npz", images=pictures[keep], labels=labels[keep])
    task = game(tmp_path, tuning={"weighting": "balanced"}, augmentation={"preset": "none"})
    batch = task.batch(0, 0, 0, 8)
    logits = task.players["model"](numbers(batch["pictures"], task.preparation))
    weights = len(task.learned) / (3 * task.counts.float())
    wanted = class_loss(logits, batch["labels"].argmax(1), 0.0, weights)
    torch.testing.assert_close(task.loss("model", batch, 0).total, wanted)
    with pytest.raises(BadInput, match="gives? it two|give it two"):
        game(tmp_path, tuning={"weighting": "balanced"}, augmentation={"mixup": 0.2})


def test_the_settings_that_are_saved_make_the_same_training(tmp_path):
    for changes in ({}, {"model": {"preset": "vit"}, "augmentation": {"preset": "strong"}}, {"model": {"preset": "hybrid"}}):
        task = classifiers(tmp_path, **changes)({})[0]
        table = json.loads(json.dumps(resolved(task.settings)))
        again = Pictures(read_settings(table))
        assert resolved(again.settings) == table and again.settings.model == task.settings.model


def test_the_operations_of_a_fully_connected_network_are_two_for_each_weight(tmp_path):
    task = game(tmp_path)
    weights = sum(p.numel() for p in task.players["model"].parameters() if p.ndim == 2)
    assert flops_of(task.players["model"], task.learned.shape) == 2 * weights
    assert task.flops_per_step == 3 * 8 * 2 * weights


def test_the_work_of_an_evaluation_is_a_third_of_that_of_steps_over_the_same_pictures_for_each_view_of_them(tmp_path):
    for views, number in (("one", 1), ("mirror", 2), ("mirror-shift", 6)):
        task = game(tmp_path, tuning={"views": views})
        assert task.steps_per_evaluation == pytest.approx(number * len(task.held) / 8 / 3) and len(task.held) == 24


def test_a_test_part_is_scored_once_with_the_saved_weights(tmp_path):
    pictures, labels = bars(count=160)
    np.savez(tmp_path / "bars.npz", x_train=pictures[:120], y_train=labels[:120], x_test=pictures[120:], y_test=labels[120:])
    make = classifiers(tmp_path)
    train(make, tmp_path / "run")
    task = make({})[0]
    scores = task.test(tmp_path / "run" / "model")
    model = load_folder(tmp_path / "run", torch.float32).model
    said = model(numbers(torch.from_numpy(pictures[120:, None]), task.preparation)).argmax(1)
    assert scores["accuracy"] == pytest.approx(float((said.numpy() == labels[120:]).mean())) and scores["examples"] == 40


def test_what_is_there_to_test_with_chooses_nothing(tmp_path):
    pictures, labels = bars(count=120)
    parts = {"x_train": pictures[:60], "y_train": labels[:60], "x_test": pictures[90:], "y_test": labels[90:]}
    np.savez(tmp_path / "two.npz", **parts)
    np.savez(tmp_path / "three.npz", **parts, x_val=pictures[60:90], y_val=labels[60:90])
    held = game(tmp_path, data={"validation_source": str(tmp_path / "three.npz")}).held
    assert torch.equal(held.pixels(torch.arange(30))[:, 0], torch.from_numpy(pictures[60:90]))
    tested = game(tmp_path, data={"test_source": str(tmp_path / "three.npz")}).parts.tested
    assert torch.equal(tested.pixels(torch.arange(30))[:, 0], torch.from_numpy(pictures[90:]))
    with pytest.raises(BadInput, match="x_test.* is there to test with, so it must choose nothing"):
        game(tmp_path, data={"validation_source": str(tmp_path / "two.npz")})
    for seed in (0, 1):
        train(classifiers(tmp_path, training={"steps": 4, "evaluate_every": 4}), tmp_path / f"run{seed}", seed=seed)
    runs = [tmp_path / "run0", tmp_path / "run1"]
    made = combine(*runs, out=tmp_path / "soup", how="greedy-soup", data=str(tmp_path / "three.npz"))
    name, accuracy = made.notes[0].split(" alone: ")
    x = numbers(torch.from_numpy(pictures[60:90, None]), game(tmp_path).preparation)
    said = load_folder(tmp_path / name, torch.float32).model(x).argmax(1).numpy()
    assert float((said == labels[60:90]).mean()) == pytest.approx(float(accuracy), abs=1e-4)
    with pytest.raises(BadInput, match="must choose nothing"):
        combine(*runs, out=tmp_path / "other", how="greedy-soup", data=str(tmp_path / "two.npz"))


def test_a_preview_keeps_the_pictures_that_it_names(tmp_path):
    train(classifiers(tmp_path, training={"steps": 3, "evaluate_every": 3}), tmp_path / "run")
    (row,) = [row for row in rows(tmp_path / "run") if row["event"] == "sample"]
    sheet = np.asarray(Image.open(tmp_path / "run" / row["files"]["noted.png"]))
    named = row["mistakes"] + row["right"]
    assert sheet.shape == (12, 12 * len(named))
    task = classifiers(tmp_path)({})[0]
    by_name = {task.held.name_of(place): place for place in range(len(task.held))}
    for number, item in enumerate(named):
        assert np.array_equal(sheet[:, 12 * number : 12 * (number + 1)], task.held.pixels(torch.tensor([by_name[item["picture"]]]))[0, 0].numpy())


def brighten(pictures, draws):
    return (pictures.float() * (1 + draws.uniform()[:, :1, None, None].float())).clamp(0, 255).to(torch.uint8)


def test_a_function_of_the_users_own_augments(tmp_path):
    plain = game(tmp_path, augmentation={"preset": "none"}).batch(2, 0, 0, 8)["pictures"]
    own = game(tmp_path, augmentation={"preset": "none", "own": f"{__name__}:brighten"}).batch(2, 0, 0, 8)["pictures"]
    assert (own >= plain).all() and not torch.equal(own, plain)


def crash(pictures, draws):
    return pictures / {}["nothing"]


def nothing(pictures, draws):
    return None


def halves(pictures, draws):
    return pictures.float() / 2


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("crash", r"failed: KeyError: 'nothing' \(line \d+ of .*test_pictures.py\)"), ("nothing", "gave NoneType"), ("halves", "gave torch.float32")],
)
def test_what_is_wrong_with_a_users_function_is_said_before_there_is_a_run(name, sentence, tmp_path):
    with pytest.raises(BadInput, match=sentence):
        game(tmp_path, augmentation={"own": f"{__name__}:{name}"})


def test_one_setting_of_augmentation_changes_what_is_usual_in_that_alone(tmp_path):
    usual, other = game(tmp_path).settings.augmentation, game(tmp_path, augmentation={"erase": 0.5}).settings.augmentation
    assert usual.shift > 0 and other == replace(usual, erase=0.5)


def test_pictures_that_are_in_two_parts_are_told(tmp_path):
    pictures, labels = bars(count=160)
    mixed = np.concatenate([pictures[:7], pictures[120:]]), np.concatenate([labels[:7], labels[120:]])
    np.savez(tmp_path / "bars.npz", x_train=pictures[:120], y_train=labels[:120], x_test=mixed[0], y_test=mixed[1])
    task = game(tmp_path)
    learned = {picture.numpy().tobytes() for picture in task.learned.pixels(torch.arange(len(task.learned)))}
    both = sum(picture.tobytes() in learned for picture in mixed[0])
    assert both > 0 and f"{both} pictures of the test set also in the training set" in "\n".join(task.data_facts())
    assert "validation set also" not in "\n".join(task.data_facts())


REFUSED = {
    "no model": ({"model": {"preset": "vitt"}}, "no model 'vitt'. Did you mean 'vit'"),
    "other size": ({"model": {"preset": "cnn", "image_size": [32, 32]}}, "that of the pictures is"),
    "unknown setting": ({"model": {"preset": "cnn", "widht": [3]}}, "model.widht"),
    "no augmentation": ({"augmentation": {"preset": "stronk"}}, "Did you mean 'strong'"),
    "no function": ({"augmentation": {"own": "nowhere:nothing"}}, "cannot be found"),
    "half a name": ({"augmentation": {"own": "nothing"}}, "module:name"),
    "no part": ({"data": {"fraction": 0.0}}, "above 0 and at most 1"),
    "no teacher": ({"distillation": {"alpha": 0.3}}, "there is none; name one with --teacher"),
    "share": ({"augmentation": {"flip": 2.0}}, "from 0 to 1"),
}


def test_a_size_that_no_usual_patch_divides_is_refused_with_the_nearest_that_one_does_unless_a_patch_is_given(tmp_path):
    write_arrays(tmp_path, side=31)
    with pytest.raises(BadInput, match=r"about 4 pixels divides a picture whose side is 31; .* data.size=32"):
        classifiers(tmp_path, model={"preset": "vit"})({})
    small = {"preset": "vit", "body": {"width": 4, "layers": 1, "heads": 1}}
    assert game(tmp_path, model=small, data={"size": [32]}).settings.model.patch_size == (4, 4)
    assert game(tmp_path, model=small | {"patch_size": [31]}).settings.model.patch_size == (31, 31)


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused_in_a_sentence(what, tmp_path):
    changes, sentence = REFUSED[what]
    with pytest.raises(BadInput, match=sentence):
        classifiers(tmp_path, **changes)({})
