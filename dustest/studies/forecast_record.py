"""The result of a forecast: mocks with their fits, and tables and figures of them."""

from dataclasses import dataclass, field

import numpy as np
from astropy.table import QTable

from dustest.data.checks.numbers import check_whole
from dustest.data.errors import InputError
from dustest.data.messages import not_one_of
from dustest.data.quantities import QUANTITIES, percentile_columns
from dustest.estimators.run.information import LEAST_INFORMATION
from dustest.validation.metrics import compute_metrics

__all__ = ["EXPECTED", "INFORMATION", "TRUE", "Forecast"]

TRUE = "true_"
"""Prefix of the columns of true quantities."""
EXPECTED = "_expected_error"
"""Suffix of the columns of absolute errors that are expected from a posterior."""
INFORMATION = "_information"
"""Suffix of the columns of information."""
_CENTRAL = (16.0, 50.0, 84.0)
_N_BOOTSTRAP = 200
_BOOTSTRAP_SEED = 0
"""Errors of a table are the same whenever it is made."""
_SIZES = ("error", "error_p16", "error_p84", "mae", "mae_err", "bias", "bias_err")
"""Columns in the unit of the quantity."""
_GAINS = ("information_gain", "error_ratio", "mae_ratio")


@dataclass(frozen=True, eq=False)
class Forecast:
    """Mocks of a forecast, fitted with one or several sets of bands.

    Parameters
    ----------
    sets : dict of str to tuple of str
        Bands by the name of the set.
    mocks : QTable
        A row for each mock and set: ``bands`` (name of the set), ``redshift``, ``magnitude``, and
        for each quantity Q its truth ``true_Q``, estimate ``Q``, ``Q_p16`` and ``Q_p84``, and
        ``Q_information`` in bits. The mocks of all sets are the same and in the same order.
    magnitude_band : str
        Band of the magnitudes.
    magnitude : (float, float)
        Brightest and faintest magnitude.
    flux_err : dict of str to float
        Standard errors in nJy by band, without the error floor.
    """

    sets: dict
    mocks: QTable = field(repr=False)
    magnitude_band: str
    magnitude: tuple
    flux_err: dict

    @property
    def quantities(self):
        """Names of the quantities (tuple of str)."""
        return tuple(
            name.removeprefix(TRUE) for name in self.mocks.colnames if name.startswith(TRUE)
        )

    def table(self, quantity="A_V", *, by=None, n_cells=4):
        """Summarise the errors of a quantity.

        Parameters
        ----------
        quantity : str, optional
            The quantity.
        by : str, optional
            ``"magnitude"``, ``"redshift"`` or a quantity, whose true values then define cells.
        n_cells : int, optional
            Number of cells with about equally many mocks; each value has its own if there are no
            more values than cells.

        Returns
        -------
        table : QTable
            A row for each set of bands and cell. ``low`` and ``high`` are the smallest and
            largest value in the cell, if there are cells; ``n`` is the number of mocks with an
            estimate. ``error`` is the median of half the 68 % intervals, ``error_p16`` and
            ``error_p84`` their spread; ``mae`` is the mean absolute error that the posteriors
            expect, ``mae_over_prior`` the same over that of the median of all mocks; ``bias`` is
            the mean of estimate minus truth; ``coverage`` is the fraction of truths inside the
            68 % interval; ``information`` is the mean in bits; ``prior_dominated`` is the
            fraction of mocks with less than 1 bit. Columns that end in ``_err`` are standard
            errors.

        Raises
        ------
        InputError
            If the quantity was not forecast, or ``by`` is none of these columns.

        Notes
        -----
        Posteriors are calibrated for mocks of the prior. In cells of a true quantity they have a
        bias and another coverage, since a posterior that is dominated by its prior is close to the
        median of the prior. Cells of magnitude do not have this effect.
        """
        _check_known("quantity", quantity, self.quantities)
        check_whole(n_cells, "n_cells")
        parts = self._parts()
        cells = self._cells(next(iter(parts.values())), by, n_cells)
        rows = [
            {"bands": name} | edges | _statistics(part, quantity, members)
            for name, part in parts.items()
            for edges, members in cells
        ]
        table = _rounded(QTable(rows))
        table.meta |= {"quantity": quantity, "by": by}
        return table

    def gains(self, quantity="A_V"):
        """Compare the sets of bands with the first one, mock by mock.

        Parameters
        ----------
        quantity : str, optional
            The quantity.

        Returns
        -------
        table : QTable
            A row for each further set, by falling gain: ``information_gain`` is the mean of the
            difference in bits, ``error_ratio`` the geometric mean of the ratio of the widths of
            the intervals, ``mae_ratio`` the ratio of the mean absolute errors; below 1 the set
            measures better than the first. Columns that end in ``_err`` are standard errors.

        Raises
        ------
        InputError
            If the quantity was not forecast.
        """
        _check_known("quantity", quantity, self.quantities)
        first, *others = self._parts().items()
        rows = [{"bands": name} | _gain(first[1], part, quantity) for name, part in others]
        rows.sort(key=lambda row: -row["information_gain"])
        names = [f"{name}{end}" for name in _GAINS for end in ("", "_err")]
        dtype = [str, *len(names) * [float]]
        return _rounded(QTable(rows or None, names=["bands", *names], dtype=dtype))

    def plot(self, quantity="A_V", *, by=None, n_cells=4, axes=None):
        """Draw the errors and the information of a quantity for each set of bands.

        Parameters
        ----------
        quantity : str, optional
            As in `table`.
        by : str, optional
            As in `table`.
        n_cells : int, optional
            As in `table`.
        axes : sequence of `~matplotlib.axes.Axes`, optional
            Two axes to draw on; by default those of a new figure that is not registered with
            pyplot.

        Returns
        -------
        axes : list of `~matplotlib.axes.Axes`
            The axes.

        Raises
        ------
        InputError
            As by `table`.

        See Also
        --------
        dustest.report.figures.plot_forecast : The figure of a table.
        """
        from dustest.report.figures import plot_forecast  # loads matplotlib

        table = self.table(quantity, by=by, n_cells=n_cells)
        return plot_forecast(table, magnitude_band=self.magnitude_band, axes=axes)

    def _parts(self):
        """Mocks by the name of the set."""
        return {name: self.mocks[self.mocks["bands"] == name] for name in self.sets}

    def _cells(self, mocks, by, n_cells):
        """Edges and members of the cells."""
        if by is None:
            return [({}, np.ones(len(mocks), dtype=bool))]
        _check_known("by", by, ("magnitude", "redshift", *self.quantities))
        values = mocks[by if by in {"magnitude", "redshift"} else TRUE + by]
        plain = np.asarray(values)
        distinct = np.unique(plain)
        if len(distinct) <= n_cells:
            number = np.searchsorted(distinct, plain)
        else:
            inner = np.quantile(plain, np.arange(1, n_cells) / n_cells)
            number = np.searchsorted(inner, plain, "right")
        members = [number == k for k in np.unique(number)]
        return [({"low": values[m].min(), "high": values[m].max()}, m) for m in members]


def _rounded(table):
    """The table with three decimals of its numbers in print."""
    for column in table.itercols():
        if column.dtype.kind == "f":
            column.info.format = ".3f"
    return table


def _check_known(argument, name, known):
    """Raise an error for a name that is not known."""
    if name not in known:
        raise InputError(not_one_of(argument, name, known))


def _columns(mocks, quantity):
    """Truth, estimate, expected error, half width of the interval and information of mocks.

    All are NaN without an estimate.
    """
    names = (TRUE + quantity, quantity, quantity + EXPECTED, *percentile_columns(quantity))
    truth, estimate, expected, low, high = (np.asarray(mocks[name], float) for name in names)
    bits = np.asarray(mocks[quantity + INFORMATION], dtype=float)
    columns = [truth, estimate, expected, 0.5 * (high - low), bits]
    return np.where(np.isfinite(estimate), columns, np.nan)


def _statistics(mocks, quantity, members):
    """Statistics of some mocks with one set of bands."""
    truth, estimate, expected, width, bits = _columns(mocks, quantity)
    low, high = (np.asarray(mocks[name])[members] for name in percentile_columns(quantity))
    options = {"n_bootstrap": _N_BOOTSTRAP, "random_state": _BOOTSTRAP_SEED}
    metrics = compute_metrics(estimate[members], truth[members], p16=low, p84=high, **options)
    known = members & np.isfinite(estimate)
    n = np.count_nonzero(known)
    if n == 0:
        msg = f"no mock has an estimate of {quantity}: take deeper images or more bands"
        raise InputError(msg)
    prior_mae = np.mean(np.abs(truth[known] - np.nanmedian(truth)))
    spread = np.percentile(width[known], _CENTRAL)
    sizes = dict(zip(("error_p16", "error", "error_p84"), spread, strict=True))
    sizes |= {"mae": np.mean(expected[known]), "mae_err": np.std(expected[known]) / np.sqrt(n)}
    sizes |= {name: metrics[name] for name in ("bias", "bias_err")}
    unit = QUANTITIES[quantity].unit
    units = {name: value if unit is None else value * unit for name, value in sizes.items()}
    return (
        {"n": n}
        | {name: units[name] for name in _SIZES}
        | {
            "mae_over_prior": sizes["mae"] / prior_mae,
            "coverage": metrics["coverage_68"],
            "coverage_err": metrics["coverage_68_err"],
            "information": np.mean(bits[known]),
            "information_err": np.std(bits[known]) / np.sqrt(n),
            "prior_dominated": np.mean(bits[known] < LEAST_INFORMATION),
        }
    )


def _gain(first, other, quantity):
    """Gains of a set of bands over the first one, with standard errors."""
    pairs = np.stack([_columns(first, quantity), _columns(other, quantity)])
    pairs = pairs[:, :, np.isfinite(pairs).all(axis=(0, 1))]
    n = pairs.shape[-1]
    resamples = np.random.default_rng(_BOOTSTRAP_SEED).integers(n, size=(_N_BOOTSTRAP, n))
    drawn = np.array([_gains_of(pairs[..., rows]) for rows in resamples])
    columns = zip(_GAINS, _gains_of(pairs), drawn.std(axis=0, ddof=1), strict=True)
    return {
        key: float(number)
        for name, value, error in columns
        for key, number in ((name, value), (f"{name}_err", error))
    }


def _gains_of(pairs):
    """The gains of the second of two sets of columns."""
    _, _, expected, width, bits = pairs.swapaxes(0, 1)
    return (
        np.mean(bits[1] - bits[0]),
        np.exp(np.mean(np.log(width[1] / width[0]))),
        expected[1].mean() / expected[0].mean(),
    )
