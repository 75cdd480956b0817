"""`BalmerEstimator`: dust from the ratios of the lines of hydrogen."""

import warnings
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from scipy.stats import chi2 as chi_squared

from dustest.data.checks.numbers import check_number, is_number
from dustest.data.checks.units import SPECTRAL_UNIT
from dustest.data.errors import DustestWarning, InputError
from dustest.data.flags import FLAGS
from dustest.data.lines import LINES
from dustest.data.messages import not_one_of, shown
from dustest.data.signal_to_noise import SNR_MIN
from dustest.estimators._calibration.conditions import Conditions
from dustest.estimators._line_posterior import LEVELS, Gas, LineData, Prior, nebular_posterior
from dustest.estimators.base import DustEstimator
from dustest.estimators.run.batch import Estimates, ExtraColumn
from dustest.estimators.run.information import LEAST_INFORMATION
from dustest.estimators.run.requests import requested
from dustest.physics import HYDROGEN_LINES, get_dust_law, line_ratio
from dustest.physics.dust_laws.lookup import DUST_LAWS, cite_law
from dustest.physics.line_ratios import DENSITY_LIMITS, TEMPERATURE_LIMITS

__all__ = ["BalmerEstimator"]

_NEBULAR = ("A_V_nebular", "E_BV_nebular")
_N_TEMPERATURES, _N_DENSITIES = 10, 3
_LEAST_PROBABILITY = 1e-4
_LARGEST = 20.0
"""Largest attenuation in mag of a prior: a line that is 20 mag fainter is not observed."""
_EDGE, _MAX_AT_EDGE = 0.01, 0.1
"""Share of the prior at either end, and the share of a posterior there that is flagged."""
_PRIORS = ("ratio", "flat")
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


class BalmerEstimator(DustEstimator):
    r"""Dust from the ratios of the lines of hydrogen, all lines at once.

    The flux of a line is :math:`F\, r(T, n)\, 10^{-0.4 A(\lambda)}`, where r is the ratio to
    H-beta in case B (`~dustest.physics.line_ratio`), T and n are the temperature and the density
    of the electrons, and A is the attenuation of the gas by a dust law. Any two lines of the
    Balmer, Paschen and Brackett series are sufficient, with or without H-beta. The posterior of
    the attenuation is computed on a grid, and F, T and n are integrated out. Upper limits count
    as the probability of a flux below them.

    A_V of the stars follows from :math:`f = E(B-V)_\mathrm{stars} / E(B-V)_\mathrm{gas}`, an
    assumption that the lines do not test.

    Ratios bluer than without dust, due to noise, give a negative attenuation, which is kept and
    flagged, since setting it to zero would bias a mean.

    Parameters
    ----------
    dust_law : str, DustLaw or dust_extinction model, optional
        Law of the stars, see `~dustest.physics.get_dust_law`.
    nebular_law : str, DustLaw or dust_extinction model, optional
        Law of the gas.
    f : float or tuple of float, optional
        E(B-V) of the stars over that of the gas: a number, or the ends of a flat distribution.
    temperature : float or tuple of float, optional
        Temperature of the electrons in K, or the ends of a prior that is flat in its logarithm.
    density : float or tuple of float, optional
        Density of the electrons per cm3, or the ends of such a prior.
    a_v_range : tuple of float, optional
        Ends of the prior of A_V of the gas in mag.
    prior : {"ratio", "flat"}, optional
        Prior within these ends: all observed ratios of H-beta to H-alpha are equally probable, or
        all values of A_V are.
    absorption : dict of str to float or tuple of float, optional
        Equivalent width in Angstrom, in the rest frame, of the absorption by stars under a line,
        such as ``{"Hb": 2.0}``, or the width and its standard error, ``{"Hb": (2.0, 1.0)}``. It is
        added where the sample has the continuum at the line, ``line_continuum_<LINE>``, and a
        redshift. By default fluxes are taken as corrected.
    lines : tuple of str, optional
        Lines to use; by default all that the sample has.
    calibration : str, path-like or None, optional
        Correction of bias and intervals by simulated galaxies: a file of
        ``CalibratedEstimator.save``.
    targets : str or tuple of str, optional
        Quantities that ``predict`` returns.

    Notes
    -----
    The result always has ``A_V_nebular`` and ``E_BV_nebular``, and the further columns
    ``n_lines``, the number of measured lines, and ``chi2``, that of the best model.

    The scale F is flat in the observed brightness of the lines. With ``prior="ratio"`` the
    density of A_V falls exponentially, by a factor of e in 2.9 mag for the default law. The
    median is then that of the measured ratio of H-alpha to H-beta also where its error is large,
    and intervals cover. With ``prior="flat"`` the median is larger by a third of its error at a
    signal-to-noise ratio of 3 in H-beta.

    The flags are ``NEGATIVE_ATTENUATION`` where the median of ``A_V_nebular`` is negative;
    ``LOW_SNR`` where fewer than two lines have a signal-to-noise ratio of 5; ``PRIOR_DOMINATED``
    if the data add less than 1 bit to the prior; ``AT_PRIOR_EDGE`` if more than a tenth of the
    posterior is in the outermost 2 % of the prior; ``POOR_FIT`` if the probability of the
    chi-squared of the best model is below 1e-4; ``NO_DATA`` for fewer than two lines, one of
    which must be measured and may be accompanied by a limit.

    References
    ----------
    Storey & Hummer 1995, MNRAS 272, 41 (ratios); Cardelli, Clayton & Mathis 1989, ApJ 345, 245
    (law of the gas); Calzetti et al. 2000, ApJ 533, 682 (law of the stars; f = 0.44 in local
    starbursts).

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> from dustest import BalmerEstimator
    >>> flux = u.Unit("1e-18 erg / (s cm2)")
    >>> galaxies = QTable({"line_Ha": [45.0] * flux, "line_err_Ha": [1.5] * flux,
    ...                    "line_Hb": [12.0] * flux, "line_err_Hb": [1.0] * flux})
    >>> table = BalmerEstimator(f=0.44).estimate(galaxies)
    >>> names = ["A_V", "A_V_nebular", "A_V_nebular_p16", "A_V_nebular_p84"]
    >>> print(table[names].to_pandas().round(2).to_string())
        A_V  A_V_nebular  A_V_nebular_p16  A_V_nebular_p84
    0  0.48         0.83             0.55             1.14
    """

    requires: ClassVar[tuple] = ("line",)
    optional: ClassVar[tuple] = ("redshift",)
    references: ClassVar[tuple] = ("Storey1995",)
    uncertainty: ClassVar[str] = "posterior"
    uses_limits: ClassVar[bool] = True
    registries: ClassVar[dict] = {"dust_law": DUST_LAWS, "nebular_law": DUST_LAWS}
    gives: ClassVar[tuple] = ("A_V", "E_BV", *_NEBULAR)

    def __init__(
        self,
        dust_law="Calzetti",
        nebular_law="CCM89",
        f=1.0,
        temperature=(5e3, 2e4),
        density=(10.0, 1e4),
        a_v_range=(-2.0, 8.0),
        prior="ratio",
        absorption=None,
        lines=None,
        calibration=None,
        targets="A_V",
    ):
        self.dust_law = dust_law
        self.nebular_law = nebular_law
        self.f = f
        self.temperature = temperature
        self.density = density
        self.a_v_range = a_v_range
        self.prior = prior
        self.absorption = absorption
        self.lines = lines
        self.calibration = calibration
        self.targets = targets

    @classmethod
    def _cite(cls, cited, parameters):
        """Add the references of the ratios and the laws."""
        super()._cite(cited, parameters)
        cite_law(cited, parameters.get("dust_law"))
        cite_law(cited, parameters.get("nebular_law"))

    @property
    def _wanted(self):
        """Names of the quantities of a result: those of the gas are always among them."""
        return requested((*_NEBULAR, *self._target_names), self.gives)

    def _estimate(self, batch):
        """Posteriors of the gas, then A_V of the stars."""
        data, used = self._line_data(batch)
        known = (data.n_fluxes > 0) & (data.n_fluxes + data.n_limits > 1)
        found = nebular_posterior(data[known], self._gas(used))
        a_v = np.full((len(batch), LEVELS.size), np.nan)
        chi2, bits = np.full((2, len(batch)), np.nan)
        a_v[known], chi2[known], bits[known] = found.a_v, found.chi2, found.bits
        e_bv = a_v / get_dust_law(self.nebular_law).r_v
        of_stars = self._f_draws() * e_bv
        samples = {
            "A_V": of_stars * get_dust_law(self.dust_law).r_v,
            "E_BV": of_stars,
            "A_V_nebular": a_v,
            "E_BV_nebular": e_bv,
        }
        extra = {"n_lines": data.n_fluxes.astype(np.int32), "chi2": chi2}
        return Estimates(samples, self._flags(data, known, a_v, chi2, bits), extra)

    def _flags(self, data, known, a_v, chi2, bits):
        """Flag bits."""
        n_data = data.n_fluxes + data.n_limits
        snr = np.nan_to_num(data.flux / data.error)
        low, high = self._prior().quantile(np.array([_EDGE, 1.0 - _EDGE]))
        at_edge = np.mean((a_v < low) | (a_v > high), axis=1) > _MAX_AT_EDGE
        probability = chi_squared.sf(chi2, np.maximum(n_data - 2, 1))
        bad = {
            "NO_DATA": ~known,
            "LOW_SNR": known & (np.count_nonzero(snr >= SNR_MIN, axis=1) < 2),
            "NEGATIVE_ATTENUATION": a_v[:, LEVELS.size // 2] < 0,
            "PRIOR_DOMINATED": bits < LEAST_INFORMATION,
            "AT_PRIOR_EDGE": known & at_edge,
            "POOR_FIT": probability < _LEAST_PROBABILITY,
        }
        flags = np.zeros(len(a_v), np.int32)
        for name, rows in bad.items():
            flags |= np.where(rows, FLAGS[name].value, 0).astype(np.int32)
        return flags

    def _line_data(self, batch):
        """Fluxes and limits of the lines that are used, and the names of these."""
        covered = self._covered_lines()
        used = [name for name in batch.lines if name in covered]
        columns = [batch.lines.index(name) for name in used]
        flux, error = batch.line[:, columns], batch.line_err[:, columns]
        limit_error = batch.line_limit[:, columns]
        limit = limit_error * batch.line_limit_sigma[:, columns]
        absorbed, spread = self._absorbed(batch, used, columns)
        flux, error = flux + absorbed, np.hypot(error, spread)
        limit, limit_error = limit + absorbed, np.hypot(limit_error, spread)
        # A measured flux contains the information of its limit.
        is_limit = np.isfinite(limit) & ~np.isfinite(flux)
        limit, limit_error = (np.where(is_limit, one, np.nan) for one in (limit, limit_error))
        return LineData(flux, error, limit, limit_error), used

    def _absorbed(self, batch, used, columns):
        """Fluxes that stars absorb and their standard errors; zero if unknown."""
        widths = self._widths()
        ew, spread = np.array([widths.get(name, (0.0, 0.0)) for name in used]).reshape(-1, 2).T
        continuum = batch.line_continuum[:, columns] * (1.0 + batch.redshift[:, None])
        continuum = np.where(np.isfinite(continuum), np.maximum(continuum, 0.0), 0.0)
        return ew * continuum, spread * continuum

    def _gas(self, used):
        """The model of some lines."""
        temperature, t_weights = _nodes(self.temperature, _N_TEMPERATURES)
        density, n_weights = _nodes(self.density, _N_DENSITIES)
        t, n = (one.ravel() for one in np.meshgrid(temperature, density))
        ratios = [line_ratio(name, "Hb", t, n) for name in used]
        weights = np.outer(n_weights, t_weights).ravel()
        law = get_dust_law(self.nebular_law)
        attenuation = law.a_over_av(np.array([LINES[name].wavelength for name in used]))
        return Gas(np.array(ratios), weights, attenuation, self._prior())

    def _prior(self, f_range=(1.0, 1.0)):
        """Prior of A_V of the gas, or of its product with f."""
        lines = [LINES[name].wavelength for name in ("Hb", "Ha")]
        beta, alpha = get_dust_law(self.nebular_law).a_over_av(lines)
        rate = 0.4 * np.log(10.0) * (beta - alpha) if self.prior == "ratio" else 0.0
        return Prior(*self.a_v_range, rate, *f_range)

    def _asked_lines(self):
        """Names of the lines of hydrogen that may be used."""
        return HYDROGEN_LINES if self.lines is None else [LINES[one].name for one in self.lines]

    def _covered_lines(self):
        """Those of them that the law of the gas covers."""
        low, high = get_dust_law(self.nebular_law).wavelength_range
        return [one for one in self._asked_lines() if low <= LINES[one].wavelength <= high]

    def _widths(self):
        """Equivalent width and standard error of the absorption, by line."""
        widths = {}
        for name, given in (self.absorption or {}).items():
            pair = given if isinstance(given, tuple | list) else (given, 0.0)
            widths[LINES[name].name] = tuple(map(float, pair))
        return widths

    def _f_range(self):
        """Smallest and largest f."""
        return (self.f, self.f) if is_number(self.f) else tuple(self.f)

    def _f_draws(self):
        """Values of f that go with the draws: evenly spread, and independent of their order."""
        low, high = self._f_range()
        return low + (high - low) * np.mod((1 + np.arange(LEVELS.size)) * _GOLDEN, 1.0)

    def _extra_columns(self, bands):  # noqa: ARG002 - independent of the bands
        """The number of lines and the chi-squared."""
        return {"n_lines": ExtraColumn(dtype=np.int32), "chi2": ExtraColumn()}

    def _conditions(self, batch):
        """Signal-to-noise ratios of the lines."""
        data, used = self._line_data(batch)
        return Conditions(batch.redshift, tuple(used), data.flux / data.error)

    @property
    def _prior_statement(self):
        """The priors of all quantities are known in closed form."""
        return dict.fromkeys(self._drawn_quantities, "closed form")

    def _log_prior(self, batch, estimates):  # noqa: ARG002 - the same for all galaxies
        """Densities of the prior of the gas, or of its product with f."""
        found = {}
        for name in self._drawn_quantities:
            per_a_v, with_f = self._scales()[name]
            prior = self._prior(self._f_range()) if with_f else self._prior()
            values = estimates.samples[name] / per_a_v
            found[name] = prior.log_density(values) - np.log(per_a_v)
        return found

    def _scales(self):
        """Quantities over A_V of the gas, without f, and whether f is a factor, by name."""
        r_v, r_v_stars = get_dust_law(self.nebular_law).r_v, get_dust_law(self.dust_law).r_v
        return {
            "A_V": (r_v_stars / r_v, True),
            "E_BV": (1.0 / r_v, True),
            "A_V_nebular": (1.0, False),
            "E_BV_nebular": (1.0 / r_v, False),
        }

    def sample_prior(self, X, n_samples, random_state=None):
        """Draw from the prior of galaxies, which is the same for all.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            n galaxies.
        n_samples : int
            Number of draws per galaxy.
        random_state : int, Generator or None, optional
            Seed of the draws.

        Returns
        -------
        draws : dict of str to ndarray of shape (n, n_samples)
            By quantity. Draws with the same number belong together.

        Raises
        ------
        InputError
            If the input is invalid, or ``n_samples`` is not a positive integer.

        Examples
        --------
        >>> from dustest import BalmerEstimator
        >>> from dustest.testing import make_check_sample
        >>> sample, _ = make_check_sample(["line"])
        >>> draws = BalmerEstimator().sample_prior(sample, 5, random_state=1)
        >>> draws["A_V_nebular"].shape
        (4, 5)
        """
        if self._recalibration is not None:
            return self._sample_calibrated_prior(X, n_samples, random_state)
        self._check_draws("n_samples", n_samples, least=1)
        shape = (len(self._ready(X)), int(n_samples))
        rng = np.random.default_rng(self._base_seed(random_state))
        a_v = self._prior().quantile(rng.uniform(size=shape))
        f = rng.uniform(*self._f_range(), shape)
        return {
            name: per_a_v * a_v * (f if with_f else 1.0)
            for name, (per_a_v, with_f) in self._scales().items()
        }

    def _warn_of_sample(self, sample):
        """Warn of lines beyond the law of the gas, and of absorption without a continuum."""
        known = [name for name in sample.lines if name in self._asked_lines()]
        beyond = sorted(set(known) - set(self._covered_lines()))
        if beyond:
            msg = (
                f"the lines {shown(beyond)} are left out, since nebular_law does not cover their "
                "wavelengths: use another law for them"
            )
            warnings.warn(msg, DustestWarning, stacklevel=4)
        absorbed = [name for name in known if name in self._widths() and name not in beyond]
        lost = {name: _without_continuum(sample, name) for name in absorbed}
        lost = {name: rows for name, rows in lost.items() if rows}
        if lost:
            counts = ", ".join(
                f"{name} in {rows} of {len(sample)} rows" for name, rows in lost.items()
            )
            msg = (
                f"absorption by stars is not corrected in {counts}, which needs "
                f"line_continuum_{next(iter(lost))} in {SPECTRAL_UNIT} and redshift"
            )
            warnings.warn(msg, DustestWarning, stacklevel=4)

    def _check_parameters(self):
        """Raise an error for invalid parameters."""
        get_dust_law(self.dust_law)
        _gas_law(self.nebular_law)
        _check_range(self.f, "f", (0.0, np.inf), above=True)
        _check_range(self.temperature, "temperature", TEMPERATURE_LIMITS)
        _check_range(self.density, "density", DENSITY_LIMITS)
        if is_number(self.a_v_range):
            msg = f"a_v_range must be two numbers that ascend, got {self.a_v_range!r}"
            raise InputError(msg)
        _check_range(self.a_v_range, "a_v_range", (-_LARGEST, _LARGEST))
        if self.prior not in _PRIORS:
            raise InputError(not_one_of("prior", self.prior, _PRIORS))
        self._check_lines()
        if self.absorption is not None and not isinstance(self.absorption, Mapping):
            msg = (
                "absorption must be a dict of equivalent widths in Angstrom by line, such as "
                f"{{'Hb': 2.0}}, got {self.absorption!r}"
            )
            raise InputError(msg)
        for name, given in (self.absorption or {}).items():
            _check_line(name, "absorption")
            pair = given if isinstance(given, tuple | list) else (given,)
            for number in pair:
                check_number(number, f"absorption of {name}", 0.0)

    def _check_lines(self):
        """Raise an error for anything but two or more different lines of hydrogen."""
        if self.lines is None:
            return
        names = self.lines if isinstance(self.lines, tuple | list) else ()
        for name in names:
            _check_line(name, "lines")
        if len({LINES[name].name for name in names}) < 2:
            msg = (
                "lines must be None or a tuple of two or more different lines of hydrogen, such "
                f"as ('Ha', 'Hb'), got {self.lines!r}"
            )
            raise InputError(msg)


def _without_continuum(sample, name):
    """Number of rows with a flux or limit of a line whose absorption is not known."""

    def known(column):
        has_column = column in sample.colnames
        return (
            np.isfinite(np.asarray(sample[column])) if has_column else np.zeros(len(sample), bool)
        )

    measured = known(f"line_{name}") | known(f"line_limit_{name}")
    corrected = known(f"line_continuum_{name}") & known("redshift")
    return int(np.count_nonzero(measured & ~corrected))


def _gas_law(law):
    """Look up the law of the gas, which must cover H-beta."""
    try:
        get_dust_law(law).a_over_av(LINES["Hb"].wavelength)
    except InputError as error:
        msg = f"nebular_law: {error}"
        raise InputError(msg) from error


def _check_range(value, name, limits, *, above=False):
    """Raise an error for anything but a number, or two that ascend, within limits."""
    if not isinstance(value, tuple | list):
        check_number(value, name, *limits, above=above)
        return
    for number in value:
        check_number(number, name, *limits, above=above)
    if len(value) != 2 or not value[0] < value[1]:
        msg = f"{name} must be a number or two numbers that ascend, got {value!r}"
        raise InputError(msg)


def _check_line(name, argument):
    """Raise an error for anything but a line of hydrogen with a case B ratio."""
    found = LINES[name].name if isinstance(name, str) and name in LINES else None
    if found not in HYDROGEN_LINES:
        raise InputError(not_one_of(argument, name, HYDROGEN_LINES))


def _nodes(value, number):
    """Nodes and weights of an integral over a number, or over the logarithm within a range."""
    if is_number(value):
        return np.array([value], dtype=float), np.ones(1)
    nodes, weights = np.polynomial.legendre.leggauss(number)
    low, high = np.log(value)
    return np.exp(low + (high - low) * 0.5 * (nodes + 1.0)), 0.5 * weights
