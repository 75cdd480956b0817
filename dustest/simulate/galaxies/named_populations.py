"""Populations of galaxies by name."""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from importlib.resources import files

from dustest.data.registry import Registry
from dustest.simulate.galaxies.population import GalaxyPopulation
from dustest.simulate.galaxies.scaling_relations import MassFunction

__all__ = ["POPULATIONS", "NamedPopulation", "change_settings", "get_population"]


@dataclass(frozen=True)
class NamedPopulation:
    """A population with a name.

    Parameters
    ----------
    name : str
        Its name.
    make : callable
        Makes the `GalaxyPopulation`.
    """

    name: str
    make: Callable


def change_settings(population, settings):
    """Change parameters of a population and of its relations.

    Parameters
    ----------
    population : GalaxyPopulation
        The population.
    settings : dict
        Values by parameter; for a relation, a dict of the fields that change.

    Returns
    -------
    GalaxyPopulation
        The changed population.

    Raises
    ------
    TypeError
        If there is no such parameter.

    Examples
    --------
    >>> from dustest.simulate.galaxies.named_populations import change_settings
    >>> from dustest.simulate import GalaxyPopulation
    >>> settings = {"log_mass": [8.0, 9.0], "main_sequence": {"rate": 0.3}}
    >>> population = change_settings(GalaxyPopulation(), settings)
    >>> population.log_mass, population.main_sequence.rate, population.main_sequence.scatter
    ((8.0, 9.0), 0.3, 0.4)
    """
    changed = {name: _frozen(value) for name, value in settings.items()}
    for field in fields(population):
        relation = getattr(population, field.name)
        if is_dataclass(relation) and field.name in changed:
            changed[field.name] = replace(relation, **changed[field.name])
    return replace(population, **changed)


def _frozen(value):
    """Tuples in place of the lists of a JSON file, at any depth."""
    if isinstance(value, dict):
        return {name: _frozen(part) for name, part in value.items()}
    return tuple(_frozen(part) for part in value) if isinstance(value, list) else value


def _read_fitted():
    """A population that differs from that of version 0.1 by the settings in a file."""
    path = files("dustest") / "resources" / "population_0.2.json"
    text = path.read_text(encoding="utf-8")
    return change_settings(GalaxyPopulation(), json.loads(text)["settings"])


POPULATIONS = Registry(
    "population",
    NamedPopulation,
    [
        NamedPopulation("0.2", _read_fitted),
        NamedPopulation("0.1", GalaxyPopulation),
        NamedPopulation(
            "0.1-heavy",
            partial(GalaxyPopulation, log_mass=(8.0, 11.0), mass_function=MassFunction(tilt=0.5)),
        ),
        NamedPopulation("paper", partial(GalaxyPopulation, log_mass=(8.0, 11.0))),
    ],
)
"""The populations by name."""


def get_population(name):
    """Look up a population of galaxies.

    Parameters
    ----------
    name : str
        ``"0.2"``, fitted to the colours and magnitudes of galaxies of JADES at 6 < z < 9 [1]_;
        ``"0.1"``, that of version 0.1; ``"0.1-heavy"``, on which its networks were trained;
        or ``"paper"``, that of version 0.1 above 1e8 Msun, the masses of the galaxies of the
        paper, which come from a cosmological simulation.

    Returns
    -------
    GalaxyPopulation
        The population.

    Raises
    ------
    InputError
        If the name is unknown.

    References
    ----------
    .. [1] Endsley et al. 2024, MNRAS 533, 1111.

    Examples
    --------
    >>> from dustest.simulate import get_population
    >>> get_population("0.2").log_mass
    (6.5, 11.0)
    """
    return POPULATIONS.find(name, "name").make()
