"""The sentence-classification task: from labeled texts to a model that says the class of a text (statement 3.1)."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workings.data.buckets import Buckets
from workings.data.framing import Framing, padded
from workings.data.labeled import Labeled, class_names, read_labeled, refuse_unknown, said_of, stratified
from workings.data.overlap import overlap
from workings.data.tokenizers import train_tokenizer
from workings.errors import BadInput, counted
from workings.generation.classes import Classes, prepare, some_hidden
from workings.generation.embedding import batches
from workings.layers.fast.available import autocast_type
from workings.layers.randomness import mix
from workings.models.encoder import Encoder
from workings.models.sentence_classifier import SentenceClassifier
from workings.models.sentence_settings import SentenceSettings
from workings.models.settings import TransformerSettings
from workings.objectives.classification import balanced, class_loss
from workings.tasks.class_facts import class_facts
from workings.tasks.class_scores import calibration, class_scores, confusion, lack
from workings.tasks.notable import SHOWN, surest_mistakes, surest_right
from workings.tasks.sentences_settings import SentencesData, SentencesSettings
from workings.tasks.trained_body import TrainedBody, trained_body
from workings.training.game import Batch, Game, Loss
from workings.training.settings import OptimizerSettings
from workings.weights.folder import load_folder, save_folder


class Sentences(Game):
    """One player, `model`, that learns to say the class of a text."""

    units = "sentences"

    def __init__(self, settings: SentencesSettings, pretrained: Path | None = None):
        """pretrained: the model folder that the first stage of a run with pretraining has made."""
        s, begin = settings, str(pretrained or settings.tuning.start)
        self.learned, self.held = read_parts(s.data)
        names = class_names(self.learned.labels, self.learned.where)
        self.tested = read_labeled(s.data.test_source, s.data.text, s.data.label, "", s.data.encoding) if s.data.test_source else None
        for part in (self.held, self.tested):
            if part:
                refuse_unknown(part.labels, names, part.where, "texts")
        start = trained_body(begin) if begin else None
        self.tokenizer = start.tokenizer if start else train_tokenizer(s.data.tokenizer, self.learned.texts, s.data.tokens)
        body = body_of(s, start, self.tokenizer.size)
        self.settings = s = replace(s, model=replace(s.model, body=body, classes=len(names), class_names=names))
        self.framing = framing_of(s.model, self.tokenizer, s.data.longest, s.data.part)
        self.examples = self.framing.frame(self.learned.texts)
        self.held_examples = self.framing.frame(self.held.texts)
        self.targets, self.held_targets = (torch.tensor([names.index(label) for label in part.labels]) for part in (self.learned, self.held))
        self.counts = self.targets.bincount(minlength=len(names))
        self.weights = balanced(self.counts) if s.tuning.weighting == "balanced" else None
        self.buckets = Buckets(self.examples.lengths, s.training.batch, s.training.seed)
        self.fingerprint = fingerprint(chain(self.examples, self.held_examples, (self.targets, self.held_targets)))
        torch.manual_seed(mix(s.training.seed, 0))
        model = make_model(s, start)
        self.players = {"model": model}
        self.units_per_step = s.training.batch
        self.steps_per_evaluation = len(self.held_examples.flat) / len(self.examples.flat) * len(self.examples) / s.training.batch / 3
        self.flops_per_step = 3 * s.training.batch * flops_per_text(model, float(self.examples.lengths.float().mean()) + 1, asked=1)
        self.said = torch.empty(0)
        """The probabilities that the last evaluation gave, [N, C]."""

    def about(self) -> str:
        """What is learned from what, in a line."""
        parameters = sum(p.numel() for p in self.players["model"].parameters())
        s = self.settings
        how = f", begun with {s.tuning.start}" * bool(s.tuning.start) + f", pretrained here ({s.pretraining.objective})" * (s.pretraining.objective != "none")
        return "; ".join([f"a sentence classifier of {parameters:,} parameters{how}", *self.data_facts()])

    def data_facts(self) -> list[str]:
        """The data in sentences: its size, what was left out, the classes and how many of each, what was cut, and what is in both parts."""
        data, counts = self.settings.data, dict(zip(self.settings.model.class_names, self.counts.tolist(), strict=True))
        learned = f"{counted(len(self.examples), 'text')} of {data.source} to learn from{said_of(self.learned.left_out)}"
        apart = said_of(self.held.left_out) if self.held.where != self.learned.where else ""
        facts = [f"{learned}, {len(self.held_examples):,} to validate{apart}", *class_facts(counts, self.settings.tuning.weighting)]
        if self.tested:
            facts.append(f"{counted(len(self.tested.texts), 'text')} of {data.test_source} to test at the very end{said_of(self.tested.left_out)}")
        if self.learned.spaced:
            facts.append(f"spaces around {counted(self.learned.spaced, 'label')} taken away")
        if self.framing.cut:
            facts.append(f"{counted(self.framing.cut, 'text')} longer than {self.framing.room:,} tokens, of which the {data.part} is read")
        unknown, tokens = self.framing.unknown(self.held_examples), len(self.held_examples.flat)
        if unknown:
            facts.append(f"{unknown:,} of the {tokens:,} tokens of the validation texts ({unknown / tokens:.1%}) unknown to the tokenizer, so not told apart")
        for part, name in ((self.held, "validation"), (self.tested, "test")):
            both = overlap(self.learned.texts, part.texts) if part else ()
            if both:
                facts.append(f"{counted(len(both), 'text')} of the {name} set also in the training set, which flatters the scores")
        return facts

    def leave(self) -> dict[str, str | bytes]:
        """The data in sentences."""
        return {"data.txt": "\n".join(self.data_facts()) + "\n"}

    def optimizer(self, player: str) -> OptimizerSettings:
        """How the model learns."""
        return self.settings.optimizer

    def batch(self, step: int, turn: int, first: int, count: int) -> Batch:
        """Texts of like length, padded to the longest of the whole step: tokens and visible [count, T], targets [count]."""
        rows = self.buckets.rows(step)
        chosen = rows[first : first + count]
        tokens, visible = padded([self.examples[row] for row in chosen.tolist()], int(self.examples.lengths[rows].max()))
        return {"tokens": tokens, "visible": visible, "targets": self.targets[chosen]}

    def loss(self, player: str, batch: Batch, step: int) -> Loss:
        """The sum of the cross-entropies; accuracy beside it."""
        logits = self.players["model"](batch["tokens"], visible=some_hidden(batch["visible"]))
        total = class_loss(logits, batch["targets"], self.settings.tuning.label_smoothing, self.weights)
        return Loss(total, len(logits), {"accuracy": float((logits.argmax(-1) == batch["targets"]).sum())})

    def evaluate(self) -> dict[str, float]:
        """Every validation text once."""
        logits = logits_of(self.players["model"], self.held_examples)
        self.said = logits.double().softmax(-1)
        return class_scores(logits, self.held_targets, int(self.counts.argmax()))

    def cost(self, scores: dict[str, Any]) -> float:
        """The loss, or what the accuracy lacks."""
        return lack(scores, self.settings.tuning.watch)

    def test(self, folder: Path) -> dict[str, Any]:
        """The scores of a saved model on the test texts, in float32."""
        if self.tested is None:
            return {}
        targets = torch.tensor([self.settings.model.class_names.index(label) for label in self.tested.labels])
        logits = logits_of(load_folder(folder, torch.float32).model, self.framing.frame(self.tested.texts))
        return class_scores(logits, targets, int(self.counts.argmax()))

    def preview(self, step: int) -> dict[str, Any]:
        """The surest mistake to look at, and for the report: which class is taken for which, how sure and how right, and texts to look at."""
        names = self.settings.model.class_names
        judged = (self.said, self.held_targets, self.held.texts, names)
        mistakes = surest_mistakes(*judged)
        first = mistakes[0] if mistakes else None
        text = f"{first['label']!r}, but {first['said']!r} with {first['probability']:.1%}: {first['text'][:SHOWN]}" if first else ""
        table = confusion(self.said.argmax(-1), self.held_targets, len(names)).tolist()
        shown = {"mistakes": mistakes, "right": surest_right(*judged)}
        return {"text": text, "classes": list(names), "confusion": table, "calibration": calibration(self.said, self.held_targets), **shown}

    def save(self, folder: Path, weights: dict[str, dict[str, Tensor]], scores: dict[str, Any]) -> None:
        """The model folder, with what is read of a text and from which columns."""
        s = self.settings
        card = f"# A sentence classifier\n\nTrained on {s.data.source}; `workings report` writes the full card.\n"
        facts = {"reading": {"longest": s.data.longest, "part": s.data.part}, "columns": {"text": s.data.text, "label": s.data.label}, "scores": scores}
        save_folder(folder, "sentences", s.model, weights["model"], self.tokenizer, card, **facts)

    def identify(self, step: int) -> str:
        """The rows of the batch, and the beginning of its first text."""
        rows = self.buckets.rows(step).tolist()
        return f"the batch of texts {rows[:8]} ... (seed {self.settings.training.seed}), which begins {self.learned.texts[rows[0]][:40]!r}"


def read_parts(data: SentencesData) -> tuple[Labeled, Labeled]:
    """The texts to learn from and those to validate with: a table each, as a column says, or a part of every class."""
    whole = read_labeled(data.source, data.text, data.label, data.split, data.encoding)
    class_names(whole.labels, whole.where)  # what are no classes is not split by class
    if data.validation_source:
        return whole, read_labeled(data.validation_source, data.text, data.label, "", data.encoding)
    if whole.parts is None:
        learned, held = stratified(whole.labels, data.validation, whole.where)
    else:
        learned, held = ([row for row, part in enumerate(whole.parts) if part == wanted] for wanted in ("train", "validation"))
        if not (learned and held):
            raise BadInput(
                f"The column {data.split!r} of {whole.where} has {counted(len(learned), 'row')} to train and {len(held):,} to validate; it must say train or "
                f"validation, and both must occur{said_of(whole.left_out)}."
            )
    return whole.of(learned), whole.of(held)


def body_of(s: SentencesSettings, start: TrainedBody | None, size: int) -> TransformerSettings:
    """The settings of the transformer: those of the trained one, or those asked for with the vocabulary of the tokenizer."""
    body = s.model.body
    if start:
        body = replace(start.settings, dropout=body.dropout, stochastic_depth=body.stochastic_depth)
    elif body.vocabulary not in (0, size):
        raise BadInput(f"model.body.vocabulary is {body.vocabulary}, but the tokenizer has {counted(size, 'token')}; leave it at 0.")
    if s.tuning.freeze > body.layers:
        raise BadInput(f"tuning.freeze is {s.tuning.freeze}, but the transformer has {counted(body.layers, 'layer')}.")
    return body if start else replace(body, vocabulary=size)


def make_model(s: SentencesSettings, start: TrainedBody | None) -> SentenceClassifier:
    """The model with its first weights, from torch's generator and the trained transformer; frozen ones want no gradient."""
    model = SentenceClassifier(s.model)
    if start:
        model.body.load_state_dict(start.weights)
        model.start_cls()
    if s.tuning.freeze:
        beside = [child for name, child in model.body.named_children() if name not in ("blocks", "final_norm")]
        for module in (*beside, *model.body.blocks[: s.tuning.freeze]):
            module.requires_grad_(False)
    return model


def framing_of(model: SentenceSettings | Any, tokenizer: Any, longest: int, part: Any) -> Framing:
    """How texts are made ready for a model: a sentence classifier, which adds `<cls>`, or another system's encoder, whose template stays whole."""
    own = isinstance(model, SentenceSettings)
    return Framing(tokenizer, min(longest, model.body.context), part, added=int(own), keep_begin=not own or model.body.causal)


def logits_of(model: SentenceClassifier | Encoder, examples: Sequence[Tensor], classes: Classes | None = None) -> Tensor:
    """The logits of framed texts [T_i], read in batches of like length, in their order: [N, C], float32 on the CPU.

    classes: what `prepare` has made of the model, for its weights as they are; made here in the precision of the products if not given.
    """
    classes = classes or prepare(model, autocast_type(next(model.parameters())))
    parts, order = [], []
    for some in batches([len(tokens) + 1 for tokens in examples]):
        parts.append(classes([examples[number] for number in some]))
        order += some
    found = torch.cat(parts)
    return torch.empty_like(found).index_copy(0, torch.tensor(order), found)


def flops_per_text(model: SentenceClassifier | Encoder, tokens: float, asked: float | None = None) -> float:
    """Of a forward pass over a text of so many tokens: two for each weight that multiplies, and two products of attention.

    asked: of how many tokens the last layer is asked (`Stack.run`), all if not given; the others give it keys and values alone.
    """
    s, last = model.settings.body, f"body.blocks.{model.settings.body.layers - 1}."
    sizes = {name: p.numel() for name, p in model.named_parameters() if p.ndim == 2 and name.startswith("body.blocks.")}
    spared = sum(size for name, size in sizes.items() if name.startswith(last) and not name.endswith(("key.weight", "value.weight")))
    unasked = 0.0 if asked is None else tokens - asked
    pairs = s.layers * tokens**2 * (0.5 if s.causal else 1.0) - unasked * tokens * (0.5 if s.causal else 1.0)
    return 2 * (sum(sizes.values()) * tokens - spared * unasked) + 2 * 2 * s.heads * s.head_width * pairs


def fingerprint(tensors: Iterable[Tensor]) -> str:
    """A checksum of tensors and their lengths."""
    digest = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        digest.update(len(tensor).to_bytes(8, "little") + tensor.numpy().tobytes())
    return digest.hexdigest()
