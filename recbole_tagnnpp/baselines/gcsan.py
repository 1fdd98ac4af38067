"""RecBole's GCSAN, its session graphs built at once."""

from torch import Tensor

from recbole_tagnnpp.baselines.padded_session_graph import padded_session_graphs
from recbole_tagnnpp.recbole_compat import import_sequential_model

RecBoleGCSAN = import_sequential_model("gcsan").GCSAN


class GCSAN(RecBoleGCSAN):  # type: ignore[misc, valid-type]
    """GC-SAN (Xu et al., IJCAI 2019) as RecBole computes it.

    RecBole builds every graph in Python loops and pads every session to 50 positions.  Here graphs are built by tensor
    operations, and batches are cut to their longest session; the padding that is left out has no edges and is
    masked, so that the numbers stay the same.
    """

    pads_to_longest = True
    """Tells the loader that batches may be cut to their longest session."""

    def _get_slice(self, item_seq: Tensor) -> tuple[Tensor, ...]:
        alias, adjacency, nodes = padded_session_graphs(item_seq)
        return alias, adjacency, nodes
