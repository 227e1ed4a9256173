"""GPT-2 as its own authors wrote it, in matrices, with their names: the second opinion on the transformer with GPT's settings.

Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", and the released model: pre-norm layers, learned positions, tanh gelu, tied head.
Their linear maps are "Conv1D": the matrix is [inputs, outputs] and stands on the right, Y = X W + b. Rows are tokens: X is [T, D].
"""

import math

import torch
from torch import Tensor

from workings.blackboard.parameters import Parameters, under


def conv1d(X: Tensor, parameters: Parameters, name: str) -> Tensor:
    """X W + b.  X: [T, inputs]; W: [inputs, outputs]. Returns [T, outputs]."""
    return X @ parameters[f"{name}.weight"] + parameters[f"{name}.bias"]


def ln(X: Tensor, parameters: Parameters, name: str) -> Tensor:
    """Layer norm of every row, with epsilon 1e-5 under the root. Returns [T, D]."""
    centered = X - X.mean(dim=1, keepdim=True)
    return centered / torch.sqrt((centered**2).mean(dim=1, keepdim=True) + 1e-5) * parameters[f"{name}.weight"] + parameters[f"{name}.bias"]


def gelu_new(X: Tensor) -> Tensor:
    """0.5 X (1 + tanh(sqrt(2 / pi) (X + 0.044715 X^3)))."""
    return 0.5 * X * (1 + torch.tanh(math.sqrt(2 / math.pi) * (X + 0.044715 * X**3)))


def attn(X: Tensor, parameters: Parameters, heads: int) -> Tensor:
    """[Q K V] = X c_attn; per head softmax(Q K^T / sqrt(d) where s <= t) V; the heads side by side through c_proj.  X: [T, D]. Returns [T, D]."""
    T, D = X.shape
    d = D // heads
    Q, K, V = conv1d(X, parameters, "c_attn").split(D, dim=1)
    future = torch.ones(T, T).triu(1).bool()
    outputs = []
    for m in range(heads):
        head = slice(m * d, (m + 1) * d)
        scores = (Q[:, head] @ K[:, head].T / math.sqrt(d)).masked_fill(future, -torch.inf)
        outputs.append(torch.softmax(scores, dim=1) @ V[:, head])
    return conv1d(torch.cat(outputs, dim=1), parameters, "c_proj")


def mlp(X: Tensor, parameters: Parameters) -> Tensor:
    """gelu_new(X c_fc) c_proj.  X: [T, D]. Returns [T, D]."""
    return conv1d(gelu_new(conv1d(X, parameters, "c_fc")), parameters, "c_proj")


def block(X: Tensor, parameters: Parameters, heads: int) -> Tensor:
    """X <- X + attn(ln_1(X)); X <- X + mlp(ln_2(X)).  X: [T, D]. Returns [T, D]."""
    X = X + attn(ln(X, parameters, "ln_1"), under(parameters, "attn"), heads)
    return X + mlp(ln(X, parameters, "ln_2"), under(parameters, "mlp"))


def gpt(tokens: list[int], parameters: Parameters, layers: int, heads: int) -> Tensor:
    """X = wte[tokens] + wpe[0 ... T-1]; the blocks h.0, h.1, ...; logits ln_f(X) wte^T. Returns [T, V]."""
    X = parameters["wte.weight"][tokens] + parameters["wpe.weight"][: len(tokens)]
    for layer in range(layers):
        X = block(X, under(parameters, f"h.{layer}"), heads)
    return ln(X, parameters, "ln_f") @ parameters["wte.weight"].T
