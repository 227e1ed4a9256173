"""Several models as one: an ensemble says the mean of their probabilities, a soup has the mean of their weights; both are used as any model is."""

import csv
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import workings
from tests.tasks.classifiers import NAMES, save_cnn, save_mlp, some_pixels
from tests.tasks.pictures import classifiers as picture_classifiers
from tests.tasks.sentences import classifiers, write_table
from tests.training.games import train
from workings.cli.main import main
from workings.data.picture_settings import Preparation
from workings.errors import BadInput
from workings.tasks.teacher import Teacher
from workings.verbs import combine, evaluate, export, import_model, load

OTHER = ("bird", "cat", "dog")


def probabilities(folder, pixels=None) -> torch.Tensor:
    """What a model says of pixels, in the order of NAMES."""
    said = load(folder).classify(some_pixels() if pixels is None else pixels, top=3)
    return torch.tensor([[{belief.name: belief.probability for belief in found.classes}[name] for name in NAMES] for found in said])


def test_an_ensemble_of_pictures_says_the_mean_of_its_members_by_name(tmp_path):
    members = [save_cnn(tmp_path / "a", 0), save_cnn(tmp_path / "b", 1, OTHER), save_cnn(tmp_path / "c", 2, widths=(3, 5), depths=(1, 1))]
    made = combine(*members, out=tmp_path / "three")
    torch.testing.assert_close(probabilities(made.folder), torch.stack([probabilities(m) for m in members]).mean(0), rtol=1e-5, atol=1e-6)
    assert load(made.folder).class_names == NAMES and made.members == ["a", "b", "c"]


def test_an_ensemble_of_one_model_twice_is_that_model_and_stands_by_itself(tmp_path):
    member = save_cnn(tmp_path / "a")
    wanted = probabilities(member)
    made = combine(member, member, out=tmp_path / "twice")
    shutil.rmtree(member)
    torch.testing.assert_close(probabilities(made.folder), wanted, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(probabilities(made.folder / "members" / "1"), wanted)


def test_members_that_prepare_pictures_in_their_own_ways_see_what_they_see_alone(tmp_path):
    members = [save_cnn(tmp_path / "a", how=Preparation(resize="none", size=(), mean=(0.4,), std=(0.3,))), save_mlp(tmp_path / "b", 1, OTHER)]
    made = combine(*members, out=tmp_path / "two")
    how = load(made.folder).preparation
    assert (how.channels, how.resize, how.size, how.scale) == (3, "none", (6, 6), 1.0)
    gray = some_pixels()
    gray[:, 1:] = gray[:, :1]
    wanted = (probabilities(members[0], gray) + probabilities(members[1], gray[:, :1])) / 2
    torch.testing.assert_close(probabilities(made.folder, gray), wanted, rtol=0, atol=5e-3)  # one is resized without rounding to whole levels


def test_an_ensemble_teaches_and_can_be_a_member(tmp_path):
    members = [save_cnn(tmp_path / "a", 0), save_cnn(tmp_path / "b", 1)]
    made = combine(*members, out=tmp_path / "two")
    torch.testing.assert_close(Teacher(made.folder).logits(some_pixels(), OTHER).softmax(-1), probabilities(made.folder)[:, [2, 0, 1]])
    whole = combine(made.folder, members[0], out=tmp_path / "three")
    torch.testing.assert_close(probabilities(whole.folder), (probabilities(made.folder) + probabilities(members[0])) / 2)


def test_members_look_at_a_picture_as_often_as_they_do_alone_and_a_soup_is_made_of_those_that_look_alike(tmp_path):
    members = [save_cnn(tmp_path / "a", 0), save_cnn(tmp_path / "b", 1)]
    config = json.loads((members[0] / "config.json").read_text())
    once = probabilities(members[0])
    (members[0] / "config.json").write_text(json.dumps(config | {"views": "mirror"}))
    made = combine(*members, out=tmp_path / "two")
    assert (probabilities(members[0]) - once).abs().max() > 1e-5
    torch.testing.assert_close(probabilities(made.folder), (probabilities(members[0]) + probabilities(members[1])) / 2)
    with pytest.raises(BadInput, match="views: mirror -> one"):
        combine(*members, out=tmp_path / "soup", how="soup")


def test_a_greedy_soup_of_pictures_is_never_worse_on_what_it_tries_and_an_ensemble_is_scored_as_a_run(tmp_path):
    make = picture_classifiers(tmp_path)
    for seed in (0, 1):
        train(make, tmp_path / f"run{seed}", seed=seed)
    runs, data = [tmp_path / "run0", tmp_path / "run1"], str(tmp_path / "bars.npz")
    scores = [evaluate(run, data=data) for run in runs]
    both = evaluate(combine(*runs, out=tmp_path / "both").folder, data=data)
    assert both["examples"] == scores[0]["examples"] and both["loss"] <= sum(score["loss"] for score in scores) / 2 + 1e-6
    soup = combine(*runs, out=tmp_path / "soup", how="greedy-soup", data=data)
    assert evaluate(soup.folder, data=data)["accuracy"] >= max(score["accuracy"] for score in scores)


def test_another_systems_model_is_a_member_after_it_was_made_one_of_ours(tmp_path):
    transformers = pytest.importorskip("transformers")
    labels = dict(id2label=dict(enumerate(OTHER)), label2id={name: place for place, name in enumerate(OTHER)})
    config = transformers.ViTConfig(hidden_size=12, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, image_size=8, patch_size=4, **labels)
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path / "theirs")
    shutil.copy(tmp_path / "theirs" / "config.json", tmp_path / "theirs" / "preprocessor_config.json")
    (tmp_path / "theirs" / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "ViTImageProcessor", "size": {"height": 8, "width": 8}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3})
    )
    mine = save_cnn(tmp_path / "a")
    made = combine(mine, tmp_path / "theirs", out=tmp_path / "two")
    torch.testing.assert_close(probabilities(made.folder), (probabilities(mine) + probabilities(tmp_path / "theirs")) / 2, rtol=0, atol=1e-4)
    assert "format" in json.loads((made.folder / "members" / "1" / "config.json").read_text())


def test_a_soup_has_the_mean_of_all_weights_and_running_statistics_and_is_a_model_as_any_other(tmp_path):
    members = [save_cnn(tmp_path / name, seed, dropout=seed / 10) for seed, name in enumerate("abc")]
    made = combine(*members, out=tmp_path / "soup", how="soup")
    states = [load_file(member / "model.safetensors") for member in members]
    found = load_file(made.folder / "model.safetensors")
    assert found.keys() == states[0].keys() and any("running_var" in name for name in found)
    for name, tensor in found.items():
        assert tensor.dtype == states[0][name].dtype
        torch.testing.assert_close(tensor, torch.stack([state[name] for state in states]).double().mean(0).to(tensor.dtype))
    assert probabilities(made.folder).shape == (5, 3)
    config = json.loads((made.folder / "config.json").read_text())
    assert config["of"] == ["a", "b", "c"] and "scores" not in config


def test_a_soup_of_one_model_twice_is_that_model_to_the_bit(tmp_path):
    member = save_cnn(tmp_path / "a")
    made = combine(member, member, out=tmp_path / "soup", how="soup")
    state, found = load_file(member / "model.safetensors"), load_file(made.folder / "model.safetensors")
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items()) and found.keys() == state.keys()


def test_of_linear_models_the_soup_has_the_mean_of_the_logits(tmp_path):
    """Where logits are linear in the weights, a soup and an ensemble of logits are the same."""
    members = []
    for seed, name in enumerate("ab"):
        members.append(save_cnn(tmp_path / name, seed=5))
        state = load_file(members[-1] / "model.safetensors")
        torch.manual_seed(seed)
        for key in ("head.weight", "head.bias", "classifier.weight", "classifier.bias"):
            if key in state:
                nn.init.normal_(state[key])
        from safetensors.torch import save_file

        save_file(state, members[-1] / "model.safetensors")
    made = combine(*members, out=tmp_path / "soup", how="soup")
    x = torch.rand(4, 3, 8, 8)
    one, other, both = (load(folder).model(x) for folder in (*members, made.folder))
    assert (one - other).abs().max() > 0.1
    torch.testing.assert_close(both, (one + other) / 2)


@pytest.fixture(scope="module")
def sentences(tmp_path_factory):
    """Three runs on one table: two from the same tokens, one with others."""
    folder = tmp_path_factory.mktemp("sentences")
    write_table(folder)
    make = classifiers(folder)
    for seed in (0, 1):
        train(make, folder / f"run{seed}", seed=seed, steps=30)
    train(classifiers(folder, data={"tokenizer": "byte"}), folder / "bytes", steps=5)
    return folder


def said(folder, texts) -> torch.Tensor:
    return load(folder).probabilities(texts)


def test_an_ensemble_of_sentences_says_the_mean_each_member_with_its_own_tokenizer(sentences, tmp_path, capsys):
    texts = ["a great film", "the plot was dull of music and of the scene " * 5]
    members = [sentences / "run0", sentences / "bytes"]
    made = combine(*members, out=tmp_path / "two")
    torch.testing.assert_close(said(made.folder, texts), (said(members[0], texts) + said(members[1], texts)) / 2)
    scores = evaluate(made.folder, data=str(sentences / "table.csv"))
    assert scores["examples"] == 120 and scores["cut"] >= evaluate(members[0], data=str(sentences / "table.csv"))["cut"]
    main(["classify", str(made.folder), "a great film", "--json"])
    row = json.loads(capsys.readouterr().out)
    assert row["classes"][0]["probability"] == pytest.approx(float(said(made.folder, texts)[0].max()))
    with pytest.raises(BadInput, match="explain one of them"):
        load(made.folder).classify("a great film", explain=True)
    with pytest.raises(BadInput, match="name others with --data"):
        evaluate(made.folder)


def test_a_greedy_soup_begins_with_the_best_and_is_never_worse_on_what_it_tries(sentences, tmp_path):
    data = str(sentences / "table.csv")
    made = combine(sentences / "run0", sentences / "run1", out=tmp_path / "soup", how="greedy-soup", data=data)
    single = {name: evaluate(sentences / name, data=data)["accuracy"] for name in ("run0", "run1")}
    assert evaluate(made.folder, data=data)["accuracy"] >= max(single.values())
    assert made.members[0] == max(single, key=single.__getitem__) and len(made.notes) == 2
    assert ("kept" in made.notes[1]) == (len(made.members) == 2)
    twice = combine(sentences / "run0", sentences / "run0", out=tmp_path / "twice", how="greedy-soup", data=data)
    assert len(twice.members) == 2  # the score of the mean does not fall


def test_tied_weights_stay_tied_in_a_soup(tmp_path, sentences):
    made = combine(sentences / "run0", sentences / "run1", out=tmp_path / "soup", how="soup")
    assert load_file(made.folder / "model.safetensors").keys() == load_file(sentences / "run0" / "model" / "model.safetensors").keys()
    assert said(made.folder, ["a great film"]).sum() == pytest.approx(1)


@pytest.fixture
def refused(capsys):
    """Runs a command that must be refused; returns its sentence."""

    def refuse(*words) -> str:
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert end.value.code == 2 and not out and "Traceback" not in err
        return err

    return refuse


def test_what_cannot_be_combined_is_refused_in_a_sentence_and_leaves_nothing(tmp_path, sentences, refused):
    a, b = save_cnn(tmp_path / "a"), save_cnn(tmp_path / "b", names=("cat", "dog", "fish"))
    wide, mlp = save_cnn(tmp_path / "wide", widths=(5,)), save_mlp(tmp_path / "mlp")
    light = save_cnn(tmp_path / "light", how=Preparation(size=(8, 8), mean=(0.1,), std=(0.25,)))
    silent, out = save_cnn(tmp_path / "silent", how=None), tmp_path / "out"
    two = combine(a, a, out=tmp_path / "two").folder
    for words, wanted in (
        ([a], "There is 1 model to combine; name two or more"),
        ([a, sentences / "run0"], "is for the task 'pictures' and"),
        ([a, b], f"{b} does not know 'bird' (its classes are 'cat', 'dog', 'fish', where 'cat', 'dog', 'bird' are wanted)"),
        ([a, silent], "does not say how its pictures are prepared"),
        ([a, tmp_path / "none"], "There is no folder"),
        ([a, mlp, "--how", "soup"], "is a cnn and"),
        ([a, wide, "--how", "soup"], "differ (model.widths: [4] -> [5])"),
        ([a, light, "--how", "soup"], "preparation.mean: [0.5] -> [0.1]"),
        ([a, b, "--how", "soup"], "model.class_names"),
        ([a, two, "--how", "soup"], "is an ensemble, which has no weights of its own"),
        ([sentences / "run0", sentences / "bytes", "--how", "soup"], "so their weights have no mean"),
        ([a, a, "--how", "greedy-soup"], "give --how greedy-soup and --data together"),
        ([a, a, "--data", "x"], "give --how greedy-soup and --data together"),
    ):
        assert wanted in refused("combine", *words, "--out", out), words
        assert not out.exists() and not list(tmp_path.glob(".*"))
    assert "exists; give another folder with --out" in refused("combine", a, a, "--out", two)
    assert "holds one of the models" in refused("combine", a, two, "--out", two, "--overwrite")
    assert "how" in refused("combine", a, a, "--out", out, "--how", "stew")
    with pytest.raises(BadInput, match="Did you mean 'soup'"):
        combine(a, a, out=out, how="soups")


def test_an_ensemble_is_not_exported_or_imported_and_a_damaged_one_says_what_it_lacks(tmp_path, refused):
    member = save_cnn(tmp_path / "a")
    folder = combine(member, member, out=tmp_path / "two").folder
    for form in ("hf", "onnx"):
        with pytest.raises(BadInput, match="is an ensemble, which is no single model elsewhere"):
            export(folder, to=form, out=tmp_path / "export")
    with pytest.raises(BadInput, match="an ensemble of ours already"):
        import_model(folder, to=tmp_path / "import")
    shutil.rmtree(folder / "members" / "1")
    assert "has no members/1" in refused("classify", folder, "x.png")


def test_models_that_say_no_classes_make_a_soup_and_no_ensemble(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("It is a truth universally acknowledged, that a reader wants a model.\n" * 20)
    sizes = [f"model.{size}" for size in ("width=8", "layers=1", "heads=2", "context=16")]
    runs = [workings.train("language", data="text.txt", steps=2, seed=seed, out=f"run{seed}", set=sizes, quiet=True) for seed in (0, 1)]
    with pytest.raises(BadInput, match="do not say classes"):
        combine(*runs, out="both")
    made = combine(*(run.folder for run in runs), out="soup", how="soup")
    assert load(made.folder).write("It", tokens=3)


def test_the_command_says_what_it_made_and_what_to_do_with_it(tmp_path, capsys):
    a, b = save_cnn(tmp_path / "a"), save_cnn(tmp_path / "b", 1)
    main(["combine", str(a), str(b), "--out", str(tmp_path / "two")])
    out = capsys.readouterr().out
    assert "The mean of the probabilities of a, b" in out and f"workings classify {tmp_path / 'two'} picture.jpg" in out
    main(["combine", str(a), str(b), "--out", str(tmp_path / "two"), "--how", "soup", "--overwrite", "--quiet"])
    assert not capsys.readouterr().out and (tmp_path / "two" / "model.safetensors").exists()
    card = (tmp_path / "two" / "README.md").read_text()
    assert card.startswith("---") and "The mean of the weights of a, b" in card


def test_a_table_goes_through_an_ensemble_row_by_row(sentences, tmp_path):
    made = combine(sentences / "run0", sentences / "run1", out=tmp_path / "two")
    with (sentences / "table.csv").open() as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    found = list(workings.classify(made.folder, [sentences / "table.csv"]))
    assert [one.text for one in found] == texts
