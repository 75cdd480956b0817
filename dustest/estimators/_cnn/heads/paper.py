"""The head of Fu et al.: a network for each target, with one output."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dustest.data.errors import InputError
from dustest.estimators._cnn.heads.head import Head
from dustest.estimators._cnn.inputs import prepare_paper
from dustest.estimators._cnn.training.augmentation import PaperCopies

__all__ = ["HEAD", "PaperHead"]

_LEAST_FOR_GRADIENTS = 24


@dataclass(frozen=True)
class PaperHead(Head):
    """Values without a distribution; each target has its own networks.

    Learning rates are lower than those of other heads: without a warm-up, networks may end up
    predicting the same value for all galaxies.
    """

    name: ClassVar[str] = "paper"
    uncertainty: ClassVar[str] = "none"
    is_separate: ClassVar[bool] = True
    reads_context: ClassVar[bool] = False
    learning_rate: ClassVar[float] = 1e-3
    has_schedule: ClassVar[bool] = False
    # The default of Keras, with which the networks of the paper were trained.
    momentum: ClassVar[float] = 0.99
    # The percentage diverges if the truth is zero.
    losses: ClassVar[dict] = {
        None: "mean_absolute_error",
        "absolute": "mean_absolute_error",
        "percentage": "mean_absolute_percentage_error",
    }
    references: ClassVar[tuple] = ("Ioffe2015",)
    augmentation_references: ClassVar[tuple] = ("Dalal2005", "vanderWalt2014")

    def inputs(self, batch, bands, **options):
        """Images that are scaled to 0 to 1 separately."""
        return prepare_paper(batch, bands, **options)

    def labels(self, targets, truth):  # noqa: ARG002 - they are in their order
        """Use the truth unchanged."""
        return truth

    def prior_output(self, config, labels):  # noqa: ARG002
        """Median."""
        return np.median(labels, axis=0)

    def augmentation(self, task, *, wide=False):
        """One of the augmentations of the paper."""
        if wide:
            msg = f"augment must be True or False for the kind {self.name!r}, got 'wide'"
            raise InputError(msg)
        if task.size < _LEAST_FOR_GRADIENTS:
            msg = (
                f"size must be at least {_LEAST_FOR_GRADIENTS} pixels where paper networks learn "
                f"from oriented gradients, got {task.size}; choose that, or augment=False"
            )
            raise InputError(msg)
        return PaperCopies()

    def samples(self, raw, targets, seeds):  # noqa: ARG002 - nothing is drawn
        """Mean of the networks of each target."""
        values = raw.reshape(-1, len(targets), raw.shape[1]).mean(axis=0, dtype=float)
        return dict(zip(targets, values, strict=True))


HEAD = PaperHead()
