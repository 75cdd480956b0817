"""Dust laws, and the conversions between A_V, E(B-V) and A_lambda that follow from them."""

import hashlib
import inspect
import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, is_dataclass
from functools import lru_cache, partial
from importlib import import_module
from numbers import Real

import numpy as np
from astropy import units as u

from dustest.data.bands import get_band
from dustest.data.errors import InputError
from dustest.data.messages import did_you_mean
from dustest.physics._values import as_angstrom, as_magnitudes, as_number, as_redshifts

__all__ = [
    "Calzetti00",
    "CharlotFall00",
    "DustLaw",
    "ExtinctionCurve",
    "Salim18",
    "a_lambda",
    "a_v_to_e_bv",
    "attenuation_ratio",
    "band_attenuation_ratio",
    "e_bv_to_a_v",
    "get_dust_law",
    "list_dust_laws",
]

LYMAN_LIMIT = 912.0
"""Angstrom; blueward of it hydrogen, not dust, decides."""
B_WAVELENGTH = 4400.0
V_WAVELENGTH = 5500.0


_DIGEST_POINTS = 400
_REDDEST = 1e6
"""Angstrom; end of the digest of a curve without an end."""


class DustLaw(ABC):
    """The shape of an attenuation or extinction curve.

    A law has a ``name``, ``r_v`` = A_V / E(B-V) and a ``wavelength_range`` in Angstrom, and
    writes ``_curve``, which gives A_lambda / A_V at wavelengths in Angstrom within that range.
    Two laws are equal where their descriptions are (see `to_dict`).
    """

    name: str
    r_v: float
    wavelength_range: tuple

    @abstractmethod
    def _curve(self, wavelength):
        """A_lambda / A_V at an array of wavelengths in Angstrom, within the law's range."""

    def a_over_av(self, wavelength):
        """Evaluate A_lambda / A_V.

        Parameters
        ----------
        wavelength : float, array_like, Column or `~astropy.units.Quantity`
            Rest-frame wavelengths; Angstrom where they bear no unit.

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

    def k(self, wavelength):
        """Evaluate k(lambda) = A_lambda / E(B-V).

        Parameters
        ----------
        wavelength : float, array_like, Column or `~astropy.units.Quantity`
            Rest-frame wavelengths; Angstrom where they bear no unit.

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
            ``name``, ``class`` and ``parameters`` as plain numbers and text. A law whose
            parameters are not known has a digest of its ``curve`` instead.

        Examples
        --------
        >>> from dustest.physics import get_dust_law
        >>> description = get_dust_law("Salim", delta=-0.5).to_dict()
        >>> description["name"], description["parameters"]
        ('Salim', {'delta': -0.5, 'bump': 0.0})
        """
        description = {"name": self.name, "class": _class_path(type(self))}
        parameters = asdict(self) if is_dataclass(self) else {"": None}
        if all(isinstance(value, str | Real) for value in parameters.values()):
            return description | {"parameters": {k: _plain(v) for k, v in parameters.items()}}
        return description | {"curve": self._digest()}

    def _digest(self):
        """What tells two curves apart whose parameters are not known."""
        low, high = self.wavelength_range
        wavelength = np.geomspace(max(low, LYMAN_LIMIT), min(high, _REDDEST), _DIGEST_POINTS)
        numbers = [low, high, self.r_v, *self.a_over_av(wavelength)]
        # Nine digits are the same on every machine.
        return hashlib.sha256(" ".join(f"{x:.8e}" for x in numbers).encode()).hexdigest()[:16]

    def __eq__(self, other):
        return isinstance(other, DustLaw) and self.to_dict() == other.to_dict()

    def __hash__(self):
        return hash(json.dumps(self.to_dict(), sort_keys=True))


def _class_path(cls):
    """Module and name of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def _plain(value):
    """A number of Python for one of numpy, which JSON does not write."""
    return value.item() if isinstance(value, np.generic) else value


@dataclass(frozen=True)
class Calzetti00(DustLaw):
    """The attenuation curve of local starbursts.

    Measured from 0.12 to 2.2 micron. Bluewards it goes on as a power law of index -0.77 down to
    the Lyman limit, as in Bagpipes; redwards its red polynomial goes on until it reaches zero
    (3.1 micron), and stays there.

    References
    ----------
    Calzetti et al. 2000, ApJ 533, 682, equation 4; Carnall et al. 2018, MNRAS 480, 4379.

    Examples
    --------
    >>> from dustest.physics.attenuation import Calzetti00
    >>> Calzetti00().r_v
    4.05
    """

    name = "Calzetti"
    r_v = 4.05
    wavelength_range = (LYMAN_LIMIT, np.inf)

    def _curve(self, wavelength):
        return _calzetti_k(wavelength) / self.r_v


@dataclass(frozen=True)
class Salim18(DustLaw):
    """The Calzetti curve tilted by a power law, with a bump at 2175 Angstrom.

    Parameters
    ----------
    delta : float, optional
        Power-law index of the tilt; negative is steeper than Calzetti.
    bump : float, optional
        Strength of the bump, in units of k (Milky Way: about 3).

    Raises
    ------
    InputError
        If a parameter is not a finite number, or the tilt is so flat that no reddening is left
        (``delta`` above 0.98).

    References
    ----------
    Salim, Boquien & Lee 2018, ApJ 859, 11, equations 3 to 5.

    Examples
    --------
    >>> from dustest.physics.attenuation import Salim18
    >>> round(Salim18(delta=-0.4).r_v, 2)
    2.75
    """

    delta: float = 0.0
    bump: float = 0.0
    name = "Salim"
    wavelength_range = (LYMAN_LIMIT, np.inf)

    def __post_init__(self):
        for name in ("delta", "bump"):
            object.__setattr__(self, name, as_number(getattr(self, name), name))
        if not self._reddening() > 0.0:
            msg = f"delta must be below 0.98, where the curve still reddens, got {self.delta!r}"
            raise InputError(msg)

    @property
    def r_v(self):
        """A_V / E(B-V) of the tilted curve (equation 4)."""
        return Calzetti00.r_v / self._reddening()

    def _reddening(self):
        """R_V of Calzetti over that of the tilted curve."""
        r_calzetti = Calzetti00.r_v
        return (r_calzetti + 1.0) * (B_WAVELENGTH / V_WAVELENGTH) ** self.delta - r_calzetti

    def _curve(self, wavelength):
        tilted = _calzetti_k(wavelength) / Calzetti00.r_v
        tilted = tilted * (wavelength / V_WAVELENGTH) ** self.delta
        width = (350.0 * wavelength) ** 2
        drude = self.bump * width / ((wavelength**2 - 2175.0**2) ** 2 + width)
        return tilted + drude / self.r_v


@dataclass(frozen=True)
class CharlotFall00(DustLaw):
    """A power law, A_lambda proportional to lambda^-n.

    Parameters
    ----------
    n : float, optional
        The index, above zero.

    Raises
    ------
    InputError
        If ``n`` is not a finite number above zero.

    References
    ----------
    Charlot & Fall 2000, ApJ 539, 718, equation 1 and its text (n = 0.7).

    Examples
    --------
    >>> from dustest.physics.attenuation import CharlotFall00
    >>> round(CharlotFall00(n=0.7).r_v, 2)
    5.92
    """

    n: float = 0.7
    name = "CF00"
    wavelength_range = (LYMAN_LIMIT, np.inf)

    def __post_init__(self):
        object.__setattr__(self, "n", as_number(self.n, "n"))
        if self.n <= 0:
            msg = f"n must be above zero, got {self.n!r}"
            raise InputError(msg)

    @property
    def r_v(self):
        """A_V / (A_B - A_V), at 4400 and 5500 Angstrom."""
        return 1.0 / ((B_WAVELENGTH / V_WAVELENGTH) ** -self.n - 1.0)

    def _curve(self, wavelength):
        return (wavelength / V_WAVELENGTH) ** -self.n


@dataclass(frozen=True, eq=False)
class ExtinctionCurve(DustLaw):
    """A curve of the dust_extinction package.

    Parameters
    ----------
    name : str
        The name by which messages call it.
    model : callable
        A model that gives A_lambda / A_V for a wavelength Quantity and bears ``Rv`` and
        ``x_range`` (in inverse micron), such as ``dust_extinction.averages.G03_SMCBar()``.

    Raises
    ------
    InputError
        If the model has no ``Rv`` or ``x_range``, or is not A_lambda / A_V over a range that
        holds the V band.

    Examples
    --------
    >>> from dust_extinction.parameter_averages import CCM89
    >>> from dustest.physics.attenuation import ExtinctionCurve
    >>> ExtinctionCurve("grey", CCM89(Rv=5.0))
    ExtinctionCurve(name='grey', model=CCM89(Rv=5.0))
    """

    name: str
    model: object

    def __post_init__(self):
        if not (callable(self.model) and hasattr(self.model, "Rv")):
            msg = (
                f"law {self.name!r} must be a dust_extinction model with an Rv, which gives "
                "A_lambda / A_V"
            )
            raise InputError(msg)
        low, high = self.wavelength_range
        covers_v = low <= V_WAVELENGTH <= high
        if not covers_v or abs(self._curve(np.array(V_WAVELENGTH)) - 1.0) > 0.1:
            msg = (
                f"law {self.name!r} must give A_lambda / A_V over a range that holds the V band "
                f"(5500 Angstrom); its range is {low:.0f} to {high:.0f} Angstrom"
            )
            raise InputError(msg)

    @property
    def r_v(self):
        """A_V / E(B-V) of the model."""
        return float(getattr(self.model.Rv, "value", self.model.Rv))

    @property
    def wavelength_range(self):
        """The range of the model in Angstrom."""
        low, high = self.model.x_range
        return 1e4 / high, 1e4 / low

    def _curve(self, wavelength):
        # Some of the models take one-dimensional input only.
        ratio = self.model(wavelength.ravel() * u.AA)
        return np.asarray(ratio, dtype=float).reshape(wavelength.shape)

    def __repr__(self):
        given = ", ".join(f"{name}={value!r}" for name, value in self._parameters().items())
        model = f"{type(self.model).__qualname__}({given})"
        return f"{type(self).__name__}(name={self.name!r}, model={model})"

    def to_dict(self):
        """Describe the law without loss.

        Returns
        -------
        description : dict
            ``name``, ``class``, ``model`` (the model's class) and its ``parameters``; and a
            digest of the ``curve`` where the model has none or comes from elsewhere than
            dust_extinction.

        Examples
        --------
        >>> from dustest.physics import get_dust_law
        >>> description = get_dust_law("CCM89", r_v=2.5).to_dict()
        >>> description["model"], description["parameters"]
        ('dust_extinction.parameter_averages.CCM89', {'Rv': 2.5})
        """
        parameters = self._parameters()
        model = _class_path(type(self.model))
        description = {
            "name": self.name,
            "class": _class_path(type(self)),
            "model": model,
            "parameters": parameters,
        }
        known = bool(parameters) and model.startswith("dust_extinction.")
        return description if known else description | {"curve": self._digest()}

    def _parameters(self):
        """Parameters of the model, by name."""
        names = getattr(self.model, "param_names", ())
        return {name: float(getattr(self.model, name).value) for name in names}

    def __reduce__(self):
        # Models with parameters cannot be pickled: send to workers what builds them anew.
        parameters = self._parameters()
        if not parameters:
            return type(self), (self.name, self.model)
        return _rebuild_curve, (self.name, type(self.model), parameters)


def _rebuild_curve(name, model_class, parameters):
    """A curve whose model is built anew, in the process that unpickles it."""
    return ExtinctionCurve(name, model_class(**parameters))


def _extinction_curve(name, module, class_name):
    """A curve of dust_extinction without parameters; the import takes two seconds."""
    return ExtinctionCurve(name, getattr(import_module(module), class_name)())


def _r_v_curve(name, class_name, r_v=3.1):
    """A curve of dust_extinction that depends on R_V."""
    model_class = getattr(import_module("dust_extinction.parameter_averages"), class_name)
    low, high = model_class.Rv_range
    if not low <= r_v <= high:
        msg = f"r_v must lie within {low} to {high} for the dust law {name!r}, got {r_v!r}"
        raise InputError(msg)
    return ExtinctionCurve(name, model_class(Rv=r_v))


_LAWS = {
    "Calzetti": Calzetti00,
    "Salim": Salim18,
    "CF00": CharlotFall00,
    "SMC": partial(_extinction_curve, "SMC", "dust_extinction.averages", "G03_SMCBar"),
    "SMC_G24": partial(_extinction_curve, "SMC_G24", "dust_extinction.averages", "G24_SMCAvg"),
    "LMC": partial(_extinction_curve, "LMC", "dust_extinction.averages", "G03_LMCAvg"),
    "CCM89": partial(_r_v_curve, "CCM89", "CCM89"),
    "F99": partial(_r_v_curve, "F99", "F99"),
    "G23": partial(_r_v_curve, "G23", "G23"),
}
_ALIASES = {"mw": "CCM89", "cardelli": "CCM89", "salim18": "Salim", "calzetti00": "Calzetti"}


def list_dust_laws():
    """Name the dust laws that `get_dust_law` knows.

    Returns
    -------
    list of str
        The names.

    Examples
    --------
    >>> from dustest.physics import list_dust_laws
    >>> list_dust_laws()
    ['Calzetti', 'Salim', 'CF00', 'SMC', 'SMC_G24', 'LMC', 'CCM89', 'F99', 'G23']
    """
    return list(_LAWS)


def get_dust_law(law, **parameters):
    """Look up a dust law.

    ``"SMC"`` is the bar of Gordon et al. 2003, ``"SMC_G24"`` the average of Gordon et al. 2024,
    ``"LMC"`` the average of Gordon et al. 2003; ``"MW"`` stands for ``"CCM89"``.

    Parameters
    ----------
    law : str, DustLaw or model of dust_extinction
        A name of `list_dust_laws` in any letter case; a `DustLaw`, handed back as it is; or an
        instance of any dust_extinction model that covers the V band.
    **parameters : float
        Parameters of a named law: ``delta`` and ``bump`` (``"Salim"``), ``n`` (``"CF00"``),
        ``r_v`` (``"CCM89"``, ``"F99"``, ``"G23"``).

    Returns
    -------
    DustLaw
        The law.

    Raises
    ------
    InputError
        If the law or a parameter is not known, or out of range.

    References
    ----------
    Gordon et al. 2003, ApJ 594, 279; Gordon et al. 2024, ApJ 970, 51; Cardelli, Clayton & Mathis
    1989, ApJ 345, 245; Fitzpatrick 1999, PASP 111, 63; Gordon et al. 2023, ApJ 950, 86.

    Examples
    --------
    >>> from dustest.physics import get_dust_law
    >>> get_dust_law("smc").r_v
    2.74
    >>> get_dust_law("CF00", n=1.3)
    CharlotFall00(n=1.3)
    """
    if isinstance(law, str):
        name = _law_name(law)
        return _named_law(name, tuple(sorted(_law_parameters(name, parameters).items())))
    if parameters:
        msg = f"parameters ({', '.join(parameters)}) go with the name of a law, not an instance"
        raise InputError(msg)
    return law if isinstance(law, DustLaw) else ExtinctionCurve(type(law).__name__, law)


def _law_name(text):
    """The name under which a law is listed."""
    known = {name.lower(): name for name in _LAWS} | _ALIASES
    if text.lower() not in known:
        msg = (
            f"law must be one of {', '.join(_LAWS)} or an instance of a law, got {text!r}: "
            f"{did_you_mean(text, [*_LAWS, *_ALIASES])}"
        )
        raise InputError(msg.rstrip(": "))
    return known[text.lower()]


def _law_parameters(name, parameters):
    """Parameters of a law of the list as numbers, after a check of their names."""
    takes = list(inspect.signature(_LAWS[name]).parameters)
    unknown = [key for key in parameters if key not in takes]
    if unknown:
        msg = (
            f"parameters of the dust law {name!r} are: {', '.join(takes) or 'none'}; got "
            f"{', '.join(unknown)}: {did_you_mean(unknown[0], takes)}"
        )
        raise InputError(msg.rstrip(": "))
    return {key: as_number(value, key) for key, value in parameters.items()}


@lru_cache(maxsize=256)
def _named_law(name, parameters):
    """A law of the list, built once for each set of parameters."""
    return _LAWS[name](**dict(parameters))


def attenuation_ratio(wavelength, law):
    """Evaluate A_lambda / A_V of a law.

    Parameters
    ----------
    wavelength : float, array_like, Column or `~astropy.units.Quantity`
        Rest-frame wavelengths; Angstrom where they bear no unit.
    law : str, DustLaw or model of dust_extinction
        The law, see `get_dust_law`.

    Returns
    -------
    float or ndarray
        A_lambda / A_V, of the shape of ``wavelength``.

    Raises
    ------
    InputError
        If the law is not known, or does not cover a wavelength.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.physics import attenuation_ratio
    >>> float(attenuation_ratio(0.16 * u.um, "SMC").round(3))
    4.381
    """
    return get_dust_law(law).a_over_av(wavelength)


def a_v_to_e_bv(a_v, law):
    """Convert A_V into E(B-V) = A_V / R_V.

    Parameters
    ----------
    a_v : float, array_like, Column or `~astropy.units.Quantity`
        Attenuation in V, in mag.
    law : str, DustLaw or model of dust_extinction
        The law, see `get_dust_law`.

    Returns
    -------
    float, ndarray or `~astropy.units.Quantity`
        E(B-V) in mag, NaN where missing; with a unit where ``a_v`` has one.

    Raises
    ------
    InputError
        If the law is not known, or ``a_v`` bears a unit other than mag.

    Examples
    --------
    >>> from dustest.physics import a_v_to_e_bv
    >>> float(a_v_to_e_bv(0.81, "Calzetti"))
    0.2
    """
    return as_magnitudes(a_v, "a_v") / get_dust_law(law).r_v


def e_bv_to_a_v(e_bv, law):
    """Convert E(B-V) into A_V = R_V E(B-V).

    Parameters
    ----------
    e_bv : float, array_like, Column or `~astropy.units.Quantity`
        Colour excess, in mag.
    law : str, DustLaw or model of dust_extinction
        The law, see `get_dust_law`.

    Returns
    -------
    float, ndarray or `~astropy.units.Quantity`
        A_V in mag, NaN where missing; with a unit where ``e_bv`` has one.

    Raises
    ------
    InputError
        If the law is not known, or ``e_bv`` bears a unit other than mag.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.physics import e_bv_to_a_v
    >>> e_bv_to_a_v(0.2 * u.mag, "Calzetti")
    <Quantity 0.81 mag>
    """
    return as_magnitudes(e_bv, "e_bv") * get_dust_law(law).r_v


def a_lambda(a_v, wavelength, law):
    """Attenuation at a wavelength, for a given A_V.

    Parameters
    ----------
    a_v : float, array_like, Column or `~astropy.units.Quantity`
        Attenuation in V, in mag; broadcasts with ``wavelength``.
    wavelength : float, array_like, Column or `~astropy.units.Quantity`
        Rest-frame wavelengths; Angstrom where they bear no unit.
    law : str, DustLaw or model of dust_extinction
        The law, see `get_dust_law`.

    Returns
    -------
    float, ndarray or `~astropy.units.Quantity`
        A_lambda in mag, NaN where missing; with a unit where ``a_v`` has one.

    Raises
    ------
    InputError
        If the law is not known, does not cover a wavelength, ``a_v`` bears a unit other than mag,
        or the shapes do not broadcast.

    Examples
    --------
    >>> from dustest.physics import a_lambda
    >>> float(a_lambda(0.5, 1600.0, "Calzetti").round(3))
    1.231
    """
    attenuation, ratio = as_magnitudes(a_v, "a_v"), attenuation_ratio(wavelength, law)
    try:
        return attenuation * ratio
    except ValueError as error:
        msg = (
            f"a_v and wavelength must have shapes that broadcast, got {np.shape(attenuation)} and "
            f"{np.shape(ratio)}"
        )
        raise InputError(msg) from error


def band_attenuation_ratio(band, law, redshift=0.0):
    """Attenuation through a band over A_V, for a source at a redshift.

    The mean of A_lambda / A_V over the band, weighted as photon-counting photometry weights a
    spectrum flat in f_nu: the limit of little dust. Transmission below one per cent of the peak
    is left out.

    Parameters
    ----------
    band : str or Band
        The band, see `dustest.data.bands.get_band`.
    law : str, DustLaw or model of dust_extinction
        The law, see `get_dust_law`.
    redshift : float or array_like of shape (n,), optional
        Redshift of the source; the law applies in its rest frame.

    Returns
    -------
    float or ndarray of shape (n,)
        A_band / A_V.

    Raises
    ------
    InputError
        If the band or law is not known, the law does not cover the band, or a redshift is
        negative or not finite, or bears a unit.

    Examples
    --------
    >>> from dustest.physics import band_attenuation_ratio
    >>> float(band_attenuation_ratio("F606W", "Calzetti").round(2))
    0.94
    >>> float(band_attenuation_ratio("F115W", "Calzetti", redshift=6.2).round(2))
    2.47
    """
    redshift = as_redshifts(redshift)
    if not np.all(redshift >= 0):
        msg = "redshift must be finite and not negative, without missing values"
        raise InputError(msg)
    curve = get_band(band)
    inside = curve.transmission >= 0.01 * curve.transmission.max()
    wavelength = curve.wavelength[inside]
    # Flat f_nu through a photon counter: T dnu / nu = T dlambda / lambda.
    weight = curve.transmission[inside] / wavelength
    ratio = attenuation_ratio(wavelength / (1.0 + redshift[..., np.newaxis]), law)
    total = np.trapezoid(weight, wavelength)
    return (np.trapezoid(weight * ratio, wavelength, axis=-1) / total)[()]


def _calzetti_k(wavelength):
    """Calzetti et al. (2000), equation 4: k, with its continuation beyond 0.12-2.2 micron."""
    micron = wavelength / 1e4
    # Held at 0.12 micron so that the polynomial joins the power law that goes on bluewards.
    x = 1.0 / np.maximum(micron, 0.12)
    blue = 2.659 * (-2.156 + 1.509 * x - 0.198 * x**2 + 0.011 * x**3) + 4.05
    blue = blue * (np.minimum(micron, 0.12) / 0.12) ** -0.77
    red = 2.659 * (-1.857 + 1.040 * x) + 4.05
    return np.where(micron < 0.63, blue, np.maximum(red, 0.0))
