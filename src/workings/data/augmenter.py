"""From settings to what is done to a training batch: augmentations of each picture, then two pictures made one (statement 4.2b)."""

import importlib
import os
import sys
import traceback
from collections.abc import Callable

import torch
from torch import Tensor

from workings.data.augmentation import AlternatingFlip, Augmentation, Chain, Erase, Flip, RandomResizedCrop, Shift
from workings.data.augmentation_settings import AugmentationSettings
from workings.data.draws import Draws, Seen
from workings.data.mixing import CutMix, Either, MixUp, Pair, partners
from workings.data.rand_augment import RandAugment
from workings.errors import BadInput

MIXING = 97
"""The place of the draws for mixing, beyond those of any chain."""


class Augmenter:
    """What is done to the pictures of a batch: a pure function of (seed, step, row), however the batch is cut."""

    def __init__(self, s: AugmentationSettings, shape: tuple[int, int, int], seed: int):
        parts: list[Augmentation] = []
        parts += [RandomResizedCrop(shape[1:], (s.crop, 1.0))] if s.crop else []
        parts += [Flip(s.flip)] if s.flip else []
        parts += [AlternatingFlip()] if s.alternating else []
        parts += [Shift(s.shift, s.outside)] if s.shift else []
        parts += [RandAugment(s.rand_augment, s.magnitude)] if s.rand_augment else []
        parts += [Erase(s.erase)] if s.erase else []
        parts += [Own(s.own)] if s.own else []
        mixers: list[Callable[[Pair, Pair, Draws], Pair]] = []
        mixers += [MixUp(s.mixup)] if s.mixup else []
        mixers += [CutMix(s.cutmix)] if s.cutmix else []
        self.chain, self.seed = Chain(parts), seed
        self.mix: Callable[[Pair, Pair, Draws], Pair] | None = mixers[0] if len(mixers) == 1 else Either(tuple(mixers)) if mixers else None

    def __call__(self, fetch: Callable[[Tensor], Pair], seen: Seen, step: int, first: int, count: int) -> Pair:
        """Rows first .. first + count of the batch of a step, and what becomes of them.

        fetch: the pictures uint8 [N, C, H, W] and the labels [N, K] of examples, given by their numbers; seen: which examples the whole batch holds.
        Returns pictures [count, C, H, W], uint8 or after MixUp float32 in 0 ... 255, and their labels [count, K].
        """
        draws = Draws(self.seed, step, count, first, seen=seen)
        mine = self.augmented(fetch, draws)
        if self.mix is None:
            return mine
        mixing, total = draws.at(MIXING), len(seen.examples)
        other = partners(mixing, total)
        others = (mine[0][other], mine[1][other]) if count == total else self.augmented(fetch, draws.of(other))
        return self.mix(mine, others, mixing)

    def augmented(self, fetch: Callable[[Tensor], Pair], draws: Draws) -> Pair:
        """Each picture for itself."""
        assert draws.seen is not None
        pictures, labels = fetch(draws.seen.examples[draws.rows])
        return self.chain(pictures, draws), labels


class Own:
    """A function of the user's, `module:name`, of a module that can be imported or stands in the folder at hand. Its mistakes are said in a sentence."""

    def __init__(self, own: str):
        self.own, (module, name) = own, own.split(":")
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())
        try:
            self.function = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise BadInput(f"augmentation.own is {own!r}, which cannot be found ({error}); check the module's file and the function's name.") from error
        if not callable(self.function):
            raise BadInput(f"augmentation.own is {own!r}, which is no function; give one that takes (pictures, draws).")

    def __call__(self, pictures: Tensor, draws: Draws) -> Tensor:
        """uint8 [B, C, H, W] -> the same."""
        try:
            found = self.function(pictures, draws)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            raise BadInput(
                f"augmentation.own {self.own!r} failed: {type(error).__name__}: {error} (line {place.lineno} of {place.filename}); mend it."
            ) from error
        if not isinstance(found, Tensor) or found.dtype != torch.uint8 or found.shape != pictures.shape:
            said = f"{found.dtype} {list(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
            raise BadInput(f"augmentation.own {self.own!r} gave {said} for pictures {list(pictures.shape)}; it must give torch.uint8 of the same shape.")
        return found
