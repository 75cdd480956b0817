"""Further columns of the result of an SED fit."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from astropy import units as u

from dustest.data.bands import get_band
from dustest.data.checks.units import FLUX_UNIT, SPECTRAL_UNIT
from dustest.data.containers.fitted_data import MODEL_SPECTRUM
from dustest.data.quantities import percentile_columns
from dustest.estimators._sed.columns.star_formation_histories import (
    history_columns,
    history_values,
)
from dustest.estimators._sed.posterior import PRIORS
from dustest.estimators._sed.tabulated.likelihoods.free_errors import instruments_of
from dustest.estimators.run.batch import ExtraColumn

__all__ = ["EXTRAS", "ExtraColumns", "sed_columns", "sed_values", "sed_wavelengths"]

EXTRAS = {
    "redshift": (),
    "priors": (),
    "history": ("log_mass", "log_SFR_10", "log_SFR_100", "log_age"),
    "sed": (),
    "star_formation_history": (),
    "photometry": (),
    "spectrum": (),
}
"""Groups of columns on request, and their quantities."""
_ALWAYS = ("log_mass", "chi2", "fit_probability", "ess", "log_evidence", "A_V_information")
_PREDICTED = ("predicted", "predicted_err")
_SEDS = (MODEL_SPECTRUM, f"{MODEL_SPECTRUM}_dust_free")
_SED_PERCENTILES = percentile_columns(MODEL_SPECTRUM)
_SPECTRUM = ("predicted_spectrum", "predicted_spectrum_err")
_CHECK, _OPTICAL = "far_infrared_probability", "without_far_infrared"
_N_WAVELENGTHS = 500
_N_REDSHIFTS = 200
_LEVELS = (0.5, 0.16, 0.84)


def sed_wavelengths(bands):
    """Observed wavelengths of model SEDs, even in the logarithm over all bands.

    Parameters
    ----------
    bands : sequence of str
        Names of the bands.

    Returns
    -------
    ndarray of shape (500,)
        In Angstrom.
    """
    curves = [get_band(band).wavelength for band in bands]
    low, high = min(curve[0] for curve in curves), max(curve[-1] for curve in curves)
    return np.geomspace(low, high, _N_WAVELENGTHS)


@dataclass(frozen=True)
class ExtraColumns:
    """Further columns of the result of a fit.

    Parameters
    ----------
    wanted : tuple of str
        Members of `EXTRAS`.
    bands : tuple of str
        Bands of the sample.
    quantities : tuple of str
        Quantities of the result, which have columns of their own.
    free_redshift : bool, optional
        Whether redshifts are fitted.
    robust : bool, optional
        Whether bands may be outliers.
    free_errors : bool, optional
        Whether instruments have a fractional error that is free.
    models : tuple of str, optional
        Columns of several histories, dust laws and AGN.
    agn : tuple of str, optional
        Names of the AGN of the models, empty for none.
    infrared : bool, optional
        Whether there are far-infrared data.

    Examples
    --------
    >>> from dustest.estimators._sed.columns.extra_columns import ExtraColumns
    >>> list(ExtraColumns((), ("F200W",), ("A_V", "log_mass"), robust=True).declared)
    ['chi2', 'fit_probability', 'ess', 'log_evidence', 'A_V_information', 'outlier_F200W']
    """

    wanted: tuple
    bands: tuple
    quantities: tuple
    free_redshift: bool = False
    robust: bool = False
    free_errors: bool = False
    models: tuple = ()
    agn: tuple = ()
    infrared: bool = False

    @cached_property
    def declared(self):
        """The columns (dict of str to ExtraColumn), by name."""
        wanted, bands = self.wanted, self.bands
        names = (*_ALWAYS, *self.models)
        columns = {name: ExtraColumn() for name in names if name not in self.quantities}
        for quantity, names in self._quantiles.items():
            unit = u.mag if quantity.startswith("A_V_") else None
            columns |= {name: ExtraColumn(unit) for name in names}
        if self.infrared:
            columns[_CHECK] = ExtraColumn()
        if "redshift" in wanted:
            columns["redshift_samples"] = ExtraColumn(shape=(_N_REDSHIFTS,))
        if self.free_errors:
            instruments = instruments_of(bands)
            columns |= {f"fractional_error_{name}": ExtraColumn() for name in instruments}
        if self.robust:
            columns |= {f"outlier_{band}": ExtraColumn() for band in bands}
        if "photometry" in wanted and bands:
            columns |= _photometry_columns(bands)
        if "sed" in wanted and bands:
            columns |= sed_columns(bands)
        if "star_formation_history" in wanted:
            columns |= history_columns()
        if "spectrum" in wanted:
            columns |= {name: ExtraColumn(SPECTRAL_UNIT, of_spectrum=True) for name in _SPECTRUM}
        return columns

    def values(self, rows, settings=(), wavelength=None):
        """Compute the columns.

        Parameters
        ----------
        rows : sequence of (Galaxy, Posterior) or None
            Data and posterior, None without a posterior.
        settings : sequence of Settings, optional
            Settings of the models, for their histories.
        wavelength : ndarray of shape (n, n_pixels), optional
            Wavelengths of the spectra of the sample [Angstrom].

        Returns
        -------
        dict of str to ndarray of shape (n,) or (n, k)
            By name; NaN if there is no answer.
        """
        n_pixels = 0 if wavelength is None else wavelength.shape[1]
        columns = {
            name: column.with_pixels(n_pixels).blank(len(rows))
            for name, column in self.declared.items()
            if n_pixels or not column.of_spectrum
        }
        for i, row in enumerate(rows):
            if row is not None:
                values = self._of_row(*row, settings)
                for name in columns.keys() & values.keys():
                    columns[name][i] = values[name]
                if _SPECTRUM[0] in columns and row[1].spectrum is not None:
                    _enter_spectrum(columns, i, wavelength[i], *row)
        return columns | (sed_values(rows, self.bands) if MODEL_SPECTRUM in self.declared else {})

    def _of_row(self, galaxy, posterior, settings):
        """Values of one row."""
        values = _numbers(posterior) | self._percentiles(posterior)
        if "photometry" in self.wanted and posterior.predicted is not None:
            values |= _predicted(galaxy, posterior.predicted, self.bands)
        if "star_formation_history" in self.wanted:
            values |= history_values(posterior, settings)
        if posterior.outlier is not None:
            values |= _by_band(galaxy, outlier=posterior.outlier)
        return values

    def _percentiles(self, posterior):
        """Medians and percentiles, and draws of the redshift, of one row."""
        others = posterior.a_v_under | posterior.by_agn
        if posterior.infrared is not None:
            others |= {_OPTICAL: posterior.infrared.a_v}
        draws = posterior.draws | {f"A_V_{name}": values for name, values in others.items()}
        values = {}
        for quantity, names in self._quantiles.items():
            if quantity in draws:
                values |= dict(zip(names, np.quantile(draws[quantity], _LEVELS), strict=True))
        if "redshift" in draws:
            values["redshift_samples"] = draws["redshift"][:_N_REDSHIFTS]
        return values

    @cached_property
    def _quantiles(self):
        """Columns of the median and of the percentiles, by quantity."""
        quantities = [
            *(_under_priors() if "priors" in self.wanted else ()),
            *(("redshift",) if self.free_redshift else ()),
            *(("agn_fraction",) if self.agn else ()),
            *(f"A_V_{name}" for name in (self.agn if len(self.agn) > 1 else ())),
            *((f"A_V_{_OPTICAL}",) if self.infrared else ()),
        ]
        return {quantity: (quantity, *percentile_columns(quantity)) for quantity in quantities}


def _under_priors():
    """Names of A_V under each prior."""
    return [f"A_V_{prior}" for prior in PRIORS]


def _photometry_columns(bands):
    """Columns of the photometry of the posterior."""
    names = [f"{kind}_{band}" for kind in _PREDICTED for band in bands]
    shape = (len(bands), len(bands))
    covariance = {"predicted_covariance": ExtraColumn(FLUX_UNIT**2, shape)}
    return {name: ExtraColumn(FLUX_UNIT) for name in names} | covariance


def sed_columns(bands):
    """Columns of the photometry and of the spectra of the models.

    Parameters
    ----------
    bands : sequence of str
        Names of the bands of the sample, at least one.

    Returns
    -------
    dict of str to ExtraColumn
        By name.
    """
    names = [f"{kind}_{band}" for kind in ("model", "dust_free") for band in bands]
    columns = {name: ExtraColumn(FLUX_UNIT) for name in names}
    columns["SED_wavelength"] = ExtraColumn(u.AA, (_N_WAVELENGTHS,))
    names = (*_SEDS, *_SED_PERCENTILES)
    return columns | {name: ExtraColumn(FLUX_UNIT, (_N_WAVELENGTHS,)) for name in names}


def sed_values(rows, bands):
    """Photometry of the best models, their spectra, and percentiles over the posterior.

    Parameters
    ----------
    rows : sequence of (Galaxy, Posterior) or None
        Data and posterior, with spectra at `sed_wavelengths`; None without a posterior.
    bands : sequence of str
        Names of the bands of the sample, at least one.

    Returns
    -------
    dict of str to ndarray of shape (n,) or (n, 500)
        By column; NaN if there is no answer.
    """
    columns = {name: column.blank(len(rows)) for name, column in sed_columns(bands).items()}
    columns["SED_wavelength"][:] = sed_wavelengths(bands)
    for i, row in enumerate(rows):
        for name, value in {} if row is None else _spectra(*row).items():
            columns[name][i] = value
    return columns


def _numbers(posterior):
    """What every posterior has, and what it has of several models and of free errors."""
    values = {
        "log_mass": np.median(posterior.draws["log_mass"]),
        "chi2": posterior.chi2,
        "fit_probability": posterior.fit_probability,
        "ess": posterior.ess,
        "log_evidence": posterior.log_evidence,
        "A_V_information": posterior.information,
    }
    if posterior.mixture is not None:
        values |= posterior.mixture.columns
    if posterior.infrared is not None:
        values[_CHECK] = posterior.infrared.probability
    for name, value in (posterior.fractional_error or {}).items():
        values[f"fractional_error_{name}"] = value
    return values


def _by_band(galaxy, **values):
    """Values of the bands of a galaxy, by column."""
    return {
        f"{kind}_{band}": value
        for kind, each in values.items()
        for band, value in zip(galaxy.used_bands, each, strict=True)
    }


def _predicted(galaxy, predicted, bands):
    """Photometry of the posterior; the covariance in the bands of the sample, NaN elsewhere."""
    covariance = np.full((len(bands), len(bands)), np.nan)
    own = [bands.index(band) for band in galaxy.used_bands]
    covariance[np.ix_(own, own)] = predicted.covariance
    values = dict(zip(_PREDICTED, (predicted.flux, predicted.error), strict=True))
    return _by_band(galaxy, **values) | {"predicted_covariance": covariance}


def _enter_spectrum(columns, number, wavelength, galaxy, posterior):
    """Enter the spectrum of the posterior in the pixels of the sample."""
    known = np.isfinite(wavelength)
    for name, values in zip(_SPECTRUM, posterior.spectrum, strict=True):
        # The pixels of the fit are those of the sample, in ascending order.
        place = np.searchsorted(galaxy.spectrum[:, 0], wavelength[known])
        columns[name][number, known] = values[place]


def _spectra(galaxy, posterior):
    """Photometry and spectrum of the best model, and percentiles over the posterior."""
    best = posterior.best
    values = _by_band(galaxy, model=best.flux, dust_free=best.bare_flux)
    spectra = (best.sed, best.bare_sed, *posterior.seds.quantiles(_LEVELS[1:]))
    return values | dict(zip((*_SEDS, *_SED_PERCENTILES), spectra, strict=True))
