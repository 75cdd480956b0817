"""Quantities of galaxies in results and truth tables, as frozen records."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from astropy import units as u

from dustest.data.checks.records import check_ascending, check_texts, expect, unit_of
from dustest.data.errors import InputError
from dustest.data.messages import did_you_mean
from dustest.data.registry import Registry

__all__ = [
    "POINTS",
    "QUANTITIES",
    "Derivation",
    "DustQuantity",
    "Latent",
    "check_quantity",
    "core_quantities",
    "percentile_columns",
    "point_column",
    "quantity_column",
    "ratio",
    "register_quantity",
    "result_columns",
]

_INFINITE = (-np.inf, np.inf)


@dataclass(frozen=True)
class Latent:
    """Transform of a quantity for networks; by default the identity.

    Parameters
    ----------
    prefix : str, optional
        Prefix of the name of the latent quantity.
    forward, inverse : callable, optional
        Function of values over the scale, and its inverse; by default there is none.
    scale : float, optional
        In the unit of the quantity.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.data.quantities import Latent
    >>> softened = Latent("asinh_", np.arcsinh, np.sinh, scale=0.1)
    >>> softened.name("A_V"), round(float(softened.values(softened.latent(0.3))), 12)
    ('asinh_A_V', 0.3)
    """

    prefix: str = ""
    forward: Callable | None = None
    inverse: Callable | None = None
    scale: float = 1.0

    def name(self, quantity):
        """Name the latent quantity.

        Parameters
        ----------
        quantity : str
            Name of the quantity.

        Returns
        -------
        name : str
            Such as ``"ln_R_V"``.
        """
        return f"{self.prefix}{quantity}"

    def latent(self, values):
        """Transform values.

        Parameters
        ----------
        values : ndarray
            In the unit of the quantity.

        Returns
        -------
        latent : ndarray
            Of the same shape.
        """
        scaled = values / self.scale
        return scaled if self.forward is None else self.forward(scaled)

    def values(self, latent):
        """Transform back.

        Parameters
        ----------
        latent : ndarray
            Latent values.

        Returns
        -------
        values : ndarray
            In the unit of the quantity.
        """
        return self.scale * (latent if self.inverse is None else self.inverse(latent))


@dataclass(frozen=True)
class Derivation:
    """Derivation of a quantity from others.

    Parameters
    ----------
    sources : tuple of str
        Names of the other quantities.
    function : callable
        Function of their values, in this order, on arrays.
    of_medians : bool, optional
        Whether the median is the function of the medians. Percentiles are always those of the
        joint draws. For ratios, whose draws have no finite variance; half the range from 16 to
        84 % then replaces the standard deviation.

    Raises
    ------
    InputError
        If ``sources`` is no tuple of str, or ``function`` cannot be called.
    """

    sources: tuple
    function: Callable
    of_medians: bool = False

    def __post_init__(self):
        check_texts(self.sources, "sources of a derivation")
        expect(self.sources, "sources of a derivation", "at least one quantity", self.sources)
        expect(callable(self.function), "function of a derivation", "a function", self.function)


@dataclass(frozen=True)
class DustQuantity:
    """One column family of a `~dustest.data.DustTable`.

    Parameters
    ----------
    name : str
        Column name: letters, digits and underscores.
    unit : `~astropy.units.UnitBase`, str or None
        Unit of the column; None for a plain number.
    label : str
        Axis label in matplotlib's mathtext, a symbol and, in brackets, its unit.
    description : str
        One sentence for documentation and reports.
    digits : int, optional
        Decimals of its values in reports and documentation; those of its errors follow, see
        `dustest.validation.Metric`.
    core : bool, optional
        Whether every result has it, NaN if an estimator does not give it.
    bounds : tuple of float, optional
        Smallest and largest possible value; truth outside is an error.
    derivation : Derivation, optional
        Derivation from other quantities, for estimators that estimate those.
    latent : Latent, optional
        Transform for networks; None for quantities that are learned through another one.
    luminosity_power : float, optional
        Change of the value for a tenfold luminosity: 1 for log10 of masses and luminosities, -2.5
        for magnitudes, 0 for quantities that do not depend on it. It is used to correct for the
        magnification of lensed galaxies.
    imf_powers : tuple of float, optional
        The value is the log10 of these powers of the stellar mass and of the star-formation rate,
        for conversions between initial mass functions.
    fixed_by_law : bool, optional
        Whether it may be a constant of the dust law, the same for all galaxies.
    aliases : tuple of str, optional
        Other names of its column in tables that are read.
    references : tuple of str, optional
        BibTeX keys or entries of its definition.

    Raises
    ------
    InputError
        If ``unit`` is no unit, ``bounds`` do not ascend, or ``derivation`` or ``latent`` are not
        of their class.
    """

    name: str
    unit: u.UnitBase | str | None
    label: str
    description: str
    digits: int = 2
    core: bool = False
    bounds: tuple = _INFINITE
    derivation: Derivation | None = None
    latent: Latent | None = Latent()
    luminosity_power: float = 0.0
    imf_powers: tuple = (0.0, 0.0)
    fixed_by_law: bool = False
    aliases: tuple = ()
    references: tuple = ()

    def __post_init__(self):
        what = f"of quantity {self.name!r}"
        object.__setattr__(self, "unit", unit_of(self.unit, f"unit {what}"))
        check_ascending(self.bounds, f"bounds {what}")
        for field, kind in (("derivation", Derivation), ("latent", Latent)):
            value = getattr(self, field)
            fits = value is None or isinstance(value, kind)
            expect(fits, f"{field} {what}", f"a {kind.__name__} or None", value)

    @property
    def symbol(self):
        """Label without its unit."""
        return self.label.partition(" [")[0]


def ratio(numerator, denominator):
    """Divide, with NaN if the denominator is zero.

    Parameters
    ----------
    numerator, denominator : ndarray
        Of shapes that broadcast.

    Returns
    -------
    quotient : ndarray
        Of their common shape.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.data.quantities import ratio
    >>> ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0]))
    array([0.5, nan])
    """
    quotient = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator != 0)


QUANTITIES = Registry(
    "quantity",
    DustQuantity,
    (
        DustQuantity(
            "A_V",
            u.mag,
            r"$A_V$ [mag]",
            "attenuation in the V band (0.55 micron)",
            core=True,
            latent=Latent("asinh_", np.arcsinh, np.sinh, 0.1),
        ),
        DustQuantity(
            "E_BV",
            u.mag,
            r"$E(B-V)$ [mag]",
            "colour excess between B and V",
            digits=3,
            core=True,
            latent=None,
        ),
        DustQuantity(
            "R_V",
            None,
            r"$R_V$",
            "ratio of total to selective attenuation, A_V / E_BV",
            core=True,
            derivation=Derivation(("A_V", "E_BV"), ratio, of_medians=True),
            latent=Latent("ln_", np.log, np.exp),
            fixed_by_law=True,
        ),
        DustQuantity(
            "log_sSFR",
            None,
            r"$\log_{10}\,\mathrm{sSFR}$ [$\mathrm{yr}^{-1}$]",
            "log10 of the specific star-formation rate in yr^-1, over the surviving mass",
            core=True,
            imf_powers=(-1.0, 1.0),
        ),
        DustQuantity(
            "log_mass",
            None,
            r"$\log_{10}\,M_*$ [$M_\odot$]",
            "log10 of the surviving stellar mass, remnants included, in solar masses",
            bounds=(0.0, 15.0),
            luminosity_power=1.0,
            imf_powers=(1.0, 0.0),
        ),
        DustQuantity(
            "log_mass_formed",
            None,
            r"$\log_{10}\,M_\mathrm{formed}$ [$M_\odot$]",
            "log10 of the mass of all stars ever formed, in solar masses",
            bounds=(0.0, 15.0),
            luminosity_power=1.0,
            imf_powers=(1.0, 0.0),
        ),
        DustQuantity(
            "log_SFR_10",
            None,
            r"$\log_{10}\,\mathrm{SFR}_{10}$ [$M_\odot\,\mathrm{yr}^{-1}$]",
            "log10 of the star-formation rate over the last 10 Myr, in solar masses per year",
            luminosity_power=1.0,
            imf_powers=(0.0, 1.0),
        ),
        DustQuantity(
            "log_SFR_100",
            None,
            r"$\log_{10}\,\mathrm{SFR}_{100}$ [$M_\odot\,\mathrm{yr}^{-1}$]",
            "log10 of the star-formation rate over the last 100 Myr, in solar masses per year",
            luminosity_power=1.0,
            imf_powers=(0.0, 1.0),
            aliases=("log_SFR",),
        ),
        DustQuantity(
            "log_age",
            None,
            r"$\log_{10}\,\mathrm{age}$ [$\mathrm{yr}$]",
            "log10 of the mean age of the stars by mass formed, in years",
            bounds=(0.0, 11.0),
        ),
        DustQuantity(
            "log_Z",
            None,
            r"$\log_{10}\,Z$ [$Z_\odot$]",
            "log10 of the stellar metallicity in units of 0.02, the solar one of BC03",
        ),
        DustQuantity(
            "A_V_screen",
            u.mag,
            r"$A_{V,\,\mathrm{screen}}$ [mag]",
            "attenuation in V of the part of the light that dust covers",
            latent=Latent("asinh_", np.arcsinh, np.sinh, 0.1),
        ),
        DustQuantity(
            "A_V_nebular",
            u.mag,
            r"$A_{V,\,\mathrm{gas}}$ [mag]",
            "attenuation in V of the light of ionised gas",
            latent=Latent("asinh_", np.arcsinh, np.sinh, 0.1),
        ),
        DustQuantity(
            "E_BV_nebular",
            u.mag,
            r"$E(B-V)_\mathrm{gas}$ [mag]",
            "colour excess between B and V of the light of ionised gas",
            digits=3,
            latent=None,
        ),
        DustQuantity(
            "frac_clear",
            None,
            r"$f_\mathrm{clear}$",
            "share of the light of stars and gas that no dust covers",
            bounds=(0.0, 1.0),
        ),
        DustQuantity(
            "escape_fraction",
            None,
            r"$f_\mathrm{esc}$",
            "share of the ionising photons that makes no gas shine",
            bounds=(0.0, 1.0),
        ),
        DustQuantity(
            "A_1600",
            u.mag,
            r"$A_{1600}$ [mag]",
            "attenuation at 1600 Angstrom",
            latent=Latent("asinh_", np.arcsinh, np.sinh, 0.1),
        ),
        DustQuantity(
            "beta", None, r"$\beta$", "slope of f_lambda in the ultraviolet, 1400 to 2580 Angstrom"
        ),
        DustQuantity(
            "beta_dust_free", None, r"$\beta_0$", "ultraviolet slope beta without the dust"
        ),
        DustQuantity(
            "M_UV",
            u.mag,
            r"$M_\mathrm{UV}$ [mag]",
            "absolute AB magnitude at 1600 Angstrom",
            luminosity_power=-2.5,
        ),
        DustQuantity(
            "M_UV_dust_free",
            u.mag,
            r"$M_\mathrm{UV,0}$ [mag]",
            "absolute AB magnitude at 1600 Angstrom without the dust",
            luminosity_power=-2.5,
        ),
        DustQuantity(
            "log_L_dust",
            None,
            r"$\log_{10}\,L_\mathrm{dust}$ [$L_\odot$]",
            "log10 of the luminosity that dust absorbs and emits, in solar luminosities",
            luminosity_power=1.0,
        ),
        DustQuantity(
            "IRX",
            None,
            r"$\log_{10}\,\mathrm{IRX}$",
            "log10 of the infrared excess, the luminosity of the dust over lambda L_lambda at "
            "1600 Angstrom",
            references=("Meurer1999",),
        ),
        DustQuantity(
            "log_xi_ion",
            None,
            r"$\log_{10}\,\xi_\mathrm{ion}$ [$\mathrm{Hz\,erg}^{-1}$]",
            "log10 of the ionising photons per second over the dust-free L_nu at 1600 Angstrom, "
            "in Hz / erg",
        ),
        DustQuantity(
            "U_V",
            u.mag,
            r"$U-V$ [mag]",
            "rest-frame colour between Bessell U and V, AB",
            aliases=("U-V",),
        ),
        DustQuantity(
            "V_J",
            u.mag,
            r"$V-J$ [mag]",
            "rest-frame colour between Bessell V and 2MASS J, AB",
            aliases=("V-J",),
        ),
        DustQuantity(
            "EW_Ha",
            u.AA,
            r"$\mathrm{EW}(\mathrm{H}\alpha)$ [$\mathrm{\AA}$]",
            "rest-frame equivalent width of H-alpha in emission",
            digits=0,
            latent=Latent("asinh_", np.arcsinh, np.sinh, 10.0),
        ),
        DustQuantity(
            "EW_OIII_Hb",
            u.AA,
            r"$\mathrm{EW}([\mathrm{O\,III}]+\mathrm{H}\beta)$ [$\mathrm{\AA}$]",
            "rest-frame equivalent width of [O III] 4959, 5007 and H-beta together, in emission",
            digits=0,
            latent=Latent("asinh_", np.arcsinh, np.sinh, 10.0),
        ),
        DustQuantity(
            "log_gas_mass",
            None,
            r"$\log_{10}\,M_\mathrm{gas}$ [$M_\odot$]",
            "log10 of the gas mass in solar masses",
            luminosity_power=1.0,
        ),
        DustQuantity(
            "log_dust_mass",
            None,
            r"$\log_{10}\,M_\mathrm{dust}$ [$M_\odot$]",
            "log10 of the dust mass in solar masses",
            luminosity_power=1.0,
        ),
        DustQuantity(
            "dust_to_metal", None, "dust-to-metal ratio", "mass of dust over that of all metals"
        ),
        DustQuantity(
            "half_light_radius",
            u.kpc,
            "half-light radius [kpc]",
            "radius that holds half of the light",
        ),
    ),
)
"""Records of all quantities by name: those of dustest and those that plugins register."""


def register_quantity(quantity):
    r"""Add a quantity.

    Parameters
    ----------
    quantity : DustQuantity
        Its record. Estimators with samples of this name then have a column with percentiles for
        it, and comparisons and reports include it.

    Returns
    -------
    quantity : DustQuantity
        The same record.

    Raises
    ------
    InputError
        If it is no `DustQuantity`, its name is no name of a column, it is ``core``, which every
        stored result would have to hold, or its name, or that of one of its columns, is taken.

    Examples
    --------
    >>> from dustest.data import DustQuantity, register_quantity
    >>> register_quantity(DustQuantity(
    ...     "log_P", None, r"$\log_{10}\,P$ [%]", "log10 of the polarisation in per cent",
    ... ))  # doctest: +SKIP
    """
    name = getattr(quantity, "name", "")
    if isinstance(quantity, DustQuantity) and (quantity.core or not str(name).isidentifier()):
        msg = (
            "a quantity that is registered must have a name of letters, digits and underscores, "
            f"and core=False, got {name!r} with core={quantity.core}"
        )
        raise InputError(msg)
    if isinstance(quantity, DustQuantity) and QUANTITIES.get(name) != quantity:
        columns, others = {name, *percentile_columns(name)}, set(QUANTITIES) - {name}
        taken = sorted(columns & (result_columns(others) | {"redshift"}))
        expect(not taken, f"columns of quantity {name!r}", "new ones in results", taken)
    return QUANTITIES.register(quantity)


def core_quantities():
    """List the quantities of every result.

    Returns
    -------
    names : tuple of str
        In the order of `QUANTITIES`.

    Examples
    --------
    >>> from dustest.data.quantities import core_quantities
    >>> core_quantities()
    ('A_V', 'E_BV', 'R_V', 'log_sSFR')
    """
    return tuple(name for name, quantity in QUANTITIES.items() if quantity.core)


def result_columns(names):
    """Names of the columns that results have of any quantities.

    Parameters
    ----------
    names : iterable of str
        Names of quantities.

    Returns
    -------
    columns : set of str
        With ``"id"`` and ``"flags"``.

    Examples
    --------
    >>> from dustest.data.quantities import result_columns
    >>> sorted(result_columns(["A_V"]))
    ['A_V', 'A_V_p16', 'A_V_p84', 'flags', 'id']
    """
    families = ((name, *percentile_columns(name)) for name in names)
    return {"id", "flags"}.union(*families)


def percentile_columns(name):
    """Names of the columns of the 16th and 84th percentile of a quantity.

    Parameters
    ----------
    name : str
        A key of `QUANTITIES`.

    Returns
    -------
    low, high : str
        Column names.

    Examples
    --------
    >>> from dustest.data import percentile_columns
    >>> percentile_columns("A_V")
    ('A_V_p16', 'A_V_p84')
    """
    return f"{name}_p16", f"{name}_p84"


POINTS = ("median", "mean", "best")
"""Point estimates of a quantity: median and mean of the posterior, and the best fit."""


def point_column(name, point):
    """Name of the column of a point estimate of a quantity.

    Parameters
    ----------
    name : str
        A key of `QUANTITIES`.
    point : {"median", "mean", "best"}
        The point estimate.

    Returns
    -------
    column : str
        Column name; that of the median is the name of the quantity.

    Examples
    --------
    >>> from dustest.data.quantities import point_column
    >>> point_column("A_V", "median"), point_column("A_V", "mean")
    ('A_V', 'A_V_mean')
    """
    return name if point == "median" else f"{name}_{point}"


def quantity_column(name, columns):
    """Find the column of a quantity in a table, which may have an alias.

    Parameters
    ----------
    name : str
        Name of a quantity, or of another column.
    columns : sequence of str
        Names of columns.

    Returns
    -------
    column : str or None
        The name if it exists, else an existing alias of it; None without either.

    Examples
    --------
    >>> from dustest.data.quantities import quantity_column
    >>> quantity_column("log_SFR_100", ["id", "log_SFR"])
    'log_SFR'
    """
    quantity = QUANTITIES.get(name)
    names = (name, *(quantity.aliases if quantity is not None else ()))
    return next((one for one in names if one in columns), None)


def check_quantity(name, argument="quantity"):
    """Look up a quantity named by a user.

    Parameters
    ----------
    name : str
        The argument.
    argument : str, optional
        Name of the argument, for messages.

    Returns
    -------
    quantity : DustQuantity
        The record.

    Raises
    ------
    InputError
        If there is no such quantity.

    Examples
    --------
    >>> from dustest.data.quantities import check_quantity
    >>> check_quantity("E_BV").digits
    3
    """
    known = tuple(QUANTITIES)
    if name in known:
        return QUANTITIES[name]
    words = "be among" if argument.endswith("ies") else "be one of"
    guess = did_you_mean(name, known)
    msg = f"{argument} must {words} {known}, got {name!r}: {guess}".rstrip(": ")
    raise InputError(msg)
