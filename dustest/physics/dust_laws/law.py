"""`DustLaw`: the shape of an attenuation or extinction curve, and sums of laws."""

import hashlib
import json
from abc import ABC, abstractmethod
from copy import copy
from dataclasses import dataclass, fields, is_dataclass
from numbers import Real
from typing import ClassVar

import numpy as np

from dustest.data.checks.numbers import check_number, is_number
from dustest.data.errors import InputError
from dustest.data.identity.describe import class_path
from dustest.physics._values import as_angstrom

__all__ = [
    "BLUEST_WAVELENGTH",
    "B_WAVELENGTH",
    "V_WAVELENGTH",
    "DustLaw",
    "SumOfLaws",
    "check_law",
    "check_part",
    "common_range",
]

BLUEST_WAVELENGTH = 912.0
"""Angstrom; blueward of it hydrogen, not dust, absorbs."""
B_WAVELENGTH = 4400.0
V_WAVELENGTH = 5500.0

_LABELS = ("name", "aliases", "references")
_DIGEST_POINTS = 400
_CHECK_POINTS = 200
_V_TOLERANCE = 0.1
_REDDEST = 1e6
"""Angstrom; end of the digest and of the check of a curve without an end."""


class DustLaw(ABC):
    """The shape of an attenuation or extinction curve, A_lambda / A_V.

    A law is a frozen dataclass with a ``name`` and a ``wavelength_range`` in Angstrom. It defines
    ``_curve``, which returns A_lambda / A_V at wavelengths in Angstrom within that range. ``r_v``
    = A_V / E(B-V) follows from the curve at 4400 and 5500 Angstrom, unless the class has its own.
    The curve is checked once, when the law is used: about 1 at 5500 Angstrom, nowhere negative,
    and of the shape of the wavelengths. Its fields of type float are its parameters. They are
    numbers, or arrays that broadcast with wavelengths: ``delta`` of shape (n, 1) makes a law of n
    shapes.

    Laws are composed of others: ``Tilted(law, delta)``, ``Bump(law, strength)``, and weighted sums
    such as ``0.7 * law + 0.3 * other``. Two laws are equal where their descriptions are, see
    `to_dict`.

    Attributes
    ----------
    aliases : tuple of str
        Further names by which `get_dust_law` finds the law.
    references : tuple of str
        BibTeX keys of the references of dustest, or BibTeX entries.
    eta, age : float or None
        Of laws of two components: A_V of young stars over that of older ones, and the age in yr
        up to which they are young.
    birth_clouds : DustLaw or None
        Law of the birth clouds around young stars, where it is not that of the diffuse dust.
    optics : GrainOptics or None
        Albedo and asymmetry of the grains, for `Scattered`, where the law brings them.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from dustest.physics import DustLaw
    >>> @dataclass(frozen=True, eq=False)
    ... class Grey(DustLaw):
    ...     grey: float = 0.5
    ...     name = "grey"
    ...     wavelength_range = (1000.0, 30_000.0)
    ...
    ...     def _curve(self, wavelength):
    ...         return self.grey + (1.0 - self.grey) * 5500.0 / wavelength
    >>> float(Grey(grey=0.2).a_over_av(2750.0)), round(Grey(grey=0.2).r_v, 3)
    (1.8, 5.0)
    """

    name: str
    r_v: float
    wavelength_range: tuple
    aliases = ()
    references = ()
    eta = None
    age = None
    birth_clouds = None
    optics = None
    _holds_everywhere: ClassVar[bool] = False
    """Whether ``_curve`` may also be evaluated beyond the range."""

    def __getattr__(self, name):
        # Not a property: a field of a subclass could not replace it.
        if name != "r_v":
            msg = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(msg)
        ratio = self.extended(np.array([B_WAVELENGTH, V_WAVELENGTH]))
        with np.errstate(divide="ignore"):
            r_v = 1.0 / (ratio[..., :1] / ratio[..., 1:] - 1.0)
        return r_v if ratio.ndim > 1 else float(r_v[0])

    def __post_init__(self):
        for name in self.keywords:
            object.__setattr__(self, name, _as_parameter(getattr(self, name), name))

    @abstractmethod
    def _curve(self, wavelength):
        """A_lambda / A_V at an array of wavelengths in Angstrom, within the law's range."""

    @property
    def keywords(self):
        """Parameters of the law itself, without those of its parts, by name."""
        return {item.name: getattr(self, item.name) for item in _fields(self) if _is_float(item)}

    @property
    def shape(self):
        """Parameters that `with_shape` changes: those of the law and of its parts, by name."""
        found = {}
        for part in self._parts():
            found |= part.shape
        return found | self.keywords

    def with_shape(self, **shape):
        """Change parameters of the law and of its parts.

        A parameter that occurs in several parts changes in all of them. Values are not checked,
        so that models may be computed in large numbers.

        Parameters
        ----------
        **shape : float or ndarray
            Names of `shape`, and their values; arrays broadcast with wavelengths.

        Returns
        -------
        law : DustLaw
            The other law.

        Examples
        --------
        >>> import numpy as np
        >>> from dustest.physics import PowerLaw, Tilted, get_dust_law
        >>> Tilted(get_dust_law("SMC"), 0.0).with_shape(delta=-0.2).delta
        -0.2
        >>> PowerLaw().with_shape(n=np.array([[0.7], [1.3]])).a_over_av([2750.0, 5500.0]).round(2)
        array([[1.62, 1.  ],
               [2.46, 1.  ]])
        """
        changed = copy(self)
        for item in _fields(self):
            value = getattr(self, item.name)
            if isinstance(value, DustLaw):
                value = value.with_shape(**shape)
            elif isinstance(value, tuple):
                value = tuple(
                    part.with_shape(**shape) if isinstance(part, DustLaw) else part
                    for part in value
                )
            elif _is_float(item):
                value = shape.get(item.name, value)
            object.__setattr__(changed, item.name, value)
        return changed

    @property
    def has_birth_clouds(self):
        """Whether the law, or one that it is composed of, has two components (bool)."""
        return self.eta is not None or any(part.has_birth_clouds for part in self._parts())

    def _parts(self):
        """Laws that the law is composed of."""
        values = [getattr(self, item.name) for item in _fields(self)]
        parts = [
            part for value in values for part in (value if type(value) is tuple else (value,))
        ]
        return [part for part in parts if isinstance(part, DustLaw)]

    def a_over_av(self, wavelength):
        """Evaluate A_lambda / A_V.

        Parameters
        ----------
        wavelength : float, array_like, Column or `~astropy.units.Quantity`
            Rest-frame wavelengths; Angstrom if they have no unit.

        Returns
        -------
        float or ndarray
            A_lambda / A_V, of the shape of ``wavelength``.

        Raises
        ------
        InputError
            If a wavelength is not positive and finite or lies outside the law's range.

        Examples
        --------
        >>> from dustest.physics import get_dust_law
        >>> float(get_dust_law("Calzetti").a_over_av(1600.0).round(3))
        2.462
        """
        values = as_angstrom(wavelength)
        low, high = self.wavelength_range
        # The ranges of many curves are given in inverse microns: allow for the rounding.
        outside = (values < low * (1 - 1e-6)) | (values > high * (1 + 1e-6))
        if np.any(outside):
            msg = (
                f"wavelength must lie within {low:.0f} to {high:.0f} Angstrom, which the dust "
                f"law {self.name!r} covers, got {values[outside].flat[0]:.0f}: use a law that "
                "covers it"
            )
            raise InputError(msg)
        return self._curve(values)[()]

    def extended(self, wavelength):
        """Evaluate A_lambda / A_V at any wavelength.

        Models of galaxies emit light beyond the range of most laws. In fits of SEDs a law whose
        formula continues there (Calzetti, power laws, Li+08, and laws composed of them) is
        evaluated as it is; any other keeps the value at the end of its range.

        Parameters
        ----------
        wavelength : ndarray of shape (n_wave,)
            Rest-frame wavelengths in Angstrom.

        Returns
        -------
        ratio : ndarray of shape (n_wave,) or (n, n_wave)
            A_lambda / A_V.

        Examples
        --------
        >>> import numpy as np
        >>> from dustest.physics import get_dust_law
        >>> get_dust_law("SMC").extended(np.array([500.0, 1000.0, 1e5])).round(3)
        array([9.635, 9.635, 0.062])
        """
        if self._holds_everywhere:
            return self._curve(wavelength)
        return self._curve(np.clip(wavelength, *self.wavelength_range))

    def k(self, wavelength):
        """Evaluate k(lambda) = A_lambda / E(B-V).

        Parameters
        ----------
        wavelength : float, array_like, Column or `~astropy.units.Quantity`
            Rest-frame wavelengths; Angstrom if they have no unit.

        Returns
        -------
        float or ndarray
            k, of the shape of ``wavelength``.

        Raises
        ------
        InputError
            If a wavelength is not positive and finite or lies outside the law's range.

        Examples
        --------
        >>> from dustest.physics import get_dust_law
        >>> float(get_dust_law("Calzetti").k(1600.0).round(3))
        9.97
        """
        return self.r_v * self.a_over_av(wavelength)

    def to_dict(self):
        """Describe the law without loss.

        Returns
        -------
        description : dict
            ``name``, ``class`` and ``parameters`` as plain numbers, text and descriptions of the
            laws that it is composed of. A law whose parameters are unknown has a digest of its
            ``curve`` instead.

        Examples
        --------
        >>> from dustest.physics import get_dust_law
        >>> description = get_dust_law("Salim", delta=-0.5).to_dict()
        >>> description["name"], description["parameters"]
        ('Salim', {'delta': -0.5, 'bump': 0.0})
        """
        description = {"name": self.name, "class": class_path(type(self))}
        values = {item.name: getattr(self, item.name) for item in _fields(self)}
        known = {name: value for name, value in values.items() if name not in _LABELS}
        if is_dataclass(self) and all(map(_is_plain, known.values())):
            return description | {"parameters": {k: _describe(v) for k, v in known.items()}}
        return description | {"curve": self._digest()}

    def __add__(self, other):
        """Add dust of another law, one behind the other, see `SumOfLaws`."""
        check_part(other)
        weights = self._weights() + other._weights()
        return SumOfLaws(*zip(*weights, strict=True))

    def __rmul__(self, weight):
        """Multiply the law by its weight in a sum, see `SumOfLaws`."""
        return SumOfLaws(*zip(*((law, weight * w) for law, w in self._weights()), strict=True))

    def _weights(self):
        """Terms of a sum, and their weights."""
        return ((self, 1.0),)

    def _digest(self):
        """Digest of a curve, which distinguishes laws with unknown parameters."""
        low, high = self.wavelength_range
        wavelength = np.geomspace(max(low, BLUEST_WAVELENGTH), min(high, _REDDEST), _DIGEST_POINTS)
        numbers = [low, high, self.r_v, *self.a_over_av(wavelength)]
        # Nine digits are the same on every machine.
        return hashlib.sha256(" ".join(f"{x:.8e}" for x in numbers).encode()).hexdigest()[:16]

    def __eq__(self, other):
        return isinstance(other, DustLaw) and self.to_dict() == other.to_dict()

    def __hash__(self):
        return hash(json.dumps(self.to_dict(), sort_keys=True))


@dataclass(frozen=True, eq=False)
class SumOfLaws(DustLaw):
    """Dust of several kinds, one behind the other.

    Parameters
    ----------
    laws : tuple of DustLaw
        The laws.
    weights : tuple of float
        Shares of the dust in A_V, not negative. They are scaled to add to 1, since the curve is 1
        at V: ``2 * law`` is ``law``.

    Raises
    ------
    InputError
        If there is no law, one has birth clouds, or a weight is negative or not a number.

    Examples
    --------
    >>> from dustest.physics import get_dust_law
    >>> law = 0.75 * get_dust_law("SMC") + 0.25 * get_dust_law("Calzetti")
    >>> law.name, round(law.r_v, 2)
    ('0.75 SMC + 0.25 Calzetti', 2.98)
    """

    laws: tuple
    weights: tuple
    _holds_everywhere = True

    def __post_init__(self):
        for law in self.laws:
            check_part(law)
        good = [is_number(weight) and weight >= 0.0 for weight in self.weights]
        if not (len(self.laws) == len(good) > 0 and all(good) and sum(self.weights) > 0.0):
            msg = (
                "weights must be a number from 0 for each law, not all of them 0, got "
                f"{self.weights!r} for {len(self.laws)} laws"
            )
            raise InputError(msg)

    @property
    def name(self):
        """Name after the laws."""
        pairs = zip(self._shares, self.laws, strict=True)
        return " + ".join(f"{share:.3g} {law.name}" for share, law in pairs)

    @property
    def _shares(self):
        """Shares of A_V, which sum to one."""
        return [weight / sum(self.weights) for weight in self.weights]

    @property
    def wavelength_range(self):
        """The range that all laws cover, in Angstrom."""
        return common_range(self.laws)

    @property
    def r_v(self):
        """A_V / E(B-V): colour excesses add."""
        return 1.0 / sum(
            share / law.r_v for share, law in zip(self._shares, self.laws, strict=True)
        )

    def _weights(self):
        """Terms of the sum, and their weights."""
        return tuple(zip(self.laws, self.weights, strict=True))

    def _curve(self, wavelength):
        curves = (law.extended(wavelength) for law in self.laws)
        return sum(share * curve for share, curve in zip(self._shares, curves, strict=True))


def check_law(law):
    """Raise an error for anything but a law with a valid curve.

    Parameters
    ----------
    law : object
        A law, or a part of one. Its curve is evaluated once.

    Raises
    ------
    InputError
        If it is no `DustLaw`; or its curve fails, is not A_lambda / A_V over a range that holds
        5500 Angstrom, or is negative or not finite.
    """
    if not isinstance(law, DustLaw):
        msg = f"law must be a DustLaw, got {law!r}: get_dust_law(...) makes one of a name"
        raise InputError(msg)
    if "_is_checked" not in vars(law):
        _check_curve(law)
        object.__setattr__(law, "_is_checked", True)


def check_part(law):
    """Raise an error for anything but a law of one component.

    Parameters
    ----------
    law : object
        A part of a law.

    Raises
    ------
    InputError
        As of `check_law`; and if the law has birth clouds, which its use as a part would drop.
    """
    check_law(law)
    if law.has_birth_clouds:
        msg = (
            f"law {law.name!r} has birth clouds, which a law composed of it would drop: compose "
            "the diffuse dust and the birth clouds each, for TwoComponents(diffuse, birth_clouds)"
        )
        raise InputError(msg)


def _check_curve(law):
    """Raise an error if the curve of a law is not A_lambda / A_V."""
    label = f"law {getattr(law, 'name', type(law).__name__)!r}"
    try:
        low, high = law.wavelength_range
        # Not at the ends: ranges in inverse microns are rounded.
        ends = max(low, BLUEST_WAVELENGTH) * (1 + 1e-6), min(high, _REDDEST) * (1 - 1e-6)
        wavelength = np.geomspace(*ends, _CHECK_POINTS)
        covers_v = low <= V_WAVELENGTH <= high
        wavelength = np.append(wavelength, V_WAVELENGTH) if covers_v else wavelength
        ratio = law._curve(wavelength)
    except InputError:
        raise
    except Exception as error:
        msg = (
            f"{label} must have a _curve that returns A_lambda / A_V at an array of wavelengths "
            f"in Angstrom within its wavelength_range, got {type(error).__name__}: {error}"
        )
        raise InputError(msg) from error
    if np.shape(ratio)[-1:] != wavelength.shape:
        msg = (
            f"{label} must return A_lambda / A_V in the shape of the wavelengths, got "
            f"{np.shape(ratio)} for {wavelength.shape}"
        )
        raise InputError(msg)
    if not covers_v or not np.all(np.abs(ratio[..., -1] - 1.0) <= _V_TOLERANCE):
        msg = (
            f"{label} must give A_lambda / A_V, which is 1 at V, over a range that holds the V "
            f"band (5500 Angstrom); its range is {low:.0f} to {high:.0f} Angstrom"
            + (f", and its value at V {np.ravel(ratio[..., -1])[0]:.3g}" if covers_v else "")
        )
        raise InputError(msg)
    bad = ~(np.isfinite(ratio) & (ratio >= 0.0))
    if np.any(bad):
        worst = np.unravel_index(np.argmax(bad), bad.shape)
        msg = (
            f"{label} must give finite numbers from 0 within its wavelength_range, got "
            f"{ratio[worst]:.3g} at {wavelength[worst[-1]]:.0f} Angstrom"
        )
        raise InputError(msg)


def common_range(laws):
    """Range that all of some laws cover.

    Parameters
    ----------
    laws : sequence of DustLaw
        The laws.

    Returns
    -------
    low, high : float
        In Angstrom.
    """
    low, high = zip(*(law.wavelength_range for law in laws), strict=True)
    return max(low), min(high)


def _fields(law):
    """Fields of a law; none where it is no dataclass."""
    return fields(law) if is_dataclass(law) else ()


def _is_float(item):
    """Whether a field is a parameter."""
    return item.type in (float, "float")


def _as_parameter(value, name):
    """A finite number, or an array of them, after a check."""
    if isinstance(value, np.ndarray) and value.ndim and value.dtype.kind in "iuf":
        if not np.all(np.isfinite(value)):
            msg = f"{name} must hold finite numbers, got {value!r}"
            raise InputError(msg)
        return value
    return check_number(value, name)


def _is_plain(value):
    """Whether a value of a field describes itself."""
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | Real | DustLaw | np.ndarray)


def _describe(value):
    """A value of a field in plain Python."""
    if isinstance(value, tuple):
        return [_describe(item) for item in value]
    if isinstance(value, DustLaw):
        return value.to_dict()
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
