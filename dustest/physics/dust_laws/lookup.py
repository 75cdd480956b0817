"""Dust laws by name: those of the modules of this folder, and those that are registered."""

import re
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules

from dustest.data.errors import InputError
from dustest.data.identity.describe import class_path
from dustest.data.messages import did_you_mean
from dustest.data.registry import Registry
from dustest.physics.dust_laws.composition import NamedLaw
from dustest.physics.dust_laws.extinction_curves import ExtinctionCurve
from dustest.physics.dust_laws.law import DustLaw, check_law

__all__ = [
    "DUST_LAWS",
    "cite_law",
    "get_dust_law",
    "get_screen_law",
    "law_references",
    "list_dust_laws",
    "register_dust_law",
]

_INSTANCE = re.compile(r"(?:ExtinctionCurve\(name=')?(\w+)(?=$|['(])")
"""Of a law by name, or of the text of an instance."""


def _own_laws():
    """Laws that the modules of this folder list in LAWS: a new law is one new file."""
    import dustest.physics.dust_laws as folder

    for found in iter_modules(folder.__path__):
        if f"{folder.__name__}.{found.name}" != __name__:
            module = import_module(f"{folder.__name__}.{found.name}")
            yield from getattr(module, "LAWS", ())


DUST_LAWS = Registry("dust law", DustLaw, _own_laws())


def list_dust_laws():
    """Name the dust laws that `get_dust_law` knows.

    Returns
    -------
    list of str
        The names.

    Examples
    --------
    >>> from dustest.physics import list_dust_laws
    >>> list_dust_laws()[:4]
    ['Calzetti', 'SMC', 'SMC_G24', 'LMC']
    """
    return list(DUST_LAWS)


def get_dust_law(law, **parameters):
    """Look up a dust law.

    ``"SMC"`` is the bar of Gordon et al. 2003, ``"SMC_G24"`` the average of Gordon et al. 2024,
    ``"LMC"`` the average of Gordon et al. 2003; ``"MW"`` is ``"CCM89"``; ``"MW_no_bump"`` is
    ``"F99"`` without the bump at 2175 Angstrom, and ``"SN"`` the dust of a supernova.

    Parameters
    ----------
    law : str, DustLaw or model of dust_extinction
        A name of `list_dust_laws` or an alias in any letter case; a `DustLaw`, returned as it is;
        or an instance of any dust_extinction model that covers the V band.
    **parameters : float
        Parameters of a named law: ``delta`` and ``bump`` (``"Salim"``), ``n`` (``"power law"``,
        ``"CF00"``), ``eta`` (``"CF00"``), ``r_v`` (``"CCM89"``, ``"F99"``, ``"G23"``).

    Returns
    -------
    DustLaw
        The law.

    Raises
    ------
    InputError
        If the law or a parameter is unknown, or out of range; or the curve of a `DustLaw` is not
        about 1 at V, or negative or not finite within its range.

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
    CharlotFall00(n=1.3, eta=3.0, age=10000000.0)
    """
    if isinstance(law, str):
        found = DUST_LAWS.find(law, "law")
        if not parameters:
            return found
        law, parameters = replace(found, **_check(found, parameters)), {}
    if parameters:
        msg = f"parameters ({', '.join(parameters)}) go with the name of a law, not an instance"
        raise InputError(msg)
    if not isinstance(law, DustLaw):
        return ExtinctionCurve(type(law).__name__, law)
    check_law(law)
    return law


def get_screen_law(law):
    """Look up a dust law for screens in front of single stars.

    Parameters
    ----------
    law : str, DustLaw or model of dust_extinction
        As of `get_dust_law`.

    Returns
    -------
    DustLaw
        The law.

    Raises
    ------
    InputError
        As of `get_dust_law`; and if the law, or a part of it, has two components.

    Examples
    --------
    >>> from dustest.physics.dust_laws.lookup import get_screen_law
    >>> get_screen_law("SMC").name
    'SMC'
    """
    found = get_dust_law(law)
    if found.has_birth_clouds:
        msg = (
            f"dust_law {found.name!r} has two components, diffuse dust and birth clouds, but the "
            "dust in front of each star is computed here: take a law of one component, such as "
            "PowerLaw(n=0.7)"
        )
        raise InputError(msg)
    return found


def register_dust_law(law, *, name=None, aliases=(), references=()):
    """Add a dust law, which estimators, simulator and command line then know by its name.

    Parameters
    ----------
    law : DustLaw or model of dust_extinction
        The law.
    name : str, optional
        Its name, where it is not the law's own.
    aliases : tuple of str, optional
        Further names.
    references : tuple of str, optional
        BibTeX keys of references that dustest knows, or BibTeX entries, where they are not the
        law's own.

    Returns
    -------
    law : DustLaw
        The law, under its name.

    Raises
    ------
    InputError
        If it is no law, its curve is invalid, or another one has the name or an alias.

    Examples
    --------
    >>> from dustest.physics import Tilted, get_dust_law, register_dust_law
    >>> law = register_dust_law(Tilted(get_dust_law("SMC"), -0.1), name="steep SMC")
    >>> get_dust_law("Steep SMC") is law
    True
    """
    law = get_dust_law(law) if not isinstance(law, str) else law
    if name is not None or aliases or references:
        law = NamedLaw(law, name or law.name, aliases, references or law.references)
    return DUST_LAWS.register(law)


def law_references(law):
    """References of a law that is named or described.

    Parameters
    ----------
    law : str or dict
        Name of a law, or what `DustLaw.to_dict` returned.

    Returns
    -------
    references : tuple of str or None
        Those of the law and of its parts; None if the law is unknown.

    Examples
    --------
    >>> from dustest.physics import Tilted, get_dust_law
    >>> from dustest.physics.dust_laws.lookup import law_references
    >>> law_references("MW"), law_references(Tilted(get_dust_law("SMC"), -0.1).to_dict())
    (('Cardelli1989',), ('Noll2009', 'Gordon2003'))
    """
    if not isinstance(law, dict):
        known = DUST_LAWS.get(law)
        return None if known is None else known.references
    path = str(law.get("class"))
    found = [law_references(str(law.get("name"))), law_references(path.rpartition(".")[2])]
    found += [kind.references for kind in _kinds(DustLaw) if class_path(kind) == path]
    own = next(filter(None, found), ())
    parts = [law_references(part) or () for part in _described_parts(law)]
    return tuple(dict.fromkeys(sum(parts, own))) or None


def cite_law(cited, law):
    """Add the references of the dust law of a result.

    Parameters
    ----------
    cited : Cited
        What the result used.
    law : str, dict or None
        Name or description of the law, or the text of an instance, as version 0.1 wrote it.
    """
    if isinstance(law, dict):
        cited.choose("dust law", law.get("name") or law.get("class"), law_references(law))
        return
    known = _INSTANCE.match(str(law))
    cited.choose("dust law", law, law_references(known[1] if known else law))


def _kinds(kind):
    """Classes that are derived from a class."""
    return [found for each in kind.__subclasses__() for found in (each, *_kinds(each))]


def _described_parts(law):
    """Descriptions of the laws that a described law is composed of."""
    parameters = law.get("parameters") or {}
    values = parameters.values() if isinstance(parameters, dict) else ()
    every = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return [item for item in every if isinstance(item, dict)]


def _check(law, parameters):
    """Parameters of a named law, after a check of their names."""
    takes = list(law.keywords)
    unknown = [key for key in parameters if key not in takes]
    if unknown:
        msg = (
            f"parameters of the dust law {law.name!r} are: {', '.join(takes) or 'none'}; got "
            f"{', '.join(unknown)}: {did_you_mean(unknown[0], takes)}"
        )
        raise InputError(msg.rstrip(": "))
    return parameters
