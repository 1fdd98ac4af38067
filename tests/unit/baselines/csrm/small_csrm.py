"""A CSRM small enough to be computed by hand."""

from types import SimpleNamespace
from typing import Any

import torch

from recbole_tagnnpp.baselines.csrm.csrm import CSRM
from tests.unit.model.small_model import CONFIG as RECBOLE_CONFIG
from tests.unit.model.small_model import N_ITEMS

CONFIG: dict[str, Any] = {
    **{key: value for key, value in RECBOLE_CONFIG.items() if key.isupper() or key == "device"},
    "embedding_size": 5,
    "hidden_size": 7,
    "memory_size": 11,
    "n_neighbors": 3,
    "dropout_probs": [0.0, 0.0],
    "standardize_representations": True,
}


def small_csrm(seed: int = 0, dtype: torch.dtype = torch.float64, filled: int = 0, **changes: Any) -> CSRM:
    """A model with random weights whose memory holds some random sessions."""
    torch.manual_seed(seed)
    model = CSRM({**CONFIG, **changes}, SimpleNamespace(num=lambda field: N_ITEMS + 1))  # type: ignore[arg-type]
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    with torch.no_grad():
        model.item_embedding.weight[0].zero_()
    model.to(dtype).eval()
    if filled:
        model.outer_memory.write(torch.randn(filled, model.outer_memory.slots.shape[1], dtype=dtype))
    return model
