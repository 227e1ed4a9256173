"""Pretraining before the classes: what is learned from which texts, the first loss, and that a run of two stages stops in either for nothing."""

import json
import math
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch

from tests.tasks.sentences import SMALL, write_table
from tests.training.games import assert_same_bits, in_child, rows
from tests.training.test_distribution import together
from workings import verbs
from workings.errors import BadInput
from workings.settings import flatten, merge
from workings.tasks import pretraining as stage
from workings.tasks.jobs import first_stage, make_game
from workings.tasks.pretraining_settings import read_settings as read_first
from workings.tasks.pretraining_settings import resolved as resolve_first
from workings.tasks.sentences import Sentences
from workings.tasks.sentences_settings import read_settings, resolved
from workings.tasks.trained_body import trained_body
from workings.training.journal import read_metrics
from workings.weights.folder import load_folder

WAYS = {"masked": {}, "next-token": {}, "gpt": {"model": {"preset": "gpt"}, "pretraining": {"objective": "next-token"}}}
PLAN = {"steps": 12, "batch": 8, "validation": 0.1, "context": 16}


def table(folder: Path, objective: str, **changes) -> dict:
    """The settings of a small run with pretraining on the table in a folder."""
    path = folder / "table.csv" if (folder / "table.csv").exists() else write_table(folder)
    return merge(merge(SMALL, {"data": {"source": str(path)}, "pretraining": PLAN | {"objective": objective}}), changes)


def game(folder: Path, objective: str = "masked", **changes) -> stage.Pretraining:
    return make_game(*first_stage("sentences", read_settings(table(folder, objective, **changes))))


def train(folder: Path, out: str, objective: str, **changes) -> Path:
    choices = [f"{key}={json.dumps(value)}" for key, value in flatten(table(folder, objective, **changes)).items()]
    return verbs.train("sentences", out=folder / out, set=choices, quiet=True).folder


@pytest.fixture
def quick(monkeypatch):
    """Without measuring the machine and without the report."""
    monkeypatch.setattr("workings.training.machine.measured_peak", lambda *given, **options: 100.0)
    monkeypatch.setattr(verbs, "report", lambda *runs, **options: None)


@pytest.mark.parametrize("objective", ["masked", "next-token"])
def test_the_first_loss_of_an_untrained_model_is_the_logarithm_of_the_vocabulary(objective, tmp_path):
    task = game(tmp_path, objective)
    loss = task.loss("model", task.batch(0, 0, 0, 8), 0)
    assert float(loss.total.detach()) / loss.count == pytest.approx(math.log(task.tokenizer.size), rel=0.1)
    assert task.evaluate()["loss"] == pytest.approx(math.log(task.tokenizer.size), rel=0.1)


@pytest.mark.parametrize("objective", ["masked", "next-token"])
def test_the_same_step_has_the_same_windows_however_it_is_cut(objective, tmp_path):
    task = game(tmp_path, objective)
    whole = task.batch(5, 0, 0, 8)
    parts = [task.batch(5, 0, first, 2) for first in (0, 2, 4, 6)]
    assert all(torch.equal(torch.cat([part[key] for part in parts]), whole[key]) for key in whole)
    assert not torch.equal(task.batch(6, 0, 0, 8)["tokens"], whole["tokens"])
    assert all(tensor.shape == (8, 16) for tensor in whole.values())


def test_windows_are_of_the_texts_to_learn_from_with_an_end_after_each_and_no_padding(tmp_path):
    task = game(tmp_path, "next-token")
    learned, held, _ = stage.read_texts(first_stage("sentences", read_settings(table(tmp_path, "next-token")))[1])
    tokens = task.learned.long()
    ends = (tokens == task.tokenizer.end).nonzero()[:, 0] + 1
    assert int(ends[-1]) == len(tokens)
    assert [task.tokenizer.decode(text) for text in tokens.tensor_split(ends)[:-1]] == learned
    validation = Sentences(read_settings(table(tmp_path, "none"))).held.texts
    assert not set(validation) & {*learned, *held} and not set(learned) & set(held)
    assert len(held) == round(0.1 * (len(learned) + len(held)))


def test_further_texts_are_learned_from_except_those_that_are_for_validation(tmp_path):
    s = read_settings(table(tmp_path, "masked"))
    validation = Sentences(read_settings(table(tmp_path, "none"))).held.texts
    (tmp_path / "more.csv").write_text("text\n" + "".join(f"{text}\n" for text in ["one more", validation[0].upper() + " ", "and another", validation[1]]))
    learned, held, facts = stage.read_texts(first_stage("sentences", s)[1])
    s = read_settings(table(tmp_path, "masked", pretraining={"unlabeled": str(tmp_path / "more.csv")}))
    more_learned, more_held, more_facts = stage.read_texts(first_stage("sentences", s)[1])
    assert {*more_learned, *more_held} == {*learned, *held, "one more", "and another"}
    assert "2 of" in more_facts[1] and "2 texts left out that are for the validation of classes" in more_facts[1]


def test_further_texts_that_are_none_are_refused_with_their_row(tmp_path):
    (tmp_path / "more.jsonl").write_text('{"text": "one more"}\n{"text": 7}\n')
    s = read_settings(table(tmp_path, "masked", pretraining={"unlabeled": str(tmp_path / "more.jsonl")}))
    with pytest.raises(BadInput, match=r"holds int values \(row 2\)"):
        stage.read_texts(first_stage("sentences", s)[1])


@pytest.mark.parametrize("objective", ["masked", "next-token"])
def test_a_settings_table_comes_back_and_the_first_stage_is_the_same_once_sizes_are_filled_in(objective, tmp_path):
    s = read_settings(table(tmp_path, objective))
    assert read_settings(resolved(s)) == s
    task = make_game(*first_stage("sentences", s))
    assert read_first(resolve_first(task.settings)) == task.settings
    task.save(tmp_path / "model", {"model": task.model.state_dict()}, {})
    second = Sentences(s, tmp_path / "model")
    again = make_game(*first_stage("sentences", read_settings(resolved(second.settings))))
    assert resolve_first(again.settings) == resolve_first(task.settings)


def test_a_trained_transformer_is_moved_little_and_one_from_nothing_far():
    def rates(**changes):
        s = read_settings({"pretraining": {"objective": "masked", "steps": 1}} | changes)
        return (s.pretraining.optimizer.name, s.pretraining.optimizer.rate), (s.optimizer.name, s.optimizer.rate)

    (far, rate), (tuned, own) = rates()
    (near, gentle), (_, imported) = rates(tuning={"start": "somewhere"})
    assert (far, near, tuned) == ("muon", "adamw", "adamw") and gentle < rate and imported < own


def test_a_budget_that_is_not_said_is_that_of_the_classes(tmp_path):
    plan = {key: value for key, value in PLAN.items() if key != "steps"}
    s = read_settings(table(tmp_path, "masked") | {"pretraining": plan | {"objective": "masked"}})
    assert first_stage("sentences", s)[1].training.steps == 20
    s = read_settings(table(tmp_path, "masked") | {"pretraining": plan | {"objective": "masked"}, "training": {"minutes": 7.0}})
    training = first_stage("sentences", s)[1].training
    assert (training.steps, training.minutes, training.batch) == (None, 7.0, 8)


@pytest.mark.parametrize("name", WAYS)
def test_the_classes_are_learned_from_where_pretraining_ended(name, tmp_path, quick):
    changes = WAYS[name]
    run = train(tmp_path, "run", changes.get("pretraining", {}).get("objective", name), **{key: changes[key] for key in changes if key == "model"})
    first, second = load_folder(run / "pretraining"), load_folder(run)
    causal = name != "masked"
    assert first.task == ("language" if causal else "masked") and second.model.body.settings.causal == causal
    assert second.tokenizer.to_text() == first.tokenizer.to_text()
    begun = Sentences(read_settings(verbs.open_run(run).settings()), run / "pretraining" / "model")
    body = first.model if causal else first.model.body
    assert all(torch.equal(tensor, body.state_dict()[key]) for key, tensor in begun.players["model"].body.state_dict().items())
    assert second.model.settings.class_names == ("bad", "good")
    losses = [row["loss"] for row in read_metrics(run / "pretraining" / "metrics.jsonl") if row["event"] == "validation"]
    assert losses[-1] < losses[0] < math.log(300)
    text = torch.tensor([[3, 5, 7]])
    longer = torch.tensor([[3, 5, 7, 9]])
    assert not torch.equal(second.model(text), second.model(longer))  # `<cls>` has heard the last token, which is only so at the end of a causal text


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Runs that were never stopped, by objective."""
    made: dict[str, Path] = {}

    def of(objective: str) -> Path:
        if objective not in made:
            made[objective] = train(tmp_path_factory.mktemp(objective), "whole", objective)
        return made[objective]

    patch = pytest.MonkeyPatch()
    patch.setattr("workings.training.machine.measured_peak", lambda *given, **options: 100.0)
    patch.setattr(verbs, "report", lambda *runs, **options: None)
    yield of
    patch.undo()


def signal_in(kind: type, step: int, number: int, monkeypatch) -> None:
    inner, sent = kind.batch, []

    def batch(self, now: int, *where: int):
        if now == step - 1 and not sent:
            sent.append(now)
            os.kill(os.getpid(), number)
        return inner(self, now, *where)

    monkeypatch.setattr(kind, "batch", batch)


@pytest.mark.parametrize("objective", ["masked", "next-token"])
@pytest.mark.parametrize("where", ["first", "second"])
def test_a_run_that_is_interrupted_in_either_stage_ends_with_the_same_bits(objective, where, whole, monkeypatch):
    never = whole(objective)
    folder = never.parent
    kind, step = (stage.OBJECTIVES[objective], 7) if where == "first" else (Sentences, 11)
    signal_in(kind, step, signal.SIGTERM, monkeypatch)
    with pytest.raises(KeyboardInterrupt, match=f"go on with: workings resume {folder / where}$"):
        train(folder, where, objective)
    assert (folder / where / "metrics.jsonl").exists() == (where == "second")
    verbs.resume(folder / where, quiet=True)
    assert_same_bits(never, folder / where)
    assert_same_bits(never / "pretraining", folder / where / "pretraining")
    assert (never / "config.toml").read_bytes() == (folder / where / "config.toml").read_bytes()


@pytest.mark.parametrize("where", ["first", "second"])
def test_a_run_that_is_killed_in_either_stage_ends_with_the_same_bits(where, whole, monkeypatch):
    never = whole("masked")
    out = never.parent / f"killed in the {where}"

    def die() -> None:
        signal_in(stage.MaskedToken if where == "first" else Sentences, 8, signal.SIGKILL, monkeypatch)
        train(never.parent, out.name, "masked")

    assert in_child(die) == signal.SIGKILL
    verbs.resume(out, quiet=True)
    assert_same_bits(never, out)
    assert_same_bits(never / "pretraining", out / "pretraining")


@pytest.mark.parametrize("how", ["replicated", "sharded"])
def test_two_processes_go_through_both_stages_with_the_losses_of_one(how, whole):
    never = whole("masked")
    together(lambda: train(never.parent, how, "masked", training={"distribution": how}), seconds=300)
    for part in ("pretraining", "."):
        losses = [[row["loss"] for row in rows(never.parent / out / part) if "loss" in row] for out in (never.name, how)]
        assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_a_first_stage_that_is_over_is_left_alone(whole):
    run = whole("masked")
    before = (run / "pretraining" / "metrics.jsonl").read_bytes()
    verbs.resume(run, quiet=True)
    assert (run / "pretraining" / "metrics.jsonl").read_bytes() == before


def test_a_first_stage_that_was_taken_away_is_not_learned_again_for_a_second_that_began_with_another(whole):
    run = whole("masked")
    shutil.move(run / "pretraining", run / "elsewhere")
    try:
        with pytest.raises(BadInput, match="There is no folder .*pretraining/model"):
            verbs.resume(run, quiet=True)
        assert not (run / "pretraining").exists()
    finally:
        shutil.move(run / "elsewhere", run / "pretraining")


def test_a_first_stage_does_not_go_on_with_other_settings(whole, monkeypatch):
    folder = whole("masked").parent
    signal_in(stage.MaskedToken, 7, signal.SIGTERM, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(folder, "other", "masked")
    with pytest.raises(BadInput, match=r"pretraining\.rate: 0\.15 -> 0\.3"):
        verbs.resume(folder / "other", set=["pretraining.rate=0.3"], quiet=True)
    verbs.resume(folder / "other", set=["pretraining.steps=9"], quiet=True)  # the refusal has left the settings as they were, and more steps are no others
    assert rows(folder / "other" / "pretraining")[-1]["step"] == 9


def test_settings_of_a_first_stage_that_is_over_are_refused_between_the_stages_and_others_are_not(whole, monkeypatch):
    folder = whole("masked").parent
    signal_in(Sentences, 1, signal.SIGTERM, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(folder, "between", "masked")
    shutil.rmtree(folder / "between" / "checkpoints")  # as if it had been stopped before the first of them
    config = (folder / "between" / "config.toml").read_bytes()
    for change, told in (("rate=0.3", r"rate: 0\.15 -> 0\.3"), ("steps=21", r"steps: \d+ -> 21"), ("objective=none", "objective: masked -> none")):
        with pytest.raises(BadInput, match=rf"is over and was not trained with these settings \(pretraining\.{told}\); put them back"):
            verbs.resume(folder / "between", set=[f"pretraining.{change}"], quiet=True)
    assert (folder / "between" / "config.toml").read_bytes() == config
    before = (folder / "between" / "pretraining" / "metrics.jsonl").read_bytes()
    verbs.resume(folder / "between", steps=3, set=["optimizer.rate=0.002"], quiet=True)
    assert rows(folder / "between")[-1]["step"] == 3 and (folder / "between" / "pretraining" / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize("objective", ["masked", "next-token"])
def test_pretraining_goes_on_from_a_trained_model_with_its_head_its_mask_and_its_tokenizer(objective, whole, tmp_path):
    first = whole(objective) / "pretraining"
    trained = load_folder(first)
    write_table(tmp_path)
    changes = {key: part for key, part in table(tmp_path, objective).items() if key != "model"} | {"tuning": {"start": str(first)}}
    task = make_game(*first_stage("sentences", read_settings(changes)))
    assert task.tokenizer.to_text() == trained.tokenizer.to_text()
    assert all(torch.equal(tensor, trained.model.state_dict()[name]) for name, tensor in task.model.state_dict().items())
    task.model.eval()
    assert task.evaluate()["loss"] == pytest.approx(trained.facts["scores"]["loss"], rel=1e-5)


def test_a_bert_keeps_its_own_mask_and_separators_and_a_bidirectional_transformer_without_a_mask_gets_one(tmp_path):
    import transformers

    sizes = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, max_position_embeddings=16)
    theirs = transformers.BertForMaskedLM(transformers.BertConfig(vocab_size=9, **sizes))
    theirs.save_pretrained(tmp_path / "bert")
    (tmp_path / "bert" / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nfilm\nscene\ngreat\nawful\n")
    (tmp_path / "table.csv").write_text("text,label\n" + "great film,yes\nawful film scene,no\n" * 10)
    changes = {key: part for key, part in table(tmp_path, "masked").items() if key != "model"}
    changes = merge(changes, {"tuning": {"start": str(tmp_path / "bert")}, "pretraining": {"validation": 0.5}})
    task = make_game(*first_stage("sentences", read_settings(changes)))
    assert (task.mask, task.settings.model.vocabulary) == (4, 9)
    assert set(task.learned.tolist()) == {3, 5, 6, 7, 8}
    assert not (task.batch(0, 0, 0, 8)["chosen"] & (task.batch(0, 0, 0, 8)["tokens"] == 3)).any()
    shown = task.batch(0, 0, 0, 8)["shown"]
    torch.testing.assert_close(task.model.eval()(shown), theirs.eval()(shown).logits, rtol=1e-4, atol=1e-5)
    ours = Sentences(read_settings(table(tmp_path, "none")))
    from workings.weights.folder import save_folder

    save_folder(tmp_path / "plain", "sentences", ours.settings.model, ours.players["model"].state_dict(), ours.tokenizer, "# Card\n")
    task = make_game(*first_stage("sentences", read_settings(changes | {"tuning": {"start": str(tmp_path / "plain")}})))
    before, after = trained_body(str(tmp_path / "plain")).weights["embedding.weight"], task.model.body.embedding.weight
    assert task.mask == len(before) and len(after) == len(before) + 1
    assert torch.equal(after[:-1], before)
    torch.testing.assert_close(after[-1], before.mean(0))


@pytest.mark.parametrize(
    ("objective", "changes", "said"),
    [
        ("masked", {"model": {"preset": "gpt"}}, "reads from left to right .*; pretrain it with 'next-token'"),
        ("next-token", {"model": {"body": {"causal": False}}}, "sees the whole text .*; pretrain it with 'masked'"),
        ("maskd", {}, "pretraining.objective is 'maskd'. Did you mean 'masked'"),
        ("masked", {"pretraining": {"rate": 0.0}}, "pretraining.rate is 0.0"),
        ("masked", {"pretraining": {"context": 33}}, "pretraining.context is 33, but the transformer's is 32"),
        ("masked", {"pretraining": {"validation": 1.0}}, "pretraining.validation is 1.0"),
        ("masked", {"pretraining": {"steps": 0}}, "pretraining.steps is 0"),
        ("masked", {"pretraining": {"dropout": 1.0}}, "pretraining.dropout is 1.0"),
        ("masked", {"pretraining": {"rate": 1e-9}}, "none of them hidden; set pretraining.validation higher"),
        ("masked", {"pretraining": {"unlabeled": "no/such/table.csv"}}, "There is no table 'no/such/table.csv'"),
        ("masked", {"model": {"body": {"vocabulary": 7}}}, "model.body.vocabulary is 7"),
        ("masked", {"model": {"body": {"phi": "gated"}}}, "model.head='masked'"),
        ("masked", {"tuning": {"freeze": 3}}, "tuning.freeze is 3, but the transformer has 2 layers"),
        ("masked", {"data": {"longest": 4}, "pretraining": {"context": 0, "validation": 0.5}, "model": {"body": {"context": 1}}}, "A length of 1 token"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence_before_anything_is_trained(objective, changes, said, tmp_path, quick):
    with pytest.raises(BadInput, match=said):
        train(tmp_path, "run", objective, **changes)
    assert not (tmp_path / "run").exists()


def test_texts_shorter_than_a_window_are_refused(tmp_path):
    (tmp_path / "table.csv").write_text("text,label\n" + "a,yes\nb,no\n" * 3)
    with pytest.raises(BadInput, match=r"have \d+ tokens, not more than the 16 of a window; give more texts"):
        game(tmp_path)
