"""RecBole's NARM on batches without needless padding."""

from recbole_tagnnpp.recbole_compat import import_sequential_model

RecBoleNARM = import_sequential_model("narm").NARM


class NARM(RecBoleNARM):  # type: ignore[misc, valid-type]
    """NARM (Li et al., CIKM 2017) as RecBole computes it.

    RecBole pads every session to 50 clicks and runs the GRU over all of them.  Here batches are cut to their longest
    session; padding follows the last click and its attention weights are 0, so that the numbers stay the same.
    """

    pads_to_longest = True
    """Tells the loader that batches may be cut to their longest session."""
