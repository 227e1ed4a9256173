"""Which parameters decay, which are Muon's, and that Muon is Muon."""

import pytest
import torch
from torch import nn

from workings.models.build import build
from workings.models.settings import model_settings
from workings.training.muon import Muon, orthogonalize
from workings.training.optimizers import make_optimizers
from workings.training.settings import OptimizerSettings


def names(module: nn.Module, optimizer: torch.optim.Optimizer, **wanted) -> set[str]:
    named = {id(p): name for name, p in module.named_parameters()}
    groups = [group for group in optimizer.param_groups if all(group[key] == value for key, value in wanted.items())]
    return {named[id(p)] for group in groups for p in group["params"]}


@pytest.fixture(params=["gpt", "llama", "lecture", "lstm"])
def model(request):
    sizes = dict(vocabulary=13, context=7, width=16, layers=2)
    return build(model_settings(request.param, **sizes, **({} if request.param == "lstm" else {"heads": 2})))


def test_matrices_decay_and_vectors_do_not(model):
    (adamw,) = make_optimizers(model, OptimizerSettings(name="adamw", weight_decay=0.3))
    assert names(model, adamw, weight_decay=0.3) == {name for name, p in model.named_parameters() if p.ndim >= 2}
    assert names(model, adamw, weight_decay=0.0) == {name for name, p in model.named_parameters() if p.ndim < 2}


@pytest.mark.parametrize("name", ["adamw", "muon", "sgd"])
def test_every_parameter_has_exactly_one_place(name, model):
    given = [id(p) for o in make_optimizers(model, OptimizerSettings(name=name)) for group in o.param_groups for p in group["params"]]
    assert sorted(given) == sorted(id(p) for p in model.parameters())


def test_muon_has_the_matrices_inside_and_neither_embeddings_nor_heads(model):
    adamw, muon = make_optimizers(model, OptimizerSettings(name="muon", rate=1e-3, muon_rate=0.02))
    assert names(model, muon) == {n for n, p in model.named_parameters() if p.ndim == 2 and n.startswith(("blocks", "cells"))}
    assert "embedding.weight" in names(model, adamw)
    assert {g["peak"] for g in adamw.param_groups} == {1e-3} and {g["peak"] for g in muon.param_groups} == {0.02}


def test_filters_are_muons_where_that_is_said_and_classifiers_never_are():
    model = nn.Sequential()
    model.add_module("inside", nn.Conv2d(3, 8, 3))
    model.add_module("classifier", nn.Linear(8, 4))
    (adamw,) = make_optimizers(model, OptimizerSettings(name="muon"))
    assert names(model, adamw) == {name for name, _ in model.named_parameters()}
    adamw, muon = make_optimizers(model, OptimizerSettings(name="muon", filters="muon"))
    assert names(model, muon) == {"inside.weight"} and names(model, adamw) == {"inside.bias", "classifier.weight", "classifier.bias"}
    (adamw,) = make_optimizers(model, OptimizerSettings(name="adamw", filters="muon"))
    assert names(model, adamw) == {name for name, _ in model.named_parameters()}


@pytest.mark.parametrize("shape", [(8, 3, 3, 3), (40, 4, 3, 3)], ids=["wide", "tall"])
def test_filters_step_as_the_matrix_whose_rows_they_are(shape):
    torch.manual_seed(4)
    start, gradients = torch.randn(shape), [torch.randn(shape) for _ in range(3)]
    filters, matrix = nn.Parameter(start.clone()), nn.Parameter(start.flatten(1))
    moved = [steps(Muon([{"params": [w]}], lr=0.1, momentum=0.9, weight_decay=0.1), w, [g.view_as(w) for g in gradients]) for w in (filters, matrix)]
    assert torch.equal(moved[0].flatten(1), moved[1])


def test_frozen_parameters_have_no_place():
    module = nn.Sequential(nn.Linear(3, 3).requires_grad_(False), nn.Linear(3, 3))
    assert names(module, make_optimizers(module, OptimizerSettings(name="adamw"))[0]) == {"1.weight", "1.bias"}


def test_decay_shrinks_a_matrix_by_one_minus_rate_times_decay_when_the_gradient_is_nothing():
    for name in ("adamw", "muon", "sgd"):
        module = nn.Linear(3, 4)
        before = module.weight.detach().clone()
        (module(torch.ones(1, 3)) * 0).sum().backward()
        settings = OptimizerSettings(name=name, rate=0.1, muon_rate=0.1, weight_decay=0.5)
        for optimizer in make_optimizers(module, settings):
            optimizer.step()
        assert torch.allclose(module.weight, before * (1 - 0.1 * 0.5), atol=1e-7), name


@pytest.mark.parametrize("shape", [(16, 16), (48, 16), (16, 64), (7, 5), (64, 32)])
def test_singular_values_of_the_update_are_near_one(shape):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalize(torch.randn(6, *shape)))
    if shape[0] != shape[1]:  # a square random matrix has singular values near 0, which five steps do not lift
        assert float(values.min()) > 0.6
    assert float(values.max()) < 1.3


def test_the_directions_are_kept():
    """U and V of the update are those of the matrix: U^T X V is diagonal."""
    torch.manual_seed(1)
    matrix = torch.randn(1, 24, 9, dtype=torch.float64)
    u, _, vh = torch.linalg.svd(matrix[0], full_matrices=False)
    inside = u.T @ orthogonalize(matrix)[0] @ vh.T
    assert float((inside - inside.diag().diag()).abs().max()) < 1e-10


def test_the_scale_of_the_gradient_does_not_matter_and_zero_stays_zero():
    matrix = torch.randn(1, 8, 12)
    assert torch.allclose(orthogonalize(matrix), orthogonalize(matrix * 1e4), atol=1e-4)
    assert float(orthogonalize(torch.zeros(1, 8, 12)).abs().max()) == 0


def steps(optimizer: torch.optim.Optimizer, weight: nn.Parameter, gradients: list[torch.Tensor]) -> torch.Tensor:
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimizer.step()
    return weight.detach()


@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("shape", [(24, 16), (16, 24), (64, 16)])
def test_it_is_torchs_muon_up_to_bfloat16(shape, coarse):
    """Same momentum, Nesterov form, coefficients, scale rule sqrt(max(1, rows / columns)) and decay; torch always iterates in bfloat16."""
    torch.manual_seed(2)
    start, gradients = torch.randn(shape), [torch.randn(shape) for _ in range(4)]
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    a = steps(Muon([{"params": [ours]}], lr=0.02, momentum=0.95, weight_decay=0.1, coarse=coarse), ours, gradients) - start
    b = steps(torch.optim.Muon([theirs], lr=0.02, momentum=0.95, weight_decay=0.1), theirs, gradients) - start
    assert float((a - b).norm() / b.norm()) < 0.03


def test_stacking_matrices_of_one_shape_changes_nothing():
    torch.manual_seed(3)
    starts = [torch.randn(8, 12), torch.randn(8, 12), torch.randn(5, 5)]
    gradients = [torch.randn_like(start) for start in starts]
    together = [nn.Parameter(start.clone()) for start in starts]
    for parameter, gradient in zip(together, gradients, strict=True):
        parameter.grad = gradient
    Muon([{"params": together}], lr=0.1, momentum=0.9, weight_decay=0.0).step()
    for start, gradient, parameter in zip(starts, gradients, together, strict=True):
        alone = nn.Parameter(start.clone())
        steps(Muon([{"params": [alone]}], lr=0.1, momentum=0.9, weight_decay=0.0), alone, [gradient])
        assert torch.allclose(alone, parameter, atol=1e-6)


def test_the_momentum_is_the_sum_of_discounted_gradients():
    weight = nn.Parameter(torch.zeros(4, 6))
    optimizer = Muon([{"params": [weight]}], lr=0.1, momentum=0.5, weight_decay=0.0)
    gradients = [torch.randn(4, 6) for _ in range(3)]
    steps(optimizer, weight, gradients)
    assert torch.allclose(optimizer.state[weight]["momentum"], 0.25 * gradients[0] + 0.5 * gradients[1] + gradients[2])


@pytest.mark.parametrize("name", ["adamw", "muon", "sgd"])
def test_rates_fall_from_layer_to_layer_below_what_is_new(name):
    """decay^(L - l) in layer l, decay^(L + 1) for the embedding, 1 for the norm and all else above the layers."""
    model = nn.ModuleDict({"body": build(model_settings("gpt", vocabulary=13, context=7, width=16, layers=3, heads=2)), "head": nn.Linear(16, 2)})
    optimizers = make_optimizers(model, OptimizerSettings(name=name, rate=1.0, muon_rate=1.0, layer_decay=0.5))
    named = {id(p): name for name, p in model.named_parameters()}
    scales = {named[id(p)]: group["peak"] for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]}
    assert scales.keys() == {name for name, _ in model.named_parameters()}
    wanted = {"body.blocks.2": 0.5, "body.blocks.1": 0.25, "body.blocks.0": 0.125, "body.embedding": 0.0625, "body.positions": 0.0625, "": 1.0}
    for parameter, scale in scales.items():
        assert scale == next(wanted[part] for part in wanted if parameter.startswith(part)), parameter
    assert optimizers[0].param_groups[0]["peak"] == 1.0  # what the record calls the learning rate


def test_without_layer_decay_nothing_is_grouped_by_layer(model):
    assert [len(o.param_groups) for o in make_optimizers(model, OptimizerSettings(name="adamw"))] == [2 if any(p.ndim < 2 for p in model.parameters()) else 1]
