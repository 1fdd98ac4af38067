"""An FGNN small enough to be computed by hand."""

from types import SimpleNamespace
from typing import Any

import torch

from recbole_tagnnpp.baselines.fgnn.fgnn import FGNN
from tests.unit.model.small_model import CONFIG as SESSION_CONFIG
from tests.unit.model.small_model import N_ITEMS

CONFIG: dict[str, Any] = {
    **SESSION_CONFIG,
    "embedding_size": 7,
    "n_layers": 2,
    "n_attention_heads": 3,
    "n_readout_steps": 3,
    "negative_slope": 0.2,
}


def small_fgnn(seed: int = 0, dtype: torch.dtype = torch.float64, **changes: Any) -> FGNN:
    """A model with random weights that are not small."""
    torch.manual_seed(seed)
    model = FGNN({**CONFIG, **changes}, SimpleNamespace(num=lambda field: N_ITEMS + 1))  # type: ignore[arg-type]
    for name, parameter in model.named_parameters():
        if name != "item_embedding.weight":
            torch.nn.init.normal_(parameter, std=0.5)
    return model.to(dtype).eval()
