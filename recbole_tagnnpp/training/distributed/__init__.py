"""Data-parallel training: several processes, one model."""
