"""Mapping from columns of a catalogue to columns of a sample."""

import re
import warnings
from dataclasses import dataclass

from dustest.data.checks.identifiers import ID_COLUMNS
from dustest.data.checks.positions import DEC_COLUMNS, RA_COLUMNS
from dustest.data.checks.sample_columns import column_name, fits_record, is_sample_column
from dustest.data.checks.tables import first_named
from dustest.data.errors import DustestWarning, InputError
from dustest.data.kinds import find_column
from dustest.data.messages import argument, shown
from dustest.io.layouts import LAYOUTS

__all__ = ["Plan", "kind_columns", "make_plan"]

_OF_ANY_TABLE = ("pixel_scale", "features", "magnification", "foreground")
"""Kinds whose columns have names that tables of others may have too."""


@dataclass(frozen=True)
class Plan:
    """Columns of the catalogue for each column of a sample.

    Parameters
    ----------
    layout : Layout or None
        Layout of the catalogue; None if the user names the fluxes.
    pairs : dict of str to tuple of str
        Columns of flux and error by band.
    others : dict of str to str
        Columns of all other quantities by their name in the sample.
    """

    layout: object
    pairs: dict
    others: dict

    @property
    def columns(self):
        """All columns that are read (list of str)."""
        return [*self.others.values(), *(name for pair in self.pairs.values() for name in pair)]

    @property
    def is_own(self):
        """Whether dustest wrote the catalogue."""
        return self.layout is not None and self.layout.name == "dustest"

    @property
    def element(self):
        """Index of the value to use of fluxes with several per row, or None."""
        return None if self.layout is None else self.layout.element


def make_plan(table, request):
    """Find the columns of a sample in a catalogue.

    Parameters
    ----------
    table : Table
        Catalogue.
    request : Request
        Request of the user, with columns as in the catalogue.

    Returns
    -------
    plan : Plan
        The columns.

    Raises
    ------
    InputError
        If nothing is recognised, or a band has several columns.

    Warns
    -----
    DustestWarning
        If fluxes without errors or of unknown bands are left out.
    """
    names = table.colnames
    layout = request.layout_of(names)
    pairs = request.pairs or _pairs_of(table, layout)
    fluxes = {f"{kind}{band}" for band in request.pairs for kind in ("flux_", "flux_err_")}
    places = {"id": ID_COLUMNS, "ra": RA_COLUMNS, "dec": DEC_COLUMNS}
    found = {place: first_named(names, candidates) for place, candidates in places.items()}
    others = {place: name for place, name in found.items() if name is not None}
    others |= kind_columns(table, layout)
    others |= {key: name for key, name in request.columns.items() if key not in fluxes}
    if not pairs and not request.columns and set(others) <= set(places):
        raise InputError(_unknown_layout_message(names, request, others))
    return Plan(layout, pairs, others)


def _pairs_of(table, layout):
    """Columns of flux and error by band; warns of those that are left out."""
    if layout is None:
        return {}
    _warn_of_orphans(table.colnames, layout)
    _warn_of_strangers(table.colnames, layout)
    _check_doubles(table.colnames, layout)
    pairs = layout.pairs(table.colnames)
    if layout.name != "dustest":
        return pairs
    columns = _by_canonical_name(table)
    return {
        band: pair for band, pair in pairs.items() if is_sample_column(f"flux_{band}", columns)
    }


def _check_doubles(names, layout):
    """Raise an error if a band has several flux columns, which may be in different units."""
    for band, pairs in layout.doubles(names).items():
        fluxes = [flux for flux, _ in pairs]
        choice = dict(zip((f"flux_{band}", f"flux_err_{band}"), pairs[0], strict=True))
        msg = (
            f"the columns {' and '.join(fluxes)} are of the same band {band}: leave all but one "
            f"out, or name those to read of every band, such as {argument('columns', choice)}"
        )
        raise InputError(msg)


def _by_canonical_name(table):
    """Columns of a table by their name in a sample."""
    return {column_name(name): table[name] for name in table.colnames}


def _unknown_layout_message(names, request, others):
    """Message for a catalogue without recognised fluxes."""
    which = "no layout knows" if len(request.layouts) > 1 else "the layout does not know"
    flux, error = _some_pair(names)
    hint = f"{flux} with {error} is of no band that dustest knows; " if flux else ""
    alone = ""
    if {"ra", "dec"} <= set(others):
        places = {name: others[name] for name in ("ra", "dec")}
        alone = f"; a catalogue without fluxes needs {argument('columns', places)}"
    example = {"flux_F277W": flux or "COLUMN", "flux_err_F277W": error or "ERROR_COLUMN"}
    return (
        f"{which} fluxes with errors among the columns {shown(names)}; {hint}if these are fluxes, "
        f"name those of each band, such as {argument('columns', example)}; bands of other cameras "
        f"have SVO identifiers, such as flux_Paranal/VISTA.Ks{alone}"
    )


def _some_pair(names):
    """Flux and error of an unknown band, if the names are like those of a layout."""
    layouts = sorted(LAYOUTS.values(), key=lambda layout: layout.is_bare)
    found = (pair for layout in layouts[1:] for pair in layout.strangers(names).items())
    return next(found, ("", ""))


def _warn_of_orphans(names, layout):
    """Warn of flux columns without errors, which are left out."""
    orphans = layout.orphans(names)
    if orphans:
        msg = (
            f"the flux columns {shown(orphans)} have no error column "
            f"{re.sub('{.*}', '<band>', layout.error)} and are left out"
        )
        warnings.warn(msg, DustestWarning, stacklevel=5)


def _warn_of_strangers(names, layout):
    """Warn of fluxes of unknown bands, which are left out."""
    strangers = {} if layout.is_bare or layout.name == "dustest" else layout.strangers(names)
    if strangers:
        msg = (
            f"the flux columns {shown(list(strangers))} are of bands that are no filters of HST "
            "or JWST and are left out"
        )
        warnings.warn(msg, DustestWarning, stacklevel=5)


def kind_columns(table, layout):
    """Name the columns of all kinds of input beyond fluxes, positions and redshifts.

    Parameters
    ----------
    table : Table
        Catalogue.
    layout : Layout or None
        Its layout.

    Returns
    -------
    names : dict of str to str
        Column of the catalogue by that of the sample: those that the layout names and data under
        dustest's own names, or in a table that dustest wrote, all that a sample can have.
    """
    if layout is not None and layout.name != "dustest":
        others = layout.others(table.colnames)
        return _own_data(table) | {key: name for key, (name, _) in others.items()}
    columns = _by_canonical_name(table)
    found = {name: find_column(name) for name in columns if is_sample_column(name, columns)}
    found = {name: one for name, one in found.items() if one is not None and _is_own(one)}
    if layout is None and not any(_is_data(one) for one in found.values()):
        return {}
    names = {column_name(name): name for name in table.colnames}
    return {name: names[name] for name in found}


def _own_data(table):
    """Columns of data under dustest's own names, by canonical name, in a table of others."""
    found = ((name, find_column(name)) for name in table.colnames)
    columns = {
        one.name: name
        for name, one in found
        if one is not None and _is_datum(one, table[name], name)
    }
    # The error of a column of redshifts is read with it.
    if "redshift" in table.colnames:
        columns.pop("redshift_err", None)
    return columns


def _is_datum(found, column, name):
    """Whether a column is data of a known kind, in its shape and with all that it needs."""
    record = found.column
    is_read = _is_own(found) or record.name == "redshift_err"
    if record.role == "note" or not (is_read and found.is_known):
        return False
    meta = getattr(getattr(column, "info", None), "meta", None) or {}
    return fits_record(record, column, name) and (record.role != "limit" or "sigma" in meta)


def _is_own(found):
    """Whether a column is read as it is: others have readers of their own."""
    is_photometry = found.kind.name == "flux" and found.column.role in ("value", "error")
    return not is_photometry and found.kind.name not in ("redshift", "position")


def _is_data(found):
    """Whether a column shows that dustest wrote the table: many tables have a flag or a group."""
    return found.column.role == "value" and found.kind.name not in _OF_ANY_TABLE
