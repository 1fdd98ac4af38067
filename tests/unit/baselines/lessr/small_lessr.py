"""A LESSR small enough to be computed by hand."""

from types import SimpleNamespace
from typing import Any

import torch

from recbole_tagnnpp.baselines.lessr.lessr import LESSR
from tests.unit.model.small_model import CONFIG as RECBOLE_CONFIG
from tests.unit.model.small_model import N_ITEMS

CONFIG: dict[str, Any] = {
    **{key: value for key, value in RECBOLE_CONFIG.items() if key.isupper() or key == "device"},
    "embedding_size": 5,
    "n_layers": 3,
    "dropout_prob": 0.0,
    "embedding_max_norm": 1.0,
}


def small_lessr(seed: int = 0, dtype: torch.dtype = torch.float64, **changes: Any) -> LESSR:
    """A model with random weights and remembered statistics; some item vectors are longer than 1, some shorter."""
    torch.manual_seed(seed)
    model = LESSR({**CONFIG, **changes}, SimpleNamespace(num=lambda field: N_ITEMS + 1))  # type: ignore[arg-type]
    for name, parameter in model.named_parameters():
        if name != "item_embedding.weight":
            torch.nn.init.normal_(parameter, std=0.4)
    with torch.no_grad():
        model.item_embedding.weight.mul_(0.45)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.normal_(module.running_mean, std=0.3)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.to(dtype).eval()
