"""What a student is taught: a teacher's probabilities (Hinton et al. 2015) or its answer (Touvron et al. 2021), statement 4.3."""

import torch
import torch.nn.functional as F
from torch import Tensor

from workings.errors import BadInput
from workings.objectives.classification import class_loss


def check_logits(student: Tensor, teacher: Tensor) -> None:
    """Both must speak of the same rows and the same classes."""
    if student.shape != teacher.shape:
        raise BadInput(f"The student says {list(student.shape)} and the teacher {list(teacher.shape)}; both must have the same rows and the same classes.")


def soft_distillation_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """L = T^2 sum_b KL(softmax(t_b / T) || softmax(s_b / T)), in nats (4.3).

    T^2 keeps the gradient's size as T grows; for great T, L is sum_b |s_b - t_b|^2 / (2 K) of logits whose means are taken off.
    student, teacher: logits [B, K]; no gradient runs into the teacher. Computed in float32 at least. The mean is this divided by B, never by classes.
    """
    check_logits(student, teacher)
    if not temperature > 0:
        raise BadInput(f"The temperature of distillation is {temperature}; it must be above 0.")
    wide = torch.promote_types(student.dtype, torch.float32)
    said, taught = (F.log_softmax(logits.to(wide) / temperature, dim=-1) for logits in (student, teacher.detach()))
    return temperature**2 * F.kl_div(said, taught, reduction="sum", log_target=True)


def hard_distillation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """L = sum_b CE(softmax(s_b), the class that the teacher finds most probable), in nats (4.3).

    student, teacher: logits [B, K]; of a model with two classifiers the student's are those of the second. The mean is this divided by B.
    """
    check_logits(student, teacher)
    wide = torch.promote_types(student.dtype, torch.float32)
    return F.cross_entropy(student.to(wide), teacher.argmax(-1), reduction="sum")


def distilled_loss(
    said: Tensor,
    distilled: Tensor,
    targets: Tensor,
    taught: Tensor,
    *,
    kind: str,
    temperature: float = 1.0,
    alpha: float = 0.5,
    smoothing: float = 0.0,
    weights: Tensor | None = None,
) -> Tensor:
    """L = (1 - alpha) sum_b w[c_b] CE(q_b, softmax(z_b)) + alpha L_teacher(z', t), in nats (4.3).

    said: z [B, K], what learns the labels; distilled: z' [B, K], what learns from the teacher: of a model with one classifier the same; taught: t [B, K],
    the teacher's logits. kind: "soft", at that temperature, or "hard", as above. targets, smoothing, weights: as `class_loss` takes them.
    The mean is this divided by B.
    """
    teachers = soft_distillation_loss(distilled, taught, temperature) if kind == "soft" else hard_distillation_loss(distilled, taught)
    return (1 - alpha) * class_loss(said, targets, smoothing, weights) + alpha * teachers
