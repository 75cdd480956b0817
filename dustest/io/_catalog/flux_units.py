"""Units of the fluxes of a catalogue: declared, given, or implied by its layout."""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

from astropy import units as u

from dustest.data.checks.sample_columns import band_column_name
from dustest.data.checks.tables import first_named
from dustest.data.checks.units import (
    agree,
    as_unit,
    is_flux,
    is_magnitude,
    parse_unit,
    resolve_unit,
)
from dustest.data.errors import DustestWarning, InputError
from dustest.data.messages import argument, did_you_mean, shown
from dustest.io._catalog.comments import unit_in_comments
from dustest.io._catalog.patterns import columns_like

__all__ = ["ALL_OTHERS", "GivenUnits", "flux_units", "read_units"]

ALL_OTHERS = "*"
"""Key for the unit of all columns that have no key of their own."""

_EAZY_TRANSLATION = re.compile(r"(?:\S+\s+)*[FE]\d+\s+[FE]\d+(?:\s+\S+)*")


@dataclass(frozen=True)
class GivenUnits:
    """Units given by the user.

    Parameters
    ----------
    bare : Unit or None
        Unit of all fluxes.
    by_column : dict of str to Unit
        Units by column of the catalogue.
    """

    bare: object = None
    by_column: dict = field(default_factory=dict)

    def of(self, names, pairs):
        """Match the units to the columns that are read.

        Parameters
        ----------
        names : sequence of str
            Columns that are read.
        pairs : dict of str to tuple of str
            Columns of flux and error by band.

        Returns
        -------
        units : GivenUnits
            The same units, with keys as in the catalogue.

        Raises
        ------
        InputError
            If a key names no column or band that is read, or two keys name the same one.
        """
        found, followers, keys = {}, {}, {}
        for key, unit in _without_stars(self.by_column, names, pairs).items():
            column, error = _columns_of(key, names, pairs)
            if column in found:
                msg = (
                    f"unit must name each column once, and {keys[column]!r} and {key!r} both name "
                    f"{column}: leave one out"
                )
                raise InputError(msg)
            found[column], keys[column] = unit, key
            if error is not None:
                followers[error] = _error_unit(unit)
        return GivenUnits(self.bare, followers | found)


def _without_stars(by_column, names, pairs):
    """Units by column or band, those of names with a star for columns without one of their own."""
    named = {key: unit for key, unit in by_column.items() if ALL_OTHERS not in key}
    own = {_columns_of(key, names, pairs)[0] for key in named}
    starred, keys = {}, {}
    for key in by_column.keys() - named.keys():
        for name in columns_like(key, pairs):
            if name in keys:
                msg = (
                    f"unit must name each column once, and {keys[name]!r} and {key!r} both are "
                    f"like {name}: give a unit of {name} alone, or leave one out"
                )
                raise InputError(msg)
            starred[name], keys[name] = by_column[key], key
    return named | {name: unit for name, unit in starred.items() if name not in own}


def _columns_of(key, names, pairs):
    """Column that a key names, with the error column of a flux, else None."""
    column = first_named(names, [key]) or pairs.get(band_column_name(key), (None,))[0]
    if column is None:
        msg = (
            f"unit must name columns that are read, and {key!r} is none: "
            f"{did_you_mean(key, names)}these are {shown(names)}"
        )
        raise InputError(msg)
    return column, dict(pairs.values()).get(column)


def read_units(unit):
    """Convert the argument ``unit`` of a reader.

    Parameters
    ----------
    unit : Unit, str, dict or None
        One unit, or units by column of the catalogue, ``"*"`` for all others.

    Returns
    -------
    units : GivenUnits
        The units.

    Raises
    ------
    InputError
        If a value is not a unit, or a key is not a name.
    """
    if not isinstance(unit, Mapping):
        return GivenUnits(as_unit(unit))
    if not all(isinstance(key, str) for key in unit):
        msg = f"unit must be a unit, or map names of columns to units, got {unit!r}"
        raise InputError(msg)
    units = {key: as_unit(item, f"unit[{key!r}]") for key, item in unit.items()}
    return GivenUnits(units.pop(ALL_OTHERS, None), units)


def flux_units(table, pairs, given, layout):
    """Determine the unit of every flux and error.

    Parameters
    ----------
    table : Table
        Catalogue.
    pairs : dict of str to tuple of str
        Columns of flux and error by band.
    given : GivenUnits
        Units given by the user.
    layout : Layout or None
        Layout of the catalogue; None if the user names the columns.

    Returns
    -------
    units : dict of str to Unit
        Unit by column. Errors of magnitudes are in mag.

    Raises
    ------
    InputError
        If a unit is missing, not understood, not one of fluxes, or contradicts another.

    Warns
    -----
    DustestWarning
        If the unit is an assumption.
    """
    own = {name: _own_unit(table[name], name, given, layout, i) for name, i in _roles(pairs)}
    for flux, error in pairs.values():
        own[flux] = _system(own[flux] or _infer_from_error(own[error]), flux, layout)
        own[error] = own[error] or _error_unit(own[flux])
    bare = [flux for flux, _ in pairs.values() if own[flux] is None]
    if not bare:
        return own
    default = _default_unit(table, bare, own, layout)
    for flux, error in pairs.values():
        own[flux] = own[flux] or default
        own[error] = own[error] or _error_unit(default)
    return own


def _roles(pairs):
    """Columns, with 0 for fluxes and 1 for errors."""
    return [(name, i) for pair in pairs.values() for i, name in enumerate(pair)]


def _own_unit(column, name, given, layout, is_error):
    """Unit that a column declares or that is given for it, or None."""
    explicit = name in given.by_column
    asked = given.by_column.get(name, given.bare)
    declared = getattr(column, "unit", None)
    if layout is not None and layout.unit_source == "names" and parse_unit(declared) is None:
        declared = layout.unit
    if is_error and not explicit and asked == u.ABmag:
        asked = u.mag
    if is_error and parse_unit(declared) == u.ABmag:
        declared = u.mag
    if is_error and not explicit:
        _check_kind_of_error(declared, name)
    only_magnitudes = layout is not None and layout.unit == u.ABmag
    return resolve_unit(
        declared,
        asked,
        is_magnitude if only_magnitudes else _is_photometric,
        what=f"column {name}",
        expected="in magnitudes" if only_magnitudes else "a flux density or magnitudes",
        remedy=argument("unit", "ABmag" if only_magnitudes else "nJy", key=name),
        explicit=explicit,
    )


def _check_kind_of_error(declared, name):
    """Raise an error for errors in per cent or mmag, which no given unit can replace."""
    unit = parse_unit(declared)
    is_plain = isinstance(unit, u.UnitBase) and not isinstance(unit, u.UnrecognizedUnit)
    if is_plain and unit != u.mag and (unit.is_equivalent(u.mag) or unit == u.percent):
        msg = (
            f"column {name} declares the unit {str(declared)!r}, which errors cannot have: "
            "convert them to the unit of their fluxes, and those of magnitudes to mag"
        )
        raise InputError(msg)


def _is_photometric(unit):
    """Whether a unit is one of fluxes or of magnitudes."""
    return is_flux(unit) or is_magnitude(unit)


def _infer_from_error(error_unit):
    """Unit of a flux if only its error declares one; an error in mag does not give the system."""
    return None if error_unit is None or is_magnitude(error_unit) else error_unit


def _system(unit, name, layout):
    """Replace magnitudes by those of the layout's system; keep other units."""
    if unit is None or unit != u.mag:
        return unit
    if layout is not None and layout.unit == u.ABmag:
        return u.ABmag
    msg = (
        f"column {name} is in mag, which does not tell the system: if these are AB magnitudes, "
        f"pass {argument('unit', 'ABmag', key=name)}"
    )
    raise InputError(msg)


def _error_unit(unit):
    """Unit of the error of a flux: magnitudes for AB magnitudes."""
    return u.mag if unit is not None and unit == u.ABmag else unit


def _default_unit(table, bare, own, layout):
    """Unit of columns without a declared unit."""
    from_comments = unit_in_comments(table.meta.get("comments"))
    default = from_comments or _layout_unit(table, layout)
    if default is None:
        raise InputError(_no_unit_message(table, bare))
    others = [name for name, unit in own.items() if _contradicts(unit, default)]
    if others:
        msg = (
            f"the columns {shown(bare)} declare no unit, and {others[0]} declares "
            f"{own[others[0]]}: pass the unit of those that declare none, such as "
            f"{argument('unit', 'nJy', key=bare[0])}"
        )
        raise InputError(msg)
    if from_comments is None and layout.unit_source == "assumed":
        _warn_of_assumption(bare, layout)
    return default


def _layout_unit(table, layout):
    """Unit implied by the layout; none for inputs of EAZY, whose zero point is arbitrary."""
    if layout is None or (layout.unit_source == "assumed" and _is_eazy(table)):
        return None
    return layout.unit


def _contradicts(unit, default):
    """Whether a unit is known and differs from the default of a flux."""
    return unit is not None and not is_magnitude(unit) and not agree(unit, default)


def _is_eazy(table):
    """Whether a comment of the catalogue maps columns to EAZY's numbers of filters."""
    comments = table.meta.get("comments") or ()
    return any(_EAZY_TRANSLATION.fullmatch(str(line).strip()) for line in comments)


def _no_unit_message(table, bare):
    """Message that asks for a unit."""
    if _is_eazy(table):
        return (
            f"unit must be given: columns {shown(bare)} have none, and this input of EAZY has the "
            "zero point of its parameter file, 25 by default; pass "
            f"{argument('unit', '0.3631 uJy')} for 25, {argument('unit', 'uJy')} for 23.9"
        )
    return (
        f"unit must be given: columns {shown(bare)} have none; pass {argument('unit', 'nJy')}, or "
        f"the unit of each column, such as {argument('unit', 'nJy', key=bare[0])}"
    )


def _warn_of_assumption(bare, layout):
    """Warn of the unit that is assumed."""
    remedy = argument("unit", "nJy" if layout.unit in (u.uJy, u.ABmag) else "uJy")
    unit = "AB magnitudes" if layout.unit == u.ABmag else layout.unit
    msg = (
        f"the columns {shown(bare)} declare no unit and are taken to be in {unit}, as the layout "
        f"{layout.name} has it: {layout.description}; pass their unit, such as {remedy}"
    )
    warnings.warn(msg, DustestWarning, stacklevel=5)
