"""Input and output of an SED fit, for both engines."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from astropy.cosmology import FLRW
from scipy.special import chdtrc

from dustest.estimators._sed.clear_light import FRAC_CLEAR, effective_attenuation
from dustest.estimators._sed.components import AGN_MODELS
from dustest.estimators._sed.priors.redshift_density import RedshiftDensity
from dustest.estimators.run.information import gained_bits
from dustest.physics.cosmology import BAGPIPES_COSMOLOGY

__all__ = [
    "A_V",
    "DRAWN",
    "IGNORED_ERROR",
    "LOG_SSFR_FLOOR",
    "N_DRAWS",
    "N_SEDS",
    "PRIORS",
    "BestFit",
    "Galaxy",
    "Limits",
    "Lines",
    "Posterior",
    "Prediction",
    "Settings",
    "draws_under_priors",
    "fit_probability",
    "prior_diagnostics",
    "stratified_draw",
]

N_DRAWS = 1000
N_SEDS = 100
"""Draws whose spectra are computed, where they are requested; draws are in random order."""
DRAWN = (
    *("A_V", "E_BV", "log_sSFR", "log_mass", "log_mass_formed"),
    *("log_SFR_10", "log_SFR_100", "log_age"),
)
"""Quantities that follow from the parameters of a model without its spectrum."""
LOG_SSFR_FLOOR = -14.0
PRIORS = {"flat": "uniform", "log10": "log_10"}
"""Priors of A_V for which posteriors are available, and their names in Bagpipes."""
A_V = "dust:Av"
_NEGLIGIBLE = 1e-6
"""Total weight of the samples that are never drawn."""
_EDGE = 0.02
IGNORED_ERROR = 1e99
"""Error of a pixel of a spectrum without a value."""


@dataclass(frozen=True)
class Settings:
    """Settings of a fit, the same for every galaxy.

    Parameters
    ----------
    sfh : str or StarFormationHistory
        The history, see `~dustest.physics.get_history`.
    dust_law : str, DustLaw or model of dust_extinction
        The law, see `~dustest.physics.get_dust_law`.
    priors : dict or None
        Flat mapping of priors that replace the defaults.
    cosmology : `~astropy.cosmology.FLRW`
        Cosmology of the distances and of the ages of the Universe.
    free_redshift : bool
        Whether the redshift is fitted where it has an error.
    sfr_timescale : float
        Time over which the star-formation rate is averaged [yr].
    resolution : str, float or None
        Disperser of the spectra, see `~dustest.physics.resolving_power`, or None for infinite
        resolution.
    n_live : int
        Live points of the nested sampler.
    n_effective : int
        Effective posterior samples that either engine aims at.
    under_priors : bool
        Whether the posterior is also computed under other priors of A_V.
    joint_priors : tuple of JointPrior
        Priors of quantities given others.
    robust : bool
        Whether any band may be an outlier.
    fractional_error : tuple of float or None
        Limits of the prior of a fractional error of each instrument, if it is free.
    nebular_law : str, DustLaw, model of dust_extinction or None
        Law of the dust in front of the gas, None for that of young stars.
    flux_scale : tuple of float
        Standard deviations of the coefficients of the polynomial of the calibration of spectra:
        of order 0 (the slit loss), 1, 2, ...; 0 for none.
    noise_scale : tuple of float or None
        Limits of the prior of the factor of the errors of spectra, if it is free.
    agn : bool or str
        AGN of the model, a key of `AGN_MODELS`.
    far_infrared : bool
        Whether it has the far-infrared light of dust, for bands that see it.
    share_models : bool
        Whether galaxies of a batch at one redshift share the models that are drawn for them.
    """

    sfh: object
    dust_law: object
    priors: dict | None = None
    cosmology: FLRW = field(default_factory=lambda: BAGPIPES_COSMOLOGY)
    free_redshift: bool = False
    sfr_timescale: float = 1e8
    resolution: str | float | None = "prism"
    n_live: int = 2000
    n_effective: int = 1000
    under_priors: bool = False
    joint_priors: tuple = ()
    robust: bool = False
    fractional_error: tuple | None = None
    nebular_law: object = None
    flux_scale: tuple = ()
    noise_scale: tuple | None = None
    agn: bool | str = False
    far_infrared: bool = False
    share_models: bool = False

    @property
    def components(self):
        """Optional components of the model (tuple of str)."""
        return (*AGN_MODELS[self.agn], *("far_infrared",) * self.far_infrared)


@dataclass(frozen=True, eq=False)
class Limits:
    """Upper limits of fluxes in bands without a measurement.

    Parameters
    ----------
    bands : tuple of str
        Names of the bands.
    flux, error : ndarray of shape (n_limits,)
        Limits and the standard errors of the fluxes [nJy], finite and positive.
    """

    bands: tuple = ()
    flux: np.ndarray = field(default_factory=lambda: np.zeros(0))
    error: np.ndarray = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, eq=False)
class Lines:
    """Fluxes and limits of emission lines.

    Parameters
    ----------
    names : tuple of str
        Lines with a measured flux.
    flux, error : ndarray of shape (n_lines,)
        Fluxes and errors [erg / (s cm2)], finite, the errors positive.
    limits : Limits
        Upper limits of other lines [erg / (s cm2)], whose ``bands`` are the names of the lines.
    """

    names: tuple = ()
    flux: np.ndarray = field(default_factory=lambda: np.zeros(0))
    error: np.ndarray = field(default_factory=lambda: np.zeros(0))
    limits: Limits = field(default_factory=Limits)

    @property
    def used(self):
        """Names of the lines with a flux, and of those with a limit."""
        return self.names + self.limits.bands


@dataclass(frozen=True)
class Galaxy:
    """The usable data of one galaxy.

    Parameters
    ----------
    redshift, redshift_err : float
        Redshift and its standard deviation, NaN for unknown.
    bands : tuple of str
        Names of the bands.
    flux, flux_err : ndarray of shape (n_bands,)
        Flux densities and errors [nJy], finite, the errors positive and with the error floor.
    spectrum : ndarray of shape (n_wave, 3) or None
        Observed wavelength [Angstrom], flux density and error [erg / (s cm2 Angstrom)].
    seed : int
        Seed of this galaxy.
    sed_wavelength : ndarray or None
        Observed wavelengths [Angstrom] of the spectra of its models.
    redshift_density : RedshiftDensity, optional
        Prior of the redshift where it is free, in place of a Gaussian.
    limits : Limits, optional
        Upper limits in other bands.
    lines : Lines, optional
        Emission lines.
    """

    redshift: float
    redshift_err: float
    bands: tuple
    flux: np.ndarray
    flux_err: np.ndarray
    spectrum: np.ndarray | None
    seed: int
    sed_wavelength: np.ndarray | None = None
    redshift_density: RedshiftDensity | None = None
    limits: Limits = field(default_factory=Limits)
    lines: Lines = field(default_factory=Lines)

    @property
    def used_bands(self):
        """Names of the bands with a measurement, and of those with a limit."""
        return self.bands + self.limits.bands

    @property
    def redshift_spread(self):
        """Prior of a free redshift: a density, a standard deviation, or None for neither."""
        if self.redshift_density is not None:
            return self.redshift_density
        return self.redshift_err if 0 < self.redshift_err < np.inf else None

    @property
    def n_data(self):
        """Number of measured data: bands, usable pixels of the spectrum, and lines."""
        return len(self.bands) + len(self.lines.names) + int(np.sum(self.usable_pixels))

    @property
    def usable_pixels(self):
        """Which pixels of the spectrum have a value, an array of bool."""
        if self.spectrum is None:
            return np.zeros(0, dtype=bool)
        return self.spectrum[:, 2] < IGNORED_ERROR


@dataclass(frozen=True)
class BestFit:
    """The most likely model of one galaxy [nJy].

    Parameters
    ----------
    flux, bare_flux : ndarray of shape (n_bands,)
        Its photometry in `Galaxy.used_bands`, with and without dust.
    sed, bare_sed : ndarray of shape (n_wave,)
        Its flux densities at the requested wavelengths, with and without dust.
    """

    flux: np.ndarray
    bare_flux: np.ndarray
    sed: np.ndarray
    bare_sed: np.ndarray


@dataclass(frozen=True, eq=False)
class Prediction:
    """Fluxes of models over the posterior of a galaxy; moments are computed when first used.

    Parameters
    ----------
    draws : ndarray of shape (n_draws, n_bands)
        Fluxes of draws in the bands, or at wavelengths [nJy].
    weight : ndarray of shape (n_draws,)
        Weights of the draws, which sum to one.
    """

    draws: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, draws):
        """Photometry (n_draws, n_bands) of equally weighted draws."""
        return cls(draws, np.full(len(draws), 1.0 / len(draws)))

    @classmethod
    def average(cls, predictions, weight):
        """Photometry of several models, of weights that sum to one."""
        parts = [share * one.weight for share, one in zip(weight, predictions, strict=True)]
        return cls(np.concatenate([one.draws for one in predictions]), np.concatenate(parts))

    @cached_property
    def flux(self):
        """Means (n_bands,) [nJy]."""
        return self.weight @ self.draws

    @cached_property
    def covariance(self):
        """Covariance (n_bands, n_bands) [nJy^2]."""
        away = self.draws - self.flux
        return (self.weight * away.T) @ away

    @property
    def error(self):
        """Standard deviations (n_bands,) [nJy]."""
        return np.sqrt(np.diagonal(self.covariance))

    def quantiles(self, levels):
        """Weighted quantiles [nJy].

        Parameters
        ----------
        levels : sequence of float
            Probabilities between 0 and 1.

        Returns
        -------
        ndarray of shape (n_levels, n_bands)
            The quantiles.
        """
        order = np.argsort(self.draws, axis=0)
        ordered = np.take_along_axis(self.draws, order, axis=0)
        weight = self.weight[order]
        reached = np.cumsum(weight, axis=0) - 0.5 * weight
        columns = zip(reached.T, ordered.T, strict=True)
        return np.array([np.interp(levels, *column) for column in columns]).T


@dataclass(frozen=True)
class Posterior:
    """The posterior of one galaxy.

    Parameters
    ----------
    draws : dict of str to ndarray of shape (N_DRAWS,)
        Equally weighted joint draws of the quantities of `DRAWN` and of ``redshift``.
    prior : SEDPrior
        The prior of the models.
    cube : ndarray of shape (N_DRAWS, n_parameters)
        Points of the draws in the unit cube, in which the prior is flat.
    a_v_under : dict of str to ndarray of shape (N_DRAWS,)
        Draws of A_V under the priors of `PRIORS`; empty if not requested.
    chi2 : float
        Chi-squared of the most likely model.
    fit_probability : float
        Posterior predictive probability of the chi-squared, see `fit_probability`.
    ess : float
        Effective number of posterior samples.
    log_evidence : float
        Natural logarithm of the evidence.
    information : float
        Bits that the data add to the prior of A_V; NaN if A_V is not free.
    edge : float
        Posterior probability of the outermost 2 % of the prior of A_V, of the fuller side.
    best : BestFit or None
        The most likely model, if spectra are requested.
    mixture : Mixture, optional
        Of which posteriors it is made, if it is an average over several models.
    outlier : ndarray of shape (n_bands,), optional
        Probabilities of the bands of `Galaxy.used_bands` to be outliers, if they may be.
    predicted : Prediction, optional
        Photometry of the draws in these bands.
    fractional_error : dict of str to float, optional
        Mean fractional error of each instrument, if it is free.
    best_values : dict of str to float, optional
        Quantities of the most likely model.
    spectral : dict of str to ndarray of shape (N_DRAWS,), optional
        Draws of the calibration and of the noise of the spectrum, if they are free.
    infrared : InfraredCheck, optional
        What a fit without the far-infrared data says, if there are some.
    by_agn : dict of str to ndarray of shape (N_DRAWS,), optional
        Draws of A_V by the name of the AGN of the model, if models differ in it.
    spectrum : ndarray of shape (2, n_pixels), optional
        Mean and standard deviation over the draws in the pixels of the spectrum
        [erg / (s cm2 Angstrom)], with their calibration.
    seds : Prediction, optional
        Flux densities of some draws at the requested wavelengths, if there are any.
    """

    draws: dict
    prior: object
    cube: np.ndarray
    a_v_under: dict
    chi2: float
    fit_probability: float
    ess: float
    log_evidence: float
    information: float
    edge: float
    best: BestFit | None
    mixture: object = None
    outlier: np.ndarray | None = None
    predicted: Prediction | None = None
    fractional_error: dict | None = None
    best_values: dict = field(default_factory=dict)
    spectral: dict = field(default_factory=dict)
    infrared: object = None
    by_agn: dict = field(default_factory=dict)
    spectrum: np.ndarray | None = None
    seds: Prediction | None = None


def fit_probability(chi2, n_data):
    """Posterior predictive probability of a chi-squared at least as large.

    New data drawn from a model have a chi-squared distribution of ``n_data`` degrees of freedom
    around it. Its upper tail, averaged over the posterior, is the probability that they fit no
    better than the data (Gelman, Meng & Stern 1996, Statistica Sinica 6, 733).

    Parameters
    ----------
    chi2 : ndarray of shape (n_draws,)
        Chi-squared of the data around equally weighted draws of the posterior.
    n_data : int
        Number of data points.

    Returns
    -------
    float
        Between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators._sed.posterior import fit_probability
    >>> f"{fit_probability(np.array([9.0, 11.0]), 9):.2f}"
    '0.36'
    """
    return float(np.mean(chdtrc(n_data, chi2)))


def stratified_draw(weight, n, rng, along):
    """Draw with replacement, in random order, one from each of n equal parts of a quantity.

    Many models of a pool have the same dust: those of equal values are in random order, so that
    draws at even distances do not always take the same stars.

    Parameters
    ----------
    weight : ndarray of shape (m,)
        Weights that sum to one.
    n : int
        Number of draws.
    rng : numpy.random.Generator
        Source of random numbers.
    along : ndarray of shape (m,)
        A quantity whose quantiles the draws preserve to 1 / n.

    Returns
    -------
    ndarray of shape (n,)
        Indices.
    """
    counting = np.flatnonzero(weight > _NEGLIGIBLE / len(weight))
    counting = rng.permutation(counting)
    counting = counting[np.argsort(along[counting], kind="stable")]
    cumulative = np.cumsum(weight[counting])
    positions = (rng.random(n) + np.arange(n)) / n * cumulative[-1]
    indices = np.searchsorted(cumulative, positions).clip(max=len(counting) - 1)
    return counting[rng.permutation(indices)]


def draws_under_priors(prior, cube, weight, rng):
    """Draws of A_V under other priors, over the limits of its own.

    Parameters
    ----------
    prior : SEDPrior
        The prior of the samples.
    cube : ndarray of shape (n, n_parameters)
        Samples in the unit cube.
    weight : ndarray of shape (n,)
        Their weights, which sum to one.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    dict of str to ndarray of shape (N_DRAWS,)
        A draw for each prior of `PRIORS`; empty if A_V is not free.
    """
    if A_V not in prior.free:
        return {}
    values = prior.transform(cube)
    a_v = effective_attenuation(values[A_V], values.get(FRAC_CLEAR, 0.0))
    drawn = {}
    for name, shape in PRIORS.items():
        tilted = weight * np.exp(prior.log_ratio_to(shape, A_V, cube))
        drawn[name] = a_v[stratified_draw(tilted / tilted.sum(), N_DRAWS, rng, a_v)]
    return drawn


def prior_diagnostics(parameters, cube, weight, ess):
    """Measure the information of the data on A_V.

    Parameters
    ----------
    parameters : sequence of str
        Names of the free parameters.
    cube : ndarray of shape (n, n_parameters)
        Samples in the unit cube.
    weight : ndarray of shape (n,)
        Their weights, which sum to one.
    ess : float
        Their effective number.

    Returns
    -------
    information : float
        Bits that the data add; NaN if A_V is not free.
    edge : float
        Posterior probability at the fuller edge of the prior.
    """
    if A_V not in parameters:
        return np.nan, np.nan
    coordinate = cube[:, list(parameters).index(A_V)]
    low = weight[coordinate < _EDGE].sum()
    high = weight[coordinate > 1.0 - _EDGE].sum()
    bits = gained_bits(coordinate[None], weight[None], ess)[0]
    return float(bits), float(max(low, high))
