"""The translation task: from pairs of sentences to a model that translates (statement 3.2)."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from workings.data.framing import padded
from workings.data.labeled import said_of
from workings.data.overlap import overlap
from workings.data.pairs import Pairs, held_back, read_pairs, refuse_labels
from workings.data.ragged import Ragged, ragged
from workings.data.token_buckets import TokenBuckets
from workings.data.tokenizers import Tokenizer, train_tokenizer
from workings.data.two_tokenizers import TwoTokenizers
from workings.errors import BadInput, counted
from workings.generation.translate import translate
from workings.generation.translate_settings import TranslateSettings
from workings.generation.translate_step import prepare_steps
from workings.layers.randomness import mix
from workings.models.encoder_decoder import EncoderDecoder
from workings.models.encoder_settings import EncoderDecoderSettings
from workings.objectives.next_token import IGNORE, next_token_loss
from workings.tasks.sentences import fingerprint, some_hidden
from workings.tasks.translation_scores import translation_scores
from workings.tasks.translation_settings import OURS_TO_SAY, TranslationData, TranslationSettings
from workings.training.game import Batch, Game, Loss
from workings.training.settings import OptimizerSettings
from workings.weights.folder import Saved, load_folder, save_folder
from workings.weights.hub import locate

SHOWN = 6
"""How many validation pairs are kept to be looked at, with what the model makes of them."""
LEFT = 200
"""How many validation pairs are left in the run for its report."""


class Translation(Game):
    """One player, `model`, that learns to predict each next token of a translation."""

    units = "tokens"

    def __init__(self, settings: TranslationSettings):
        s = settings
        self.learned, self.held = read_parts(s.data)
        self.tested = read_pairs(s.data.test_source, s.data.source_language, s.data.target_language, s.data.encoding) if s.data.test_source else None
        self.start = trained_translator(s.tuning.start) if s.tuning.start else None
        self.tokenizer = self.start.tokenizer if self.start else make_tokenizer(s.data, self.learned)
        self.settings = s = replace(s, model=model_of(s, self.start, self.tokenizer))
        self.learned, self.examples = framed(self.learned, self.tokenizer, s.model, s.data.longest)
        self.held, self.held_examples = framed(self.held, self.tokenizer, s.model, s.data.longest)
        parts = {"validation": self.held} | ({"test": self.tested} if self.tested else {})
        self.both = {name: len(overlap(self.learned.sources, part.sources)) for name, part in parts.items()}
        """Of how many pairs of each part the source has been learned."""
        lengths = lengths_of(self.examples)
        self.buckets = TokenBuckets(lengths, s.data.batch_tokens, s.training.batch, s.training.seed)
        self.held_buckets = TokenBuckets(lengths_of(self.held_examples), s.data.batch_tokens, s.training.batch, 0)
        self.fingerprint = fingerprint(side for examples in (self.examples, self.held_examples) for pair in zip(*examples, strict=True) for side in pair)
        torch.manual_seed(mix(s.training.seed, 0))
        model = EncoderDecoder(s.model)
        if self.start:
            model.load_state_dict(self.start.model.state_dict())
        self.players = {"model": model}
        self.said: list[str] = []
        """What the last evaluation made of the pairs that are tried."""
        self.units_per_step = round(int(lengths.sum()) / self.buckets.steps)
        held = lengths_of(self.held_examples)
        written = held[: len(self.tried())]  # a token at a time, which takes about three times as long for each
        self.steps_per_evaluation = (int(held.sum()) / 3 + int(written.sum())) / self.units_per_step
        self.flops_per_step = 3 * flops_per_pair(model, *lengths.double().mean(0).tolist()) * len(lengths) / self.buckets.steps

    def about(self) -> str:
        """What is learned from what, in a line."""
        parameters = sum(p.numel() for p in self.players["model"].parameters())
        start = self.settings.tuning.start
        return "; ".join([f"a translator of {parameters:,} parameters" + (f", begun with {start}" if start else ""), *self.data_facts()])

    def data_facts(self) -> list[str]:
        """The data in sentences: its size, what was left out, its tokens, and what is in both parts."""
        learned, held, lengths = self.learned, self.held, lengths_of(self.examples).double().mean(0).tolist()
        first, second = learned.languages
        facts = [
            f"{counted(len(learned), 'pair')} of {self.settings.data.source} ({first} to {second}) to learn from{said_of(learned.left_out)}, "
            f"{len(held):,} to validate{said_of(held.left_out)}",
            f"{self.tokenizer.size:,} kinds of token ({self.tokenizer.kind}), {lengths[0]:.1f} a source and {lengths[1]:.1f} a target",
        ]
        for name, both in self.both.items():
            if both:
                facts.append(f"{counted(both, 'source')} of the {name} set also in the training set, which flatters the scores")
        if self.tested:
            facts.append(f"{counted(len(self.tested), 'pair')} of {self.settings.data.test_source} to test at the very end{said_of(self.tested.left_out)}")
        return facts

    def leave(self) -> dict[str, str | bytes]:
        """The data in sentences, and the first validation pairs."""
        columns = (self.held.sources[:LEFT], self.held.targets[:LEFT])
        pairs = [json.dumps({"source": source, "target": target}, ensure_ascii=False) + "\n" for source, target in zip(*columns, strict=True)]
        return {"data.txt": "\n".join(self.data_facts()) + "\n", "validation.jsonl": "".join(pairs)}

    def optimizer(self, player: str) -> OptimizerSettings:
        """How the model learns."""
        return self.settings.optimizer

    def rows(self, step: int, turn: int, batch: int) -> int:
        """As many pairs as have room."""
        return len(self.buckets.rows(step))

    def batch(self, step: int, turn: int, first: int, count: int) -> Batch:
        """Pairs of like length, padded to the longest of the whole step; see `side_by_side`."""
        rows = self.buckets.rows(step)
        longest = [int(side.lengths[rows].max()) for side in self.examples]
        return side_by_side(self.examples, rows[first : first + count].tolist(), self.settings.model.start, longest)

    def loss(self, player: str, batch: Batch, step: int) -> Loss:
        """The sum of the smoothed next-token losses of the translations (2.3, 3.2)."""
        total, count = next_token_loss(self.logits(batch), batch["targets"], self.settings.tuning.label_smoothing)
        return Loss(total, int(count))

    def logits(self, batch: Batch) -> Tensor:
        """What the model says follows each token of the translations, [B, T, V]."""
        return said_next(self.players["model"], batch)

    def evaluate(self) -> dict[str, float]:
        """Every token of every validation translation predicted once, given those before it."""
        scores = token_scores(self.players["model"], self.held_examples, self.held_buckets)
        tried, scored = self.tried(), self.settings.tuning.scored
        self.said = self.translated(tried)
        return scores | (bleu_and_chrf(self.said[:scored], tried.targets[:scored]) if scored else {})

    def cost(self, scores: dict[str, Any]) -> float:
        """The loss, or what BLEU lacks."""
        return scores["loss"] if self.settings.tuning.watch == "loss" else 100 - scores["bleu"]

    def test(self, folder: Path) -> dict[str, Any]:
        """The scores of a saved model on the test pairs, in float32; translated as its folder wants it, by beam search."""
        from workings.tasks.translation_evaluation import evaluate_pairs  # which imports this module
        from workings.tasks.translator import Translator

        return evaluate_pairs(Translator(folder, torch.float32), self.tested) if self.tested else {}

    def tried(self) -> Pairs:
        """The validation pairs that are translated at each evaluation, for scores or to be looked at."""
        return self.held.of(range(min(max(self.settings.tuning.scored, SHOWN), len(self.held))))

    def translated(self, pairs: Pairs) -> list[str]:
        """What the model makes of the sources, the likeliest token at each place."""
        room = TranslateSettings(beam=1, tokens=2 * int(lengths_of(self.held_examples)[: len(pairs), 1].max()))  # at first it knows no end
        with torch.autocast(next(self.players["model"].parameters()).device.type, enabled=False):
            return [one.text for one in translate(prepare_steps(self.players["model"]), self.tokenizer, pairs.sources, room)]

    def preview(self, step: int) -> dict[str, Any]:
        """A validation sentence and what the model makes of it, and for the report some more."""
        columns = (self.held.sources, self.held.targets, self.said[:SHOWN])
        pairs = [dict(source=a, reference=b, translation=c) for a, b, c in zip(*columns, strict=False)]
        return {"text": "{source}\n{translation}\n(reference: {reference})".format(**pairs[0]), "pairs": pairs}

    def save(self, folder: Path, weights: dict[str, dict[str, Tensor]], scores: dict[str, Any]) -> None:
        """The model folder, with the languages, and from which columns they are."""
        s, languages = self.settings, dict(zip(("source", "target"), self.learned.languages, strict=True))
        card = f"# A translator\n\nTrained on {s.data.source}; `workings report` writes the full card.\n"
        kept = {"generation": self.start.facts["generation"]} if self.start and "generation" in self.start.facts else {}
        save_folder(folder, "translation", s.model, weights["model"], self.tokenizer, card, columns=languages, scores=scores, **kept)

    def identify(self, step: int) -> str:
        """The rows of the batch, and the beginning of its first text."""
        rows = self.buckets.rows(step).tolist()
        return f"the batch of pairs {rows[:8]} ... (seed {self.settings.training.seed}), which begins {self.learned.sources[rows[0]][:40]!r}"


def read_parts(data: TranslationData) -> tuple[Pairs, Pairs]:
    """The pairs to learn from and those to validate with: a file each, or a part kept back."""
    pairs = read_pairs(data.source, data.source_language, data.target_language, data.encoding)
    refuse_labels(pairs)
    if not data.validation_source:
        return held_back(pairs, data.validation)
    return pairs, read_pairs(data.validation_source, data.source_language, data.target_language, data.encoding)


def make_tokenizer(data: TranslationData, pairs: Pairs) -> Tokenizer:
    """One tokenizer for both languages, or one each."""
    if data.vocabulary == "shared":
        return train_tokenizer(data.tokenizer, [*pairs.sources, *pairs.targets], data.tokens)
    return TwoTokenizers(*(train_tokenizer(data.tokenizer, texts, data.tokens) for texts in (pairs.sources, pairs.targets)))


def trained_translator(name: str) -> Saved:
    """The model of a run, a model folder of ours or another system's, or a model of the hub, in float32."""
    saved = load_folder(locate(name), torch.float32)
    if not isinstance(saved.model, EncoderDecoder):
        raise BadInput(f"{name} holds a model for the task {saved.task!r}; give one that translates, such as an imported Marian.")
    if saved.tokenizer is None:
        raise BadInput(f"{name} holds a model without its tokenizer; copy the tokenizer's files of the same model into it.")
    return saved


def model_of(s: TranslationSettings, start: Saved | None, tokenizer: Tokenizer) -> EncoderDecoderSettings:
    """The settings of the trained model, or those asked for with the vocabularies of the tokenizer, whose end token also begins and fills."""
    if start:
        own: Any = start.model.settings
        asked = {side: {name: getattr(getattr(s.model, side), name) for name in OURS_TO_SAY} for side in ("encoder", "decoder")}
        return replace(own, encoder=replace(own.encoder, **asked["encoder"]), decoder=replace(own.decoder, **asked["decoder"]))
    end = tokenizer.end or 0
    encoder, decoder = replace(s.model.encoder, vocabulary=tokenizer.source_size), replace(s.model.decoder, vocabulary=tokenizer.size)
    return replace(s.model, encoder=encoder, decoder=decoder, start=end, end=end, padding=end)


def framed(pairs: Pairs, tokenizer: Tokenizer, model: EncoderDecoderSettings, longest: int) -> tuple[Pairs, tuple[Ragged, Ragged]]:
    """The tokens of the sources and of the targets, each with its end token; pairs with a side that is too long are left out and counted."""
    most = min(longest, model.encoder.context, model.decoder.context)
    end = torch.tensor([model.end])
    both = (pairs.sources, tokenizer.encode_each), (pairs.targets, tokenizer.encode_each_target)
    sources, targets = (ragged(texts, lambda some, encode=encode: [torch.cat((tokens, end)) for tokens in encode(some)]) for texts, encode in both)
    short = (sources.lengths <= most) & (targets.lengths <= most)
    kept = short.nonzero()[:, 0].tolist()
    if not kept:
        raise BadInput(f"Every pair of {pairs.where} has a side of more than {counted(most, 'token')}; set data.longest and model.context higher.")
    over = {f"longer than {counted(most, 'token')}": len(pairs) - len(kept)} if len(kept) < len(pairs) else {}
    return pairs.of(kept, **over), (sources.where(short), targets.where(short))


def bleu_and_chrf(said: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """The two numbers; their signatures are with the scores of `workings evaluate`."""
    scores = translation_scores(said, references)
    return {name: scores[name] for name in ("bleu", "chrf")}


def lengths_of(examples: tuple[Ragged, Ragged]) -> Tensor:
    """How many tokens each side of each pair has, [N, 2]."""
    return torch.stack([side.lengths for side in examples], 1)


def side_by_side(examples: tuple[Ragged, Ragged], rows: Sequence[int], start: int, longest: Sequence[int] = (0, 0)) -> Batch:
    """source and visible [B, S]; target, what the decoder reads, and targets, what it is to say, [B, T]: start y_1 ... y_n and y_1 ... y_n end."""
    (source, visible), (targets, said) = (padded([side[row] for row in rows], most) for side, most in zip(examples, longest, strict=True))
    target = torch.cat((torch.full((len(rows), 1), start), targets[:, :-1]), 1)
    return {"source": source, "visible": visible, "target": target, "targets": targets.masked_fill(~said, IGNORE)}


def said_next(model: nn.Module, batch: Batch) -> Tensor:
    """The logits [B, T, V] of a batch of `side_by_side`; padding after the translations needs no mask, since they are read from left to right."""
    return model(batch["source"], batch["target"], source_visible=some_hidden(batch["visible"]))


def token_scores(model: EncoderDecoder, examples: tuple[Ragged, Ragged], buckets: TokenBuckets) -> dict[str, float]:
    """Every token of every translation predicted once, given those before it; examples: as `framed` gives them, buckets: of their lengths."""
    device = next(model.parameters()).device
    total, count, right = 0.0, 0, 0
    for step in range(buckets.steps):
        batch = side_by_side(examples, buckets.rows(step).tolist(), model.settings.start)
        batch = {name: tensor.to(device) for name, tensor in batch.items()}
        logits = said_next(model, batch)
        loss, tokens = next_token_loss(logits, batch["targets"])
        total, count, right = total + float(loss.detach()), count + int(tokens), right + int((logits.argmax(-1) == batch["targets"]).sum())
    return {"loss": total / count, "perplexity": math.exp(min(total / count, 700)), "accuracy": right / count, "tokens": count}


def flops_per_pair(model: EncoderDecoder, source: float, target: float) -> float:
    """Of a forward pass over so many tokens: two for each weight that multiplies, and two products of attention."""
    e, d = model.settings.encoder, model.settings.decoder
    read, written, over = (
        sum(p.numel() for name, p in model.named_parameters() if p.ndim == 2 and name.startswith(side) and any(part in name for part in parts))
        for side, parts in (
            ("encoder.blocks", ("attention", "feed_forward")),
            ("decoder.blocks", ("attention", "feed_forward", "cross.query", "cross.out")),
            ("decoder.blocks", ("cross.key", "cross.value")),
        )
    )
    products = source * (read + over) + target * (written + d.vocabulary * d.width)
    attention = e.layers * e.heads * e.head_width * source**2 + d.layers * d.heads * d.head_width * (target**2 / 2 + source * target)
    return 2 * products + 4 * attention
