"""Conversion of the table of a catalogue, or of parts of it, to a sample."""

import warnings
from dataclasses import dataclass, field, replace
from numbers import Integral

import numpy as np
from astropy import units as u
from astropy.table import Column, Table

from dustest.data.bands import has_curve
from dustest.data.checks.units import FLUX_UNIT, SPECTRAL_UNIT, as_unit, is_magnitude, resolve_unit
from dustest.data.checks.values import bare_values, to_floats
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import DustestWarning, InputError, RowsWarning
from dustest.data.kinds import KINDS
from dustest.data.messages import argument, shown
from dustest.io._catalog.cells import parse_numbers, refuse_units
from dustest.io._catalog.flux_units import flux_units
from dustest.io._catalog.lookup import plain_column
from dustest.io._catalog.plan import kind_columns, make_plan
from dustest.io._catalog.plausibility import warn_of_implausible, warn_of_magnitudes
from dustest.io._catalog.redshifts import (
    choose_redshifts,
    count_redshifts,
    merge_redshifts,
    redshift_candidates,
    warn_of_outside,
)
from dustest.io._foreground import (
    FOREGROUND_KEY,
    band_correction,
    foreground_of,
    foreground_record,
    line_correction,
    refuse_corrected,
)

__all__ = [
    "Findings",
    "Rules",
    "check_rows",
    "collect",
    "drop_empty",
    "finish",
    "has_whole_numbers",
    "judge",
    "leave_out",
    "make_rules",
    "missing_ids",
    "warn_of_missing_ids",
    "whole_sample",
    "without_ids",
]

_POSITIONS = ("ra", "dec")


@dataclass(frozen=True)
class Rules:
    """How the table of a catalogue becomes a sample.

    Parameters
    ----------
    plan : Plan
        Columns of the catalogue.
    request : Request
        Request of the user, with columns as in the catalogue.
    given : GivenUnits
        Units given by the user, by columns of the catalogue.
    error_floor : float
        Fraction of the flux that is added to its error.
    redshifts : tuple of RedshiftColumn, optional
        Columns of redshifts to use.
    """

    plan: object
    request: object
    given: object
    error_floor: float
    redshifts: tuple = ()

    @property
    def named_redshifts(self):
        """Columns of redshifts that the user or the layout names (tuple of str)."""
        of_layout = self.plan.others.get("redshift")
        return self.request.redshifts or (() if of_layout is None else (of_layout,))


@dataclass
class Findings:
    """Facts of a table, or of all of its parts, that no row shows by itself.

    Parameters
    ----------
    numbers : dict of str to tuple of ndarray of shape (n,)
        Numbers of flux and error, as in the catalogue, by flux column without magnitudes.
    outside : dict
        As in `Redshifts`.
    optional : dict of str to bool
        Whether a column of the sample that may be empty has a value.
    """

    numbers: dict = field(default_factory=dict)
    outside: dict = field(default_factory=dict)
    optional: dict = field(default_factory=dict)


def make_rules(table, request, given, error_floor):
    """Decide how a catalogue is read, as far as its columns determine it.

    Parameters
    ----------
    table : Table
        Catalogue, or its first rows.
    request : Request
        Request of the user.
    given : GivenUnits
        Units given by the user.
    error_floor : float
        Fraction of the flux.

    Returns
    -------
    rules : Rules
        Without the columns of redshifts.

    Raises
    ------
    InputError
        If nothing is recognised, a named column is missing, or a row of units is in the table.

    Warns
    -----
    DustestWarning
        If fluxes are left out.
    """
    request = request.match_names(table.colnames)
    plan = make_plan(table, request)
    given = given.of(plan.columns, plan.pairs)
    _refuse_units(table, plan)
    return Rules(plan, request, given, error_floor)


def whole_sample(table, rules):
    """Convert a whole catalogue.

    Parameters
    ----------
    table : Table
        Catalogue.
    rules : Rules
        Of `make_rules`.

    Returns
    -------
    sample : GalaxySample
        The galaxies.

    Raises
    ------
    InputError
        If the catalogue has no rows, or as `collect` and `as_sample`.

    Warns
    -----
    DustestWarning
        If rows are left out, or values are improbable.
    """
    table, rules = _with_identified_rows(table, rules)
    check_rows(len(table))
    rules = _with_redshifts(table, rules)
    output, findings = collect(table, rules)
    drop_empty(output, findings.optional)
    sample = as_sample(output)
    judge(findings, sample)
    return finish(sample, table, rules)


def _with_redshifts(table, rules):
    """Rules with the columns of redshifts to use."""
    if rules.request.without_redshifts:
        return rules
    named = rules.named_redshifts
    items = redshift_candidates(table, named)
    counts = count_redshifts(table, items)
    chosen = choose_redshifts([table], items, counts, are_named=bool(named))
    return replace(rules, redshifts=chosen)


def judge(findings, sample):
    """Warn of what is improbable in a catalogue as a whole.

    Parameters
    ----------
    findings : Findings
        Of all parts.
    sample : GalaxySample
        Photometry as read, before any correction; rows spread over the catalogue are enough.

    Warns
    -----
    DustestWarning
        If fluxes look like magnitudes, percentiles of redshifts do not enclose them, or errors or
        colours are improbable.
    """
    warn_of_magnitudes(findings.numbers)
    warn_of_outside(findings.outside)
    warn_of_implausible(sample)


def drop_empty(table, optional):
    """Remove optional columns without a value.

    Parameters
    ----------
    table : Table
        Changed in place.
    optional : dict of str to bool
        Whether a column has a value in any row.
    """
    table.remove_columns([name for name, has_value in optional.items() if not has_value])


def finish(sample, table, rules):
    """Correct the fluxes and errors of a sample, row by row.

    Parameters
    ----------
    sample : GalaxySample
        As read; changed in place.
    table : Table
        Its rows in the catalogue.
    rules : Rules
        Rules of the catalogue.

    Returns
    -------
    sample : GalaxySample
        The same.
    """
    _drop_negative_errors(sample)
    _correct_foreground(sample, rules.request.ebv, table, rules.plan.layout)
    _add_floor(sample, rules.error_floor)
    return sample


def _refuse_units(table, plan):
    """Raise an error for a row of units, before it is left out for its missing identifier."""
    for name in (name for pair in plan.pairs.values() for name in pair):
        if table[name].dtype.kind in "US":
            refuse_units(plain_column(table[name], name).value, name)


def _with_identified_rows(table, rules):
    """Rows with an identifier; text may be empty, numbers may not."""
    name = rules.plan.others.get("id")
    missing = None if name is None else missing_ids(table[name])
    if missing is None or not missing.any():
        return table, rules
    warn_of_missing_ids(name, np.count_nonzero(missing), len(table))
    if missing.all():
        return table, without_ids(rules)
    return table[~missing], rules


def without_ids(rules):
    """Rules for a catalogue whose rows are numbered, since no identifier is known.

    Parameters
    ----------
    rules : Rules
        Rules with a column of identifiers.

    Returns
    -------
    rules : Rules
        The same without.
    """
    others = {key: name for key, name in rules.plan.others.items() if key != "id"}
    return replace(rules, plan=replace(rules.plan, others=others))


def warn_of_missing_ids(name, count, n_rows):
    """Warn of missing identifiers.

    Parameters
    ----------
    name : str
        Column of identifiers.
    count, n_rows : int
        Rows without one, and all rows.

    Warns
    -----
    DustestWarning
        Always.
    """
    rows = "1 row, which is" if count == 1 else f"{count} rows, which are"
    msg = f"{name} is missing in {rows} left out"
    if count == n_rows:
        msg = f"{name} is missing in all rows, which are numbered instead"
    warnings.warn(msg, DustestWarning, stacklevel=5)


def check_rows(n_rows):
    """Raise an error if there is no galaxy.

    Parameters
    ----------
    n_rows : int
        Number of galaxies.

    Raises
    ------
    InputError
        If it is 0.
    """
    if n_rows == 0:
        msg = "the catalogue must have at least one galaxy, got 0 rows"
        raise InputError(msg)


def missing_ids(column, has_whole=None):
    """Find rows with missing numerical identifiers.

    Parameters
    ----------
    column : Column of shape (n,)
        Identifiers.
    has_whole : bool, optional
        Whether any row of the catalogue has a whole number, if the column is a part of it.

    Returns
    -------
    missing : ndarray of bool of shape (n,) or None
        None for text, and for floats without whole numbers.
    """
    values, missing = bare_values(column)
    missing = np.zeros(len(values), dtype=bool) if missing is None else missing.copy()
    if values.dtype.kind == "f" and values.ndim == 1:
        has_whole = np.any(_is_whole(values)) if has_whole is None else has_whole
        return missing | ~_is_whole(values) if has_whole else None
    is_number = values.dtype.kind in "iu" or (
        values.dtype.kind == "O" and all(isinstance(v, Integral) for v in values[~missing])
    )
    return missing if is_number and values.ndim == 1 else None


def _is_whole(values):
    """Rows with whole numbers."""
    return np.isfinite(values) & (values == np.round(values))


def has_whole_numbers(column):
    """Whether a column of floats has a whole number in any row.

    Parameters
    ----------
    column : Column of shape (n,)
        Identifiers.

    Returns
    -------
    answer : bool
        True for other types than floats.
    """
    values, _ = bare_values(column)
    return values.dtype.kind != "f" or bool(np.any(_is_whole(values)))


def leave_out(table, rules, *, has_whole):
    """Leave out rows of a part without an identifier.

    Parameters
    ----------
    table : Table
        Part of a catalogue.
    rules : Rules
        Rules of the catalogue.
    has_whole : bool
        As in `missing_ids`.

    Returns
    -------
    table : Table
        The other rows.
    """
    name = rules.plan.others.get("id")
    missing = None if name is None else missing_ids(table[name], has_whole)
    return table if missing is None or not missing.any() else table[~missing]


def collect(table, rules):
    """Collect the columns of a sample, in the units of the catalogue.

    Parameters
    ----------
    table : Table
        Catalogue, or a part of it.
    rules : Rules
        Rules of the catalogue, with the columns of redshifts.

    Returns
    -------
    output : Table
        Columns of a sample, also those that may be empty.
    findings : Findings
        Facts to judge for the catalogue as a whole.

    Raises
    ------
    InputError
        If a column has the wrong type, shape or unit.
    """
    plan, findings = rules.plan, Findings()
    is_own = plan.is_own or (plan.layout is None and bool(kind_columns(table, None)))
    output = Table(meta=dict(table.meta) if is_own else None)
    output.meta.pop("comments", None)
    _add_others(output, table, plan, rules.given)
    findings.optional |= _separate_limits(output, plan)
    units = flux_units(table, plan.pairs, rules.given, plan.layout)
    findings.numbers |= _add_fluxes(output, table, plan, units)
    _add_redshifts(output, table, rules, findings)
    output.meta |= {
        "layout": "columns" if plan.layout is None else plan.layout.name,
        "flux_columns": ", ".join(name for pair in plan.pairs.values() for name in pair),
    }
    output.meta |= {key: table.meta[key] for key in ("source", "hdu") if key in table.meta}
    return output, findings


def _add_others(output, table, plan, given):
    """Add identifiers, positions and other requested columns."""
    known = {} if plan.layout is None else plan.layout.others(table.colnames)
    for key, name in plan.others.items():
        if key == "redshift":
            continue
        column = plain_column(table[name], name)
        column.meta |= getattr(table[name].info, "meta", None) or {}
        # Positions as text state their own units.
        if key != "id" and not (key in _POSITIONS and column.dtype.kind in "UO"):
            column.unit = _other_unit(column, key, name, given)
        if key in known and known[key][0] == name:
            _declare(column, known[key][1])
        output[key] = column


def _separate_limits(output, plan):
    """Move values that their error marks as upper limits to columns of limits, by name if any."""
    mark = None if plan.layout is None else plan.layout.limit_error
    found = {}
    if mark is None:
        return found
    kind = KINDS["line"]
    (limit,) = kind.with_role("limit")
    for error, value in _line_pairs(kind, plan.others):
        is_limit = output[error] == mark
        limits = Column(np.where(is_limit, output[value], np.nan), unit=output[value].unit)
        limits.meta["sigma"] = plan.layout.limit_sigma
        name = kind.column_name(limit, value.removeprefix("line_"))
        output[name], found[name] = limits, bool(np.any(is_limit))
        output[value][is_limit] = output[error][is_limit] = np.nan
    return found


def _line_pairs(kind, names):
    """Columns of the error and of the value of each line."""
    (error,) = kind.with_role("error")
    start = f"{error.name}_"
    items = [name.removeprefix(start) for name in names if name.startswith(start)]
    pairs = [(f"{start}{item}", kind.column_name(kind.values[0], item)) for item in items]
    return [pair for pair in pairs if pair[1] in names]


def _declare(column, record):
    """Give a column the unit and the sigma of its layout if it has none."""
    column.unit = column.unit or as_unit(record.unit)
    if record.sigma is not None:
        column.meta.setdefault("sigma", record.sigma)


def _other_unit(column, key, name, given):
    """Unit of a column that is not a flux."""
    is_angle = key in _POSITIONS
    return resolve_unit(
        column.unit,
        given.by_column.get(name),
        _is_angle if is_angle else _is_anything,
        what=f"column {name}",
        expected="an angle" if is_angle else "a unit",
        remedy=argument("unit", "deg" if is_angle else "UNIT", key=name),
        explicit=True,
    )


def _is_angle(unit):
    """Whether a unit is one of angles."""
    return unit.is_equivalent(u.deg) or unit == u.hour


def _is_anything(unit):  # noqa: ARG001 - columns of the user's have any unit
    """Whether a unit is valid for an unknown column."""
    return True


def _add_fluxes(output, table, plan, units):
    """Add fluxes and errors with their units, without bands that cannot be converted; numbers."""
    numbers = {}
    for band, (flux, error) in plan.pairs.items():
        if not _is_convertible(band, units[flux], units[error]):
            continue
        columns = [_numbers(table[name], name, plan.element) for name in (flux, error)]
        if units[flux] != u.ABmag:
            numbers[flux] = tuple(column.value for column in columns)
        for kind, column, name in zip(("flux", "flux_err"), columns, (flux, error), strict=True):
            column.unit = units[name]
            # The sample contains copies.
            output.add_column(column, name=f"{kind}_{band}", copy=False)
    return numbers


def _is_convertible(band, *units):
    """Whether the fluxes of a band can be converted to nJy; warns if not."""
    per_wavelength = any(
        not is_magnitude(unit) and unit.is_equivalent(SPECTRAL_UNIT) for unit in set(units)
    )
    if not per_wavelength or has_curve(band):
        return True
    msg = (
        f"the band {band} is left out: its flux per wavelength needs a filter curve, and none "
        "is available"
    )
    warnings.warn(msg, DustestWarning, stacklevel=5)
    return False


def _numbers(column, name, element):
    """One number per row."""
    # The sample contains floats in native order: converting once is sufficient.
    plain = plain_column(column, name, element, native=False)
    if plain.dtype.kind == "U" and plain.ndim == 1:
        plain = Column(parse_numbers(plain.value, name), unit=plain.unit)
    if plain.dtype.kind == "O":
        plain = Column(to_floats(plain.value, f"column {name}", sentinels=False))
    if plain.ndim == 2:
        msg = (
            f"column {name} must hold one number a row, got {plain.shape[1]}: pick one, such as "
            f"with {argument('layout', 'cosmos2025-aper1')}, or pass a table with a column for it"
        )
        raise InputError(msg)
    if plain.dtype.kind not in "iuf" or plain.ndim != 1:
        to_floats(plain.value, f"column {name}", ndim=1)
    return plain


def _add_redshifts(output, table, rules, findings):
    """Add redshifts and their errors."""
    output.meta["redshift_column"] = ""
    if not rules.redshifts:
        return
    found = merge_redshifts(table, rules.redshifts)
    output["redshift"] = found.values
    if "redshift_err" not in output.colnames:
        output["redshift_err"] = found.errors
        findings.optional["redshift_err"] = bool(np.any(np.isfinite(found.errors)))
    findings.outside |= found.outside
    output.meta["redshift_column"] = ", ".join(found.columns)


def _drop_negative_errors(sample):
    """Replace values with a negative error by NaN: catalogues scale their -99."""
    for kind in KINDS.values():
        for error in kind.with_role("error"):
            if error.axes == 1:
                for pair in kind.names_in(sample, "error"):
                    negative = u.Quantity(sample[pair[0]]).value < 0
                    for name in pair if error.required else pair[:1]:
                        if np.any(negative):
                            sample[name][negative] = np.nan


def _correct_foreground(sample, ebv, table, layout):
    """Correct all fluxes for foreground dust, once; bands without a filter curve are left out."""
    if ebv is None:
        return
    refuse_corrected(
        "" if layout is None else layout.foreground, f"the layout {layout and layout.name}"
    )
    refuse_corrected(sample.meta.get(FOREGROUND_KEY, ""), "the catalogue")
    values = foreground_of(table, ebv)
    _warn_of_missing(values)
    unknown = [band for band in sample.bands if not has_curve(band)]
    if unknown:
        msg = (
            f"the bands {shown(unknown)} are left out: the correction for foreground dust needs "
            "filter curves, and none are available"
        )
        warnings.warn(msg, DustestWarning, stacklevel=3)
        for band in unknown:
            sample.remove_columns(KINDS["flux"].columns_of(band, sample))
    for band in sample.bands:
        _multiply(sample, KINDS["flux"].columns_of(band, sample), band_correction(values, band))
    redshift = (
        sample["redshift"] if "redshift" in sample.colnames else np.full(len(sample), np.nan)
    )
    for line in sample.lines:
        factor = line_correction(values, line, np.asarray(redshift))
        _multiply(sample, KINDS["line"].columns_of(line, sample), factor)
    sample["foreground_ebv"] = np.array(values) << u.mag
    sample.meta[FOREGROUND_KEY] = foreground_record(ebv)


def _multiply(sample, names, factor):
    """Multiply columns in place, which keeps their meta."""
    for name in names:
        sample[name][:] = sample[name] * factor


def _warn_of_missing(ebv):
    """Warn of galaxies without a colour excess."""
    count = np.count_nonzero(np.isnan(ebv))
    if count:
        msg = "foreground_ebv is missing in {count} of {n_rows} rows, whose fluxes become missing"
        warnings.warn(RowsWarning(msg, count, len(ebv)), stacklevel=4)


def _add_floor(sample, floor):
    """Add the rest of a fraction of the flux to its error, in quadrature."""
    already = float(sample.meta.get("error_floor", 0.0))
    if floor <= already:
        return
    missing = np.sqrt(floor**2 - already**2)
    for band in sample.bands:
        flux = np.abs(sample[f"flux_{band}"].to_value(FLUX_UNIT))
        error = sample[f"flux_err_{band}"].to_value(FLUX_UNIT)
        sample[f"flux_err_{band}"] = np.hypot(error, missing * flux) << FLUX_UNIT
    sample.meta["error_floor"] = float(floor)
