"""One file for each kind of raw source; :mod:`.detection` tells them apart."""
