"""The U-Net: a network that sees a noisy picture at many sizes, the time, and a class or a text (Ronneberger et al. 2015; Ho et al. 2020; statement 5.3b)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.layers.dropping import number_places
from workings.layers.fast.activated_norm import by_pixel, takes
from workings.layers.group_norm import GroupNorm
from workings.layers.masks import EVERYTHING, Mask, visibility
from workings.layers.picture_attention import PictureAttention, TextAttention, TextLayer, make_picture_attention
from workings.layers.time_embedding import TimeEmbedding
from workings.layers.timed_block import Doubling, Halving, TimedBlock
from workings.models.denoiser import Condition, check_pictures, labels_of, text_of
from workings.models.unet_settings import UNetSettings


class Level(nn.Module):
    """Residual blocks of one size, each followed by attention where the level has it, and perhaps the way to the next size.

    Parameters: `blocks`, `attentions` (as many, or none), `shrink` or `grow`.
    """

    def __init__(self, s: UNetSettings, level: int, inputs: list[int], attends: bool):
        super().__init__()
        width = s.widths[level]
        self.blocks = nn.ModuleList(TimedBlock(n, width, s.time_width, s.groups, s.norm_epsilon, s.conditioning, s.dropout) for n in inputs)
        sizes = width, s.heads[level], s.groups, s.norm_epsilon, s.text_width, s.text_layers
        self.attentions = nn.ModuleList(make_picture_attention(*sizes) for _ in inputs if attends)
        self.shrink: Halving | None = None
        self.grow: Doubling | None = None

    def step(self, number: int, x: Tensor, e: Tensor, memory: Tensor | None, mask: Mask) -> Tensor:
        """One block and its attention. [B, inputs, H, W] -> [B, width, H, W]."""
        x = self.blocks[number](x, e)
        return self.attentions[number](x, memory, mask) if self.attentions else x


class UNet(nn.Module):
    """A noisy picture [B, C, H, W], its time [B] and a condition -> [B, out_channels, H, W].

    The way down remembers its first map, what leaves each block and what is halved; the way up takes them from the last to the first, beside what it has.
    Parameters: `enter`; `time`; `classes` [labels, E]; `down.{level}`, `middle.blocks.{0, 1}` and `middle.attentions.0`, `up.{level}`; `norm`, `leave`.
    """

    def __init__(self, settings: UNetSettings):
        super().__init__()
        s = self.settings = settings
        self.enter = nn.Conv2d(s.channels, s.widths[0], 3, padding=1)
        self.time = TimeEmbedding(s.widths[0], s.time_width, s.time_order == "sines first", s.time_shift)
        self.classes = nn.Embedding(s.labels, s.time_width) if s.classes else None
        levels, kept = range(len(s.widths)), [s.widths[0]]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level in levels:
            width = s.widths[level]
            self.down.append(Level(s, level, [kept[-1], *[width] * (s.depth - 1)], level in s.attention))
            kept += [width] * s.depth
            if level != levels[-1]:
                self.down[level].shrink = Halving(width, s.halving_edge)
                kept.append(width)
        bottom = s.widths[-1]
        self.middle = Level(s, levels[-1], [bottom] * (0 if s.middle == "none" else 2), attends=False)
        if s.middle == "attention":
            self.middle.attentions.append(make_picture_attention(bottom, s.heads[-1], s.groups, s.norm_epsilon, s.text_width, s.text_layers))
        below, ups = bottom, {}
        for level in reversed(levels):
            inputs = [(below if number == 0 else s.widths[level]) + kept.pop() for number in range(s.depth + 1)]
            ups[level] = Level(s, level, inputs, level in s.attention)
            if level:
                ups[level].grow = Doubling(s.widths[level])
            below = s.widths[level]
        self.up.extend(ups[level] for level in levels)
        self.norm = GroupNorm(s.groups, s.widths[0], s.norm_epsilon)
        self.leave = nn.Conv2d(s.widths[0], s.out_channels, 3, padding=1)
        number_places(self)
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew: maps from N(0, 1 / fan-in), classes from N(0, 1); the last map of every residual part and `leave` begin at zero.

        The first output is therefore 0, and every block begins as the way around it.
        """
        ends: set[nn.Module] = {self.leave}
        for module in self.modules():
            if isinstance(module, TimedBlock):
                ends.add(module.second)
            elif isinstance(module, PictureAttention):
                ends.add(module.attention.out)
            elif isinstance(module, TextAttention):
                ends.add(module.leave)
            elif isinstance(module, TextLayer):
                ends |= {module.attention.out, module.cross.out, module.feed_forward.down}
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear") if module not in ends else nn.init.zeros_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, GroupNorm):
                module.reset_parameters()
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight)

    def forward(self, x: Tensor, time: Tensor, condition: Condition = None) -> Tensor:
        """x: [B, C, H, W] of any size that the levels can halve, time: [B], condition: as `models.denoiser` says -> [B, out_channels, H, W]."""
        s = self.settings
        check_pictures(x, time, s)
        labels, text = labels_of(condition, len(x), s, x.device), text_of(condition, len(x), s, x)
        e = self.time(time)
        e = F.silu(e if labels is None or self.classes is None else e + self.classes(labels))
        memory, mask = (None, EVERYTHING) if text is None else (text[0], visibility(False, text[1], 1, text[1].shape[1], x.device))
        return self.through(by_pixel(x) if takes(x) else x, e, memory, mask)

    def through(self, x: Tensor, e: Tensor, memory: Tensor | None, mask: Mask) -> Tensor:
        """Down, through the middle and up. x: [B, C, H, W], e: [B, E], memory: [B, S, D] -> [B, out_channels, H, W]."""
        x = self.enter(x)
        kept = [x]
        for level in self.down:
            for number in range(len(level.blocks)):
                x = level.step(number, x, e, memory, mask)
                kept.append(x)
            if level.shrink is not None:
                x = level.shrink(x)
                kept.append(x)
        for number, block in enumerate(self.middle.blocks):
            x = block(x, e)
            if number == 0 and self.middle.attentions:
                x = self.middle.attentions[0](x, memory, mask)
        for level in reversed(self.up):
            for number in range(len(level.blocks)):
                x = level.step(number, torch.cat((x, kept.pop()), dim=1), e, memory, mask)
            if level.grow is not None:
                x = level.grow(x, kept[-1].shape[2:])
        return self.leave(self.norm(x, silu=True))
