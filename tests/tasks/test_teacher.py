"""A teacher says of a batch what it says of each picture alone, prepared its own way, in the order of the student's classes."""

import pytest
import torch

from workings.data.picture_settings import Preparation
from workings.errors import BadInput
from workings.models.cnn import CNN
from workings.models.cnn_settings import CNNSettings
from workings.models.resnet import ResNet
from workings.models.resnet_settings import resnet_settings
from workings.models.vision_settings import body, vision_settings
from workings.models.vision_transformer import VisionTransformer
from workings.objectives.distillation import distilled_loss
from workings.settings import to_dict
from workings.tasks.picture_classifier import PictureClassifier
from workings.tasks.teacher import Teacher, heads_of
from workings.weights.folder import save_folder

NAMES = ("cat", "dog", "bird")
OTHER = ("bird", "cat", "dog")
COLOR = Preparation(size=(8, 8), mean=(0.5,), std=(0.25,))
GRAY = Preparation(channels=1, size=(8, 8), mean=(0.3,), std=(0.5,))


def a_vit(**changes) -> VisionTransformer:
    sizes = dict(body=body(width=12, heads=2, layers=1), image_size=(8, 8), patch_size=(4, 4), classes=3, class_names=NAMES) | changes
    return VisionTransformer(vision_settings("deit-tiny-16", **sizes))


MODELS = {
    "resnet": lambda: (ResNet(resnet_settings("cifar-resnet-20", classes=3, class_names=NAMES)), COLOR),
    "vit": lambda: (a_vit(), COLOR),
    "cnn": lambda: (CNN(CNNSettings(image_size=(8, 8), channels=1, widths=(4,), depths=(1,), classes=3, class_names=NAMES)), GRAY),
}


@pytest.fixture(params=MODELS)
def folder(request, tmp_path):
    torch.manual_seed(0)
    model, how = MODELS[request.param]()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.1, std=0.3)
    save_folder(tmp_path / "teacher", "pictures", model.settings, model.state_dict(), None, "# Card\n", preparation=to_dict(how))
    return tmp_path / "teacher"


def some_pixels(channels: int = 3, side: int = 8, rows: int = 5) -> torch.Tensor:
    return torch.randint(0, 256, (rows, channels, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def test_it_says_what_the_model_says_in_use(folder):
    teacher, classifier = Teacher(folder), PictureClassifier(folder)
    pixels = some_pixels(classifier.preparation.channels)
    probabilities = [{belief.name: belief.probability for belief in found.classes} for found in classifier.classify(pixels)]
    said = teacher.logits(pixels, OTHER).softmax(-1)
    torch.testing.assert_close(said, torch.tensor([[of[name] for name in OTHER] for of in probabilities]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("channels", "side"), [(1, 8), (3, 8), (3, 11), (1, 6)])
def test_it_sees_pictures_of_any_size_gray_or_color_whole_or_mixed(folder, channels, side):
    teacher, pixels = Teacher(folder), some_pixels(channels, side)
    said = teacher.logits(pixels, NAMES)
    assert said.shape == (5, 3) and said.dtype == torch.float32 and said.std(0).min() > 1e-6
    torch.testing.assert_close(teacher.logits(pixels.float(), NAMES), said)
    torch.testing.assert_close(torch.cat([teacher.logits(row[None], NAMES) for row in pixels]), said, rtol=1e-4, atol=1e-4)


def test_a_student_that_is_its_teacher_has_nothing_to_learn_from_it(folder):
    teacher, student = Teacher(folder), PictureClassifier(folder)
    pixels = some_pixels(student.preparation.channels)
    x = (pixels.float() * student.preparation.scale - student.preparation.mean[0]) / student.preparation.std[0]
    said = student.model(x)
    total = distilled_loss(said, said, torch.zeros(5).long(), teacher.logits(pixels, NAMES), kind="soft", temperature=2.0, alpha=1.0)
    total.backward()
    assert total.abs() < 1e-5 and max(parameter.grad.abs().max() for parameter in student.model.parameters()) < 1e-3
    assert not any(parameter.requires_grad for parameter in teacher.model.parameters()) and not teacher.model.training


def test_a_gradient_of_the_student_holds_what_a_teacher_has_said(folder):
    said = torch.zeros(5, 3, requires_grad=True)
    for kind in ("soft", "hard"):
        distilled_loss(said, said, torch.zeros(5).long(), Teacher(folder).logits(some_pixels(), NAMES), kind=kind, alpha=0.5).backward()
    assert said.grad.abs().max() > 0


def test_it_works_in_the_precision_around_it(folder):
    teacher, pixels = Teacher(folder), some_pixels()
    full = teacher.logits(pixels, NAMES)
    with torch.autocast("cpu", torch.bfloat16):
        short = teacher.logits(pixels, NAMES)
    assert short.dtype == torch.float32
    assert 0 < (short - full).abs().max() < 0.1 * full.abs().max()
    assert torch.equal(teacher.logits(pixels, NAMES), full)


def test_a_teacher_with_one_other_weight_is_another_one(folder):
    one, other = Teacher(folder), Teacher(folder)
    assert one.fingerprint() == other.fingerprint()
    next(other.model.parameters()).view(-1)[0] += 1e-3
    assert one.fingerprint() != other.fingerprint()


def test_a_student_of_other_classes_is_refused_with_their_names(folder):
    teacher = Teacher(folder)
    with pytest.raises(
        BadInput,
        match="teacher does not know 'fish' .its classes are 'cat', 'dog', 'bird', where 'cat', 'dog', 'fish' are wanted.; give a teacher of the same classes",
    ):
        teacher.logits(some_pixels(), ("cat", "dog", "fish"))
    with pytest.raises(BadInput, match="alone knows 'bird' .its classes are 'cat', 'dog', 'bird', where 'cat', 'dog' are wanted."):
        teacher.order(("cat", "dog"))
    with pytest.raises(BadInput, match="'3', '4' and 2 more"):
        teacher.order([str(number) for number in range(7)])


def test_what_cannot_teach_is_refused(tmp_path):
    headless = ResNet(resnet_settings("cifar-resnet-20"))
    save_folder(tmp_path / "a", "pictures", headless.settings, headless.state_dict(), None, "# Card\n", preparation=to_dict(COLOR))
    with pytest.raises(BadInput, match="without a classifier"):
        Teacher(tmp_path / "a")
    silent = MODELS["resnet"]()[0]
    save_folder(tmp_path / "b", "pictures", silent.settings, silent.state_dict(), None, "# Card\n")
    with pytest.raises(BadInput, match="does not say how its pictures are prepared"):
        Teacher(tmp_path / "b")
    with pytest.raises(BadInput, match="There is no folder"):
        Teacher("/nowhere/at/all")


def test_a_model_with_two_classifiers_is_asked_for_both_and_another_says_the_same_twice():
    torch.manual_seed(0)
    pictures = torch.randn(2, 3, 8, 8)
    for distillation, same in (("classifier", False), ("token", True), ("none", True)):
        model = a_vit(distillation=distillation).eval()
        said, distilled = heads_of(model)(pictures)
        assert torch.equal(said, distilled) == same
        torch.testing.assert_close((said + distilled) / 2, model(pictures))
    said, distilled = heads_of(MODELS["resnet"]()[0].eval())(pictures)
    assert said is distilled
