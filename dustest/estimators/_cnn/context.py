"""The context of a network, the numerical inputs besides the images, and its columns by name."""

from dataclasses import dataclass

import numpy as np

from dustest.data.checks.sample_columns import band_column_name

__all__ = ["FLUX_COLUMNS", "ContextLayout", "conditions", "context_names", "describe"]

_OF_A_BAND = ("present", "log_snr", "log_flux")
_OF_A_GALAXY = ("log_scale", "log_pixel_scale", "pixel_scale_known", "redshift", "redshift_known")

FLUX_COLUMNS = ("has", "snr", "flux")
"""Columns of a total flux, of those of `~dustest.estimators.photometry.flux_columns`: the error
follows from the other two."""

_FLUX = "flux_"
_FLUX_SCALE = "log_flux_scale"

_FAINTEST = 0.1
"""Flux in units of its noise below which the logarithms are constant."""


@dataclass(frozen=True)
class ContextLayout:
    """Columns of the context by name.

    Parameters
    ----------
    n_bands : int
        Number of bands of the images.
    n_fluxes : int
        Number of bands of total fluxes, whose columns are last.

    Examples
    --------
    >>> from dustest.estimators._cnn.context import ContextLayout
    >>> layout = ContextLayout(n_bands=2)
    >>> len(layout), layout["log_snr"], layout["redshift"]
    (11, slice(1, 6, 3), 9)
    """

    n_bands: int
    n_fluxes: int = 0

    def __len__(self):
        n_fluxes = len(FLUX_COLUMNS) * self.n_fluxes
        return self._first_flux + n_fluxes + (n_fluxes > 0)

    def __getitem__(self, name):
        """Column of a value per galaxy (int), or columns of a value per band (slice)."""
        if name in _OF_A_BAND:
            return slice(_OF_A_BAND.index(name), self._n_of_bands, len(_OF_A_BAND))
        if name == _FLUX_SCALE:
            return len(self) - 1
        if name.startswith(_FLUX):
            first = self._first_flux + FLUX_COLUMNS.index(name.removeprefix(_FLUX))
            return slice(first, len(self) - 1, len(FLUX_COLUMNS))
        return self._n_of_bands + _OF_A_GALAXY.index(name)

    @property
    def _first_flux(self):
        """Number of columns before those of total fluxes."""
        return self._n_of_bands + len(_OF_A_GALAXY)

    @property
    def _n_of_bands(self):
        """Number of columns that belong to bands."""
        return len(_OF_A_BAND) * self.n_bands

    def fill(self, context, columns):
        """Write columns into a context.

        Parameters
        ----------
        context : ndarray of shape (n, n_context)
            Changed in place.
        columns : dict of str to ndarray of shape (n,) or (n, n_bands)
            Values by name.
        """
        for name, values in columns.items():
            context[:, self[name]] = values


def context_names(bands, flux_bands=()):
    """Names of the columns of the context.

    Parameters
    ----------
    bands : sequence of str
        Bands of the images of the network, in its order.
    flux_bands : sequence of str, optional
        Bands of its total fluxes, in its order.

    Returns
    -------
    names : tuple of str
        For each band: whether it is present (0 or 1), the logarithm of its signal-to-noise ratio,
        and that of its flux over the common scale, all in the aperture (0 if it is missing);
        then the logarithm of the common scale in nJy, that of the side of a pixel over 0.03 arcsec
        (0 if unknown, and between -1 and 1) and whether it is known (0 or 1), a tenth of the
        redshift (0 if unknown), and whether the redshift is known (0 or 1). Logarithms are to
        base 10. The columns of total fluxes are `FLUX_COLUMNS` of each band, and the logarithm of
        their reference in nJy.

    Examples
    --------
    >>> from dustest.estimators._cnn.context import context_names
    >>> context_names(["F277W"])[:3]
    ('present_F277W', 'log_snr_F277W', 'log_flux_F277W')
    >>> context_names(["F277W"])[3:]
    ('log_scale', 'log_pixel_scale', 'pixel_scale_known', 'redshift', 'redshift_known')
    """
    columns = (f"{name}_{band_column_name(band)}" for band in bands for name in _OF_A_BAND)
    fluxes = [f"{_FLUX}{name}_{band}" for band in flux_bands for name in FLUX_COLUMNS]
    return (*columns, *_OF_A_GALAXY, *fluxes, *((_FLUX_SCALE,) if fluxes else ()))


def describe(flux, noise, present):
    """Common scale of galaxies, and their bands relative to it.

    Parameters
    ----------
    flux, noise : ndarray of shape (n, n_bands)
        Flux in the aperture and its standard deviation.
    present : ndarray of bool of shape (n, n_bands)
        Whether a band is present.

    Returns
    -------
    scale : ndarray of shape (n,)
        In the unit of ``flux``; 1 without any band.
    columns : dict of str to ndarray of shape (n, n_bands)
        Columns of the context for bands, see `context_names`.

    Notes
    -----
    The scale is the mean flux over the bands that are present, with negative ones as 0, or the
    noise of that mean if it is larger. It is a mean and not a sum, so that neither the number of
    bands nor a missing one changes the level of the image. Fluxes are at least a tenth of their
    noise in both logarithms, so that their difference is always that of noise and scale.
    """
    noise = np.where(present, noise, 1.0)
    flux = np.where(present, flux, 0.0)
    n_present = np.maximum(present.sum(axis=1), 1)
    mean = np.maximum(flux, 0.0).sum(axis=1) / n_present
    mean_noise = np.sqrt(np.sum(np.square(noise), axis=1, where=present)) / n_present
    scale = np.where(present.any(axis=1), np.maximum(mean, mean_noise), 1.0)
    bounded = np.maximum(flux, _FAINTEST * noise)
    return scale, {
        "present": present,
        "log_snr": np.where(present, np.log10(bounded / noise), 0.0),
        "log_flux": np.where(present, np.log10(bounded / scale[:, None]), 0.0),
    }


def conditions(context, layout):
    """Quantities by which the mean posterior of networks is divided.

    Parameters
    ----------
    context : ndarray of shape (n, n_context)
        Context of galaxies.
    layout : ContextLayout
        Columns of the context; that of networks of plain features is not used.

    Returns
    -------
    redshift, log_snr : ndarray of shape (n,)
        Redshift in the unit of the context, NaN if unknown, and log10 of the highest
        signal-to-noise ratio of the bands of the images, or of the fluxes of networks without
        images; -1 or more.
    """
    if not layout.n_bands and not layout.n_fluxes:
        return np.full(len(context), np.nan), np.zeros(len(context))
    known = context[:, layout["redshift_known"]] > 0.0
    redshift = np.where(known, context[:, layout["redshift"]], np.nan)
    kind = ("present", "log_snr") if layout.n_bands else ("flux_has", "flux_snr")
    present, log_snr = (context[:, layout[name]] for name in kind)
    log_snr = np.where(present > 0.0, log_snr, -np.inf).max(axis=1)
    return redshift, np.maximum(log_snr, -1.0)
