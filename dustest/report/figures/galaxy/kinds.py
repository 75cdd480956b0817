"""Kinds of figures of one galaxy, and which of them a result can draw."""

from dustest.data.containers.fitted_data import MODEL_SPECTRUM, POWER_LAW
from dustest.data.containers.reweighting import DRAWS
from dustest.report.figures.galaxy.corners import plot_corner
from dustest.report.figures.galaxy.seds import plot_sed
from dustest.report.figures.galaxy.slopes import plot_beta

__all__ = ["FITS", "GALAXY_FIGURES", "drawable_kinds", "has_fit"]

GALAXY_FIGURES = {"sed": plot_sed, "corner": plot_corner, "beta": plot_beta}
"""Function of a result and an identifier that draws the figure, by its kind."""

FITS = {"sed": MODEL_SPECTRUM, "beta": POWER_LAW}
"""Column that has values where a galaxy has a fit that can be drawn, by its kind."""

_NEEDED = {"sed": FITS["sed"], "corner": DRAWS.format(""), "beta": FITS["beta"]}
"""End of the name of a column without which there is no figure, by its kind."""


def drawable_kinds(table):
    """List the figures of single galaxies that a result can draw.

    Parameters
    ----------
    table : DustTable
        The result.

    Returns
    -------
    kinds : list of str
        Keys of `GALAXY_FIGURES`; empty if the result has no draws of the posterior.

    Examples
    --------
    >>> from dustest import MeurerEstimator
    >>> from dustest.io import load_demo
    >>> from dustest.report.figures.galaxy.kinds import drawable_kinds
    >>> sample, _ = load_demo()
    >>> drawable_kinds(MeurerEstimator().estimate(sample[:2], draws=10))
    ['corner', 'beta']
    """
    return [
        kind
        for kind, needed in _NEEDED.items()
        if any(name.endswith(needed) for name in table.colnames)
    ]


def has_fit(table):
    """Whether a result has the columns of a fit that can be drawn.

    Parameters
    ----------
    table : DustTable
        The result.

    Returns
    -------
    answer : bool
        Whether it has.
    """
    return not set(FITS.values()).isdisjoint(table.colnames)
