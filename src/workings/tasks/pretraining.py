"""Pretraining: a transformer learns from texts without labels, by guessing tokens, before it learns their classes (statement 3.1)."""

from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from workings.data.draws import Draws
from workings.data.labeled import open_table
from workings.data.order import permutation, windows
from workings.data.overlap import overlap
from workings.data.packing import ending, packed
from workings.data.tokenizers import train_tokenizer
from workings.errors import BadInput, counted
from workings.generation.settings import WriteSettings
from workings.generation.write import write
from workings.layers.randomness import mix
from workings.models.encoder import Encoder
from workings.models.encoder_settings import EncoderSettings
from workings.models.settings import TransformerSettings
from workings.models.transformer import Transformer
from workings.objectives.masked_token import hide, masked_token_loss
from workings.objectives.next_token import next_token_loss
from workings.tasks.language import evaluate_text, flops_per_token, opening
from workings.tasks.pretraining_settings import PretrainingSettings
from workings.tasks.sentences import fingerprint, flops_per_text, read_parts
from workings.tasks.trained_body import TrainedBody, trained_body
from workings.training.game import Batch, Game, Loss
from workings.training.settings import OptimizerSettings
from workings.weights.folder import save_folder

AT_ONCE = 8192
"""Tokens that an evaluation reads at once."""
SHOWN = 80
"""Tokens of a text that is kept to be looked at."""


def pretraining(settings: PretrainingSettings) -> "Pretraining":
    """The game of the objective that is asked for."""
    return OBJECTIVES[settings.pretraining.objective](settings)


class Pretraining(Game):
    """One player, `model`, that learns to guess tokens in windows of texts that stand side by side."""

    units = "tokens"
    causal: bool
    """Which transformers the objective is for: those that read from left to right, or those that see the whole text."""
    other: str
    """The objective for the other ones."""

    def __init__(self, settings: PretrainingSettings):
        s = settings
        start = trained_body(s.start) if s.start else None
        self.refuse_other_way((start.settings if start else s.model).causal, s.pretraining.objective)
        learned, held, self.facts = read_texts(s)
        self.tokenizer = start.tokenizer if start else train_tokenizer(s.data.tokenizer, [*learned, *held], s.data.tokens)
        body = replace(self.body(s.model, start), dropout=s.model.dropout, stochastic_depth=s.model.stochastic_depth)
        self.context = s.pretraining.context or min(s.data.longest, body.context)
        if self.context > body.context:
            raise BadInput(f"pretraining.context is {self.context}, but the transformer's is {body.context}; set it no higher.")
        self.settings = s = replace(s, model=body, pretraining=replace(s.pretraining, context=self.context))
        self.learned, self.held = packed(self.tokenizer, learned), packed(self.tokenizer, held)
        if len(self.learned) <= self.context:
            raise BadInput(
                f"The texts to pretrain on have {counted(len(self.learned), 'token')}, not more than the {self.context} of a window; "
                "give more texts (--unlabeled), or set pretraining.context lower."
            )
        self.fingerprint = fingerprint((self.learned, self.held))
        torch.manual_seed(mix(s.training.seed, 0))
        self.model = self.make(body, start)
        self.players = {"model": self.model}
        self.units_per_step = s.training.batch * self.context
        self.steps_per_evaluation = len(self.held) / self.units_per_step / 3
        self.flops_per_step = 3 * s.training.batch * self.flops_per_window()

    def refuse_other_way(self, causal: bool, objective: str) -> None:
        """Refuse a transformer that looks another way than the objective."""
        if causal != self.causal:
            ways = {True: "reads from left to right", False: "sees the whole text"}
            raise BadInput(
                f"pretraining.objective is {objective!r}, for a transformer that {ways[self.causal]}, but this one {ways[causal]} "
                f"(model.body.causal={str(causal).lower()}); pretrain it with {self.other!r}."
            )

    def body(self, asked: TransformerSettings, start: TrainedBody | None) -> TransformerSettings:
        """The settings of the transformer: those of the trained one, or those asked for, with as many tokens as are needed."""
        known = start.settings.vocabulary if start else self.tokenizer.size
        needed = max(known, *(token + 1 for token in self.tokens_of_its_own()))
        if not start and asked.vocabulary not in (0, needed):
            raise BadInput(f"model.body.vocabulary is {asked.vocabulary}, but {counted(needed, 'token')} are needed to pretrain; leave it at 0.")
        return replace(start.settings if start else asked, vocabulary=needed)

    def tokens_of_its_own(self) -> tuple[int, ...]:
        """The tokens that the objective needs."""
        return (0,)

    @abstractmethod
    def make(self, body: TransformerSettings, start: TrainedBody | None) -> nn.Module:
        """The model with its first weights."""

    @abstractmethod
    def flops_per_window(self) -> float:
        """Of a forward pass."""

    def about(self) -> str:
        """What is learned from what, in a line."""
        s, parameters = self.settings, sum(p.numel() for p in self.model.parameters())
        begun = f", begun with {s.start}" if s.start else ""
        return "; ".join([f"{s.pretraining.objective} pretraining of {parameters:,} parameters{begun}", *self.data_facts()])

    def data_facts(self) -> list[str]:
        """The data in sentences."""
        tokens = f"{len(self.learned):,} tokens to learn from in windows of {self.context:,}, {len(self.held):,} to measure the loss on"
        return [*self.facts, tokens, f"{self.tokenizer.size:,} kinds of token"]

    def leave(self) -> dict[str, str | bytes]:
        """The data in sentences."""
        return {"data.txt": "\n".join(self.data_facts()) + "\n"}

    def optimizer(self, player: str) -> OptimizerSettings:
        """How the model learns."""
        return self.settings.optimizer

    def windows(self, step: int, first: int, count: int) -> tuple[Tensor, Tensor]:
        """Some windows of a step, and the tokens that follow each of theirs, [count, T]."""
        training = self.settings.training
        return windows(self.learned, self.context, training.seed, step * training.batch + first, count)

    def identify(self, step: int) -> str:
        """The beginning of the first window of the batch."""
        tokens, _ = self.windows(step, 0, 1)
        return f"the batch of windows of step {step} (seed {self.settings.training.seed}), which begins {self.tokenizer.decode(tokens[0, :40])!r}"


class MaskedToken(Pretraining):
    """An encoder guesses hidden tokens from both sides (Devlin et al. 2019). The mask is a token of the tokenizer's, or one more after them all."""

    causal, other = False, "next-token"

    def __init__(self, settings: PretrainingSettings):
        super().__init__(settings)
        self.questions = self.ask(self.held)
        if not any(bool(chosen.any()) for _, chosen, _ in self.questions):
            raise BadInput(
                f"The texts to measure the loss on have {counted(len(self.held), 'token')}, none of them hidden; "
                "set pretraining.validation higher, or give more texts."
            )

    @property
    def mask(self) -> int:
        """The token that stands for a hidden one."""
        return getattr(self.tokenizer, "named", {}).get("mask", self.tokenizer.size)

    def tokens_of_its_own(self) -> tuple[int, ...]:
        """The mask."""
        return (self.mask,)

    def make(self, body: TransformerSettings, start: TrainedBody | None) -> Encoder:
        """An encoder with the head for masked tokens. A trained one keeps its head if it has one, and gets a row for the mask if it has none."""
        model = Encoder(EncoderSettings(body=body, head="masked"))
        if start:
            state = {f"body.{name}": tensor for name, tensor in start.weights.items()} | start.head
            tables = {name: grown(state[name], body.vocabulary) for name in ("body.embedding.weight", "bias") if name in state}
            model.load_state_dict(model.state_dict() | state | tables)
        return model

    def flops_per_window(self) -> float:
        """Of the layers for every token, and of the head for those that are chosen."""
        s = self.settings
        head = 2 * s.model.width * (s.model.width + s.model.vocabulary)
        return flops_per_text(self.model, self.context) + s.pretraining.rate * self.context * head

    def hidden(self, tokens: Tensor, draws: Draws) -> tuple[Tensor, Tensor, Tensor]:
        """What is shown of some windows, which tokens of theirs are to be guessed, and the windows themselves, [B, T] each."""
        return *hide(tokens, draws, self.mask, self.tokenizer.size, self.settings.pretraining.rate, ending(self.tokenizer)), tokens

    def ask(self, tokens: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """A whole text in windows, the last one shorter, with tokens hidden that are the same ones for every seed and step."""
        many, rows = len(tokens) // self.context, max(1, AT_ONCE // self.context)
        whole = tokens[: many * self.context].long().view(many, self.context)
        parts = [*whole.split(rows), tokens[None, many * self.context :].long()]
        return [self.hidden(part, Draws(0, number, len(part)).at(2)) for number, part in enumerate(parts) if part.numel()]

    def batch(self, step: int, turn: int, first: int, count: int) -> Batch:
        """Windows as they are shown, what is to be guessed, and as they are: shown, chosen and tokens [count, T]."""
        tokens, _ = self.windows(step, first, count)
        shown, chosen, tokens = self.hidden(tokens, Draws(self.settings.training.seed, step, count, first))
        return {"shown": shown, "chosen": chosen, "tokens": tokens}

    def loss(self, player: str, batch: Batch, step: int) -> Loss:
        """The sum of the masked-token losses; how often the likeliest token is right beside it."""
        return self.guess(batch["shown"], batch["chosen"], batch["tokens"])

    def guess(self, shown: Tensor, chosen: Tensor, tokens: Tensor) -> Loss:
        """The same of any windows, [B, T] each."""
        logits = self.model(shown, chosen=chosen)
        total, count = masked_token_loss(logits, tokens, chosen)
        return Loss(total, int(count), {"accuracy": float((logits.argmax(-1) == tokens[chosen]).sum())})

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """The tokens hidden in the texts that were held back: the loss and how often the likeliest token is right."""
        device = next(self.model.parameters()).device
        losses = [self.guess(*(part.to(device) for part in question)) for question in self.questions]
        count = sum(loss.count for loss in losses)
        return {"loss": sum(float(loss.total) for loss in losses) / count, "accuracy": sum(loss.parts["accuracy"] for loss in losses) / count, "tokens": count}

    def preview(self, step: int) -> dict[str, Any]:
        """The beginning of the texts that were held back, a line each, with the guesses in brackets, and what was right where they were wrong."""
        shown, chosen, tokens = (part[:1, :SHOWN] for part in self.questions[0])
        device = next(self.model.parameters()).device
        guesses = iter(self.model(shown.to(device), chosen=chosen.to(device)).argmax(-1).tolist())
        pieces = []
        for token, asked in zip(tokens[0].tolist(), chosen[0].tolist(), strict=True):
            right = "\n" if token in ending(self.tokenizer) else self.tokenizer.bytes_of(token).decode(errors="replace")
            if asked:
                guess = next(guesses)
                said = self.tokenizer.bytes_of(guess).decode(errors="replace").strip() if guess < self.tokenizer.size else "?"
                right = " " * right.startswith(" ") + (f"[{said}]" if guess == token else f"[{said}, not {right.strip()}]")
            pieces.append(right)
        return {"text": "".join(pieces)}

    def save(self, folder: Path, weights: dict[str, dict[str, Tensor]], scores: dict[str, Any]) -> None:
        """The model folder, with the id of the mask token."""
        card = f"# An encoder that guesses hidden tokens\n\nTrained on the texts of {self.settings.data.source}.\n"
        save_folder(folder, "masked", self.model.settings, weights["model"], self.tokenizer, card, scores=scores, mask=self.mask)


class NextToken(Pretraining):
    """A causal transformer predicts each next token (2.3)."""

    causal, other = True, "masked"

    def __init__(self, settings: PretrainingSettings):
        super().__init__(settings)
        if len(self.held) < 2:
            raise BadInput("The texts to measure the loss on have fewer than two tokens; set pretraining.validation higher, or give more texts.")
        self.prompt = opening(self.tokenizer, "", self.learned)

    def make(self, body: TransformerSettings, start: TrainedBody | None) -> Transformer:
        """A transformer with the head that it has; from nothing, its embedding is its head."""
        head = start.head if start else {}
        model = Transformer(replace(body, tied="head.weight" not in head))
        if start:
            model.load_state_dict(start.weights | head)
        return model

    def flops_per_window(self) -> float:
        """Of layers and head for every token."""
        s = replace(self.settings.model, context=self.context, tied=self.model.head is None)
        return self.context * flops_per_token(s, self.model)

    def batch(self, step: int, turn: int, first: int, count: int) -> Batch:
        """Windows and the tokens that follow, [count, T]."""
        tokens, targets = self.windows(step, first, count)
        return {"tokens": tokens, "targets": targets}

    def loss(self, player: str, batch: Batch, step: int) -> Loss:
        """The sum of the next-token losses (2.3)."""
        total, count = next_token_loss(self.model(batch["tokens"]), batch["targets"])
        return Loss(total, int(count))

    def evaluate(self) -> dict[str, float]:
        """The texts that were held back, each token predicted once."""
        return evaluate_text(self.model, self.tokenizer, self.held, self.context)

    def preview(self, step: int) -> dict[str, Any]:
        """A text written by the model as it is now."""
        (written,) = write(self.model, self.tokenizer, [self.prompt], WriteSettings(tokens=SHOWN, min_p=0.05, seed=self.settings.training.seed))
        return {"text": self.prompt + written.text}

    def save(self, folder: Path, weights: dict[str, dict[str, Tensor]], scores: dict[str, Any]) -> None:
        """The model folder; it writes, too."""
        card = f"# A language model\n\nTrained on the texts of {self.settings.data.source}.\n"
        save_folder(folder, "language", self.model.settings, weights["model"], self.tokenizer, card, scores=scores, prompt=self.prompt)


OBJECTIVES: dict[str, type[Pretraining]] = {"masked": MaskedToken, "next-token": NextToken}


def read_texts(s: PretrainingSettings) -> tuple[list[str], list[str], list[str]]:
    """The texts to learn from, those to measure the loss on, and what is to be said of them. No text that is for the validation of classes is among them."""
    learned, validation = read_parts(s.data)
    texts, facts = learned.texts, [f"{counted(len(learned.texts), 'text')} of {s.data.source}"]
    if s.pretraining.unlabeled:
        found = open_table(s.pretraining.unlabeled, s.data.encoding).texts(s.data.text or None)
        seen = overlap(validation.texts, found)
        more = [text for place, text in enumerate(found) if place not in seen]
        left = f" ({counted(len(found) - len(more), 'text')} left out that are for the validation of classes)" if len(more) < len(found) else ""
        texts, facts = texts + more, [*facts, f"{len(more):,} of {s.pretraining.unlabeled}{left}"]
    if len(texts) < 2:
        raise BadInput("There is only 1 text to pretrain on, and one more is needed to measure the loss on; give more of them (--unlabeled).")
    many = min(max(1, round(s.pretraining.validation * len(texts))), len(texts) - 1)
    order = permutation(len(texts), 0, 0)
    held = set(order[:many].tolist())
    return [texts[row] for row in range(len(texts)) if row not in held], [texts[row] for row in sorted(held)], facts


def grown(table: Tensor, rows: int) -> Tensor:
    """A table of tokens [V, ...] with as many more rows, their mean, that there are `rows`."""
    return torch.cat((table, table.mean(0, keepdim=True).expand(rows - len(table), *table.shape[1:])))
