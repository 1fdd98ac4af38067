"""Batch normalisation that also trains on a batch of one row."""

import torch.nn.functional as F
from torch import Tensor, nn


class RowBatchNorm(nn.BatchNorm1d):
    """Batch normalisation over rows [N, D].

    In training it uses the mean and variance of the batch, at evaluation those remembered from training, so that a
    score depends on its own session alone.  One row has no variance: it is normalised as at evaluation, where torch
    would raise an error.
    """

    def forward(self, rows: Tensor) -> Tensor:
        """Normalise the columns of rows [N, D], N at least 1."""
        if self.training and rows.shape[0] == 1:
            return F.batch_norm(rows, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(rows)
