"""What the processes that train one model together tell each other; ranks are their numbers, from 0."""

import contextlib
import io
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.data.interaction import Interaction

from recbole_tagnnpp.data.session_loader import SessionLoader
from recbole_tagnnpp.errors import UserError

T = TypeVar("T")


class LostProcessError(UserError):
    """Another process of the group is gone or does not answer; what ended it is told by that process or its parent."""


class Ranks:
    """A process that trains alone: nothing is divided, nobody is asked.

    Attributes:
        rank: number of this process.
        size: number of processes.
    """

    rank = 0
    size = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and log lines."""
        return self.rank == 0

    def training_batches(self, loader: SessionLoader) -> Iterable[Interaction | None]:
        """What this process takes of every batch; ``None`` where nothing is left for it."""
        return loader

    def evaluation_batches(self, loader: SessionLoader) -> Iterable[Interaction]:
        """The batches that this process evaluates."""
        return loader

    def in_batch_order(self, own: list[T]) -> list[T]:
        """Results of all batches in their order.

        Args:
            own: one result, of tensors on the CPU and plain values, for each of :meth:`evaluation_batches`.
        """
        return own

    def average_gradients_(self, parameters: Iterable[nn.Parameter], loss: Tensor, n_sequences: int) -> Tensor:
        """Turn the gradients of the mean loss over own sequences into those of the mean over all sequences of the step.

        Args:
            parameters: of the model, the same in all processes.
            loss: detached scalar, the mean over own sequences.
            n_sequences: how many are this process's own, perhaps none.

        Returns:
            The mean loss over all sequences.
        """
        return loss

    def copy_from_first_(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors with those of the first process."""

    def gather(self, value: T) -> list[T]:
        """The values of all processes, in the order of ranks; tensors on the CPU and plain values."""
        return [value]

    def first_before_others(self, work: Callable[[], T]) -> T:
        """Do some work that may take long the first time: the first process, then the others."""
        return work()

    def seed(self, seed: int) -> None:
        """Give every process but the first random numbers of its own, which follow from ``seed`` and rank."""


ALONE = Ranks()


class ProcessGroup(Ranks):
    """Processes that have met in torch's default process group, see ``joining.py``.

    Values travel as ``torch.save`` writes them and are read without running code.

    Args:
        patient: a Gloo group of the same processes whose timeout is that of long work.

    Methods raise :class:`LostProcessError` where a process is gone or the timeout of the group has passed.
    """

    def __init__(self, patient: dist.ProcessGroup) -> None:
        self.rank = dist.get_rank()
        self.size = dist.get_world_size()
        self._patient = patient
        self._buffer = torch.empty(0)

    def training_batches(self, loader: SessionLoader) -> Iterable[Interaction | None]:
        """Every batch is cut into as many pieces as there are processes."""
        return loader.pieces(self.rank, self.size)

    def evaluation_batches(self, loader: SessionLoader) -> Iterable[Interaction]:
        """Whole batches in turn: each is computed as one process would, to the same bits."""
        return loader.every(self.size, first=self.rank)

    def in_batch_order(self, own: list[T]) -> list[T]:
        """Undo :meth:`evaluation_batches`."""
        of_ranks = self.gather(own)
        n_batches = sum(len(results) for results in of_ranks)
        return [of_ranks[batch % self.size][batch // self.size] for batch in range(n_batches)]

    def average_gradients_(self, parameters: Iterable[nn.Parameter], loss: Tensor, n_sequences: int) -> Tensor:
        """See the base class.

        All gradients travel in one buffer and one ``all_reduce``, each weighted by its number of sequences:
        ``DistributedDataParallel`` weights processes alike, which is wrong for pieces of different size, and waits for
        ever for a process without a sequence.  It costs a buffer as large as the model, and nothing is hidden behind the
        backward pass; embedding tables travel whole.  Afterwards gradients are views of the buffer.

        A parameter that got a gradient in no process keeps none, as in one process: optimizers pass over it.
        """
        learning = [parameter for parameter in parameters if parameter.requires_grad]
        sizes = [parameter.numel() for parameter in learning]
        has_gradient = [float(parameter.grad is not None) for parameter in learning]
        flat = self._buffer_for(sum(sizes) + len(sizes) + 2, learning, loss)
        *pieces, flags, sums = flat.split([*sizes, len(sizes), 2])
        for piece, parameter in zip(pieces, learning, strict=True):
            if parameter.grad is None:
                piece.zero_()
            else:
                piece.copy_(parameter.grad.reshape(-1)).mul_(n_sequences)
        flags.copy_(torch.tensor(has_gradient))
        sums[0], sums[1] = loss * n_sequences, n_sequences
        with _others_present(self):
            dist.all_reduce(flat)
        flat[: sum(sizes)].div_(sums[1])
        if not all(has_gradient):  # only then the flags are read, for which a GPU has to be waited for
            has_gradient = flags.tolist()
        for piece, parameter, is_there in zip(pieces, learning, has_gradient, strict=True):
            parameter.grad = piece.view_as(parameter).to(parameter.dtype) if is_there else None
        return sums[0] / sums[1]

    def _buffer_for(self, length: int, learning: list[nn.Parameter], loss: Tensor) -> Tensor:
        """The buffer of the last step where it fits: fresh pages cost more than the arithmetic on them."""
        dtype = loss.dtype
        for parameter in learning:
            dtype = torch.promote_types(dtype, parameter.dtype)
        if self._buffer.shape != (length,) or self._buffer.dtype != dtype or self._buffer.device != loss.device:
            self._buffer = torch.empty(length, dtype=dtype, device=loss.device)
        return self._buffer

    def copy_from_first_(self, tensors: Iterable[Tensor]) -> None:
        """See the base class."""
        with _others_present(self):
            for tensor in tensors:
                if tensor.numel():
                    dist.broadcast(tensor.detach(), src=0)

    def gather(self, value: T) -> list[T]:
        """See the base class."""
        written = io.BytesIO()
        torch.save(value, written)
        own = torch.frombuffer(written.getbuffer(), dtype=torch.uint8)
        lengths = [torch.zeros(1, dtype=torch.int64) for _ in range(self.size)]
        with _others_present(self):
            dist.all_gather(lengths, torch.tensor([len(own)]))
            longest = int(max(lengths))
            texts = [torch.empty(longest, dtype=torch.uint8) for _ in range(self.size)]
            dist.all_gather(texts, torch.cat([own, own.new_zeros(longest - len(own))]))
        return [_read(text[: int(length)]) for text, length in zip(texts, lengths, strict=True)]

    def first_before_others(self, work: Callable[[], T]) -> T:
        """See the base class."""
        if self.is_first:
            result = work()
        with _others_present(self):
            dist.barrier(self._patient)
        return result if self.is_first else work()

    def seed(self, seed: int) -> None:
        """See the base class.

        The first process goes on with the numbers of a process alone.
        """
        if self.is_first:
            return
        for_torch, for_numpy, for_python = np.random.SeedSequence([seed, self.rank]).generate_state(3).tolist()
        torch.manual_seed(for_torch)
        np.random.seed(for_numpy)  # noqa: NPY002 - RecBole's models draw from it
        random.seed(for_python)


def _read(text: Tensor) -> Any:
    return torch.load(io.BytesIO(text.numpy().tobytes()), weights_only=True)


@contextlib.contextmanager
def _others_present(ranks: Ranks) -> Iterator[None]:
    """Tell what torch raises when a process is gone, or silent for too long."""
    try:
        yield
    except RuntimeError as problem:
        first_line = (str(problem).strip() or type(problem).__name__).splitlines()[0]
        raise LostProcessError(
            f"rank {ranks.rank} of {ranks.size} processes lost the others ({first_line[:200]}); give the same command "
            "again to continue from the last finished epoch"
        ) from problem
