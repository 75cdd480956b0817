"""Stamps of round galaxies with noise, for tests of what networks see and learn from."""

import numpy as np

from dustest.data import as_sample
from dustest.estimators import make_batch

BANDS = ("F277W", "F356W", "F444W")


def galaxies(n=6, bands=BANDS, size=32, rms=0.05, flux=(40.0, 60.0, 80.0), seed=0, width=2.0):
    """Stamps of shape (n, n_bands, size, size) in nJy; each galaxy is a Gaussian."""
    rng = np.random.default_rng(seed)
    offset = np.arange(size) - 0.5 * (size - 1)
    profile = np.exp(-0.5 * (offset[:, None] ** 2 + offset**2) / width**2)
    flux = np.broadcast_to(np.asarray(flux, dtype=float), (n, len(bands)))
    stamps = flux[..., None, None] * profile / profile.sum()
    return (stamps + rms * rng.standard_normal(stamps.shape)).astype(np.float32)


def cutout_batch(stamps, bands=BANDS, err=None, mask=None, redshift=7.0):
    """A batch of stamps of shape (n, n_bands, ny, nx)."""
    batch = make_batch(as_sample(np.zeros_like(stamps), bands=list(bands)))
    changes = {"cutout": stamps, "redshift": np.broadcast_to(float(redshift), len(stamps))}
    changes |= {} if err is None else {"cutout_err": np.broadcast_to(err, stamps.shape)}
    changes |= {} if mask is None else {"cutout_mask": mask}
    return batch.changed(**changes)
