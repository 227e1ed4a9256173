"""A model that draws is evaluated by what its run's settings say, or by what is asked for instead."""

import json
from types import SimpleNamespace

import pytest

from tests.tasks.pictures import write_arrays
from tests.tasks.test_judge import MODELS, saved
from workings.cli.main import main
from workings.data.picture_settings import Preparation
from workings.errors import BadInput
from workings.models.mlp_settings import MLPSettings
from workings.tasks import drawing_evaluation, evaluation
from workings.tasks.drawer import Drawer
from workings.tasks.drawing_evaluation import chosen_scores, evaluate_drawings
from workings.tasks.drawing_settings import DrawingData, ScoresSettings

NAMES = ("0", "1", "2")
GIVEN = dict(encoding=None, picture=None, label=None, judge=None, drawings=None, inception=None, samples=None)


class Levels(Drawer):
    """Draws pictures of one level."""

    task, names, shape, latent_shape = "vae", NAMES, (1, 12, 12), (1,)

    def __init__(self, names=NAMES, own=None):
        self.folder, self.names, self.own = "levels", names, own or {}

    def decoded(self, z, labels, **choices):
        return (128 + 30 * z).clamp(0, 255).byte()[:, :, None, None].expand(-1, *self.shape)

    def scores(self, pictures, samples=0):
        return {name: value(pictures, samples) for name, value in self.own.items()}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run on bars, whose model draws levels; what its settings are can be changed."""
    judge = saved(tmp_path / "judge", MLPSettings(image_size=(12,), widths=(7,), classes=3, class_names=NAMES), Preparation(channels=1, size=(12, 12)))
    settings = SimpleNamespace(data=DrawingData(source=str(write_arrays(tmp_path)), labels=True), scores=ScoresSettings(judge=str(judge), drawings=50))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.toml").write_text('task = "vae"\n')
    found = SimpleNamespace(folder=tmp_path / "run", judge=judge, settings=settings, drawer=Levels())
    monkeypatch.setattr(drawing_evaluation, "open_model", lambda run: found.drawer)
    monkeypatch.setattr(drawing_evaluation, "task_of", lambda run: "vae")
    monkeypatch.setattr(drawing_evaluation, "settings_module", lambda task: SimpleNamespace(read_settings=lambda table: found.settings))
    return found


def test_it_is_judged_as_the_runs_settings_say(run):
    found = evaluate_drawings(run.folder, None, **GIVEN | dict(drawings=30))
    assert found["drawings"] == 30 and found["judge"] == "judge" and "fid" not in found
    assert found["frechet"] > found["frechet_floor"] > 0 and 0 <= found["label_accuracy"] <= 1
    assert found["facts"][0].startswith("distances are on the 7 features of judge, from 108 pictures")


def test_every_class_is_drawn_equally_often(run, monkeypatch):
    asked = []
    monkeypatch.setattr(
        drawing_evaluation, "Scorer", lambda *_: SimpleNamespace(of=lambda drawn, labels: asked.extend(labels) or {}, facts=lambda count: [], judge=None)
    )
    evaluate_drawings(run.folder, None, **GIVEN | dict(drawings=12))
    assert [asked.count(name) for name in NAMES] == [4, 4, 4]


def test_other_data_is_brought_to_the_size_of_the_drawings(run, tmp_path):
    (tmp_path / "other").mkdir()
    large = write_arrays(tmp_path / "other", side=24, channels=3)
    found = evaluate_drawings(run.folder, str(large), **GIVEN | dict(drawings=30))
    assert "from 108 pictures" in found["facts"][0] and str(large) in found["facts"][0]
    with pytest.raises(BadInput, match="does not know the pictures it was trained on; name some with --data"):
        evaluate_drawings(tmp_path / "judge", None, **GIVEN)


def test_its_own_scores_stand_beside_them_or_alone(run):
    run.drawer = Levels(own={"nats": lambda pictures, samples: float(len(pictures) + 1000 * samples)})
    assert evaluate_drawings(run.folder, None, **GIVEN | dict(drawings=30)).items() >= {"nats": 12.0, "drawings": 30}.items()
    run.settings.scores = ScoresSettings()
    assert evaluate_drawings(run.folder, None, **GIVEN) == {"nats": 12.0}
    run.drawer = Levels()
    with pytest.raises(BadInput, match="nothing to score the drawings of .* --judge"):
        evaluate_drawings(run.folder, None, **GIVEN)


def test_a_judge_of_other_classes_is_refused_before_anything_is_drawn(run, tmp_path):
    other = saved(tmp_path / "cats", MODELS["mlp"])
    with pytest.raises(BadInput, match="cats does not know the classes '0', '1', '2', but 'cat', 'dog', 'bird'"):
        evaluate_drawings(run.folder, None, **GIVEN | dict(judge=str(other)))
    run.drawer = Levels(names=())
    assert "label_accuracy" not in evaluate_drawings(run.folder, None, **GIVEN | dict(judge=str(run.judge), drawings=30))


def test_what_is_asked_for_wins_and_there_are_drawings_enough():
    own = ScoresSettings(judge="mine", drawings=50)
    assert chosen_scores(own, None, None, None) == ScoresSettings(judge="mine", drawings=2000)
    assert chosen_scores(own, "other", 70, None) == ScoresSettings(judge="other", drawings=70)
    assert chosen_scores(ScoresSettings(drawings=3000), None, None, "file").drawings == 3000
    assert chosen_scores(own, None, None, "file").drawings == 2048
    with pytest.raises(BadInput, match="FID is of 2,048 drawings or more"):
        chosen_scores(own, None, 2000, "file")


def test_the_command_prints_each_number_with_its_meaning_then_the_facts(run, monkeypatch, capsys):
    monkeypatch.setattr(evaluation, "task_of", lambda run: "vae")
    main(["evaluate", str(run.folder), "--drawings", "30"])
    said = capsys.readouterr().out
    assert "Frechet distance on the features of judge\n" in said and "30 drawings\n" in said and "FID" not in said
    assert "\ndistances are on the 7 features of judge" in said
    main(["evaluate", str(run.folder), "--drawings", "30", "--json"])
    assert json.loads(capsys.readouterr().out)["drawings"] == 30
    with pytest.raises(SystemExit):
        main(["evaluate", str(run.folder), "--beam", "3"])
    assert "--beam has no meaning for a model of the task 'vae'" in capsys.readouterr().err


def test_drawings_without_anybody_to_judge_them_are_refused(run):
    run.settings.scores = ScoresSettings()
    with pytest.raises(BadInput, match="--drawings 30 are to be scored, but by nobody"):
        evaluate_drawings(run.folder, None, **GIVEN | dict(drawings=30))
