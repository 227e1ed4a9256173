"""The sentence-classification task: its batches, its first loss, what it learns, and that stopping costs nothing."""

import json
import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.tasks.sentences import SMALL, classifiers, write_table
from tests.training.games import assert_same_bits, rows, signal_at, train
from workings.data.framing import padded
from workings.errors import BadInput
from workings.models.encoder import Encoder
from workings.models.encoder_settings import EncoderSettings
from workings.models.sentence_classifier import SentenceClassifier
from workings.models.sentence_settings import SentenceSettings
from workings.models.settings import TransformerSettings
from workings.settings import merge
from workings.tasks.sentences import Sentences, flops_per_text, logits_of
from workings.tasks.sentences_settings import read_settings, resolved
from workings.weights.folder import load_folder, save_folder


def game(folder, **changes) -> Sentences:
    return classifiers(folder)(changes)[0]


@pytest.mark.parametrize("model", [{}, {"preset": "gpt"}, {"preset": "llama"}])
@pytest.mark.parametrize("classes", [2, 7])
def test_the_first_loss_of_an_untrained_model_is_the_logarithm_of_the_number_of_classes(model, classes, tmp_path):
    lines = [f"words of {'abcdefg'[i % classes]},{'abcdefg'[i % classes]}" for i in range(80)]
    (tmp_path / "table.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    task = game(tmp_path, model=model)
    loss = task.loss("model", task.batch(0, 0, 0, 8), 0)
    assert float(loss.total.detach()) / loss.count == pytest.approx(math.log(classes), rel=0.1)
    assert task.evaluate()["loss"] == pytest.approx(math.log(classes), rel=0.1)


def test_the_same_step_has_the_same_rows_however_it_is_cut(tmp_path):
    task = game(tmp_path)
    whole = task.batch(5, 0, 0, 8)
    parts = [task.batch(5, 0, first, 2) for first in (0, 2, 4, 6)]
    assert all(torch.equal(torch.cat([part[key] for part in parts]), whole[key]) for key in whole)
    assert not torch.equal(task.batch(6, 0, 0, 8)["targets"], whole["targets"]) or task.batch(6, 0, 0, 8)["tokens"].shape != whole["tokens"].shape


def test_a_batch_holds_the_tokens_and_the_class_of_each_text(tmp_path):
    task = game(tmp_path)
    batch = task.batch(3, 0, 0, 8)
    by_text = dict(zip(task.learned.texts, task.learned.labels, strict=True))
    for tokens, visible, target in zip(batch["tokens"], batch["visible"], batch["targets"], strict=True):
        assert by_text[task.tokenizer.decode(tokens[visible])] == task.settings.model.class_names[int(target)]


@pytest.mark.parametrize("preset", [None, "gpt"])
def test_a_text_alone_has_the_logits_that_it_has_in_a_batch(preset, tmp_path):
    task = game(tmp_path, model={"preset": preset} if preset else {})
    model = task.players["model"].double().eval()
    together = logits_of(model, task.held_examples)
    alone = torch.cat([model(tokens[None]).float().detach() for tokens in task.held_examples])
    torch.testing.assert_close(together, alone, rtol=1e-6, atol=1e-6)


def test_classes_are_learned_that_one_word_decides(tmp_path):
    write_table(tmp_path, 400, good=1)
    make = classifiers(tmp_path, training={"steps": 150, "batch": 16, "evaluate_every": 50}, model={"body": {"dropout": 0.0}, "dropout": 0.0})
    assert train(make, tmp_path / "run") == "done"
    last = [row for row in rows(tmp_path / "run") if row["event"] == "validation"][-1]
    assert last["accuracy"] >= 0.95 and last["auroc"] >= 0.98 and last["majority_accuracy"] < 0.6


def test_early_stopping_ends_a_run_that_no_longer_gains(tmp_path):
    (tmp_path / "table.csv").write_text("text,label\n" + "".join(f"word {i} here,{'ab'[i * i % 7 % 2]}\n" for i in range(60)))
    make = classifiers(tmp_path, optimizer={"rate": 0.02}, training={"steps": 400, "evaluate_every": 2, "patience": 3})
    assert train(make, tmp_path / "run") == "early"


TUNED = {
    "plain": {},
    "causal": dict(model={"preset": "gpt"}, optimizer={"average": 0.9}, training={"pieces": 2}),
    "weighted": dict(tuning={"weighting": "balanced", "label_smoothing": 0.1}, optimizer={"name": "adamw", "layer_decay": 0.7}),
    "frozen": dict(tuning={"freeze": 1}),
}


@pytest.mark.parametrize("name", TUNED)
def test_twenty_steps_are_ten_and_ten_bit_for_bit(name, tmp_path):
    make = classifiers(tmp_path, **TUNED[name])
    assert train(make, tmp_path / "whole") == "done"
    assert train(make, tmp_path / "halves", signal_at(10)) == "interrupted"
    assert train(make, tmp_path / "halves") == "done"
    assert_same_bits(tmp_path / "whole", tmp_path / "halves")


def test_training_in_pieces_has_the_losses_of_training_whole(tmp_path):
    losses = []
    for pieces in (1, 4):
        train(classifiers(tmp_path, training={"pieces": pieces, "steps": 6, "log_every": 1}), tmp_path / str(pieces))
        losses.append([row["loss"] for row in rows(tmp_path / str(pieces)) if row["event"] == "train"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_what_is_frozen_stays_and_cls_is_learned(tmp_path):
    make = classifiers(tmp_path, tuning={"freeze": 1})
    before = {name: tensor.clone() for name, tensor in make({})[0].players["model"].state_dict().items()}
    train(make, tmp_path / "run")
    after = load_folder(tmp_path / "run").model.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert {"cls", "mlp.weight", "head.weight", "body.blocks.1.attention.query.weight"} <= moved
    assert not [name for name in moved if name.startswith(("body.embedding", "body.blocks.0"))]


def save_encoder(folder, tokenizer) -> Encoder:
    torch.manual_seed(3)
    body = TransformerSettings(
        vocabulary=tokenizer.size, context=24, width=16, heads=2, layers=2, position="learned", embedding_norm=True, placement="post", segments=2, biases="all",
        causal=False,
    )  # fmt: skip
    model = Encoder(EncoderSettings(body=body, head="masked"))
    save_folder(folder, "masked", model.settings, model.state_dict(), tokenizer, "# Card\n")
    return model


def test_a_run_begins_with_the_weights_and_the_tokenizer_of_a_trained_transformer_and_goes_on_from_there(tmp_path):
    tokenizer = game(tmp_path).tokenizer
    trained = save_encoder(tmp_path / "encoder", tokenizer)
    make = classifiers(tmp_path, tuning={"start": str(tmp_path / "encoder")})
    task, _, config = make({})
    model = task.players["model"]
    assert all(torch.equal(tensor, trained.body.state_dict()[name]) for name, tensor in model.body.state_dict().items())
    torch.testing.assert_close(model.cls, trained.body.embedding.weight.mean(0))
    assert task.settings.model.body.dropout == 0.1 and task.framing.longest == 24
    assert config["model"]["body"] == {"dropout": 0.1, "stochastic_depth": 0.0}
    assert task.settings.optimizer.name == "adamw" and task.settings.optimizer.rate < 1e-3
    train(make, tmp_path / "whole")
    train(make, tmp_path / "halves", signal_at(10))
    train(make, tmp_path / "halves")
    assert_same_bits(tmp_path / "whole", tmp_path / "halves")
    again = classifiers(tmp_path, tuning={"start": str(tmp_path / "whole")})({})[0].players["model"]
    saved = load_folder(tmp_path / "whole").model
    assert torch.equal(again.body.blocks[1].attention.query.weight, saved.body.blocks[1].attention.query.weight)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_folder_of_transformers_can_be_begun_with(family, tmp_path):
    """The template of BERT loses its [CLS] to `<cls>` and keeps its [SEP]; GPT-2 has none, and is asked last. The first step moves every weight."""
    import transformers

    small = dict(vocab_size=9)
    if family == "bert":
        sizes = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, max_position_embeddings=16)
        theirs = transformers.BertModel(transformers.BertConfig(**small, **sizes), add_pooling_layer=False)
        (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nfilm\nscene\ngreat\nawful\n")
    else:
        theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**small, n_embd=12, n_layer=2, n_head=2, n_positions=16))
        (tmp_path / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(["<|endoftext|>", *"aeflmrt", "\u0120"])}))
        (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    theirs.save_pretrained(tmp_path)
    (tmp_path / "table.csv").write_text("text,label\n" + "great film,yes\nawful film,no\n" * 10)
    task = classifiers(tmp_path, tuning={"start": str(tmp_path)}, model={"body": {"dropout": 0.0}, "dropout": 0.0})({})[0]
    model = task.players["model"]
    assert model.settings.body.causal == (family == "gpt2")
    if family == "bert":
        assert {tuple(tokens.tolist()) for tokens in task.examples} == {(7, 5, 3), (8, 5, 3)}
    tokens = task.examples[0]
    with torch.no_grad():  # a text and the one token more: with <cls> as the embedding of a token of theirs, the vectors are theirs
        model.cls.copy_(model.body.embedding.weight[2])
        row = torch.tensor([[2, *tokens]] if family == "bert" else [[*tokens, 2]])
        wanted = (theirs if family == "bert" else theirs.transformer).eval()(row).last_hidden_state[0, 0 if family == "bert" else -1]
        torch.testing.assert_close(model.eval().hidden(tokens[None])[0], wanted, rtol=1e-4, atol=1e-5)
    task.loss("model", task.batch(0, 0, 0, 8), 0).total.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_settings_come_back_from_the_table_that_a_run_keeps(tmp_path):
    task = game(tmp_path, tuning={"weighting": "balanced"})
    assert read_settings(resolved(task.settings)) == task.settings


def test_a_table_of_its_own_or_a_column_may_be_the_validation(tmp_path):
    (tmp_path / "held.csv").write_text("text,label\na film,good\na scene,bad\n")
    task = game(tmp_path, data={"validation_source": str(tmp_path / "held.csv")})
    assert (len(task.examples), task.held.texts) == (120, ["a film", "a scene"])
    (tmp_path / "split.csv").write_text(
        "text,label,part\n" + "".join(f"t {i},{'ab'[i % 2]},{'train' if i < 16 else 'test' if i < 18 else 'dev'}\n" for i in range(20))
    )
    task = game(tmp_path, data={"source": str(tmp_path / "split.csv"), "split": "part"})
    assert (len(task.examples), len(task.held_examples)) == (16, 2) and "2 rows part = test" in task.about()


def test_an_evaluation_is_as_much_work_as_a_third_of_the_steps_over_its_tokens(tmp_path):
    task = game(tmp_path)
    per_step = sum(map(len, task.examples)) / len(task.examples) * task.settings.training.batch
    assert task.steps_per_evaluation == pytest.approx(sum(map(len, task.held_examples)) / per_step / 3)


def test_what_was_left_out_cut_or_met_twice_is_told(tmp_path):
    (tmp_path / "table.csv").write_text("text,label\n" + "the same text,a\nanother text that is long,b\n" * 10 + ",a\n")
    said = game(tmp_path, data={"longest": 4, "tokenizer": "byte", "part": "tail"}).about()
    assert "left out: 1 row without a text" in said and "2 classes (a 8, b 8)" in said
    assert "20 texts longer than 3 tokens, of which the tail is read" in said and "4 texts of the validation set also in the training set" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": {"label": "lable"}}, "Did you mean 'label'"),
        ({"tuning": {"freeze": 3}}, "tuning.freeze is 3, but the transformer has 2 layers"),
        ({"tuning": {"start": "nowhere/at all"}}, "There is no folder"),
        ({"model": {"body": {"vocabulary": 7}}}, "model.body.vocabulary is 7"),
        ({"model": {"preset": "gru"}}, "There is no transformer 'gru'"),
        ({"data": {"longest": 1}}, "data.longest is 1"),
        ({"tuning": {"start": "x"}, "model": {"body": {"width": 8}}}, "model.body.width is that of the trained model"),
        ({"optimizer": {"layer_decay": 1.5}}, "optimizer.layer_decay"),
        ({"prompt": "x"}, "There is no setting 'prompt'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(changes, said, tmp_path):
    table = merge({key: part for key, part in SMALL.items() if key != "model" or "start" not in changes.get("tuning", {})}, changes)
    with pytest.raises(BadInput, match=said):
        Sentences(read_settings(merge({"data": {"source": str(write_table(tmp_path))}}, table)))


def labels_of(path, names, rows=48) -> None:
    """A table that is the same but for what its classes are called, and says itself which texts are for validation."""
    lines = [
        f"{word} film number {i},{names[i % 3]},{'validation' if i >= 36 else 'train'}" for i, word in enumerate(["great", "awful", "so so"] * (rows // 3))
    ]
    path.write_text("text,label,part\n" + "\n".join(lines) + "\n")


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_what_classes_are_called_and_which_comes_first_changes_nothing(optimizer, tmp_path):
    """Begun with the same weights, the head's rows turned round as the classes are: after twenty steps the probabilities are the same, turned round."""
    choices = {"data": {"split": "part"}, "optimizer": {"name": optimizer, "rate": 0.02}, "tuning": {"weighting": "balanced", "label_smoothing": 0.1}}
    torch.manual_seed(1)
    first, found = torch.randn(3, 17) * 0.5, []
    for names in ("abc", "zyx"):
        labels_of(tmp_path / "table.csv", names)

        def begin(task, names=names):
            head = first if names == "abc" else first.flip(0)
            assert task.settings.model.class_names == tuple(sorted(names))
            with torch.no_grad():
                task.players["model"].head.weight.copy_(head[:, :16])
                task.players["model"].head.bias.copy_(head[:, 16])

        still = {"body": {"dropout": 0.0}, "dropout": 0.0}
        make = classifiers(tmp_path, model=still, **choices)
        train(make, tmp_path / names, begin, evaluate_every=20)
        found.append(logits_of(load_folder(tmp_path / names).model, make({})[0].held_examples).softmax(-1))
    assert (found[0] - 1 / 3).abs().max() > 0.05
    torch.testing.assert_close(found[0], found[1].flip(-1), rtol=1e-3, atol=1e-4)


def test_the_order_of_the_rows_of_a_batch_changes_neither_its_loss_nor_its_gradient(tmp_path):
    task = game(tmp_path, model={"body": {"dropout": 0.0}, "dropout": 0.0}, tuning={"weighting": "balanced"})
    model = task.players["model"].double()
    batch, order = task.batch(0, 0, 0, 8), torch.tensor([5, 2, 7, 0, 1, 6, 3, 4])
    both = [task.loss("model", one, 0).total for one in (batch, {name: tensor[order] for name, tensor in batch.items()})]
    torch.testing.assert_close(*both, rtol=1e-12, atol=1e-12)
    for one, other in zip(*(torch.autograd.grad(loss, list(model.parameters())) for loss in both), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("good", "bad", "rare"), [(49, 4, False), (50, 4, True)])
def test_a_rare_class_is_told_with_the_setting_that_helps(good, bad, rare, tmp_path):
    (tmp_path / "table.csv").write_text("text,label\n" + "a film,good\n" * good + "a plot,bad\n" * bad + "a new film,good\na new plot,bad\n")
    (tmp_path / "held.csv").write_text("text,label\na scene,good\n")
    held = {"validation_source": str(tmp_path / "held.csv")}
    said = "good is 10 times as frequent as bad; --set tuning.weighting=balanced lets every class weigh the same"
    assert (said in game(tmp_path, data=held).about()) == rare
    assert "as frequent" not in game(tmp_path, data=held, tuning={"weighting": "balanced"}).about()


def test_spaces_around_labels_and_rows_of_another_table_that_are_left_out_are_told(tmp_path):
    (tmp_path / "table.csv").write_text("text,label\n" + "a film, good\na plot,bad\n" * 10)
    (tmp_path / "held.csv").write_text("text,label\na scene,good \n,bad\n")
    said = game(tmp_path, data={"validation_source": str(tmp_path / "held.csv")}).about()
    assert "spaces around 10 labels taken away" in said and "1 to validate (left out: 1 row without a text)" in said


def test_what_the_tokenizer_of_a_trained_model_does_not_know_is_counted(tmp_path):
    """[UNK] of the validation texts; bytes know everything."""
    from transformers import BertConfig, BertModel

    sizes = dict(hidden_size=12, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, max_position_embeddings=16)
    BertModel(BertConfig(vocab_size=8, **sizes), add_pooling_layer=False).save_pretrained(tmp_path / "bert")
    (tmp_path / "bert" / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nfilm\ngreat\nawful\n")
    (tmp_path / "table.csv").write_text("text,label\n" + "great film,yes\nawful film,no\n" * 10)
    (tmp_path / "held.csv").write_text("text,label\ngreat ภาษาไทย film,yes\n🎬 film,no\n")
    data = {"validation_source": str(tmp_path / "held.csv")}
    said = classifiers(tmp_path, tuning={"start": str(tmp_path / "bert")}, data=data)({})[0].about()
    assert "2 of the 7 tokens of the validation texts (28.6%) unknown to the tokenizer" in said
    assert "unknown" not in game(tmp_path, data=data).about()


def test_a_label_that_was_not_learned_is_refused(tmp_path):
    (tmp_path / "held.csv").write_text("text,label\na film,goood\n")
    with pytest.raises(BadInput, match="The label 'goood' .* Did you mean 'good'"):
        game(tmp_path, data={"validation_source": str(tmp_path / "held.csv")})


def test_the_operations_that_are_counted_are_those_that_are_done():
    """As torch counts the products of a forward pass whose attention is written out; the head is apart."""
    body = TransformerSettings(vocabulary=13, context=31, width=12, heads=3, layers=2, ff_width=20, causal=False, dropout=0.5)
    model = SentenceClassifier(SentenceSettings(body=body, classes=5, inner=7)).double().train()
    with FlopCounterMode(display=False) as counter:
        model(torch.randint(13, (1, 10)))
    assert counter.get_total_flops() == flops_per_text(model, 11, asked=1) + 2 * (12 * 7 + 7 * 5)
    assert flops_per_text(model, 11, asked=11) == flops_per_text(model, 11) > flops_per_text(model, 11, asked=1)


def test_garbage_in_the_padding_of_a_batch_moves_no_gradient(tmp_path):
    task = game(tmp_path, model={"body": {"dropout": 0.0}, "dropout": 0.0})
    model = task.players["model"].double()
    tokens, visible = padded([task.examples[0][:3], task.examples[1]])
    gradients = []
    for garbage in (0, 7):
        batch = {"tokens": tokens.masked_fill(~visible, garbage), "visible": visible, "targets": task.targets[:2]}
        gradients.append(torch.autograd.grad(task.loss("model", batch, 0).total, list(model.parameters())))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("watch", "score", "pick"), [("loss", "loss", min), ("accuracy", "accuracy", max)])
def test_the_weights_that_are_kept_are_those_with_the_best_of_what_is_watched(watch, score, pick, tmp_path):
    make = classifiers(tmp_path, tuning={"watch": watch}, optimizer={"rate": 0.02}, training={"steps": 60, "evaluate_every": 6})
    train(make, tmp_path / "run")
    found = [row for row in rows(tmp_path / "run") if row["event"] == "validation"]
    kept = load_folder(tmp_path / "run" / "model").facts["scores"]
    assert kept[score] == pick(row[score] for row in found)
    assert kept["step"] == [row["step"] for row in found if row["best"]][-1]
