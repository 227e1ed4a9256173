"""A trained language model in use: write with it, score a text with it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from workings.data.cache import encode_documents
from workings.data.sources import read_documents
from workings.errors import BadInput
from workings.generation.decoder import Decoder
from workings.generation.settings import WriteSettings
from workings.generation.step import prepare
from workings.generation.write import Written, write
from workings.settings import from_dict
from workings.tasks.language import evaluate_text
from workings.weights.folder import load_folder


class Writer:
    """What `workings.load` gives for a language model: the model, its tokenizer, and what can be done with them."""

    def __init__(self, folder: Path, dtype: torch.dtype | None = None):
        saved = load_folder(folder, dtype)
        if saved.task != "language":
            raise BadInput(f"{folder} holds a model for the task {saved.task!r}, which does not write.")
        if saved.tokenizer is None:
            raise BadInput(f"{folder} holds a model that writes, but no tokenizer; copy the tokenizer's files of the same model into it.")
        self.folder, self.model, self.tokenizer, self.facts = folder, saved.model, saved.tokenizer, saved.facts
        self.prepared: tuple[str, Decoder] | None = None

    def __repr__(self) -> str:
        return f"Writer({str(self.folder)!r})"

    def write(self, prompt: str = "", **choices: Any) -> str:
        """The prompt and what the model writes after it. Choices are the fields of `WriteSettings`: tokens, temperature, top_p, seed, ..."""
        if not isinstance(prompt, str) or choices.get("samples", 1) != 1:
            raise BadInput("write takes one prompt, a text, and gives one text; write_all takes a list of prompts, and samples.")
        (written,) = self.write_all([prompt], **choices)
        return written.prompt + written.text

    def write_all(self, prompts: Sequence[str], on_text: Callable[[int, str], Any] | None = None, **choices: Any) -> list[Written]:
        """`samples` texts after each prompt, with tokens, log-probabilities and the reason for the end; on_text(number, piece) hears them as they come."""
        settings = from_dict(WriteSettings, choices, "write.")
        return write(self.model, self.tokenizer, list(prompts), settings, on_text, self.decoder(settings.quantize))

    def decoder(self, quantize: str) -> Decoder:
        """The model ready to write with its matrices so kept; packing them takes a moment, so the last one is kept."""
        if self.prepared is None or self.prepared[0] != quantize:
            self.prepared = quantize, prepare(self.model, quantize)
        return self.prepared[1]

    def evaluate(
        self, data: str, *, context: int | None = None, stride: int | None = None, column: str | None = None, encoding: str | None = None
    ) -> dict[str, float]:
        """Scores of the model on a whole text: nats per token and character, bits per byte; see `evaluate_text`."""
        tokens = encode_documents(self.tokenizer, read_documents(data, column, encoding or "utf-8"))
        return self.evaluate_tokens(tokens, context, stride)

    def evaluate_tokens(self, tokens: Any, context: int | None = None, stride: int | None = None) -> dict[str, float]:
        """The same for tokens [N]."""
        learned = self.model.settings.context
        if context is not None and context < 1:
            raise BadInput(f"The context is {context}; it must be at least 1.")
        if context is not None and context > learned and getattr(self.model.settings, "position", "") == "learned":
            raise BadInput(f"The context is {context}, but this model has learned only {learned} positions.")
        if stride is not None and stride < 1:
            raise BadInput(f"The stride is {stride}; it must be at least 1.")
        return evaluate_text(self.model, self.tokenizer, tokens, context or learned, stride or 0)
