"""Joint priors of fits of galaxies: Gaussians of one quantity given others."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtr

from dustest.data.checks.numbers import is_number
from dustest.data.checks.records import check_texts, expect
from dustest.data.registry import Registry

__all__ = ["JOINT_PRIORS", "JointPrior", "get_joint_prior", "register_joint_prior"]

_NORM = 0.5 * np.log(2.0 * np.pi)


@dataclass(frozen=True)
class JointPrior:
    """A Gaussian prior of one quantity of a galaxy, given others.

    Parameters
    ----------
    name : str
        Name by which a fit knows it.
    quantity : str
        The quantity: a parameter of a fit such as ``"dust:delta"``, or a name of
        `~dustest.data.QUANTITIES` such as ``"A_V"`` and ``"log_sSFR"``.
    given : tuple of str
        The others, by such names, ``"redshift"`` or ``"age_of_universe"``, which is in Gyr.
    mean : callable
        Function of their values, in this order, on arrays of shape (n,): the mean, in the unit of
        the quantity.
    scatter : float
        Standard deviation, in that unit.
    references : tuple of str, optional
        Keys of the references of dustest, or BibTeX entries.
    description : str, optional
        One sentence for documentation.

    Raises
    ------
    InputError
        If a field has another type, or the scatter is not positive.

    Examples
    --------
    >>> from dustest.physics import JointPrior
    >>> dusty = JointPrior("dusty", "A_V", ("log_mass",), lambda log_mass: log_mass - 9.0, 0.3)
    >>> float(dusty.log_density(1.0, [10.0]).round(3))
    0.285
    """

    name: str
    quantity: str
    given: tuple
    mean: Callable
    scatter: float
    references: tuple = ()
    description: str = ""

    def __post_init__(self):
        what = f"of the joint prior {self.name!r}"
        check_texts((self.name, self.quantity), f"name and quantity {what}")
        check_texts(self.given, f"given {what}")
        check_texts(self.references, f"references {what}")
        expect(callable(self.mean), f"mean {what}", "a function", self.mean)
        positive = is_number(self.scatter) and self.scatter > 0
        expect(positive, f"scatter {what}", "a positive number", self.scatter)

    def log_density(self, value, given, limits=(-np.inf, np.inf)):
        """Logarithm of the density, normalised between limits.

        Parameters
        ----------
        value : array_like of shape (n,)
            Values of the quantity.
        given : sequence of array_like of shape (n,)
            Values of the others, in the order of ``given``.
        limits : tuple of float, optional
            Lowest and highest value of the quantity.

        Returns
        -------
        ndarray of shape (n,)
            Natural logarithm, of the inverse of the unit of the quantity.
        """
        mean = self.mean(*(np.asarray(each, dtype=float) for each in given))
        low, high = ((limit - mean) / self.scatter for limit in limits)
        pull = (np.asarray(value, dtype=float) - mean) / self.scatter
        return -0.5 * pull**2 - _NORM - np.log(self.scatter) - _log_between(low, high)


def _log_between(low, high):
    """Logarithm of the probability of a standard normal variable between limits."""
    # Both limits on one side are mirrored to where the tail is accurate.
    swap = low > 0.0
    low, high = np.where(swap, -high, low), np.where(swap, -low, high)
    with np.errstate(divide="ignore"):
        inner = np.log(ndtr(high) - ndtr(low))
        tail = log_ndtr(high) + np.log1p(-np.exp(log_ndtr(low) - log_ndtr(high)))
    return np.where(high < 0.0, tail, inner)


def _speagle(log_mass, age):
    """Specific star-formation rate [log10 1/yr] of the main sequence, equation 28."""
    return (0.84 - 0.026 * age - 1.0) * log_mass - (6.51 - 0.11 * age)


def _slope_of_a_v(a_v):
    """Slope that is steep as that of the SMC at low A_V, and flat at high A_V."""
    return np.clip(-0.1 + 0.5 * np.log10(np.maximum(a_v, 1e-4)), -0.6, 0.2)


def _a_v_of_mass(log_mass):
    """A_V [mag] of 0.3 below 1e9 solar masses, and 1 at 1e11, linear in between and beyond."""
    return 0.3 + 0.35 * np.maximum(log_mass - 9.0, 0.0)


def _f_of_mass(log_mass):
    """E(B-V) of stars over that of gas: 1 below 1e9 solar masses, 0.44 above 1e11."""
    return 1.0 - 0.28 * np.clip(log_mass - 9.0, 0.0, 2.0)


JOINT_PRIORS = Registry(
    "joint prior",
    JointPrior,
    [
        JointPrior(
            "main_sequence",
            "log_sSFR",
            ("log_mass", "age_of_universe"),
            _speagle,
            0.2,
            references=("Speagle2014",),
            description=(
                "Main sequence of star formation and its intrinsic scatter, Speagle et al. 2014, "
                "equation 28; measured from redshift 0 to 6 for log masses of 9.7 to 11.1, and "
                "extrapolated beyond."
            ),
        ),
        JointPrior(
            "slope_of_A_V",
            "dust:delta",
            ("A_V",),
            _slope_of_a_v,
            0.2,
            references=("Salim2018",),
            description=(
                "Slope of the law of Salim et al. 2018, which is flatter at higher A_V. The trend "
                "is observed (from redshift 1 to 9 by Shivaei et al. 2025, arXiv 2509.01795); the "
                "numbers are not a published fit: -0.1 at 1 mag, 0.5 per dex of A_V, between -0.6 "
                "(about the SMC) and 0.2, and a scatter of 0.2."
            ),
        ),
        JointPrior(
            "A_V_of_mass",
            "A_V",
            ("log_mass",),
            _a_v_of_mass,
            0.3,
            description=(
                "A_V of 0.3 mag below 1e9 solar masses and 1 mag at 1e11 without evolution at "
                "fixed mass, redshift 0 to 7, from the abstract of Song et al. 2026, arXiv "
                "2605.23049; linear in between. The scatter is an assumption."
            ),
        ),
        JointPrior(
            "f_of_mass",
            "dust:f",
            ("log_mass",),
            _f_of_mass,
            0.15,
            description=(
                "Colour excess of the stars over that of the gas, which falls from about 1.0 at "
                "low to 0.44 at high mass, from the abstract of Song et al. 2026, arXiv "
                "2605.23049; linear between 1e9 and 1e11 solar masses. The masses of the ends and "
                "the scatter are assumptions."
            ),
        ),
    ],
)
"""Joint priors by name."""


def get_joint_prior(prior):
    """Look up a joint prior.

    Parameters
    ----------
    prior : str or JointPrior
        Name in ``JOINT_PRIORS``, or a prior itself.

    Returns
    -------
    JointPrior
        The prior.

    Raises
    ------
    InputError
        If there is none of that name.

    Examples
    --------
    >>> from dustest.physics import get_joint_prior
    >>> get_joint_prior("A_V_of_mass").mean(11.0).item()
    1.0
    """
    return prior if isinstance(prior, JointPrior) else JOINT_PRIORS.find(prior, "joint_priors")


def register_joint_prior(prior):
    """Add a joint prior, which `~dustest.BagpipesEstimator` then knows by its name.

    Parameters
    ----------
    prior : JointPrior
        The prior.

    Returns
    -------
    JointPrior
        The same.

    Raises
    ------
    InputError
        If it is no joint prior, or another one has the name.

    Examples
    --------
    >>> from dustest import BagpipesEstimator
    >>> from dustest.physics import JointPrior, register_joint_prior
    >>> def metallicity(log_mass):
    ...     return 10 ** (0.3 * (log_mass - 10.0))
    >>> prior = JointPrior("metals", "delayed:metallicity", ("log_mass",), metallicity, 0.3)
    >>> register_joint_prior(prior).name
    'metals'
    >>> sed = BagpipesEstimator(sfh="delayed", joint_priors=("metals",))
    """
    return JOINT_PRIORS.register(prior)
