"""Checks of the output of a method against the contract of `~dustest.estimators.Estimates`."""

from dataclasses import replace

import numpy as np

from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError
from dustest.data.flags import as_flags
from dustest.data.quantities import QUANTITIES, core_quantities, percentile_columns
from dustest.estimators.run.batch import Estimates

__all__ = ["blank_columns", "checked_estimates"]

_KINDS = "biufU"


def blank_columns(declared, n_rows):
    """Make the further columns of a result without estimates.

    Parameters
    ----------
    declared : dict of str to ExtraColumn
        Declared columns by name.
    n_rows : int
        Number of rows.

    Returns
    -------
    columns : dict of str to ndarray of shape (n_rows, ...)
        Columns without estimates.
    """
    return {name: column.blank(n_rows) for name, column in declared.items()}


def checked_estimates(estimates, declared, n_rows, name, parameters=None):
    """Check the output of a method, and remove units and masks.

    Parameters
    ----------
    estimates : Estimates
        Output of a method for a batch.
    declared : dict of str to ExtraColumn
        Further columns that the method declares.
    n_rows : int
        Rows of the batch.
    name : str
        Name of the method, for messages.
    parameters : dict of str to ExtraColumn, optional
        Parameters of the model that the method declares; without them, no draws are kept.

    Returns
    -------
    estimates : Estimates
        The output as plain arrays.

    Raises
    ------
    InputError
        If a quantity is unknown, a further column has the name of one of every result or differs
        from its declaration, a parameter is not declared, or numbers of rows differ.
    """
    if not isinstance(estimates, Estimates):
        msg = f"{name}._estimate must return Estimates, got {type(estimates).__name__}"
        raise InputError(msg)
    unknown = sorted(set(estimates.samples) - set(QUANTITIES))
    if unknown:
        msg = (
            f"{name}._estimate must name its samples after QUANTITIES, got {unknown}: register "
            "them with register_quantity, or give them as extra"
        )
        raise InputError(msg)
    without_draws = sorted(set(estimates.best) - set(estimates.samples))
    if without_draws:
        msg = (
            f"{name}._estimate must give samples of its best {', '.join(without_draws)}, got none"
        )
        raise InputError(msg)
    quantities = {*core_quantities(), *estimates.samples}
    columns = {column for one in quantities for column in (one, *percentile_columns(one))}
    taken = sorted({"id", "flags", *columns} & set(estimates.extra))
    if taken:
        msg = (
            f"{name}._estimate gives extra columns named {taken}, which every result has: rename "
            "them"
        )
        raise InputError(msg)
    if parameters is None:
        estimates = replace(estimates, parameters={}, data={})
    _check_parameters(estimates.parameters, parameters or {}, n_rows, name)
    extra, data = (
        {key: _extra(key, values, declared, n_rows, name) for key, values in columns.items()}
        for columns in (estimates.extra, estimates.data)
    )
    return Estimates(
        {key: _sample(key, values, n_rows, name) for key, values in estimates.samples.items()},
        _bits(estimates.flags, n_rows, name),
        extra,
        estimates.parameters,
        data,
        {key: _best(key, values, n_rows, name) for key, values in estimates.best.items()},
    )


def _check_parameters(found, declared, n_rows, name):
    """Raise an error for draws of parameters that differ from their declaration."""
    if {*found} != {*declared}:
        msg = (
            f"{name}._estimate must give the parameters that {name}._parameters declares, "
            f"{sorted(declared)}, got {sorted(found)}"
        )
        raise InputError(msg)
    for key, values in found.items():
        _check_rows(key, np.shape(values), n_rows, name)


def _sample(key, values, n_rows, name):
    """Draws or point estimates of a quantity."""
    if isinstance(values, np.ma.MaskedArray) or getattr(values, "unit", None) is not None:
        values = to_floats(values, f"{key} of {name}", unit=QUANTITIES[key].unit, sentinels=False)
    shape = np.shape(values)
    if not (len(shape) == 2 and shape[0] == 1):
        _check_rows(key, shape, n_rows, name)
    return values


def _best(key, values, n_rows, name):
    """Values of a quantity of the best fits."""
    _check_rows(f"the best {key}", np.shape(values), n_rows, name)
    return to_floats(values, f"best {key} of {name}", unit=QUANTITIES[key].unit, sentinels=False)


def _bits(flags, n_rows, name):
    """Flags, None if there are none."""
    if flags is None:
        return None
    _check_rows("flags", np.shape(flags), n_rows, name)
    return as_flags(flags, f"flags of {name}")


def _extra(key, values, declared, n_rows, name):
    """A further column of the declared shape, type and unit."""
    _check_rows(key, np.shape(values), n_rows, name)
    known = declared.get(key)
    unit = None if known is None else known.unit
    if isinstance(values, np.ma.MaskedArray) or getattr(values, "unit", None) is not None:
        values = to_floats(values, f"{key} of {name}", unit=unit, sentinels=False)
    values = np.asarray(values)
    if values.dtype.kind not in _KINDS:
        msg = f"{name}._estimate must give numbers or text for {key!r}, got {values.dtype}"
        raise InputError(msg)
    if declared:
        _check_declared(key, values, known, name)
    return values if known is None else values.astype(_wide_enough(known, values), copy=False)


def _wide_enough(known, values):
    """Declared type, with text as long as needed."""
    dtype = np.dtype(known.dtype)
    return np.promote_types(dtype, values.dtype) if dtype.kind == "U" else dtype


def _check_declared(key, values, known, name):
    """Raise an error for a column that differs from its declaration."""
    if known is None:
        msg = f"{name}._estimate gives {key!r}, which {name}._extra_columns must declare too"
        raise InputError(msg)
    shape = values.shape[1:]
    if shape != tuple(known.shape) or not np.can_cast(values.dtype, known.dtype, "same_kind"):
        msg = (
            f"{name}._estimate must give {np.dtype(known.dtype)} of shape {tuple(known.shape)} "
            f"in each row of {key!r}, as {name}._extra_columns declares, got {values.dtype} of "
            f"shape {shape}"
        )
        raise InputError(msg)


def _check_rows(key, shape, n_rows, name):
    """Raise an error for another number of rows."""
    if len(shape) < 1 or shape[0] != n_rows:
        msg = f"{name}._estimate must give {n_rows} rows for {key!r}, got the shape {shape}"
        raise InputError(msg)
