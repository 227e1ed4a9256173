"""Labels of mixed pictures are probabilities, and the loss of a mixture is the mixture of the losses."""

import torch

from workings.data.draws import Draws
from workings.data.mixing import MixUp, partners, probabilities
from workings.objectives.classification import class_loss


def test_a_label_as_probabilities_costs_what_its_class_costs():
    logits, labels = torch.randn(5, 4), torch.tensor([0, 3, 1, 1, 2])
    torch.testing.assert_close(class_loss(logits, probabilities(labels, 4)), class_loss(logits, labels))


def test_the_loss_of_a_mixture_is_the_mixture_of_the_losses():
    logits, labels, draws = torch.randn(5, 4), torch.tensor([0, 3, 1, 1, 2]), Draws(0, 0, 5)
    rows, pictures = partners(draws, 5), torch.zeros(5, 1, 2, 2)
    _, mixed = MixUp(1.0)((pictures, probabilities(labels, 4)), (pictures, probabilities(labels[rows], 4)), draws)
    _, share = MixUp(1.0)((pictures, torch.ones(5, 1)), (pictures, torch.zeros(5, 1)), draws)
    one, other = (torch.stack([class_loss(row[None], label[None]) for row, label in zip(logits, of, strict=True)]) for of in (labels, labels[rows]))
    torch.testing.assert_close(class_loss(logits, mixed), (share[:, 0] * one + (1 - share[:, 0]) * other).sum())
