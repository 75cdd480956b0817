"""`MeurerEstimator`: dust from the slope of the ultraviolet continuum."""

from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

import numpy as np
from scipy.stats import norm

from dustest.data.errors import InputError
from dustest.data.flags import FLAGS
from dustest.estimators.base import DustEstimator
from dustest.estimators.batch import Estimates, ExtraColumn
from dustest.physics import (
    attenuation_ratio,
    get_dust_law,
    photometric_beta,
    select_uv_bands,
    spectral_beta,
)

__all__ = ["IRX_BETA_RELATIONS", "IRXBeta", "MeurerEstimator"]


@dataclass(frozen=True)
class IRXBeta:
    """A relation between the UV slope and the UV attenuation, A = a + b beta.

    Parameters
    ----------
    name : str
        Name to choose it by.
    a, b : float
        Intercept [mag] and slope [mag] of the relation.
    reference : str
        Where it was published.
    wavelength : float
        Rest wavelength of the attenuation in Angstrom.
    """

    name: str
    a: float
    b: float
    reference: str
    wavelength: float = 1600.0

    @property
    def beta0(self):
        """Slope of a galaxy without dust."""
        return -self.a / self.b


IRX_BETA_RELATIONS = {
    relation.name: relation
    for relation in (
        IRXBeta("Meurer99", 4.43, 1.99, "Meurer, Heckman & Calzetti 1999, ApJ 521, 64, eq. 11"),
        IRXBeta("Takeuchi12", 3.06, 1.58, "Takeuchi et al. 2012, ApJ 755, 144", 1530.0),
        IRXBeta("Reddy15", 4.48, 1.84, "Reddy et al. 2015, ApJ 806, 259"),
        IRXBeta("Reddy18-Calzetti", 5.57, 2.13, "Reddy et al. 2018, ApJ 853, 56"),
        IRXBeta("Reddy18-SMC", 2.79, 1.07, "Reddy et al. 2018, ApJ 853, 56"),
        IRXBeta("Reddy18-Reddy15", 4.77, 1.82, "Reddy et al. 2018, ApJ 853, 56"),
        IRXBeta("McLure18-SMC", 2.093, 0.91, "McLure et al. 2018, MNRAS 476, 3991"),
    )
}

_METHODS = ("auto", "spectrum", "photometry")
_REFERENCES = ("A_V", "A_1600")
_MIN_SNR = 5.0
# Evenly spaced probabilities, so that the quantiles at 0.16, 0.5, 0.84, 0.025 and 0.975 are
# draws themselves and thereby exact; the two ends stand in for the tails.
_LEVELS = np.clip(np.arange(201) / 200.0, 1 / 400, 399 / 400)
_NORMAL_DRAWS = norm.ppf(_LEVELS)


class MeurerEstimator(DustEstimator):
    r"""Dust from the UV slope :math:`\beta`, by a relation :math:`A_{1600} = a + b\,\beta`.

    The slope is fitted to the spectrum where it covers the rest-frame ultraviolet, and to the
    photometry of the bands inside it otherwise. The attenuation at 1600 Angstrom is turned
    into A_V with a dust law. A slope bluer than that of a galaxy without dust gives a negative
    attenuation, which is kept and flagged, since cutting it off would bias a mean.

    Parameters
    ----------
    relation : str, optional
        One of `IRX_BETA_RELATIONS`.
    reference : {"A_V", "A_1600"}, optional
        What the column A_V holds: the attenuation in V, or the relation's own, unconverted.
        The second reproduces published comparisons that took the one for the other.
    method : {"auto", "spectrum", "photometry"}, optional
        What the slope is measured on; ``"auto"`` prefers the spectrum, galaxy by galaxy.
    dust_law : str or dust_extinction model, optional
        Law for the conversion, see `~dustest.physics.get_dust_law`.
    beta0_scatter : float, optional
        Standard deviation of the dust-free slope from galaxy to galaxy, propagated into the
        percentiles together with the error of the slope.

    Notes
    -----
    Further columns of the result: ``beta``, ``beta_err`` (measured, without the scatter) and
    ``A_UV``, the attenuation [mag] at the wavelength of the relation.

    References
    ----------
    Meurer, Heckman & Calzetti 1999, ApJ 521, 64, eq. 11; for the scatter of the dust-free
    slope, 0.30 to 0.34, Wilkins et al. 2012, MNRAS 424, 1522.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> from dustest import MeurerEstimator
    >>> galaxies = QTable({"redshift": [7.2], "flux_F150W": [60.0] * u.nJy,
    ...                    "flux_err_F150W": [3.0] * u.nJy, "flux_F200W": [65.0] * u.nJy,
    ...                    "flux_err_F200W": [3.0] * u.nJy})
    >>> table = MeurerEstimator().estimate(galaxies)
    >>> print(table["A_V", "A_V_p16", "A_V_p84", "beta"].to_pandas().round(2).to_string())
        A_V  A_V_p16  A_V_p84  beta
    0  0.41      0.1     0.72 -1.71
    """

    requires: ClassVar[tuple] = (("flux", "spectrum"), "redshift")
    uncertainty: ClassVar[str] = "propagated"
    redshift_range: ClassVar[tuple] = (0.0, 30.0)

    def __init__(
        self,
        relation="Meurer99",
        reference="A_V",
        method="auto",
        dust_law="Calzetti",
        beta0_scatter=0.3,
    ):
        self.relation = relation
        self.reference = reference
        self.method = method
        self.dust_law = dust_law
        self.beta0_scatter = beta0_scatter

    def _extra_columns(self, bands):  # noqa: ARG002
        """Slopes and the attenuation that they stand for."""
        return {name: ExtraColumn() for name in ("beta", "beta_err", "A_UV")}

    def _estimate(self, batch):
        """Slopes, then the attenuation with its errors."""
        self._check_parameters()
        relation = IRX_BETA_RELATIONS[self.relation]
        law = get_dust_law(self.dust_law)
        slopes = self._slopes(batch)
        error = relation.b * np.hypot(slopes.error, self.beta0_scatter)
        a_uv = relation.a + relation.b * slopes.beta
        scale = 1.0
        if self.reference == "A_V":
            scale = 1.0 / attenuation_ratio(relation.wavelength, law)
        a_v = (a_uv[:, None] + error[:, None] * _NORMAL_DRAWS) * scale
        flags = slopes.flags | _flag(a_uv < 0, "NEGATIVE_ATTENUATION")
        extra = {"beta": slopes.beta, "beta_err": slopes.error, "A_UV": a_uv}
        return Estimates({"A_V": a_v, "E_BV": a_v / law.r_v}, flags, extra)

    def _check_parameters(self):
        """Refuse parameters that mean nothing."""
        choices = {
            "relation": tuple(IRX_BETA_RELATIONS),
            "reference": _REFERENCES,
            "method": _METHODS,
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                msg = f"{name} must be one of {allowed}, got {getattr(self, name)!r}"
                raise InputError(msg)
        scatter = self.beta0_scatter
        if not (isinstance(scatter, Real) and 0 <= scatter < np.inf):
            msg = f"beta0_scatter must be a number from 0, got {scatter!r}"
            raise InputError(msg)

    def _slopes(self, batch):
        """Slopes by the chosen method, the spectrum's where both are there."""
        if self.method == "photometry":
            return _photometric_slopes(batch)
        spectral = _spectral_slopes(batch)
        if self.method == "spectrum" or not batch.bands:
            return spectral
        return _prefer(spectral, _photometric_slopes(batch))


@dataclass(frozen=True)
class _Slopes:
    """Slopes of n galaxies with their errors and flags."""

    beta: np.ndarray
    error: np.ndarray
    flags: np.ndarray


def _prefer(first, second):
    """Slopes of the first kind where there are any, else of the second."""
    use = np.isfinite(first.beta)
    return _Slopes(
        np.where(use, first.beta, second.beta),
        np.where(use, first.error, second.error),
        np.where(use, first.flags, second.flags),
    )


def _flag(where, name):
    """Flag bits for a boolean array."""
    return np.where(where, FLAGS[name].value, 0).astype(np.int32)


def _photometric_slopes(batch):
    """Slopes from the bands inside the rest-frame ultraviolet."""
    fit = photometric_beta(batch.flux, batch.flux_err, batch.bands, batch.redshift)
    inside = select_uv_bands(batch.bands, batch.redshift)
    snr = np.sqrt(np.nansum(np.where(inside, (batch.flux / batch.flux_err) ** 2, 0.0), axis=1))
    enough = fit.n_bands >= 2
    flags = _flag(~enough, "NO_DATA") | _flag(enough & ~fit.ok, "FAILED")
    return _Slopes(fit.beta, fit.beta_err, flags | _flag(enough & (snr < _MIN_SNR), "LOW_SNR"))


def _spectral_slopes(batch):
    """Slopes from the spectra that cover the rest-frame ultraviolet."""
    beta, error = np.full((2, len(batch)), np.nan)
    for row in np.flatnonzero(batch.has_spectrum):
        try:
            fit = spectral_beta(
                batch.wavelength[row],
                batch.spectrum_flux[row],
                batch.spectrum_flux_err[row],
                float(batch.redshift[row]),
            )
        except InputError:  # this spectrum has no slope: a flag, not the end of the others
            continue
        beta[row], error[row] = fit.beta, fit.beta_err
    return _Slopes(beta, error, _flag(np.isnan(beta), "NO_DATA"))
