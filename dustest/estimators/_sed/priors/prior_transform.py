"""Priors of SED models: from points of the unit cube to parameters, many models at once.

The cube is that of Bagpipes: its axes are the free parameters in alphabetical order of their
names ``component:parameter``, and the shapes of the priors are its own.
"""

import numpy as np
from scipy.special import erf, erfinv, stdtr, stdtrit

from dustest.data.errors import InputError
from dustest.estimators._sed.posterior import A_V
from dustest.physics.histories import AGE

__all__ = ["SEDPrior", "fit_name"]

_MASS = ":massformed"
_SLOPE_STEP = 1e-4
_LEAST_LOGARITHMIC = 1e-4
_ROUNDING = 1e-12
_CLOSEST, _N_STEPS = 1e-9, 4000
"""Distance to the ends of the unit cube at which sampling of a quantile function begins."""


def fit_name(quantity):
    """Name of a quantity among the parameters of a fit, if it is one of them.

    Parameters
    ----------
    quantity : str
        Name of a quantity or parameter.

    Returns
    -------
    str
        The name.
    """
    return A_V if quantity == "A_V" else quantity


class SEDPrior:
    """The prior of one SED model.

    Parameters
    ----------
    instructions : dict
        Fit instructions as `dustest.estimators._sed.priors.defaults.fit_instructions` makes
        them: a pair of limits is a free parameter, a number a fixed one, the name of another
        parameter a mirror of it.
    age_at : Callable, optional
        Age of the Universe in Gyr by redshift, for limits at the age of the Universe.
    joint : sequence of JointPrior, optional
        Joint priors of the fit, of which those in ``conditional`` apply here.

    Attributes
    ----------
    age_at : Callable
        The age, which may be replaced.
    free : tuple of str
        Names of the free parameters, in the order of the cube's axes.
    fixed : dict of str to float or ndarray
        Parameters that are the same in all models.
    mirrors : dict of str to str
        Parameters that follow another one.
    settings : dict of str to str
        Values that are not numbers, such as the type of the dust law.
    masses : tuple of str
        Names of the log10 masses formed, free or not, one per component of the history.
    conditional : dict of str to JointPrior
        Joint priors by the free parameter whose prior they are, between its limits. What they
        are given are other parameters. A_V always has its own prior here.
    mass_is_scale : bool
        Whether the prior is flat in the logarithm of a mass scale common to all components, so
        that models differ by this scale only.

    Raises
    ------
    InputError
        If mirrors follow each other in a circle.

    Examples
    --------
    >>> from dustest.estimators._sed.priors.defaults import fit_instructions
    >>> from dustest.estimators._sed.priors.prior_transform import SEDPrior
    >>> prior = SEDPrior(fit_instructions("lognormal", "Calzetti", 7.0))
    >>> prior.free[:4]
    ('dust:Av', 'lognormal:fwhm', 'lognormal:massformed', 'lognormal:metallicity')
    >>> parameters = prior.transform([[0.5] * len(prior.free)])
    >>> parameters["lognormal:massformed"], parameters["redshift"]
    (array([8.5]), array([7.]))
    """

    def __init__(self, instructions, age_at=None, joint=()):
        flat = _flatten(instructions)
        values = {key: value for key, value in flat.items() if not _is_of_shape(key)}
        self.free = tuple(sorted(key for key, value in values.items() if isinstance(value, tuple)))
        names = {key: value for key, value in values.items() if isinstance(value, str)}
        self.settings = {key: value for key, value in names.items() if value not in values}
        self.mirrors = {key: _source(key, names) for key in names if key not in self.settings}
        rest = values.keys() - self.free - names.keys()
        self.fixed = {key: np.asarray(values[key], dtype=float) for key in values if key in rest}
        self._shapes = {key: flat.get(f"{key}_prior", "uniform") for key in self.free}
        self._limits = {key: values[key] for key in self.free}
        self.age_at = age_at
        self._hyper = {key: _hyper_of(key, flat) for key in self.free}
        self.conditional = _conditional(joint, self.free, {*self.free, *self.fixed})
        self.masses = tuple(sorted(key for key in values if key.endswith(_MASS)))
        sources = {self.mirrors.get(key, key) for key in self.masses}
        self.mass_is_scale = all(self._shapes.get(key) == "uniform" for key in sources)

    def transform(self, cube):
        """Parameters at points of the unit cube.

        Parameters
        ----------
        cube : array_like of shape (n, n_free)
            Points, each coordinate from 0 to 1.

        Returns
        -------
        parameters : dict of str to ndarray
            Every parameter, of shape (n,): free, fixed and mirrors. A parameter that is itself a
            sequence, as ``continuity:bin_edges``, is common to all points and has its own shape.

        Raises
        ------
        InputError
            If the shape of the cube does not match.
        """
        cube = np.asarray(cube, dtype=float)
        if cube.ndim != 2 or cube.shape[1] != len(self.free):
            msg = f"cube must be of shape (n, {len(self.free)}), got {cube.shape}"
            raise InputError(msg)
        parameters = {
            key: value if value.ndim else np.full(len(cube), value)
            for key, value in self.fixed.items()
        }
        coordinates = dict(zip(self.free, cube.T, strict=True))
        aged = [key for key in self.free if AGE in self._limits[key]]
        for key in coordinates.keys() - aged - self.conditional.keys():
            parameters[key] = self._value(key, coordinates[key])
        if aged:
            age = self.age_at(parameters["redshift"])
            for key in aged:
                parameters[key] = self._value(key, coordinates[key], age)
        for key, one in self.conditional.items():
            mean = one.mean(*(parameters[fit_name(name)] for name in one.given))
            limits = self._limits[key]
            parameters[key] = _gaussian(coordinates[key], *limits, mu=mean, sigma=one.scatter)
        return parameters | {key: parameters[source] for key, source in self.mirrors.items()}

    def has(self, name):
        """Whether a parameter is free, follows another, or is fixed at another value than zero."""
        if name in self.fixed:
            return bool(np.any(self.fixed[name] != 0.0))
        return name in self.free or name in self.mirrors

    def limits(self, name):
        """Limits of a free parameter.

        Parameters
        ----------
        name : str
            The parameter.

        Returns
        -------
        tuple of float
            Lowest and highest value.
        """
        return self._limits[name]

    def shape(self, name):
        """Shape of the prior of a free parameter, by its name in Bagpipes."""
        return self._shapes[name]

    def quantile(self, name, u):
        """Values of a free parameter at probabilities, of the shape of these."""
        return self._value(name, u)

    def log_ratio_to(self, shape, name, cube):
        """Logarithm of another prior of a free parameter over its own.

        Parameters
        ----------
        shape : {"uniform", "log_10"}
            Shape of the other prior, between the same limits; that in the logarithm is zero below
            1e-4.
        name : str
            The parameter.
        cube : ndarray of shape (n, n_free)
            Points of the unit cube.

        Returns
        -------
        ndarray of shape (n,)
            The logarithm; minus infinity where the other prior is zero.
        """
        coordinate = cube[:, self.free.index(name)]
        value = self._value(name, coordinate)
        low, high = self._other_limits(shape, name)
        # Quantiles may be infinite at the very ends, as those of the exponential are.
        u = np.clip(coordinate, 2.0 * _SLOPE_STEP, 1.0 - 2.0 * _SLOPE_STEP)
        ends = [self._value(name, u + step) for step in (-_SLOPE_STEP, _SLOPE_STEP)]
        log_ratio = np.log((ends[1] - ends[0]) / (2.0 * _SLOPE_STEP))
        if shape == "uniform":
            log_ratio -= np.log(high - low)
        else:
            log_ratio -= np.log(np.maximum(value, low) * np.log(high / low))
        inside = (value >= low - _ROUNDING * high) & (value <= high + _ROUNDING * high)
        return np.where(inside, log_ratio, -np.inf)

    def moved_to(self, shape, name, cube):
        """Points at which a parameter follows another prior, as others do their own.

        Parameters
        ----------
        shape, name
            As in `log_ratio_to`.
        cube : ndarray of shape (n, n_free)
            Points that fill the unit cube evenly.

        Returns
        -------
        ndarray of shape (n, n_free)
            The points, with another coordinate of the parameter.
        """
        axis = self.free.index(name)
        value = _QUANTILES[shape](cube[:, axis], *self._other_limits(shape, name))
        ends = np.geomspace(_CLOSEST, 0.5, _N_STEPS)
        u = np.concatenate([[0.0], ends, 1.0 - ends[-2::-1]])
        moved = cube.copy()
        moved[:, axis] = np.interp(value, self._value(name, u), u)
        return moved

    def _other_limits(self, shape, name):
        """Limits of a prior of another shape."""
        low, high = self._limits[name]
        return (low if shape == "uniform" else max(low, _LEAST_LOGARITHMIC)), high

    def _value(self, name, u, age=None):
        """Values of a free parameter at coordinates of the unit cube, for ages of the Universe."""
        low, high = self._limits[name]
        if high == AGE:
            high = np.maximum(age, low)
        return _QUANTILES[self._shapes[name]](u, low, high, **self._hyper[name])

    def log_mass_formed(self, parameters):
        """Log10 of the mass formed in all components.

        Parameters
        ----------
        parameters : dict of str to ndarray of shape (n,)
            Result of `transform`.

        Returns
        -------
        ndarray of shape (n,)
            In solar masses.
        """
        return np.log10(np.sum([10.0 ** parameters[key] for key in self.masses], axis=0))

    def log_mass_limits(self, parameters):
        """Lowest and highest log10 of the mass formed that the prior allows.

        Parameters
        ----------
        parameters : dict of str to ndarray of shape (n,)
            Result of `transform`.

        Returns
        -------
        low, high : ndarray of shape (n,)
            Limits of the log10 of the mass formed in all components, in solar masses, at fixed
            ratios of their masses and all other parameters. The prior is flat between them. If it
            is not (see `mass_is_scale`), both are the mass that was drawn.
        """
        log_mass = np.stack([parameters[key] for key in self.masses])
        total = self.log_mass_formed(parameters)
        if not self.mass_is_scale:
            return total, total.copy()
        limits = np.array([self._limits[self.mirrors.get(key, key)] for key in self.masses])
        low, high = limits.T[:, :, np.newaxis] - log_mass
        return total + low.max(axis=0), total + high.min(axis=0)


def _conditional(joint, free, known):
    """Joint priors by the parameter whose prior they are."""
    found = {fit_name(one.quantity): one for one in joint}
    own = known - found.keys() | {A_V}
    return {
        key: one
        for key, one in found.items()
        if key in free and key != A_V and own.issuperset(map(fit_name, one.given))
    }


def _flatten(instructions):
    """Flat mapping ``component:parameter`` -> value."""
    flat = {}
    for key, value in instructions.items():
        if isinstance(value, dict):
            flat |= {f"{key}:{name}": inner for name, inner in value.items()}
        else:
            flat[key] = value
    return flat


def _is_of_shape(key):
    """Whether a key is the shape of a prior, or one of the numbers of a shape."""
    return "_prior" in key


def _source(key, names):
    """The parameter at the end of a chain of mirrors."""
    seen = [key]
    while names.get(seen[-1], seen[-1]) not in seen:
        seen.append(names[seen[-1]])
    if seen[-1] in names:
        msg = f"priors mirror each other in a circle: {' -> '.join(seen)}"
        raise InputError(msg)
    return seen[-1]


def _hyper_of(key, flat):
    """The numbers of the shape of a parameter's prior."""
    start = f"{key}_prior_"
    return {name.removeprefix(start): flat[name] for name in flat if name.startswith(start)}


def _power(exponent):
    """Quantiles of a prior uniform in a power of the parameter."""

    def quantile(u, low, high, **_):
        return (low**exponent + (high**exponent - low**exponent) * u) ** (1.0 / exponent)

    return quantile


def _log_uniform(u, low, high, **_):
    """Uniform in the logarithm of any base."""
    return low * (high / low) ** u


def _pow_10(u, low, high, **_):
    """Uniform in 10**x; scaled by the upper limit, so that none overflows."""
    floor = 10.0 ** (low - high)
    return high + np.log10(floor + (1.0 - floor) * u)


def _gaussian(u, low, high, mu, sigma, **_):
    """Gaussian between the limits."""
    first, last = (erf((limit - mu) / (np.sqrt(2.0) * sigma)) for limit in (low, high))
    return mu + np.sqrt(2.0) * sigma * erfinv(first + (last - first) * u)


def _student_t(u, low, high, df=2.0, loc=0.0, scale=0.3, **_):
    """Student's t between the limits; the defaults are those of Bagpipes."""
    first, last = (stdtr(df, (limit - loc) / scale) for limit in (low, high))
    return loc + scale * stdtrit(df, first + (last - first) * u)


def _exponential(u, _low, _high, scale, **_):
    """Exponential from zero on; Bagpipes ignores the limits."""
    return -scale * np.log1p(-u)


def _density(u, _low, _high, places, below):
    """Any density, by its cumulative probability."""
    return np.interp(u, below, places)


_QUANTILES = {
    "uniform": _power(1.0),
    "log_10": _log_uniform,
    "log_e": _log_uniform,
    "pow_10": _pow_10,
    "recip": _power(-1.0),
    "recipsq": _power(-2.0),
    "Gaussian": _gaussian,
    "student_t": _student_t,
    "exponential": _exponential,
    "density": _density,
}
