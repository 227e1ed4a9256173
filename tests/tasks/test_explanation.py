"""Why a class is said: pieces of the text with their contributions, and what `<cls>` looks at, for own and foreign tokenizers."""

import pytest
import torch

from tests.tasks.sentences import classifiers
from workings.data.framing import padded
from workings.tasks.explanation import explain, joined
from workings.tasks.sentences import framing_of

TEXT = "the film was superb"


def explained(task, text):
    model = task.players["model"].double().eval()
    (tokens,) = task.framing.frame([text])
    return explain(model, task.framing, task.settings.model.class_names, tokens), tokens, model


@pytest.mark.parametrize("tokenizer", ["bpe", "byte"])
@pytest.mark.parametrize("preset", [{}, {"preset": "gpt"}])
def test_the_pieces_are_the_text_and_their_contributions_the_change_of_its_log_odds(preset, tokenizer, tmp_path):
    task = classifiers(tmp_path)({"model": preset, "data": {"tokenizer": tokenizer}})[0]
    (why, looks), tokens, model = explained(task, TEXT + " ☃")
    assert "".join(piece.text for piece in why.pieces) == TEXT + " ☃"
    assert sum(piece.contribution for piece in why.pieces) == pytest.approx(why.log_odds - why.baseline, abs=1e-4)
    probability = model(tokens[None]).softmax(-1)[0].detach()
    assert why.name == task.settings.model.class_names[int(probability.argmax())]
    assert why.log_odds == pytest.approx(float(torch.logit(probability.max())), abs=1e-6)
    words = [piece.text for piece in why.pieces]
    assert list(looks.pieces) == ([*words, "<cls>"] if preset else ["<cls>", *words])
    assert looks.weights.shape == (2, 2, len(words) + 1)
    torch.testing.assert_close(looks.weights.sum(-1), torch.ones(2, 2))


def test_the_log_odds_of_a_text_are_those_that_it_has_in_a_padded_batch(tmp_path):
    task = classifiers(tmp_path)({})[0]
    (why, _), tokens, model = explained(task, TEXT)
    batch, visible = padded([tokens, task.framing.frame(["the plot of the film was dull and so was the actor"])[0]])
    with torch.no_grad():
        assert why.log_odds == pytest.approx(float(torch.logit(model(batch, visible=visible)[0].softmax(-1).max())), abs=1e-9)


def test_a_word_that_decides_speaks_for_its_class(tmp_path):
    """A model whose head is set to follow one embedding: that word alone has a contribution."""
    task = classifiers(tmp_path)({"model": {"body": {"layers": 1}}})[0]
    model = task.players["model"].double().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name != "body.embedding.weight":
                continue
            decides = task.tokenizer.encode(" superb").tolist()
            kept = parameter[decides].clone()
            parameter.zero_()
            parameter[decides] = kept
    (why, _), *_ = explained(task, TEXT)
    spoke = {piece.text for piece in why.pieces if abs(piece.contribution) > 1e-9}
    assert spoke and all(word in " superb" for word in spoke)


@pytest.mark.parametrize("own", [True, False])
def test_a_template_is_shown_among_what_cls_looks_at_and_does_nothing(own, tmp_path):
    """BERT's [SEP] under our `<cls>`; and BERT with classes of its own, whose [CLS] is a token of the template."""
    from transformers import BertConfig, BertForSequenceClassification

    import workings

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"a great dull film".split(), "##s"]
    config = BertConfig(vocab_size=len(words), hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, max_position_embeddings=16)
    config.id2label, config.label2id = {0: "no", 1: "yes"}, {"no": 0, "yes": 1}
    BertForSequenceClassification(config).save_pretrained(tmp_path / "theirs")
    (tmp_path / "theirs" / "vocab.txt").write_text("\n".join(words) + "\n")
    if own:
        (tmp_path / "table.csv").write_text("text,label\n" + "great film,yes\ndull film,no\n" * 10)
        task = classifiers(tmp_path, tuning={"start": str(tmp_path / "theirs")})({})[0]
        model, framing = task.players["model"].eval(), task.framing
    else:
        loaded = workings.load(tmp_path / "theirs")
        model, framing = loaded.model, framing_of(loaded.settings, loaded.tokenizer, 16, "head")
    (tokens,) = framing.frame(["a ☃ films"])
    why, looks = explain(model, framing, ("no", "yes"), tokens)
    assert [piece.text for piece in why.pieces] == ["a", " [UNK]", " film", "s"]
    assert looks.pieces == ("<cls>" if own else "[CLS]", "a", " [UNK]", " film", "s", "[SEP]")
    assert sum(piece.contribution for piece in why.pieces) == pytest.approx(why.log_odds - why.baseline, abs=1e-3)


def test_a_text_of_no_tokens_has_no_pieces_and_the_log_odds_of_its_baseline(tmp_path):
    task = classifiers(tmp_path)({})[0]
    (why, looks), *_ = explained(task, "")
    assert why.pieces == () and why.log_odds == why.baseline and looks.pieces == ("<cls>",)


def test_sums_over_tokens_that_are_one_piece():
    x = torch.arange(12.0).view(2, 6)
    torch.testing.assert_close(joined(x, torch.tensor([1, 3, 2])), torch.tensor([[0.0, 6.0, 9.0], [6.0, 24.0, 21.0]]))
