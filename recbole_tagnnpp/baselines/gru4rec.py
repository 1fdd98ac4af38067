"""RecBole's GRU4Rec on batches without needless padding."""

from recbole_tagnnpp.recbole_compat import import_sequential_model

RecBoleGRU4Rec = import_sequential_model("gru4rec").GRU4Rec


class GRU4Rec(RecBoleGRU4Rec):  # type: ignore[misc, valid-type]
    """GRU4Rec (Hidasi et al., ICLR 2016; Tan et al., DLRS 2016) as RecBole computes it.

    RecBole pads every session to 50 clicks and runs the GRU over all of them.  Here batches are cut to their longest
    session; a session is read at its last click, before any padding, so that the numbers stay the same.
    """

    pads_to_longest = True
    """Tells the loader that batches may be cut to their longest session."""
