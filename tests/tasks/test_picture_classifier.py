"""Pictures are classified from files, folders and tensors, and what is broken is named."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from workings.cli.main import main
from workings.data.picture_settings import Preparation
from workings.data.pictures import open_picture, prepared
from workings.errors import BadInput
from workings.models.resnet import ResNet
from workings.models.resnet_settings import resnet_settings
from workings.models.vision_settings import body, vision_settings
from workings.models.vision_transformer import VisionTransformer
from workings.settings import to_dict
from workings.tasks.evaluation import evaluate_run
from workings.tasks.picture_classifier import PictureClassifier
from workings.weights.folder import save_folder

HOW = Preparation(size=(8, 8), mean=(0.5,), std=(0.5,))
NAMES = ("cat", "dog", "bird")


def save(folder, model, how: Preparation | None = HOW, task: str = "pictures", **facts):
    """A model folder, as an import makes it."""
    facts |= {"preparation": to_dict(how)} if how else {}
    save_folder(folder, task, model.settings, model.state_dict(), None, "# Card\n", **facts)
    return folder


@pytest.fixture(params=["resnet", "vit"])
def folder(request, tmp_path):
    torch.manual_seed(0)
    if request.param == "resnet":
        return save(tmp_path / "model", ResNet(resnet_settings("cifar-resnet-20", classes=3, class_names=NAMES)))
    sizes = vision_settings("deit-tiny-16", body=body(width=12, heads=2, layers=1), image_size=(8, 8), patch_size=(4, 4), classes=3, class_names=NAMES)
    return save(tmp_path / "model", VisionTransformer(sizes))


@pytest.fixture
def pictures(tmp_path):
    """A folder of 20 pictures of many sizes and modes, and of things that are none."""
    generator, place = np.random.default_rng(0), tmp_path / "pictures"
    (place / "more").mkdir(parents=True)
    for number in range(20):
        picture = Image.fromarray(generator.integers(0, 256, (4 + number, 20 - number // 2, 3), dtype=np.uint8))
        picture.convert(["RGB", "L", "P", "RGBA"][number % 4]).save(place / ("more" if number % 3 == 0 else "") / f"{number:02}.png")
    (place / "broken.jpg").write_bytes(b"\xff\xd8 nothing")
    (place / "notes.txt").write_text("no picture")
    return place


def test_probabilities_are_the_softmax_of_the_logits_by_name(folder, pictures):
    classifier = PictureClassifier(folder)
    path = pictures / "01.png"
    found = classifier.classify(path, top=3)
    wanted = classifier.model(prepared(open_picture(path), HOW)[None]).softmax(-1)[0]
    assert [belief.name for belief in found.classes] == [NAMES[place] for place in wanted.argsort(descending=True)]
    assert [belief.probability for belief in found.classes] == pytest.approx(sorted(wanted.tolist(), reverse=True))
    assert sum(belief.probability for belief in found.classes) == pytest.approx(1) and found.name == found.classes[0].name


def test_a_folder_goes_through_in_batches_and_says_the_same_as_each_picture_alone(folder, pictures):
    classifier = PictureClassifier(folder)
    together = [found for found in classifier.classify_all([pictures]) if not found.error]
    assert len(together) == 20
    for found in together:
        alone = classifier.classify(found.picture)
        assert [belief.name for belief in alone.classes] == [belief.name for belief in found.classes]
        assert alone.classes[0].probability == pytest.approx(found.classes[0].probability, abs=1e-5)


def test_a_file_pillows_picture_and_a_tensor_say_the_same(folder, pictures):
    classifier = PictureClassifier(folder)
    picture = open_picture(pictures / "04.png")
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]
    one, two, (three,) = classifier.classify(pictures / "04.png"), classifier.classify(picture), classifier.classify(pixels)
    assert one.classes == two.classes and three.name == one.name
    assert three.classes[0].probability == pytest.approx(one.classes[0].probability)
    assert [found.name for found in classifier.classify([picture, str(pictures / "04.png")])] == [one.name] * 2


def test_a_folder_that_asks_for_views_is_used_with_their_mean_logits(tmp_path):
    torch.manual_seed(0)
    model = ResNet(resnet_settings("cifar-resnet-20", classes=3, class_names=NAMES))
    torch.nn.init.normal_(model.classifier.weight, std=0.1)
    classifier, x = PictureClassifier(save(tmp_path / "model", model, views="mirror")), torch.randn(2, 3, 8, 8)
    with torch.inference_mode():
        logits = (classifier.model(x) + classifier.model(x.flip(-1))) / 2
    torch.testing.assert_close(classifier.probabilities(x), logits.softmax(-1), rtol=0, atol=1e-5)
    assert not torch.allclose(classifier.model(x).softmax(-1), logits.softmax(-1), atol=1e-3)


@pytest.mark.parametrize("kind", ["ViT", "ResNet"])
def test_a_folder_of_transformers_is_used_as_it_is_and_says_what_its_own_processor_and_model_say(kind, pictures, tmp_path):
    transformers = pytest.importorskip("transformers")
    from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    labels = dict(id2label=dict(enumerate(NAMES)), label2id={name: place for place, name in enumerate(NAMES)})
    if kind == "ViT":
        config = transformers.ViTConfig(hidden_size=12, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, image_size=8, patch_size=4, **labels)
        model, processor = transformers.ViTForImageClassification(config), ViTImageProcessorPil(size={"height": 8, "width": 8}, resample=3)
    else:
        model = transformers.ResNetForImageClassification(transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], **labels))
        processor = ConvNextImageProcessorPil(size={"shortest_edge": 35}, crop_pct=0.875, image_mean=[0.4, 0.5, 0.6])
    model.eval().save_pretrained(tmp_path / "theirs")
    processor.save_pretrained(tmp_path / "theirs")
    path = pictures / "04.png"
    with torch.inference_mode():
        wanted = model(**processor(open_picture(path), return_tensors="pt")).logits.softmax(-1)[0]
    found = PictureClassifier(tmp_path / "theirs").classify(path)
    assert {belief.name: belief.probability for belief in found.classes} == pytest.approx(dict(zip(NAMES, wanted.tolist(), strict=True)), rel=1e-4)


def test_what_cannot_be_classified_is_said(folder, pictures, tmp_path):
    classifier = PictureClassifier(folder)
    for wrong, said in (
        (pictures / "broken.jpg", "broken.jpg cannot be read"),
        (pictures, "no picture"),
        (3, "3 is no picture"),
        ("nowhere.png", "does not exist"),
    ):
        with pytest.raises(BadInput, match=said):
            classifier.classify(wrong)
    with pytest.raises(BadInput, match="top is 0"):
        classifier.classify(pictures / "01.png", top=0)


def test_a_model_that_cannot_classify_is_refused(tmp_path, pictures):
    headless = PictureClassifier(save(tmp_path / "a", ResNet(resnet_settings("cifar-resnet-20"))))
    with pytest.raises(BadInput, match="without a classifier"):
        headless.classify(pictures / "01.png")
    silent = PictureClassifier(save(tmp_path / "b", ResNet(resnet_settings("cifar-resnet-20", classes=2)), how=None))
    with pytest.raises(BadInput, match="does not say how its pictures are prepared"):
        silent.classify(pictures / "01.png")
    with pytest.raises(BadInput, match="which does not classify pictures"):
        PictureClassifier(save(tmp_path / "c", ResNet(resnet_settings("cifar-resnet-20")), task="other"))


def test_the_command_names_what_is_broken_goes_on_and_ends_with_2(folder, pictures, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["classify", str(folder), str(pictures), "--json", "--top", "2"])
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert stop.value.code == 2 and len(rows) == 21
    assert sum("error" in row for row in rows) == 1 and all(len(row["classes"]) == 2 for row in rows if "error" not in row)
    assert "broken.jpg cannot be read as a picture" in err and "1 picture of 21 could not be read" in err


def test_the_command_prints_a_line_a_picture(folder, pictures, capsys):
    main(["classify", str(folder), str(pictures / "01.png"), "--top", "1"])
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{pictures / '01.png'}: ") and line.endswith("%") and any(name in line for name in NAMES)
    with pytest.raises(SystemExit) as stop:
        main(["classify", str(folder)])
    assert stop.value.code == 2 and "nothing to classify" in capsys.readouterr().err


@pytest.mark.parametrize("how", [HOW, replace(HOW, filter="bicubic", resize="shortest", size=(11,), crop=(8, 8)), replace(HOW, channels=1, mean=(0.4,))])
def test_what_is_said_of_files_is_what_is_evaluated_however_the_model_wants_its_pictures(how, tmp_path):
    torch.manual_seed(0)
    sizes = dict(body=body(width=12, heads=2, layers=1), image_size=(8, 8), patch_size=(4, 4), classes=3, class_names=NAMES, channels=how.channels)
    model = VisionTransformer(vision_settings("deit-tiny-16", **sizes))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    save(tmp_path / "model", model, how)
    generator = np.random.default_rng(0)
    for number, name in enumerate(NAMES * 3):
        (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
        rows = generator.integers(0, 256, (9 + number, 30 - number, 3), dtype=np.uint8)
        Image.fromarray(rows).save(tmp_path / "data" / name / f"{number}.png")
    said = list(PictureClassifier(tmp_path / "model").classify_all([tmp_path / "data"]))
    loss = -np.mean([np.log(belief.probability) for one in said for belief in one.classes if f"/{belief.name}/" in one.picture])
    found = evaluate_run(tmp_path / "model", str(tmp_path / "data"), None, {})
    assert found["examples"] == 9 and found["loss"] == pytest.approx(loss, rel=1e-5)
