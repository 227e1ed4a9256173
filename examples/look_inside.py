"""The lecture's transformer, and what every head of it attends to: python examples/look_inside.py"""

import torch

from workings.models.settings import model_settings
from workings.models.transformer import Transformer

model = Transformer(model_settings("lecture-plus", vocabulary=50, width=48, heads=3, layers=2, context=16))
tokens = torch.randint(50, (1, 16))
record: dict[str, torch.Tensor] = {}
logits = model(tokens, record=record)  # [1, 16, 50]
for name, tensor in record.items():
    print(f"{name:12} {tuple(tensor.shape)}")
weights = record["attention.0"][0]  # M T S: every row sums to 1, and no token sees what follows it
print(f"rows sum to {weights.sum(-1).mean():.3f}; weight on later tokens {weights.triu(1).sum():.3f}")
