"""FGNN: weighted graph attention over the session graph, read out by a recurrent query."""
