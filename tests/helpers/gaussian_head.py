"""A head of networks in one file: a Gaussian for each target, independent of the others."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dustest.estimators._cnn.heads.head import Head
from dustest.estimators._cnn.inputs import prepare

__all__ = ["HEAD", "GaussianHead"]


def gaussian_loss(labels, raw):
    """Negative log likelihood, as a loss of Keras."""
    from keras import ops

    mean, log_sigma = ops.split(raw, 2, axis=-1)
    distance = (labels - mean) * ops.exp(-log_sigma)
    return ops.sum(0.5 * ops.square(distance) + log_sigma, axis=-1)


@dataclass(frozen=True)
class GaussianHead(Head):
    """Means and standard deviations of the targets themselves."""

    name: ClassVar[str] = "gaussian"
    losses: ClassVar[dict] = {None: gaussian_loss}
    references: ClassVar[tuple] = ("Bishop1994",)

    def n_outputs(self, config, n_targets):
        """Count a mean and a deviation of each target."""
        return 2 * n_targets

    def inputs(self, batch, bands, **options):
        """Images of all bands on one scale."""
        return prepare(batch, bands, **options)

    def labels(self, targets, truth):
        """Take the truth as it is."""
        return truth

    def truth(self, labels, targets):
        """Quantities of labels."""
        return dict(zip(targets, labels.T.astype(float), strict=True))

    def prior_output(self, config, labels):
        """Find the mean and deviation of all galaxies."""
        return np.concatenate([labels.mean(axis=0), np.log(labels.std(axis=0) + 1e-3)])

    def samples(self, raw, targets, seeds):
        """Draw 64 times from every network."""
        shape = (64, len(targets))
        noise = np.stack([np.random.default_rng(seed).normal(size=shape) for seed in seeds])
        means, log_sigmas = np.split(raw[:, :, None].astype(float), 2, axis=-1)
        draws = np.concatenate(means + np.exp(log_sigmas) * noise, axis=1)
        return dict(zip(targets, np.moveaxis(draws, -1, 0), strict=True))


HEAD = GaussianHead()
