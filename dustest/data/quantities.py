"""The dust quantities that every estimator speaks about."""

from dataclasses import dataclass

from astropy import units as u

from dustest.data.errors import InputError
from dustest.data.messages import did_you_mean

__all__ = ["QUANTITIES", "DustQuantity", "check_quantity", "percentile_columns"]


@dataclass(frozen=True)
class DustQuantity:
    """One column family of a `~dustest.data.DustTable`.

    Parameters
    ----------
    name : str
        Column name.
    unit : `~astropy.units.UnitBase` or None
        Unit of the column; `None` for a plain number.
    label : str
        Axis label, in matplotlib's mathtext.
    description : str
        One sentence for documentation and reports.
    digits : int, optional
        Digits after the point with which reports and documentation write its values; those of
        its errors follow, see `dustest.validation.Metric`.
    fixed_by_law : bool, optional
        Whether it may be a constant of the dust law, the same for all galaxies.
    """

    name: str
    unit: u.UnitBase | None
    label: str
    description: str
    digits: int = 2
    fixed_by_law: bool = False


QUANTITIES = {
    quantity.name: quantity
    for quantity in (
        DustQuantity("A_V", u.mag, r"$A_V$ [mag]", "attenuation in the V band (0.55 micron)"),
        DustQuantity("E_BV", u.mag, r"$E(B-V)$ [mag]", "colour excess between B and V", digits=3),
        DustQuantity(
            "R_V",
            None,
            r"$R_V$",
            "ratio of total to selective attenuation, A_V / E_BV",
            fixed_by_law=True,
        ),
        DustQuantity(
            "log_sSFR",
            None,
            r"$\log_{10}\,\mathrm{sSFR}\ [\mathrm{yr}^{-1}]$",
            "log10 of the specific star-formation rate in yr^-1",
        ),
    )
}


def percentile_columns(name):
    """Names of the 16th and 84th percentile columns of a quantity.

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


def check_quantity(name, argument="quantity"):
    """Look up a quantity that a user names.

    Parameters
    ----------
    name : str
        What the user gives.
    argument : str, optional
        What it is called in an error.

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
    if isinstance(name, str) and name in QUANTITIES:
        return QUANTITIES[name]
    guess = did_you_mean(name, QUANTITIES)
    words = "be among" if argument.endswith("ies") else "be one of"
    msg = f"{argument} must {words} {tuple(QUANTITIES)}, got {name!r}: {guess}".rstrip(": ")
    raise InputError(msg)
