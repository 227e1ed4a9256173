"""A picture classifier that begins with a trained model, or that has a teacher."""

import json

import numpy as np
import pytest
import torch

from tests.tasks.pictures import bars, classifiers, game
from tests.training.games import rows, train
from workings.data.picture_settings import Preparation
from workings.data.pictures import numbers
from workings.errors import BadInput
from workings.models.build import build
from workings.models.resnet_settings import resnet_settings
from workings.models.vision_transformer import interpolated
from workings.settings import to_dict
from workings.tasks.evaluation import evaluate_run
from workings.tasks.pictures import Pictures, seen_by
from workings.tasks.pictures_settings import read_settings
from workings.training.run import Run
from workings.weights.folder import load_folder, save_folder


def test_a_model_begins_with_the_weights_of_another_one_and_a_new_classifier_for_other_classes(tmp_path):
    train(classifiers(tmp_path, model={"preset": "cnn-small"}), tmp_path / "first")
    before = load_folder(tmp_path / "first", torch.float32).model.state_dict()
    pictures, labels = bars()
    np.savez(tmp_path / "two.npz", images=pictures[labels < 2], labels=labels[labels < 2])
    begun = {"tuning": {"start": str(tmp_path / "first")}}
    same = classifiers(tmp_path, **begun)({})[0].players["model"].state_dict()
    assert all(torch.equal(same[name], before[name]) for name in before)
    other = classifiers(tmp_path, **begun)({"data": {"source": str(tmp_path / "two.npz")}})[0].players["model"].state_dict()
    assert other["classifier.weight"].shape[0] == 2
    assert "but for a new classifier" in classifiers(tmp_path, **begun)({"data": {"source": str(tmp_path / "two.npz")}})[0].about()
    assert all(torch.equal(other[name], before[name]) for name in before if not name.startswith("classifier"))


@pytest.mark.parametrize("size", [[], [10]], ids=["its size", "another size"])
def test_a_trained_model_sees_whole_pictures_of_the_size_they_have_now_and_evaluation_finds_the_scores_of_the_training(size, tmp_path):
    how = Preparation(channels=3, resize="shortest", size=(20,), crop=(16, 16), mean=(0.2, 0.3, 0.4), std=(0.2,))
    torch.manual_seed(0)
    model = build(resnet_settings("cifar-resnet-20", classes=3, class_names=("0", "1", "2")))
    save_folder(tmp_path / "first", "pictures", model.settings, model.state_dict(), None, "# Card\n", preparation=to_dict(how))
    changes = {"tuning": {"start": str(tmp_path / "first"), "watch": "loss"}, "data": {"size": size}, "training": {"steps": 3, "evaluate_every": 3}}
    make = classifiers(tmp_path, **changes)  # gray pictures of 12 x 12
    task = make({})[0]
    batch = task.batch(0, 0, 0, 8)["pictures"]
    assert batch.shape[1:] == (3, *(size * 2 or [16, 16]))
    torch.testing.assert_close(seen_by(task.preparation, batch), (batch / 255 - torch.tensor(how.mean)[:, None, None]) / 0.2)
    train(make, tmp_path / "run")
    (row,) = [row for row in rows(tmp_path / "run") if row["event"] == "validation"]
    Run(tmp_path / "run").write_settings(make({})[2])
    found = evaluate_run(tmp_path / "run", None, None, {})
    assert found["examples"] == row["examples"] and found["loss"] == pytest.approx(row["loss"], abs=1e-5)


def test_of_a_trained_model_only_what_it_drops_can_be_said_and_its_settings_make_the_same_training_again(tmp_path):
    train(classifiers(tmp_path, model={"preset": "vit", "body": {"width": 16, "layers": 2, "heads": 2}}), tmp_path / "first")
    begun = {"tuning": {"start": str(tmp_path / "first")}}
    task, _, table = classifiers(tmp_path, **begun)({"model": {"body": {"stochastic_depth": 0.2, "dropout": 0.1}}})
    body = task.players["model"].settings.body
    assert (body.stochastic_depth, body.dropout, body.layers) == (0.2, 0.1, 2)
    assert Pictures(read_settings(json.loads(json.dumps(table)))).settings.model == task.settings.model
    for model, named in (({"preset": "mlp"}, "model.preset"), ({"body": {"layers": 3}}, "model.body.layers"), ({"patch_size": [3]}, "model.patch_size")):
        with pytest.raises(BadInput, match=f"{named} is that of the trained model"):
            read_settings(begun | {"model": model})
    with pytest.raises(BadInput, match="no setting 'model.dropout'"):
        classifiers(tmp_path, **begun)({"model": {"dropout": 0.1}})


def test_a_student_learns_what_its_teacher_says_of_the_same_augmented_pictures(tmp_path):
    train(classifiers(tmp_path, model={"preset": "cnn-small"}), tmp_path / "teacher")
    task = game(tmp_path, augmentation={"preset": "strong"}, distillation={"teacher": str(tmp_path / "teacher"), "alpha": 1.0, "temperature": 2.0})
    batch = task.batch(0, 0, 0, 8)
    model = task.players["model"].eval()
    said = model(numbers(batch["pictures"], task.preparation)).detach()
    taught = load_folder(tmp_path / "teacher", torch.float32).model(numbers(batch["pictures"], task.preparation)).detach()
    p, q = (taught / 2).softmax(1), (said / 2).log_softmax(1)
    wanted = 4 * (p * (p.log() - q)).sum()
    assert float(task.loss("model", batch, 0).total.detach()) == pytest.approx(float(wanted), rel=1e-4)
    assert "teacher" not in " ".join(name for name, _ in model.named_parameters()) and set(task.players) == {"model"}


def test_a_student_that_begins_as_its_teacher_has_nothing_to_learn_from_it_whatever_is_done_to_the_pictures(tmp_path):
    train(classifiers(tmp_path), tmp_path / "teacher")
    same = str(tmp_path / "teacher")
    task = game(tmp_path, tuning={"start": same}, augmentation={"mixup": 0.5, "flip": 0.5}, distillation={"teacher": same, "alpha": 1.0})
    loss = task.loss("model", task.batch(0, 0, 0, 8), 0)
    loss.total.backward()
    assert loss.total.abs() < 1e-4 and max(p.grad.abs().max() for p in task.players["model"].parameters() if p.grad is not None) < 1e-3


def test_a_run_does_not_go_on_with_another_teacher(tmp_path):
    make = classifiers(tmp_path)
    train(make, tmp_path / "a")
    train(make, tmp_path / "b", seed=1)
    taught = [game(tmp_path, distillation={"teacher": str(tmp_path / name)}).fingerprint for name in "aab"]
    assert taught[0] == taught[1] != taught[2] and game(tmp_path).fingerprint not in taught


def test_a_trained_vision_transformer_goes_on_with_another_size_by_positions_between_its_own(tmp_path):
    train(classifiers(tmp_path, model={"preset": "vit", "patch_size": [3], "body": {"width": 16, "layers": 2, "heads": 2}}), tmp_path / "first")
    before = load_folder(tmp_path / "first", torch.float32).model
    begun = classifiers(tmp_path, tuning={"start": str(tmp_path / "first")}, data={"size": [18]})
    task = begun({})[0]
    model = task.players["model"]
    assert model.settings.image_size == (18, 18) and model.settings.tokens == 37
    _, wanted = interpolated(before.settings, before.state_dict(), (18, 18))
    assert torch.equal(model.body.positions.weight, wanted["body.positions.weight"])
    assert torch.equal(model.classifier.weight, before.classifier.weight) and "new classifier" not in task.about()
    assert train(begun, tmp_path / "second") == "done"
