"""The dust quantities that every estimator speaks about."""

from dataclasses import dataclass

from astropy import units as u

__all__ = ["QUANTITIES", "DustQuantity", "percentile_columns"]


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
    """

    name: str
    unit: u.UnitBase | None
    label: str
    description: str


QUANTITIES = {
    quantity.name: quantity
    for quantity in (
        DustQuantity("A_V", u.mag, r"$A_V$ [mag]", "attenuation in the V band (0.55 micron)"),
        DustQuantity("E_BV", u.mag, r"$E(B-V)$ [mag]", "colour excess between B and V"),
        DustQuantity("R_V", None, r"$R_V$", "ratio of total to selective attenuation, A_V / E_BV"),
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
