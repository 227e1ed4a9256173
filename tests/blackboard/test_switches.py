"""The transformer equals the blackboard, in values and in the gradient of every parameter, for every combination of its switches.

The default run takes a covering array: about 200 rows in which all allowed values of any three switches occur together at least once. The slow run takes the
full product of the lecture's switches that meet inside a layer, about 330,000 combinations in 90 minutes; those that act on the entry or the head alone, and
those that only other models' weights need, are drawn anew for each row instead of multiplying them.
"""

import functools
import itertools
import random
from types import SimpleNamespace

import pytest
import torch

from workings.blackboard.transformer import transformer
from workings.errors import BadInput
from workings.models.settings import PRESETS, TransformerSettings

SWITCHES: dict[str, tuple] = {
    "position": ("lecture", "sinusoidal", "sinusoidal-halves", "learned", "rotary", "none"),
    "value": ("shared", "per-head"),
    "value_activation": ("none", "phi"),
    "normalize": ("attention", "all", "h"),
    "attend": ("x", "h"),
    "tau": ("1/sqrt(D)", "1/sqrt(d_k)", "1", "learned"),
    "norm": ("layer", "rms"),
    "placement": ("lecture", "pre", "post"),
    "residuals": ("none", "one", "two"),
    "phi": ("relu", "gelu", "gelu-tanh", "silu", "gated"),
    "biases": ("all", "lecture", "attention", "qkv", "none"),
    "tied": (True, False),
    "causal": (True, False),
    "cross_attention": (True, False),
    "key_value_heads": ("each", "grouped", "one"),
    "position_offset": (0, 2),
    "window": (0, 2),
    "query_key_norm": (True, False),
    "embedding_norm": (True, False),
    "embedding_scale": ("1", "sqrt(D)"),
    "segments": (0, 2),
    "rope_scaling": ("none", "linear", "llama3"),
}
DRAWN = ("position", "tied", "position_offset", "window", "query_key_norm", "embedding_norm", "embedding_scale", "segments", "rope_scaling")
"""What the full product does not multiply."""
HEADS = {"each": dict(heads=3, key_value_heads=3), "grouped": dict(heads=4, key_value_heads=2), "one": dict(heads=3, key_value_heads=1)}
"""What the three kinds of key-value heads are in numbers."""

ROPE = {"none": {}, "linear": dict(rope_factor=2.5), "llama3": dict(rope_factor=2.5, rope_original_context=11)}
"""Numbers that go with the stretching of rotary frequencies; with them one pair of a head of four is stretched in part and one whole."""

REFUSED = (
    (("value", "shared"), ("key_value_heads", "grouped")),
    (("value", "shared"), ("key_value_heads", "one")),
    (("value_activation", "phi"), ("phi", "gated")),
    (("normalize", "attention"), ("attend", "h")),
    (("normalize", "attention"), ("placement", "post")),
    (("normalize", "h"), ("placement", "post")),
    (("window", 2), ("causal", False)),
    *((("position", position), ("position_offset", 2)) for position in SWITCHES["position"] if position != "learned"),
    *((("position", position), ("rope_scaling", scaling)) for position in SWITCHES["position"] if position != "rotary" for scaling in ("linear", "llama3")),
)
"""Everything that contradicts itself. All other combinations are allowed."""
IMPLIED = tuple((("position_offset", 2), ("rope_scaling", scaling)) for scaling in ("linear", "llama3"))
"""What no position allows."""


def allowed(choices: dict) -> bool:
    """Whether no refused pair is among the choices."""
    return not any(choices.get(one) == a and choices.get(other) == b for (one, a), (other, b) in REFUSED + IMPLIED)


def numbers(choices: dict) -> dict:
    """The choices as arguments of `TransformerSettings`."""
    return choices | HEADS[choices.get("key_value_heads", "each")] | ROPE[choices.get("rope_scaling", "none")]


def groups(choices: dict, strength: int) -> set[tuple]:
    """All sets of that many choices, as sorted tuples."""
    return set(itertools.combinations(sorted(choices.items(), key=lambda item: item[0]), strength))


@functools.cache
def covering_rows(strength: int) -> tuple[dict, ...]:
    """Rows of choices in which every allowed group of `strength` values occurs: each row grows greedily around a group that is still missing."""
    draw = random.Random(0)
    missing = {}  # a dict keeps its order, so the rows are the same every time
    for names in itertools.combinations(sorted(SWITCHES), strength):
        for values in itertools.product(*(SWITCHES[name] for name in names)):
            if allowed(dict(zip(names, values, strict=True))):
                missing[tuple(zip(names, values, strict=True))] = None
    rows = []
    while missing:
        row = dict(next(iter(missing)))
        for name in draw.sample(sorted(set(SWITCHES) - set(row)), len(SWITCHES) - strength):
            fitting = [row | {name: value} for value in draw.sample(SWITCHES[name], len(SWITCHES[name])) if allowed(row | {name: value})]
            pairs = groups(row, strength - 1)
            row = max(fitting, key=lambda wider: sum(tuple(sorted((*pair, (name, wider[name])), key=lambda item: item[0])) in missing for pair in pairs))
        for group in groups(row, strength):
            missing.pop(group, None)
        rows.append(row)
    return tuple(rows)


def prime_sizes(seed: int, choices: dict) -> dict:
    """Distinct primes in an order of their own for each row; rotary pairs need an even head width."""
    width, head_width, ff_width, vocabulary = random.Random(seed).sample((3, 5, 7, 11), 4)
    return dict(width=width, ff_width=ff_width, vocabulary=vocabulary, head_width=4 if choices["position"] == "rotary" else head_width)


def assert_equals_blackboard(case: SimpleNamespace) -> None:
    """Logits, and the gradient of a random sum of them by every parameter (and by the memory), to 1e-9."""
    names, inputs = list(case.parameters), list(case.parameters.values())
    given = {}
    if case.memory is not None:
        names, inputs, given = [*names, "memory"], [*inputs, case.memory], dict(memory=case.memory[None])
    if case.settings.segments:
        given["segments"] = case.segments[None]
    fast = case.model(case.tokens[None], **given)[0]
    memory = None if case.memory is None else list(case.memory)
    slow = torch.stack(transformer(case.tokens.tolist(), case.parameters, case.settings, memory, case.segments.tolist()))
    torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-9)
    direction = torch.randn(fast.shape, dtype=torch.float64)
    fast_gradients = torch.autograd.grad((fast * direction).sum(), inputs)
    slow_gradients = torch.autograd.grad((slow * direction).sum(), inputs)
    rounding = max(
        1e-9, 1e-14 * max(float(gradient.abs().max()) for gradient in slow_gradients)
    )  # some rows have gradients of 1e7, and sums of them that vanish
    for name, fast_gradient, slow_gradient in zip(names, fast_gradients, slow_gradients, strict=True):
        torch.testing.assert_close(fast_gradient, slow_gradient, rtol=1e-9, atol=rounding, msg=lambda text, name=name: f"gradient of {name}: {text}")


def check(make_case, seed: int, choices: dict, **sizes) -> None:
    """Compare one row, and name it if it fails."""
    try:
        assert_equals_blackboard(make_case(seed=seed, **numbers(choices), **prime_sizes(seed, choices), **sizes))
    except Exception as error:
        raise AssertionError(f"row {seed}, {choices}: {error}") from error


@pytest.mark.parametrize("part", range(8))
def test_every_three_switches_together_equal_the_blackboard(make_case, part):
    for seed, choices in list(enumerate(covering_rows(3)))[part::8]:
        check(make_case, seed, choices, layers=1 + seed % 2, length=(5, 2, 3)[seed % 3])


@pytest.mark.slow
@pytest.mark.parametrize("biases", SWITCHES["biases"])
@pytest.mark.parametrize("phi", SWITCHES["phi"])
@pytest.mark.parametrize("rotary", [True, False])
def test_the_full_product_of_what_meets_in_a_layer_equals_the_blackboard(make_case, rotary, phi, biases):
    inside = [name for name in SWITCHES if name not in (*DRAWN, "phi", "biases")]
    draw = random.Random(f"{rotary} {phi} {biases}")
    positions = ["rotary"] if rotary else [position for position in SWITCHES["position"] if position != "rotary"]
    for seed, values in enumerate(itertools.product(*(SWITCHES[name] for name in inside))):
        choices = dict(zip(inside, values, strict=True), phi=phi, biases=biases)
        if allowed(choices):
            drawn: dict = {}
            while not drawn or not allowed(choices | drawn):
                drawn = {name: draw.choice(SWITCHES[name]) for name in DRAWN} | dict(position=draw.choice(positions))
            check(make_case, seed, choices | drawn, layers=1, length=2)


def test_the_rows_hold_every_allowed_three():
    rows = covering_rows(3)
    seen = set().union(*(groups(row, 3) for row in rows))
    for names in itertools.combinations(sorted(SWITCHES), 3):
        for values in itertools.product(*(SWITCHES[name] for name in names)):
            assert (tuple(zip(names, values, strict=True)) in seen) == allowed(dict(zip(names, values, strict=True)))


@pytest.mark.parametrize(("one", "other"), REFUSED)
def test_a_contradiction_is_refused_by_name(one, other):
    with pytest.raises(BadInput) as refusal:
        TransformerSettings(head_width=4, **numbers(dict([one, other])))
    for name, value in (one, other):
        assert f"model.{name}" in str(refusal.value)
        assert name == "key_value_heads" or str(value) in str(refusal.value)


def test_a_combination_is_refused_exactly_when_it_holds_a_contradiction():
    draw, outcomes = random.Random(0), set()
    for _ in range(3000):
        choices = {name: draw.choice(values) for name, values in SWITCHES.items()}
        try:
            TransformerSettings(**numbers(choices), head_width=4)
            built = True
        except BadInput:
            built = False
        assert built == allowed(choices), choices
        outcomes.add(built)
    assert outcomes == {True, False}


def test_sizes_that_do_not_fit_are_refused_by_name():
    for sizes, one, other in (
        (dict(position="rotary", head_width=3), "model.position='rotary'", "model.head_width is 3"),
        (dict(heads=6, head_width=2, key_value_heads=4), "model.heads 6", "model.key_value_heads 4"),
        (dict(width=7, heads=3), "model.width 7", "model.heads 3"),
    ):
        with pytest.raises(BadInput) as refusal:
            TransformerSettings(**sizes)
        assert one in str(refusal.value)
        assert other in str(refusal.value)


def with_equal_numbers(case: SimpleNamespace) -> torch.Tensor:
    """The logits of one sequence when parameters of one name and shape hold the same numbers in every model, so that only a switch can differ."""
    for name, parameter in case.parameters.items():
        parameter.data = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(sum(name.encode())), dtype=torch.float64)
    memory = {} if case.memory is None else dict(memory=torch.ones(1, 2, 7, dtype=torch.float64))
    return case.model(torch.tensor([[2, 3, 5, 7, 11]]), **memory)


@pytest.mark.parametrize("name", SWITCHES)
def test_every_value_of_every_switch_changes_the_output(make_case, name):
    compared = set()
    for preset in ("lecture", "lecture-plus", "gpt", "llama"):
        base = dict(key_value_heads="each", head_width=4) | PRESETS[preset][1]
        values = [value for value in SWITCHES[name] if allowed(base | {name: value})]
        outputs = [with_equal_numbers(make_case(**numbers(base | {name: value}))) for value in values]
        for (one, a), (other, b) in itertools.combinations(zip(values, outputs, strict=True), 2):
            assert (a - b).abs().max() > 1e-5, f"{preset}: {name} = {one!r} and {other!r} do the same"
            compared |= {one, other}
    assert compared == set(SWITCHES[name])
