"""Dust laws that are composed of others: tilts, bumps, two components, other names."""

from dataclasses import dataclass

import numpy as np

from dustest.data.errors import InputError
from dustest.physics.dust_laws.law import (
    B_WAVELENGTH,
    V_WAVELENGTH,
    DustLaw,
    check_law,
    check_part,
    common_range,
)

__all__ = ["Bump", "ComposedLaw", "NamedLaw", "Tilted", "TwoComponents", "power_of_wavelength"]

_BUMP_CENTRE, _BUMP_WIDTH = 2175.0, 350.0


class ComposedLaw(DustLaw):
    """A law that is defined by another one: a class defines ``law``.

    Attributes
    ----------
    law : DustLaw
        The law, composed of parts.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from dustest.physics import Calzetti00, Tilted
    >>> from dustest.physics.dust_laws.composition import ComposedLaw
    >>> @dataclass(frozen=True, eq=False)
    ... class Steep(ComposedLaw):
    ...     delta: float = -0.3
    ...     name = "steep"
    ...
    ...     @property
    ...     def law(self):
    ...         return Tilted(Calzetti00(), self.delta)
    >>> round(Steep().r_v, 2)
    3.0
    """

    _holds_everywhere = True

    @property
    def r_v(self):
        """A_V / E(B-V)."""
        return self.law.r_v

    @property
    def wavelength_range(self):
        """The range of the law in Angstrom."""
        return self.law.wavelength_range

    @property
    def eta(self):
        """A_V of young stars over that of older ones, if the law has two components."""
        return self.law.eta

    @property
    def age(self):
        """Age in yr up to which stars are young, if the law has two components."""
        return self.law.age

    @property
    def birth_clouds(self):
        """Law of the birth clouds, where it is not that of the diffuse dust."""
        return self.law.birth_clouds

    @property
    def has_birth_clouds(self):
        """Whether the law, or one that it is composed of, has two components (bool)."""
        return self.eta is not None or self.law.has_birth_clouds

    def _curve(self, wavelength):
        return self.law.extended(wavelength)


@dataclass(frozen=True, eq=False)
class NamedLaw(ComposedLaw):
    """A law under a name of its own, as `register_dust_law` makes them.

    Parameters
    ----------
    law : DustLaw
        The law.
    name : str
        Its name.
    aliases, references : tuple of str, optional
        As of `DustLaw`.

    Examples
    --------
    >>> from dustest.physics import PowerLaw
    >>> from dustest.physics.dust_laws.composition import NamedLaw
    >>> NamedLaw(PowerLaw(1.3), "steep").name
    'steep'
    """

    law: DustLaw
    name: str
    aliases: tuple = ()
    references: tuple = ()

    def __post_init__(self):
        check_law(self.law)


@dataclass(frozen=True, eq=False)
class Tilted(DustLaw):
    r"""A law times a power of the wavelength, :math:`(\lambda / 5500\,\mathrm{\AA})^\delta`.

    Parameters
    ----------
    law : DustLaw
        The law.
    delta : float
        Power-law index of the tilt; negative is steeper.

    Raises
    ------
    InputError
        If the law is none or has birth clouds, or the tilt is so flat that no reddening is left.

    References
    ----------
    Noll et al. 2009, A&A 507, 1793; R_V: Salim, Boquien & Lee 2018, ApJ 859, 11, equation 4, for
    any law.

    Examples
    --------
    >>> from dustest.physics import Tilted, get_dust_law
    >>> law = Tilted(get_dust_law("SMC"), 0.3)
    >>> law.name, round(law.r_v, 2)
    ('tilted SMC', 3.62)
    """

    law: DustLaw
    delta: float
    references = ("Noll2009",)
    _holds_everywhere = True

    def __post_init__(self):
        check_part(self.law)
        super().__post_init__()
        if not np.all(self._reddening() > 0.0):
            limit = np.log1p(1.0 / self.law.r_v) / np.log(V_WAVELENGTH / B_WAVELENGTH)
            msg = (
                f"delta must be below {np.floor(100.0 * limit) / 100.0:.2f}, where the curve "
                f"still reddens, got {self.delta!r}"
            )
            raise InputError(msg)

    @property
    def name(self):
        """Name after the law."""
        return f"tilted {self.law.name}"

    @property
    def wavelength_range(self):
        """The range of the law in Angstrom."""
        return self.law.wavelength_range

    @property
    def r_v(self):
        """A_V / E(B-V) of the tilted curve (equation 4)."""
        return self.law.r_v / self._reddening()

    def _reddening(self):
        """R_V of the law over that of the tilted curve."""
        r_v = self.law.r_v
        return (r_v + 1.0) * (B_WAVELENGTH / V_WAVELENGTH) ** self.delta - r_v

    def _curve(self, wavelength):
        base = _as_precise(self.law.extended(wavelength), self.delta)
        return base * power_of_wavelength(wavelength, self.delta)


@dataclass(frozen=True, eq=False)
class Bump(DustLaw):
    """A law with an absorption bump at 2175 Angstrom, a Drude profile 350 Angstrom wide.

    Parameters
    ----------
    law : DustLaw
        The law.
    strength : float
        Height of the bump in units of k = A_lambda / E(B-V) (Milky Way: about 3).

    Raises
    ------
    InputError
        If the law is none or has birth clouds, or the strength is not a number.

    References
    ----------
    Noll et al. 2009, A&A 507, 1793, equation 9; Salim, Boquien & Lee 2018, ApJ 859, 11, equation
    5. R_V stays that of the law, as there.

    Examples
    --------
    >>> from dustest.physics import Bump, get_dust_law
    >>> law = Bump(get_dust_law("SMC"), 3.0)
    >>> law.name, float((law.k(2175.0) - law.law.k(2175.0)).round(3))
    ('SMC with a bump', 3.0)
    """

    law: DustLaw
    strength: float
    references = ("Noll2009",)
    _holds_everywhere = True

    def __post_init__(self):
        check_part(self.law)
        super().__post_init__()

    @property
    def name(self):
        """Name after the law."""
        return f"{self.law.name} with a bump"

    @property
    def wavelength_range(self):
        """The range of the law in Angstrom."""
        return self.law.wavelength_range

    @property
    def r_v(self):
        """A_V / E(B-V) of the law."""
        return self.law.r_v

    def _curve(self, wavelength):
        width = (_BUMP_WIDTH * wavelength) ** 2
        profile = width / ((wavelength**2 - _BUMP_CENTRE**2) ** 2 + width)
        height = self.strength / self.r_v
        base = _as_precise(self.law.extended(wavelength), height)
        return base + height * _as_precise(profile, height)


@dataclass(frozen=True, eq=False)
class TwoComponents(DustLaw):
    """Diffuse dust in front of all stars, and birth clouds around the young ones.

    Older stars are behind A_V of diffuse dust, young ones additionally behind ``(eta - 1)`` A_V of
    birth clouds. A_V, R_V and the curve of the law are those of the diffuse dust. Only SED fits
    separate young from old stars: the simulator, which puts one screen in front of each star,
    raises an error for such a law.

    Parameters
    ----------
    diffuse : DustLaw
        Law of the diffuse dust.
    birth_clouds : DustLaw, optional
        Law of the birth clouds; that of the diffuse dust without it.
    eta : float, optional
        A_V of young stars over that of older ones, at least 1.
    age : float, optional
        Age in yr at which stars leave their birth clouds.

    Raises
    ------
    InputError
        If a law is none or has birth clouds itself, or a number is out of range.

    References
    ----------
    Charlot & Fall 2000, ApJ 539, 718; with the slopes 0.7 and 1.3 Wild et al. 2007, MNRAS 381,
    543.

    Examples
    --------
    >>> from dustest.physics import PowerLaw, TwoComponents
    >>> law = TwoComponents(PowerLaw(0.7), PowerLaw(1.3))
    >>> law.eta, law.birth_clouds.n
    (3.0, 1.3)
    """

    diffuse: DustLaw
    birth_clouds: DustLaw | None = None
    eta: float = 3.0
    age: float = 1e7
    references = ("Charlot2000",)
    _holds_everywhere = True

    def __post_init__(self):
        for law in (self.diffuse, self.birth_clouds or self.diffuse):
            check_part(law)
        super().__post_init__()
        if not (np.all(self.eta >= 1.0) and self.age > 0.0):
            msg = (
                "eta must be at least 1 and age above 0 yr, "
                f"got eta={self.eta!r} and age={self.age!r}"
            )
            raise InputError(msg)

    @property
    def name(self):
        """Name after the laws."""
        return f"{self._parts()[0].name}, birth clouds {self._parts()[-1].name}"

    @property
    def wavelength_range(self):
        """The range that both laws cover, in Angstrom."""
        return common_range(self._parts())

    @property
    def r_v(self):
        """A_V / E(B-V) of the diffuse dust."""
        return self.diffuse.r_v

    def _curve(self, wavelength):
        return self.diffuse.extended(wavelength)


def power_of_wavelength(wavelength, index):
    """Evaluate the wavelength over that of V to a power, in the precision of the index.

    Parameters
    ----------
    wavelength : ndarray of shape (n_wave,)
        In Angstrom.
    index : float or ndarray
        The power; arrays broadcast with the wavelengths.

    Returns
    -------
    ndarray
        The power, which is 1 at 5500 Angstrom.
    """
    return np.exp(index * _as_precise(np.log(wavelength / V_WAVELENGTH), index))


def _as_precise(values, like):
    """Values in the precision of others, in which many models are computed."""
    return np.asarray(values, dtype=np.result_type(like))
