"""Distillation as it is written: one picture, one class at a time (statement 4.3)."""

import torch
from torch import Tensor

from workings.blackboard.functions import softmax


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """KL(p || q) = sum_k p_k log(p_k / q_k) in nats.  p, q: [K]."""
    return torch.stack([p_k * torch.log(p_k / q_k) for p_k, q_k in zip(p, q, strict=True)]).sum()


def soft(student: list[Tensor], teacher: list[Tensor], T: float) -> Tensor:
    """T^2 (1 / B) sum_b KL(softmax(t_b / T) || softmax(s_b / T)) (Hinton et al. 2015).  student, teacher: B of logits [K]."""
    return T**2 * torch.stack([divergence(softmax(t / T), softmax(s / T)) for s, t in zip(student, teacher, strict=True)]).mean()


def hard(student: list[Tensor], teacher: list[Tensor]) -> Tensor:
    """-(1 / B) sum_b log softmax(s_b)_y with y = argmax t_b (Touvron et al. 2021).  student, teacher: B of logits [K]."""
    return -torch.stack([torch.log(softmax(s)[int(t.argmax())]) for s, t in zip(student, teacher, strict=True)]).mean()


def distilled(said: list[Tensor], labels: list[int], teachers: Tensor, alpha: float) -> Tensor:
    """(1 - alpha) (1 / B) sum_b -log softmax(z_b)_(c_b) + alpha L_teacher.  said: B of logits [K]; teachers: `soft` or `hard` of what learns from it."""
    return (1 - alpha) * -torch.stack([torch.log(softmax(z)[c]) for z, c in zip(said, labels, strict=True)]).mean() + alpha * teachers
