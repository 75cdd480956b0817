"""The result of an error budget: shifts of A_V by variation, and tables and figures of them."""

from dataclasses import dataclass, field

import numpy as np
from astropy import units as u
from astropy.table import QTable

from dustest.data.quantities import percentile_columns

__all__ = ["REFERENCE", "ErrorBudget"]

REFERENCE = "reference"
"""Name of the result of the reference."""
_ALL = "all"
_QUANTITY = "A_V"
_CENTRAL = (50.0, 16.0, 84.0)


@dataclass(frozen=True, eq=False)
class ErrorBudget:
    """Shifts of A_V by assumptions, galaxy by galaxy and in total.

    Parameters
    ----------
    tables : dict of str to DustTable
        Results of the ``"reference"`` and of each variation, with the same galaxies in the same
        order.
    variations : dict of str to Variation
        The variations with a result, by name.
    left_out : dict of str to str
        Variations and assumptions without a result, with the reason.
    """

    tables: dict = field(repr=False)
    variations: dict
    left_out: dict

    @property
    def assumptions(self):
        """Assumptions that were changed (tuple of str)."""
        return tuple(dict.fromkeys(one.assumption for one in self.variations.values()))

    def galaxies(self):
        """List the shifts of each galaxy.

        Returns
        -------
        table : QTable
            A row for each galaxy: ``id``, ``A_V`` of the reference and ``half_width``, half its
            68 % interval; for each variation ``shift_<name>``, A_V of the variation minus that
            of the estimator it is compared with, and ``relative_shift_<name>``, the shift over
            half the 68 % interval of the latter; and ``largest``, the assumption with the largest
            shift of the reference, empty where none is known.
        """
        reference = self.tables[REFERENCE]
        table = QTable({"id": reference["id"], _QUANTITY: _a_v(reference) << u.mag})
        table["half_width"] = _half_width(reference) << u.mag
        for name in self.variations:
            shift, relative = self._shift(name)
            table[f"shift_{name}"] = shift << u.mag
            table[f"relative_shift_{name}"] = relative
        table["largest"] = self._largest_assumption()
        return _rounded(table)

    def table(self):
        """Summarise the shifts by each variation.

        Returns
        -------
        table : QTable
            A row for each variation: ``assumption``, ``variation`` and ``against``, what it is
            compared with; ``n``, the number of galaxies with an estimate by both; ``shift``,
            ``shift_p16`` and ``shift_p84``, median and 68 % range of the shifts; ``size``, the
            median of their sizes, and ``relative_size``, that in units of half the 68 % interval;
            ``moved``, the fraction of galaxies that are moved by more than half their 68 %
            interval, and ``moved_err``, its binomial standard error.
        """
        rows = []
        for name, variation in self.variations.items():
            shift, relative = self._shift(name)
            names = {"assumption": variation.assumption, "variation": name}
            names["against"] = variation.against or REFERENCE
            centre = zip(("shift", "shift_p16", "shift_p84"), _percentiles(shift), strict=True)
            rows.append(names | dict(centre) | _sizes(np.abs(shift), np.abs(relative)))
        names = ["assumption", "variation", "against", "n", "shift", "shift_p16", "shift_p84"]
        return self._as_table(rows, [*names, "size", "relative_size", "moved", "moved_err"])

    def totals(self):
        """Summarise the largest shift of each galaxy by assumption, and by all of them.

        Returns
        -------
        table : QTable
            A row for each assumption, by falling size, and one for ``"all"``: the columns ``n``,
            ``size``, ``relative_size``, ``moved`` and ``moved_err`` of `table`, of the largest of
            the shifts of each galaxy by any variation of the assumption; and ``largest``, the
            fraction of galaxies that this assumption moves farthest.

        Notes
        -----
        The largest of several shifts grows with the number of variations of an assumption.
        Assumptions of another method, such as the relation of a UV slope for an SED fit, do not
        move the reference: ``"all"`` is without them, and their ``largest`` is NaN.
        """
        largest = self._largest_assumption()
        known = np.count_nonzero(largest != "")
        rows = []
        for assumption in self.assumptions:
            is_counted = known and assumption in self._moving
            share = np.count_nonzero(largest == assumption) / known if is_counted else np.nan
            sizes = _sizes(*self._largest(assumption))
            rows.append({"assumption": assumption} | sizes | {"largest": share})
        rows.sort(key=lambda row: -row["size"])
        if self._moving:
            every = np.fmax.reduce([self._largest(one) for one in self._moving])
            rows.append({"assumption": _ALL} | _sizes(*every) | {"largest": 1.0})
        names = ["assumption", "n", "size", "relative_size", "moved", "moved_err", "largest"]
        return self._as_table(rows, names)

    def plot(self, ax=None):
        """Draw the shifts by each variation.

        Parameters
        ----------
        ax : `~matplotlib.axes.Axes`, optional
            Axes to draw on; by default those of a new figure that is not registered with pyplot.

        Returns
        -------
        ax : `~matplotlib.axes.Axes`
            The axes.

        Raises
        ------
        InputError
            If no variation has a result.

        See Also
        --------
        dustest.report.figures.plot_error_budget : The figure of a table.
        """
        from dustest.report.figures import plot_error_budget  # loads matplotlib

        return plot_error_budget(self.table(), ax=ax)

    @property
    def _moving(self):
        """Assumptions whose variations are all of the reference, not of another method."""
        others = {one.assumption for one in self.variations.values() if self._is_of_other(one)}
        return [name for name in self.assumptions if name not in others]

    def _is_of_other(self, variation):
        """Whether a variation is compared with another estimator than the reference."""
        if variation.against is None:
            return False
        against = self.variations[variation.against]
        return against.estimator is not None or self._is_of_other(against)

    def _shift(self, name):
        """Shifts by a variation in mag, and in units of half the interval."""
        against = self.tables[self.variations[name].against or REFERENCE]
        shift = _a_v(self.tables[name]) - _a_v(against)
        width = _half_width(against)
        usable = np.where(width > 0.0, width, np.nan)
        return shift, shift / usable

    def _largest(self, assumption):
        """Largest sizes of the shifts by any variation of an assumption, in both units."""
        shifts = [
            np.abs(self._shift(name))
            for name, one in self.variations.items()
            if one.assumption == assumption
        ]
        return np.fmax.reduce(shifts)

    def _largest_assumption(self):
        """Assumption with the largest shift of each galaxy in mag, empty if none is known."""
        names = np.array([*self._moving, ""])
        sizes = [self._largest(name)[0] for name in self._moving]
        sizes.append(np.full(len(self.tables[REFERENCE]), -1.0))
        return names[np.argmax(np.nan_to_num(sizes, nan=-2.0), axis=0)]

    def _as_table(self, rows, names):
        """Table of rows, with units, and the half interval of the reference in ``meta``."""
        words = ("assumption", "variation", "against")
        dtype = [str if name in words else int if name == "n" else float for name in names]
        table = QTable(rows or None, names=names, dtype=dtype)
        for name in ("shift", "shift_p16", "shift_p84", "size"):
            if name in names:
                table[name].unit = u.mag
        width = _percentiles(_half_width(self.tables[REFERENCE]))[0]
        table.meta["half_width"] = float(width)
        return _rounded(table)


def _a_v(table):
    """A_V of a result in mag, NaN where it is unknown."""
    return _in_mag(table, _QUANTITY)


def _half_width(table):
    """Half the 68 % interval of A_V in mag."""
    low, high = (_in_mag(table, name) for name in percentile_columns(_QUANTITY))
    return 0.5 * (high - low)


def _in_mag(table, name):
    """A column in mag."""
    return u.Quantity(table[name], u.mag).value


def _percentiles(values):
    """Median and 68 % range of the known values."""
    known = values[np.isfinite(values)]
    return np.percentile(known, _CENTRAL) if known.size else np.full(len(_CENTRAL), np.nan)


def _sizes(shift, relative):
    """Number, medians, and the fraction beyond half the interval with its error."""
    known = relative[np.isfinite(relative)]
    moved = np.mean(known > 1.0) if known.size else np.nan
    return {
        "n": np.count_nonzero(np.isfinite(shift)),
        "size": _percentiles(shift)[0],
        "relative_size": _percentiles(relative)[0],
        "moved": moved,
        "moved_err": np.sqrt(moved * (1.0 - moved) / max(known.size, 1)),
    }


def _rounded(table):
    """The table with three decimals of its numbers in print."""
    for column in table.itercols():
        if column.dtype.kind == "f":
            column.info.format = ".3f"
    return table
