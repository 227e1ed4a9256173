"""A translation model in use."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import torch

from workings.errors import BadInput
from workings.generation.alignment import Alignment, align, check_layer
from workings.generation.translate import Translated, TranslationSteps, translate
from workings.generation.translate_settings import TranslateSettings
from workings.generation.translate_step import prepare_steps
from workings.models.encoder_decoder import EncoderDecoder
from workings.settings import from_dict
from workings.weights.folder import load_folder


class Translator:
    """What `workings.load` gives for a model that translates: the model, its tokenizer, and `translate`.

    The folder may hold defaults of its own under "generation" in its config.json, as the folders of OPUS-MT do; what is asked for in a call comes before them.
    """

    def __init__(self, folder: Path, dtype: torch.dtype | None = None):
        saved = load_folder(folder, dtype)
        if saved.task != "translation" or not isinstance(saved.model, EncoderDecoder):
            raise BadInput(f"{folder} holds a model for the task {saved.task!r}, which does not translate.")
        if saved.tokenizer is None:
            raise BadInput(f"{folder} holds a model that translates, but no tokenizer; copy the tokenizer's files of the same model into it.")
        self.folder, self.model, self.tokenizer, self.facts = folder, saved.model, saved.tokenizer, saved.facts
        self.prepared: dict[str, TranslationSteps] = {}

    def __repr__(self) -> str:
        return f"Translator({str(self.folder)!r})"

    @overload
    def translate(self, texts: str, **choices: Any) -> str: ...
    @overload
    def translate(self, texts: Sequence[str], **choices: Any) -> list[str]: ...
    def translate(self, texts: str | Sequence[str], **choices: Any) -> str | list[str]:
        """The best translation of a text, or of each of several. Choices are the fields of `TranslateSettings`: beam, length_penalty, ..."""
        several = [texts] if isinstance(texts, str) else list(texts)
        for number, text in enumerate(several, 1):
            if not isinstance(text, str) or not text.strip():
                raise BadInput(f"Text {number} to translate is {text!r}; it must be a text that is not empty.")
        found = [translated.text for translated in self.translate_all(several, **choices)]
        return found[0] if isinstance(texts, str) else found

    def translate_all(self, texts: Iterable[str], alignment: bool = False, layer: int | None = None, **choices: Any) -> Iterator[Translated]:
        """The `nbest` best translations of each text, with scores, one after another as they are done; a blank text stays blank.

        alignment: whether to say of the best one which words of the text it looked at. layer: of which layer that will be asked; one that the model does not
        have is refused now.
        """
        if layer is not None:
            check_layer(layer, self.model.settings.decoder.layers)
        settings = self.settings(**choices)
        if settings.quantize not in self.prepared:
            self.prepared[settings.quantize] = prepare_steps(self.model, settings.quantize)
        found = translate(self.prepared[settings.quantize], self.tokenizer, texts, settings)
        return (replace(one, alignment=self.aligned(one)) for one in found) if alignment else found

    def alignment(self, text: str, translation: str | None = None) -> Alignment:
        """Which words of a text its translation looks at: this model's own, or one that is given."""
        for what, given in (("text", text), ("translation", translation)):
            if given is not None and not given.strip():
                raise BadInput(f"The {what} to align is {given!r}; it must not be empty.")
        if translation is None:
            (found,) = self.translate_all([text], alignment=True)
            if found.alignment is None:
                raise BadInput(
                    f"The text to align is longer than the {self.model.settings.encoder.context:,} tokens that this model reads; give a shorter one."
                )
            return found.alignment
        source, target = (
            [*tokens.tolist(), self.model.settings.end] for tokens in (self.tokenizer.encode(text), self.tokenizer.encode_each_target([translation])[0])
        )
        for what, tokens, side in (("text", source, self.model.settings.encoder), ("translation", target, self.model.settings.decoder)):
            if len(tokens) > side.context:
                raise BadInput(f"The {what} to align has {len(tokens):,} tokens, and this model takes {side.context:,} at most; give a shorter one.")
        return align(self.model, self.tokenizer, [source], [target])[0]

    def aligned(self, found: Translated) -> Alignment | None:
        """The alignment of the best translation of a text, token by token as it was written; None if there is none, as for a blank text or one in parts."""
        best, end = found.translations[0], self.model.settings.end
        source, target = [*self.tokenizer.encode(found.source).tolist(), end], [*best.tokens, *[end] * best.ended]
        return align(self.model, self.tokenizer, [source], [target])[0] if found.parts == 1 and found.source.strip() and target else None

    def settings(self, **choices: Any) -> TranslateSettings:
        """The choices, laid over the folder's own defaults. Unless a beam is asked for, it is 1 for drawing, and wide enough for `nbest`."""
        own = dict(self.facts.get("generation", {}))
        if "beam" not in choices and choices.get("temperature", 0) != 0:
            own["beam"] = 1
        if "beam" not in choices and isinstance(choices.get("nbest"), int):
            own["beam"] = max(own.get("beam", TranslateSettings.beam), choices["nbest"])
        return from_dict(TranslateSettings, own | choices, "translate.")
