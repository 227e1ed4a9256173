"""Drawings are scored beside held-out real pictures, by a judge that knows some classes of bars."""

import pytest
import torch

from tests.tasks.pictures import bars
from workings.data.labeled_pictures import Held, LabeledPictures
from workings.data.picture_settings import Preparation
from workings.errors import BadInput
from workings.models.mlp import MLP
from workings.models.mlp_settings import MLPSettings
from workings.tasks import fid as fid_module
from workings.tasks import reference, scorer
from workings.tasks.distances import frechet_distance, gaussian, kernel_distance, precision_recall
from workings.tasks.drawing_scores import DrawingScores
from workings.tasks.drawing_settings import ScoresSettings
from workings.tasks.fid import FID
from workings.tasks.judge import Judge
from workings.tasks.scorer import Scorer

NAMES = ("lies", "stands", "nothing")


def real(count: int, seed: int = 1, where: str = "bars") -> LabeledPictures:
    pictures, labels = bars(count, seed=seed)
    return LabeledPictures(where, [NAMES[label] for label in labels], Held(torch.from_numpy(pictures)[:, None]), torch.arange(count))


def pixels(pictures: LabeledPictures) -> torch.Tensor:
    return pictures.pixels(torch.arange(len(pictures)))


@pytest.fixture
def judge() -> Judge:
    torch.manual_seed(0)
    model = MLP(MLPSettings(image_size=(12,), widths=(17, 7), classes=3, class_names=NAMES))
    return Judge("bar-judge", model, Preparation(channels=1, size=(12, 12)), NAMES)


def test_scores_are_the_distances_of_the_features(judge):
    scores, drawn = DrawingScores(judge, real(90), real(60, 2)), 255 - pixels(real(50, 3))
    found = scores.of(drawn)
    x, y = (judge.features(some) for some in (drawn, pixels(real(90))))
    assert found["frechet"] == pytest.approx(frechet_distance(gaussian(x), gaussian(y)), rel=1e-6)
    assert (found["kernel"], found["kernel_deviation"]) == kernel_distance(x, scores.on_features.real)
    assert 0 < found["frechet_floor"] < found["frechet"] and found["kernel_floor"] < found["kernel"]
    assert set(found) == {"frechet", "kernel", "kernel_deviation", "precision", "recall", "frechet_floor", "kernel_floor"}


def test_the_floor_is_that_of_as_many_held_out_pictures_as_there_are_drawings(judge):
    scores = DrawingScores(judge, real(90), real(60, 2))
    assert scores.floor(60) == scores.floor(1000) != scores.floor(20)
    assert scores.floor(20)["frechet_floor"] > scores.floor(60)["frechet_floor"]  # fewer lie farther
    assert DrawingScores(judge, real(90)).floor(20) == {}
    held = scores.on_features.others
    assert scores.floor(20)["frechet_floor"] == pytest.approx(frechet_distance(gaussian(held[:20]), gaussian(scores.on_features.real)))


def test_the_real_pictures_themselves_are_no_distance_away_and_all_of_them_precise(judge):
    found = DrawingScores(judge, real(90), real(60, 2)).of(pixels(real(90)), real(90).labels)
    assert found["frechet"] < 1e-9 and found["kernel"] < 1e-9
    assert (found["precision"], found["recall"]) == (1, 1)


def test_precision_and_recall_are_of_equally_many_drawn_and_real(judge):
    scores, drawn = DrawingScores(judge, real(90)), pixels(real(31, 3))
    found = scores.of(drawn)
    assert (found["precision"], found["recall"]) == precision_recall(judge.features(drawn), scores.on_features.real[:31])
    assert 0 < found["precision"] < 1


def test_labels_are_right_as_often_as_the_judge_says(judge):
    scores, drawn = DrawingScores(judge, real(90)), pixels(real(40, 3))
    said = [NAMES[number] for number in judge.logits(drawn).argmax(1)]
    wrong = [NAMES[(NAMES.index(name) + 1) % 3] for name in said[:10]]
    assert scores.of(drawn, said)["label_accuracy"] == 1
    assert scores.of(drawn, wrong + said[10:])["label_accuracy"] == 0.75
    assert "label_accuracy" not in scores.of(drawn)


def test_a_large_set_stands_for_itself_by_a_part_that_is_always_the_same(judge, monkeypatch):
    monkeypatch.setattr(reference, "REAL", 30)
    one, other = (DrawingScores(judge, real(90), real(60, 2)).on_features for _ in range(2))
    assert one.real.shape == one.others.shape == (30, 7) and torch.equal(one.real, other.real)


def test_features_of_real_pictures_are_looked_at_once(judge, monkeypatch):
    scores, looks = DrawingScores(judge, real(90), real(60, 2)), []
    look = judge.look
    monkeypatch.setattr(judge, "look", lambda pictures: (looks.append(len(pictures)), look(pictures))[1])
    drawn = pixels(real(20, 3))
    assert scores.of(drawn) == scores.of(drawn)
    assert looks == [20, 90, 60, 20]


def test_it_is_said_what_the_numbers_are_of_and_when_they_are_few(judge):
    facts = DrawingScores(judge, real(90, where="the bars"), real(60, 2, "other bars")).facts(100)
    assert facts[0] == "distances are on the 7 features of bar-judge, from 90 pictures of the bars"
    assert facts[1] == "their floor is that of 60 pictures of other bars" and "too high" in facts[2]
    assert facts[3].startswith("100 drawings, fewer than 2,048: the Frechet distance leans upwards")
    assert len(DrawingScores(judge, real(90)).facts(2048)) == 1
    assert not any("FID" in fact for fact in facts)


def test_what_cannot_be_scored_is_refused(judge):
    scores, drawn = DrawingScores(judge, real(90)), pixels(real(20, 3))
    with pytest.raises(BadInput, match="20 drawings, but 3 labels"):
        scores.of(drawn, ["lies"] * 3)
    with pytest.raises(BadInput, match="3 drawings cannot be scored"):
        scores.of(drawn[:3])
    with pytest.raises(BadInput, match="does not know the classes '7'"):
        scores.of(drawn, ["7"] * 20)
    with pytest.raises(BadInput, match="bars has 3 pictures, too few"):
        DrawingScores(judge, real(3))


class Narrow:
    """In the place of Inception: some pixels are its features."""

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures.flatten(1)[:, ::9].float()


@pytest.fixture
def fid(monkeypatch):
    monkeypatch.setattr(fid_module, "FID_DRAWINGS", 40)
    monkeypatch.setattr(fid_module, "read_inception", lambda path: path)
    monkeypatch.setattr(fid_module, "InceptionFeatures", lambda path: Narrow())


def test_only_on_inceptions_features_and_of_enough_drawings_it_is_a_fid(fid, judge):
    one, drawn = FID("weights", real(90), real(60, 2)), 255 - pixels(real(50, 3))
    found = one.of(drawn)
    y = gaussian(Narrow().features(pixels(real(90))))
    assert found["fid"] == pytest.approx(frechet_distance(gaussian(Narrow().features(drawn)), y))
    assert set(found) == {"fid", "fid_floor"} and found["fid_floor"] < found["fid"]
    assert found == one.of(drawn, ["lies"] * 50)
    assert one.facts(50)[0] == "FID is of 50 drawings against 90 pictures of bars, resized to 299 x 299 as TensorFlow 1 does"
    with pytest.raises(BadInput, match="FID is of 40 drawings or more, and these are 39; set scores.drawings=40"):
        one.of(drawn[:39])


def test_gray_pictures_are_looked_at_as_color_a_few_at_a_time():
    seen = []

    def model(pictures):
        seen.append(pictures)
        return pictures.mean((2, 3))

    features = fid_module.InceptionFeatures(model).features(torch.arange(37).to(torch.uint8).view(37, 1, 1, 1).expand(37, 1, 4, 4))
    assert [len(some) for some in seen] == [16, 16, 5] and seen[0].dtype == torch.float32
    assert torch.equal(features, torch.arange(37.0)[:, None].expand(37, 3))


def test_the_settings_say_who_scores(fid, judge, monkeypatch):
    monkeypatch.setattr(scorer, "open_judge", lambda name: judge)
    drawn, held = pixels(real(50, 3)), real(60, 2)
    none, both = (Scorer(ScoresSettings(**given), real(90), held, NAMES) for given in ({}, {"judge": "one", "inception": "other", "drawings": 5000}))
    assert not none and none.of(drawn) == {} and none.facts(50) == []
    assert {"frechet", "label_accuracy", "fid", "fid_floor"} <= set(both.of(drawn, real(50, 3).labels))
    assert len(both.facts(50)) == 5
    with pytest.raises(BadInput, match="does not know the classes 'cow'"):
        Scorer(ScoresSettings(judge="one"), real(90), held, ("lies", "cow"))


def test_settings_that_give_no_score_are_refused():
    for given, said in (({"drawings": 3}, "scores.drawings"), ({"inception": "file"}, "scores.drawings is 1,000, but FID is of 2,048")):
        with pytest.raises(BadInput, match=said):
            ScoresSettings(**given)
    assert ScoresSettings(inception="file", drawings=2048).drawings == 2048
