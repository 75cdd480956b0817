"""Total fluxes in the context of networks: how they are read, and changed in training."""

from dataclasses import dataclass, replace

import numpy as np

from dustest.data.flags import FLAGS
from dustest.data.signal_to_noise import is_faint
from dustest.estimators._cnn.context import FLUX_COLUMNS, ContextLayout
from dustest.estimators.photometry import (
    change_fluxes,
    flux_columns,
    fluxes_from,
    fluxes_of,
)

__all__ = ["FluxChanges", "add_fluxes"]

_NO_FLUX, _NO_IMAGE = 0.05, 0.1
"""Shares of galaxies that lose all fluxes, or all images, in training."""


def add_fluxes(inputs, batch, bands, snr_min):
    """Add total fluxes to the inputs of networks.

    Parameters
    ----------
    inputs : CNNInputs
        Images of n galaxies, and their context.
    batch : Batch
        The galaxies.
    bands : tuple of str
        Bands of total fluxes.
    snr_min : float
        Signal-to-noise ratio below which galaxies get the flag LOW_SNR.

    Returns
    -------
    inputs : CNNInputs
        With further columns of the context. Galaxies with a flux are usable. Flags are those of
        the images, with NO_DATA only where fluxes are missing, too, and LOW_SNR only for galaxies
        that are faint in all images and fluxes.
    """
    flux, error = fluxes_of(batch, bands)
    n_bands = inputs.image.shape[-1] if inputs.image.ndim > 2 else 0
    layout = ContextLayout(n_bands, len(bands))
    context = np.zeros((len(inputs), len(layout)), dtype=np.float32)
    context[:, : inputs.context.shape[1]] = inputs.context
    _fill(context, layout, flux, error)
    snr = np.where(np.isfinite(flux), flux / error, np.nan)
    has_flux, has_image = np.isfinite(flux).any(axis=1), inputs.usable
    images = np.where(context[:, layout["present"]] > 0.0, inputs.snr, np.nan)
    both = np.concatenate([images, snr], axis=1)
    bits = {name: FLAGS[name].value for name in ("NO_DATA", "LOW_SNR", "MISSING_BAND")}
    flags = inputs.flags & ~(bits["NO_DATA"] | bits["LOW_SNR"])
    usable = has_flux | has_image
    flags |= np.where(usable, 0, bits["NO_DATA"])
    flags |= np.where(usable & is_faint(both, snr_min, axis=1), bits["LOW_SNR"], 0)
    one_missing = ~has_flux | (~has_image if n_bands else False)
    flags |= np.where(usable & one_missing, bits["MISSING_BAND"], 0)
    return replace(
        inputs,
        context=context,
        snr=np.nan_to_num(both).astype(np.float32),
        usable=usable,
        flags=flags.astype(np.int32),
    )


@dataclass(frozen=True)
class FluxChanges:
    """Augmentation of networks that read fluxes: noise, zero points, missing bands and images.

    Parameters
    ----------
    n_bands, n_fluxes : int
        Numbers of bands of images and of fluxes.
    images : callable
        Augmentation of images and redshifts, such as `AugmentOptions`.
    """

    n_bands: int
    n_fluxes: int
    images: object

    def __call__(self, image, context, rng):
        """Change galaxies.

        Parameters
        ----------
        image : ndarray of float32 of shape (n, size, size, n_bands) or (n, 0)
            Images.
        context : ndarray of float32 of shape (n, n_context)
            Their context.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        image, context : ndarray
            Changed galaxies, each with an image or a flux if it had one.
        """
        image, context = self.images(image, context, rng)
        context, layout = np.array(context), ContextLayout(self.n_bands, self.n_fluxes)
        columns = {name: context[:, layout[f"flux_{name}"]] for name in FLUX_COLUMNS}
        flux, error = fluxes_from(columns, context[:, layout["log_flux_scale"]])
        which = rng.random(len(context))
        has_image = (context[:, layout["present"]] > 0.0).any(axis=1)
        without = has_image & (which < _NO_FLUX)
        flux, error = change_fluxes(flux, error, rng, loses_all=without)
        _fill(context, layout, flux, error)
        if self.n_bands:
            blind = (which > 1.0 - _NO_IMAGE) & np.isfinite(flux).any(axis=1)
            image = np.where(blind[:, None, None, None], np.float32(0.0), image)
            for name in ("present", "log_snr", "log_flux", "log_scale"):
                context[blind, layout[name]] = 0.0
        return image, context


def _fill(context, layout, flux, error):
    """Write the columns of fluxes."""
    columns, log_scale = flux_columns(flux, error)
    layout.fill(context, {f"flux_{name}": columns[name] for name in FLUX_COLUMNS})
    layout.fill(context, {"log_flux_scale": log_scale})
