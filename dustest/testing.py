"""Checks of the contract of estimators, for dustest and for other packages."""

import io
import pickle
import tempfile
import warnings
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import QTable, Table
from sklearn.base import clone

from dustest.data import (
    KINDS,
    LINES,
    QUANTITIES,
    DustestError,
    DustTable,
    GalaxySample,
    InputError,
    RowTable,
    as_sample,
    percentile_columns,
)
from dustest.data.global_state import changed_state, global_state
from dustest.data.kinds import find_column
from dustest.data.quantities import POINTS, core_quantities
from dustest.estimators import DustEstimator
from dustest.physics.dust_laws.calzetti import Calzetti00

__all__ = ["CHECKS", "ContractError", "check_estimator", "make_check_sample", "missing_kinds"]

_CHECK_SEED = 271828
_PER_BAND = ("F277W", "F356W", "F444W")
_LINE_STRENGTHS = {"Ha": 2.86, "Hb": 1.0, "Hg": 0.468, "Hd": 0.259, "Pa": 0.339, "Pb": 0.163}
"""Lines of hydrogen relative to H-beta in case B at 10,000 K (Osterbrock & Ferland 2006)."""
_UNCERTAINTIES = ("posterior", "ensemble", "propagated", "conformal", "none")


class ContractError(DustestError, AssertionError):
    """An estimator violates the contract."""


def make_check_sample(kinds=(), n=4):
    """Make galaxies with data of many kinds, and their truth.

    Parameters
    ----------
    kinds : iterable of str, optional
        Names of further kinds of `~dustest.data.KINDS`, such as those of a plugin. Their columns
        are made from their records: numbers in the valid range with errors of 5 %.
    n : int, optional
        Number of galaxies, four or more.

    Returns
    -------
    sample : GalaxySample
        Galaxies at z = 7.2 to 8 with photometry, cutouts and spectra.
    truth : RowTable
        A_V, E_BV and log_sSFR of each. The spectrum is a power law with this attenuation, which
        is sufficient for running an estimator but not realistic.

    Examples
    --------
    >>> from dustest.testing import make_check_sample
    >>> sample, truth = make_check_sample(["line"])
    >>> sample.bands
    ('F115W', 'F150W', 'F200W', 'F277W', 'F356W', 'F444W')
    >>> sample.lines
    ('Ha', 'Hb', 'Hg', 'Hd', 'Pa', 'Pb')
    """
    redshift = np.resize([7.2, 7.4, 7.7, 8.0], n)
    a_v = np.array([0.1, 0.3, 0.5, 0.8]) if n == 4 else np.linspace(0.1, 0.8, n)
    beta = -2.2 + 1.2 * a_v
    ids = ["a", "b", "c", "d", *(f"galaxy {number}" for number in range(4, n))]
    columns = {"id": np.array(ids), "redshift": redshift}
    for band, pivot in _CHECK_BANDS.items():
        flux = 60.0 * (pivot / 2.0) ** (beta + 2.0)
        columns[f"flux_{band}"] = flux * u.nJy
        columns[f"flux_err_{band}"] = 0.05 * flux * u.nJy
    for band in _PER_BAND:
        columns |= _check_cutouts(band, columns[f"flux_{band}"])
    columns |= _check_spectra(beta)
    for name in kinds:
        columns = _check_kind(KINDS.find(name, "kinds"), a_v) | columns
    e_bv = a_v / Calzetti00.r_v
    truth = RowTable({"id": columns["id"], "A_V": a_v * u.mag, "E_BV": e_bv * u.mag})
    truth["log_sSFR"] = -8.0 - 0.5 * a_v
    return as_sample(QTable(columns)), truth


_CHECK_BANDS = {"F115W": 1.154, "F150W": 1.501, "F200W": 1.988}
_CHECK_BANDS |= {"F277W": 2.776, "F356W": 3.565, "F444W": 4.402}


def _check_cutouts(band, flux):
    """Round sources with the given flux."""
    y, x = np.mgrid[-15.5:16, -15.5:16]
    blob = np.exp(-(x**2 + y**2) / 18.0)
    image = flux[:, None, None] * blob / blob.sum()
    return {
        f"cutout_{band}": image,
        f"cutout_err_{band}": np.full(image.shape, 0.01) * u.nJy,
        f"cutout_mask_{band}": np.zeros(image.shape, dtype=bool),
    }


def _check_spectra(beta):
    """Power laws in f_lambda over the range of the NIRSpec prism."""
    wavelength = np.tile(np.linspace(0.7, 5.0, 300), (len(beta), 1)) * u.um
    flux = 4e-21 * (wavelength.value / 1.5) ** beta[:, None] * u.Unit("erg / (s cm2 AA)")
    return {
        "spectrum_wavelength": wavelength,
        "spectrum_flux": flux,
        "spectrum_flux_err": 0.05 * flux,
    }


def _check_kind(kind, a_v):
    """Columns of a kind for galaxies with this attenuation, made from its record."""
    if kind.name == "line":
        return _check_lines(a_v)
    items = _PER_BAND if kind.per == "band" else tuple(LINES)[:3] if kind.per else ("",)
    columns = {}
    for number, item in enumerate(items):
        for column in kind.columns:
            values = _check_values_of(column, a_v, number)
            if values is not None:
                columns[kind.column_name(column, item)] = values
    return columns


def _check_values_of(column, a_v, number):
    """Values of one column, different in each row and for each band or line."""
    if column.role in ("note", "limit"):
        return None
    shape = (len(a_v), *(8,) * (column.axes - 1))
    if column.role == "mask":
        return np.zeros(shape, dtype=bool)
    low, high = np.clip(column.valid, -1e3, 1e3)
    low, high = (low, high) if np.isfinite(column.valid).all() else (max(low, 1.0), 3.0)
    place = (0.2 + 0.5 * a_v + 0.05 * number).reshape(-1, *(1,) * (column.axes - 1))
    values = np.broadcast_to(low + (high - low) * place, shape).copy()
    if column.role == "axis":
        values = values + np.arange(shape[-1])
    if column.role == "error":
        values *= 0.05
    return values if column.unit is None else values * column.unit


def _check_lines(a_v):
    """Lines of hydrogen, attenuated by a power law of the wavelength."""
    columns = {}
    for name, strength in _LINE_STRENGTHS.items():
        dimming = a_v * (5500.0 / LINES[name].wavelength) ** 0.7
        flux = 1e-17 * strength * 10 ** (-0.4 * dimming) * KINDS["line"].values[0].unit
        columns |= {f"line_{name}": flux, f"line_err_{name}": 0.05 * flux}
    return columns


def check_estimator(estimator, sample=None, truth=None):
    """Check that an estimator fulfils the contract of `~dustest.DustEstimator`.

    Parameters
    ----------
    estimator : DustEstimator
        An instance; it is cloned, and fitted if it learns.
    sample : GalaxySample, optional
        At least two galaxies that the estimator can estimate; by default `make_check_sample`.
    truth : Table, optional
        Truth of the sample, for estimators that learn.

    Raises
    ------
    ContractError
        If a check fails; the message says which one, and what was expected.

    Examples
    --------
    >>> from dustest import ConstantEstimator
    >>> from dustest.testing import check_estimator
    >>> check_estimator(ConstantEstimator())
    """
    _require(isinstance(estimator, DustEstimator), "the estimator is no DustEstimator")
    if sample is None:
        n = max(4, estimator.fewest_galaxies)
        sample, truth = make_check_sample(missing_kinds(estimator), n)
    case = _Case(estimator, sample, truth)
    for check in CHECKS:
        try:
            check(case)
        except ContractError as error:
            msg = f"{type(estimator).__name__}, {check.__name__}: {error}"
            raise ContractError(msg) from error


def missing_kinds(estimator):
    """List the kinds of input that an estimator needs and the check sample does not have.

    Parameters
    ----------
    estimator : DustEstimator
        An instance.

    Returns
    -------
    kinds : list of str
        Argument of `make_check_sample`.

    Examples
    --------
    >>> from dustest import MeurerEstimator
    >>> from dustest.testing import missing_kinds
    >>> missing_kinds(MeurerEstimator())
    []
    """
    sample, _ = make_check_sample()
    return [group[0] for group in estimator.missing_data(sample)]


def _require(condition, message):
    """Raise an error if a condition does not hold."""
    if not condition:
        raise ContractError(message)


@dataclass
class _Case:
    """An estimator with its input and its results."""

    estimator: DustEstimator
    sample: GalaxySample
    truth: Table | None

    def fresh(self):
        """Make a fitted clone with a fixed seed."""
        estimator = clone(self.estimator)
        if "random_state" in estimator.get_params():
            estimator.set_params(random_state=7)
        return estimator.fit(self.sample, self.truth)

    @cached_property
    def fitted(self):
        """Fitted clone, shared by the checks."""
        return self.fresh()

    @cached_property
    def table(self):
        """Result for the whole sample."""
        return self.fitted.estimate(self.sample)


def _check_parameters(case):
    """``__init__`` stores its arguments unchanged; cloning and printing work."""
    parameters = case.estimator.get_params(deep=False)
    copy = clone(case.estimator)
    for name in parameters:
        stored = getattr(copy, name, _check_parameters)
        _require(stored is not _check_parameters, f"parameter {name} is not stored under its name")
    given = set(vars(type(case.estimator)(**parameters)))
    _require(given == set(parameters), f"__init__ must set only its parameters, set {given}")
    repr(copy)
    copy._repr_html_()


def _check_declarations(case):
    """``requires``, ``uncertainty`` and ``targets`` are valid."""
    known = case.estimator.required_kinds <= set(KINDS)
    _require(known, f"requires names unknown data: {case.estimator.requires}")
    _ = case.estimator.usable_kinds  # raises an error for unknown data in ``optional``
    known = case.estimator.uncertainty in _UNCERTAINTIES
    _require(known, f"uncertainty must be one of {_UNCERTAINTIES}")
    _require(case.estimator._target_names, "targets must not be empty")


def _check_fit(case):
    """``fit`` returns the estimator, sets only names that end in an underscore, and is innocent.

    Innocent calls print nothing, and change neither their input nor global state.
    """
    estimator = clone(case.estimator)
    before = set(vars(estimator))
    with _innocent("fit", case.sample):
        found = estimator.fit(case.sample, case.truth)
    _require(found is estimator, "fit must return self")
    learned = set(vars(estimator)) - before
    wrong = sorted(name for name in learned if not name.endswith("_"))
    _require(not wrong, f"attributes set by fit must end in an underscore, got {wrong}")


def _check_table(case):
    """The result has every column, unit and row of the contract, in the order of the input."""
    table = case.table
    _require(isinstance(table, DustTable), "estimate must return a DustTable")
    _require(list(table["id"]) == list(case.sample["id"]), "ids must stay in order")
    for name in {*core_quantities(), *case.fitted._wanted}:
        quantity = QUANTITIES[name]
        for column in (name, *percentile_columns(name)):
            _require(column in table.colnames, f"column {column} is missing")
            unit = getattr(table[column], "unit", None)
            _require(unit == quantity.unit, f"column {column} must be in {quantity.unit}")
    _require(table["flags"].dtype == np.int32, "flags must be int32")


def _check_values(case):
    """There are estimates, percentiles enclose the median, and R_V is A_V / E_BV."""
    table = case.table
    found = [name for name in QUANTITIES if set(percentile_columns(name)) <= set(table.colnames)]
    answered = [name for name in found if np.isfinite(table[name]).any()]
    _require(answered, "no quantity has an answer for any galaxy of the check sample")
    for name in answered:
        low, high = (_plain(table[column]) for column in percentile_columns(name))
        median = _plain(table[name])
        if case.estimator.uncertainty != "none":
            _require(np.all(np.isfinite(low) == np.isfinite(median)), f"{name} has no percentiles")
            # Percentiles of a ratio such as R_V need not enclose the ratio of the medians.
            ordered = _is_of_medians(name) or not np.any((low > median) | (high < median))
            _require(ordered, f"the percentiles of {name} do not enclose the median")
    for name in filter(_is_of_medians, answered):
        derivation = QUANTITIES[name].derivation
        expected = derivation.function(*(_plain(table[source]) for source in derivation.sources))
        known = np.isfinite(expected) & np.isfinite(_plain(table[name]))
        same = np.allclose(expected[known], _plain(table[name])[known], rtol=1e-6)
        _require(same, f"{name} must follow from {' and '.join(derivation.sources)}")


def _is_of_medians(name):
    """Whether the median of a quantity follows from the medians of others."""
    derivation = QUANTITIES[name].derivation
    return derivation is not None and derivation.of_medians


def _plain(column):
    """Values of a column without unit."""
    return np.asarray(column, dtype=float)


def _check_provenance(case):
    """Meta is flat, and unchanged in FITS and ECSV together with the columns."""
    meta = case.table.meta
    wanted = {"estimator", "version", "params", "uncertainty", "random_seed", "model_hash"}
    _require(wanted <= set(meta), f"meta must have {sorted(wanted)}, got {sorted(meta)}")
    flat = all(value is None or isinstance(value, str | int | float) for value in meta.values())
    _require(flat, "meta must be flat")
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("fits", "ecsv"):
            path = Path(folder) / f"table.{suffix}"
            case.table.write(path)
            _require(_equal(DustTable.read(path), case.table), f"{suffix} changes the table")


def _equal(first, second):
    """Whether two tables are equal to the last bit."""
    if first.colnames != second.colnames or first.meta != second.meta:
        return False
    return all(_same_column(first[name], second[name]) for name in first.colnames)


def _same_column(first, second):
    """Whether two columns have equal values and units."""
    if getattr(first, "unit", None) != getattr(second, "unit", None):
        return False
    first, second = np.asarray(first), np.asarray(second)
    return np.array_equal(first, second, equal_nan=first.dtype.kind == "f")


def _check_predict(case):
    """``predict`` and ``predict_quantiles`` agree with ``estimate``."""
    names = case.fitted._target_names
    expected = np.stack([_plain(case.table[name]) for name in names], axis=1)
    predicted = case.fitted.predict(case.sample)
    shape = (len(case.sample),) if isinstance(case.fitted.targets, str) else expected.shape
    _require(predicted.shape == shape, f"predict must give shape {shape}, got {predicted.shape}")
    same = np.array_equal(predicted.reshape(expected.shape), expected, equal_nan=True)
    _require(same, "predict must give the medians of estimate")
    quantiles = case.fitted.predict_quantiles(case.sample, (0.16, 0.5, 0.84))
    _require(quantiles.shape == (*shape, 3), f"predict_quantiles must give shape {(*shape, 3)}")
    middle = np.array_equal(quantiles[..., 1], predicted, equal_nan=True)
    _require(middle, "predict_quantiles must agree with predict")
    for point in filter(case.fitted.has_point, POINTS):
        found = case.fitted.predict(case.sample, point=point)
        _require(found.shape == shape, f"predict(point={point!r}) must give shape {shape}")
        known = np.isfinite(found) == np.isfinite(predicted)
        _require(np.all(known), f"predict(point={point!r}) must know the galaxies of predict")


def _check_repeats(case):
    """The same seed gives the same bytes: again, after pickling, and in two processes."""
    again = pickle.loads(pickle.dumps(case.fresh()))
    _require(_equal(again.estimate(case.sample, n_jobs=2), case.table), "a second run differs")


def _check_row_order(case):
    """A row does not depend on the order of the rows, nor on other rows."""
    backwards = case.fitted.estimate(case.sample[::-1][:2])
    expected = case.table[::-1][:2]
    same = np.array_equal(_plain(backwards["A_V"]), _plain(expected["A_V"]), equal_nan=True)
    _require(same, "a row must not depend on its neighbours")


def _check_bad_rows(case):
    """Invalid rows become NaN and a flag, and do not affect other rows."""
    spoiled = _spoiled(case.sample, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        table = case.fitted.estimate(spoiled)
    _require(len(table) == len(spoiled), "a bad row must not be lost")
    same = np.array_equal(_plain(table["A_V"])[1:], _plain(case.table["A_V"])[1:], equal_nan=True)
    _require(same, "a bad row must not change the others")
    if case.fitted.requires:
        _require(np.isnan(_plain(table["A_V"])[0]), "a row without data must be NaN")
        _require(table["flags"][0] != 0, "a row without data must be flagged")


def _spoiled(sample, rows):
    """A copy of a sample whose rows have no value of any kind."""
    spoiled = sample.copy()
    for name in spoiled.colnames:
        found = find_column(name)
        if found is not None and found.column.role in ("value", "error"):
            spoiled[name][rows] = np.nan
    return spoiled


def _check_columns(case):
    """The result has the same columns if no row is valid."""
    if not case.fitted.requires:
        return
    spoiled = _spoiled(case.sample, slice(None))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found, expected = _columns(case.fitted.estimate(spoiled)), _columns(case.table)
    lacking = sorted(name for name in expected if name not in found)
    _require(not lacking, f"_extra_columns must declare further columns: {', '.join(lacking)}")
    changed = sorted(name for name in expected if found[name] != expected[name])
    _require(not changed, f"columns must not depend on the rows: {', '.join(changed)}")


def _columns(table):
    """Kind, shape of a row and unit of each column."""
    return {
        name: (table[name].dtype.kind, table[name].shape[1:], getattr(table[name], "unit", None))
        for name in table.colnames
    }


def _check_refusals(case):
    """Empty and incomplete samples raise an InputError."""
    _refuses(case.fitted, case.sample[:0], "an empty sample")
    if case.fitted.requires:
        bare = QTable({"id": [1, 2]})
        _refuses(case.fitted, bare, "a sample without the required columns")


def _refuses(estimator, sample, what):
    """Raise an error unless the estimator raises an InputError for a sample."""
    try:
        estimator.estimate(sample)
    except InputError:
        return
    msg = f"{what} must be refused with an InputError"
    raise ContractError(msg)


def _check_posterior(case):
    """``sample_posterior`` and ``estimate`` draw the requested number, reproducibly."""
    if case.fitted.uncertainty == "none":
        return
    one = case.sample[:1]
    draws = case.fitted.sample_posterior(one, 5, random_state=3)
    again = case.fitted.sample_posterior(one, 5, random_state=3)
    known = {*QUANTITIES, *case.fitted._parameters}
    _require(set(draws) <= known and draws, "draws must be a dict by quantity and parameter")
    for name, values in draws.items():
        _require(values.shape == (1, 5), f"draws of {name} must have shape (1, 5)")
        _require(
            np.array_equal(values, again[name], equal_nan=True), "the seed must fix the draws"
        )
    table = case.fitted.estimate(one, draws=5)
    for name in draws:
        kept = f"{name}_draws" in table.colnames and table[f"{name}_draws"].shape == (1, 5)
        _require(kept, f"estimate must keep draws of {name}, of shape (1, 5)")


def _check_innocence(case):
    """Estimating prints nothing, and changes neither the input nor global state."""
    with _innocent("estimate", case.sample):
        case.fitted.estimate(case.sample)


@contextmanager
def _innocent(method, sample):
    """Raise an error if a method prints, or changes its input or global state."""
    copy, output, state = sample.copy(), io.StringIO(), np.random.get_state()  # noqa: NPY002
    np.random.seed(_CHECK_SEED)  # noqa: NPY002 - detects methods that set this seed
    before = global_state()
    with redirect_stdout(output):
        yield
    changed = changed_state(before)
    np.random.set_state(state)  # noqa: NPY002
    _require(output.getvalue() == "", f"{method} must not print")
    _require(_equal(sample, copy), f"{method} must not change its input")
    _require(not changed, f"{method} must not change global state: {changed}")


CHECKS = (
    _check_parameters,
    _check_declarations,
    _check_fit,
    _check_table,
    _check_values,
    _check_provenance,
    _check_predict,
    _check_repeats,
    _check_row_order,
    _check_bad_rows,
    _check_columns,
    _check_refusals,
    _check_posterior,
    _check_innocence,
)
"""The checks, in the order in which `check_estimator` runs them."""
