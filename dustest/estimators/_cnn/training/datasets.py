"""Training sets: prepared galaxies with their labels, in memory or on disc."""

import hashlib
from dataclasses import dataclass, fields, replace

import numpy as np

from dustest.data.errors import InputError
from dustest.data.splits import group_numbers

__all__ = ["Scaler", "TrainingSet", "collect"]

_FARTHEST = 8.0
"""Standard deviations from the mean at which values of the context are clipped: values outside the
training set must not dominate a network."""

_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Galaxies as inputs of networks, with labels and weights.

    Parameters
    ----------
    image : ndarray of float32 of shape (n, size, size, n_bands)
        Images, or a memory map of them.
    context : ndarray of float32 of shape (n, n_context)
        Context of the images.
    labels : ndarray of float32 of shape (n, n_labels)
        Labels; NaN if unknown.
    weight : ndarray of float32 of shape (n,)
        Weight of each galaxy.
    group : ndarray of shape (n,)
        Groups, which must not be on both sides of a split.
    pixel_scale : ndarray of shape (n,)
        In arcsec; NaN if unknown.
    redshift : ndarray of shape (n,)
        NaN if unknown.
    """

    image: np.ndarray
    context: np.ndarray
    labels: np.ndarray
    weight: np.ndarray
    group: np.ndarray
    pixel_scale: np.ndarray
    redshift: np.ndarray

    def __len__(self):
        return len(self.context)

    def __getitem__(self, rows):
        """Select rows."""
        return replace(
            self, **{item.name: getattr(self, item.name)[rows] for item in fields(self)}
        )

    def labelled(self, columns):
        """The same galaxies with some of their labels (slice)."""
        return replace(self, labels=self.labels[:, columns])

    def weighted(self, factors):
        """The same galaxies with weights multiplied by factors of shape (n,)."""
        return replace(self, weight=self.weight * factors.astype(np.float32))

    def digest(self):
        """Digest of the whole training set (str)."""
        digest = hashlib.blake2b(digest_size=16)
        for start in range(0, len(self), _CHUNK):
            rows = slice(start, start + _CHUNK)
            for values in (self.image, self.context, self.labels, self.weight):
                digest.update(np.ascontiguousarray(values[rows]))
        digest.update(group_numbers(self.group).tobytes())
        return digest.hexdigest()


def collect(parts, file=None):
    """Concatenate parts of a training set.

    Parameters
    ----------
    parts : iterable of TrainingSet
        Parts, used one after the other.
    file : file object, optional
        Empty binary file for the images, if they should not be in memory. It may have no name.

    Returns
    -------
    TrainingSet
        The whole training set.

    Raises
    ------
    InputError
        If no galaxy is left.
    """
    kept = [part if file is None else _on_disc(part, file) for part in parts if len(part)]
    if not kept:
        msg = (
            "X must have galaxies to learn from, but none is bright enough and has what is needed"
        )
        raise InputError(msg)
    names = [item.name for item in fields(TrainingSet) if item.name != "image"]
    columns = {name: np.concatenate([getattr(part, name) for part in kept]) for name in names}
    return TrainingSet(image=_images(kept, file, len(columns["group"])), **columns)


def _on_disc(part, file):
    """A part without its images, which are appended to a file."""
    file.write(np.ascontiguousarray(part.image, dtype="<f4"))
    return replace(part, image=part.image[:0])


def _images(parts, file, n):
    """Images of all parts."""
    if file is None:
        return np.concatenate([part.image for part in parts])
    file.flush()
    return np.memmap(file, dtype="<f4", mode="r", shape=(n, *parts[0].image.shape[1:]))


@dataclass(frozen=True, eq=False)
class Scaler:
    """Scales the context to zero mean and unit variance in the training set.

    Parameters
    ----------
    mean, std : ndarray of float32 of shape (n_context,)
        Of the training set; a constant column has a ``std`` of 1.
    """

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, context):
        """Measure the statistics of a training set.

        Parameters
        ----------
        context : ndarray of shape (n, n_context)
            Its context.

        Returns
        -------
        Scaler
            For this set, and for all predictions.
        """
        mean, std = context.mean(axis=0, dtype=float), context.std(axis=0, dtype=float)
        constant = std <= 1e-6 * np.maximum(np.abs(mean), 1.0)
        return cls(mean.astype("f4"), np.where(constant, 1.0, std).astype("f4"))

    def __call__(self, context):
        """Scaled context (ndarray of float32 of shape (n, n_context))."""
        return np.clip((context - self.mean) / self.std, -_FARTHEST, _FARTHEST)
