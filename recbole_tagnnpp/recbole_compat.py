"""Every mend that RecBole 1.2.1 needs to run with the versions of requirements.txt, each with its reason.

Importing this module applies them; whatever imports RecBole imports this first.  RecBole's sources are not touched.
"""

import importlib
import logging
import warnings
from types import ModuleType

import numpy as np

REMOVED_ALIASES = {
    # Config.compatibility_settings (config/configurator.py:630-635) reads these; numpy 2 has removed them
    "float_": np.float64,
    "complex_": np.complex128,
    "unicode_": np.str_,
    # evaluator/metrics.py, data/interaction.py:31 and the layers use these, which that method would set only later
    "float": np.float64,
    "int": np.int_,
    "complex": np.complex128,
    "object": np.object_,
    "str": np.str_,
    "unicode": np.str_,
}


def apply() -> None:
    """Set the aliases that RecBole expects of numpy and silence what it makes others warn of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy announces the removal of names when they are looked up
        for name, value in REMOVED_ALIASES.items():
            if not hasattr(np, name):
                setattr(np, name, value)
    # trainer.py uses torch.cuda.amp, deprecated in favour of torch.amp; ours does not
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"recbole\.")
    # torch.utils.tensorboard and Ray log at import
    logging.getLogger("tensorboard").setLevel(logging.ERROR)


def import_sequential_model(module: str) -> ModuleType:
    """Import ``recbole.model.sequential_recommender.<module>``.

    Importing any of them imports SINE's, which switches autograd's anomaly detection on for the whole process
    (sine.py:25): every operation of every model then records a stack trace.
    """
    import torch

    was_enabled = torch.is_anomaly_enabled()
    found = importlib.import_module(f"recbole.model.sequential_recommender.{module}")
    torch.autograd.set_detect_anomaly(was_enabled)
    return found


apply()
