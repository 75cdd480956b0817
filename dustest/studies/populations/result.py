"""Result of `dustest.studies.infer_population`: a distribution, its errors and its galaxies."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from astropy.table import QTable

from dustest.data.checks.numbers import check_number
from dustest.data.containers.results import DustTable
from dustest.data.displays import Display, Heading
from dustest.data.errors import InputError
from dustest.data.formatting import format_estimate, format_value
from dustest.data.messages import not_one_of
from dustest.data.quantities import QUANTITIES

__all__ = ["InferredPopulation", "PopulationSet", "Statistic"]

_CENTRAL = (16.0, 84.0)
_HEADINGS = ("quantity", "mean", "width")
_BANDS = {"p5": 5.0, "p16": 16.0, "p84": 84.0, "p95": 95.0}
"""Percentiles of the bands of a density."""


class Statistic(NamedTuple):
    """A number with its error: mean, standard deviation and 16th and 84th percentile.

    Attributes
    ----------
    value, err : float
        Mean and standard deviation of its posterior. The mean is that with all draws of priors,
        all else includes their noise.
    p16, p84 : float
        Percentiles.
    """

    value: float
    err: float
    p16: float
    p84: float

    @classmethod
    def of(cls, draws, n_central=None):
        """Summarise draws.

        Parameters
        ----------
        draws : ndarray of shape (n_draws,)
            Draws from its posterior.
        n_central : int, optional
            Number of the first draws, of which the mean is taken; all by default.

        Returns
        -------
        Statistic
            Their summary.
        """
        low, high = np.percentile(draws, _CENTRAL)
        mean, deviation = np.mean(draws[:n_central]), np.std(draws)
        return cls(float(mean), float(deviation), float(low), float(high))


@dataclass(frozen=True, eq=False)
class InferredPopulation:
    """Distribution of one or several quantities in a sample, with its posterior.

    Attributes
    ----------
    bins : ValueBins
        Bins of the quantities.
    probability : ndarray of shape (n_draws, n_cells)
        Probability of each bin in each draw from the posterior, corrected for the selection.
    n_central : int
        Number of the first of these draws that are with all draws of the priors. The others are
        with bootstrap samples of them.
    posteriors : DustTable
        Galaxies under the population, with draws: percentiles of all quantities of which there
        are draws. ``under_ess`` is the effective number of draws, below 50 of which the flag is
        ``LOW_ESS``; their percentiles of the quantities of the population are those of the bins.
    atom : ndarray of shape (n_draws,)
        Fraction of galaxies in the first bin in excess of a smooth density.
    atom_probability : float
        Posterior probability of such an excess.
    trends : QTable
        A row for each quantity and covariate: ``slope``, the change of the mean of the quantity
        per unit of the covariate, and ``slope_err``.
    unconstrained : tuple of str
        What the data do not constrain, in sentences.
    meta : dict
        Method, version, estimator, number of galaxies, ``random_seed``, ``arguments`` (JSON) and
        a digest of posterior and prior draws as ``data``. The same sample, arguments and seed
        give the same result.
    """

    bins: object = field(repr=False)
    probability: np.ndarray = field(repr=False)
    n_central: int = field(repr=False)
    posteriors: DustTable = field(repr=False)
    atom: np.ndarray = field(repr=False)
    atom_probability: float
    trends: QTable = field(repr=False)
    unconstrained: tuple
    meta: dict

    def __repr__(self):
        means = (f"mean {name} = {mean.replace('−', '-')}" for name, mean, _ in self._rows)
        return f"<InferredPopulation of {len(self.posteriors):,} galaxies, {', '.join(means)}>"

    def _repr_html_(self):
        title = f"InferredPopulation of {len(self.posteriors):,} galaxies"
        atom = format_value(self.atom_probability)
        notes = [f"probability of an excess in the first bin: {atom}", *self.unconstrained]
        return Display(title, _HEADINGS, self._rows, notes).to_html()

    @property
    def _rows(self):
        """Name, mean and width of each quantity as text (list of list of str)."""
        return [_cells(row) for row in self.table()]

    @property
    def quantities(self):
        """Names of the quantities (tuple of str)."""
        return self.bins.names

    def mean(self, quantity=None):
        """Mean of a quantity over the population.

        Parameters
        ----------
        quantity : str, optional
            The quantity, by default the first.

        Returns
        -------
        mean : Statistic
            In the unit of the quantity.

        Raises
        ------
        InputError
            If the quantity was not inferred.
        """
        return self._statistic(self._moments(quantity)[0])

    def width(self, quantity=None):
        """Standard deviation of a quantity over the population.

        Parameters
        ----------
        quantity : str, optional
            The quantity, by default the first.

        Returns
        -------
        width : Statistic
            In the unit of the quantity.

        Raises
        ------
        InputError
            If the quantity was not inferred.
        """
        return self._statistic(self._moments(quantity)[1])

    def fraction_above(self, value, quantity=None):
        """Fraction of the population above a value.

        Parameters
        ----------
        value : float
            In the unit of the quantity.
        quantity : str, optional
            The quantity, by default the first.

        Returns
        -------
        fraction : Statistic
            From 0 to 1. Bins are divided in proportion.

        Raises
        ------
        InputError
            If ``value`` is no number, or the quantity was not inferred.
        """
        check_number(value, "value", -np.inf)
        name = self._name(quantity)
        edges = self.bins.edges[name]
        share = np.clip((edges[1:] - value) / np.diff(edges), 0.0, 1.0)
        return self._statistic(self.bins.marginal(self.probability, name) @ share)

    def correlation(self, first, second):
        """Correlation coefficient of two quantities over the population.

        Parameters
        ----------
        first, second : str
            Two of ``quantities``.

        Returns
        -------
        correlation : Statistic
            From -1 to 1.

        Raises
        ------
        InputError
            If a quantity was not inferred.
        """
        names = self._name(first), self._name(second)
        values = [self.bins.of_each(name) for name in names]
        (mean_a, width_a), (mean_b, width_b) = (self._moments(name) for name in names)
        product = self.probability @ (values[0] * values[1])
        return self._statistic((product - mean_a * mean_b) / (width_a * width_b))

    def density(self, quantity=None):
        """Probability density of a quantity, with bands.

        Parameters
        ----------
        quantity : str, optional
            The quantity, by default the first.

        Returns
        -------
        density : QTable
            A row for each bin: its ends ``low`` and ``high``, its ``probability`` (mean over the
            posterior), and the ``density`` per unit of the quantity with ``density_p5``,
            ``density_p16``, ``density_p84`` and ``density_p95``.

        Raises
        ------
        InputError
            If the quantity was not inferred.

        Notes
        -----
        Bands are those of each bin. Neighbouring bins are correlated.
        """
        name = self._name(quantity)
        unit = QUANTITIES[name].unit
        edges, probability = self.bins.edges[name], self.bins.marginal(self.probability, name)
        density = probability / np.diff(edges)
        columns = {"low": edges[:-1], "high": edges[1:]}
        if unit is not None:
            columns = {key: values << unit for key, values in columns.items()}
        columns["probability"] = probability[: self.n_central].mean(axis=0)
        bands = {"density": density[: self.n_central].mean(axis=0)} | {
            f"density_{key}": np.percentile(density, level, axis=0)
            for key, level in _BANDS.items()
        }
        columns |= {
            key: values if unit is None else values / unit for key, values in bands.items()
        }
        return QTable(columns, meta={"quantity": name})

    def table(self):
        """Mean and width of each quantity.

        Returns
        -------
        table : QTable
            A row for each quantity with ``quantity``, ``mean``, ``mean_err``, ``mean_p16``,
            ``mean_p84``, and the same of ``width``, in the unit of the quantity.
        """
        rows = []
        for name in self.quantities:
            row = {"quantity": name}
            for key, draws in zip(("mean", "width"), self._moments(name), strict=True):
                one = self._statistic(draws)
                row |= {key: one.value, f"{key}_err": one.err}
                row |= {f"{key}_p16": one.p16, f"{key}_p84": one.p84}
            rows.append(row)
        return QTable(rows)

    def plot(self, quantity=None, *, label=None, color=None, ax=None):
        """Draw the density of a quantity with its 68 and 90 % bands.

        Parameters
        ----------
        quantity : str, optional
            The quantity, by default the first.
        label : str, optional
            Name in the legend.
        color : str, optional
            Colour; by default the next one of the figure.
        ax : `~matplotlib.axes.Axes`, optional
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        ax : `~matplotlib.axes.Axes`
            The axes.

        Raises
        ------
        InputError
            If the quantity was not inferred.
        """
        from dustest.report.figures import plot_density

        return plot_density(self.density(quantity), label=label, color=color, ax=ax)

    def _statistic(self, draws):
        """Summary of a number, from its value in each draw."""
        return Statistic.of(draws, self.n_central)

    def _name(self, quantity):
        """A quantity of the population, by default the first."""
        if quantity is None:
            return self.quantities[0]
        if quantity not in self.quantities:
            raise InputError(not_one_of("quantity", quantity, self.quantities))
        return quantity

    def _moments(self, quantity):
        """Draws of the mean and of the standard deviation."""
        name = self._name(quantity)
        probability, values = self.bins.marginal(self.probability, name), self.bins.centers[name]
        mean = probability @ values
        variance = probability @ values**2 - mean**2
        # Values are spread evenly within bins.
        variance += probability @ np.diff(self.bins.edges[name]) ** 2 / 12.0
        return mean, np.sqrt(np.maximum(variance, 0.0))


@dataclass(frozen=True, eq=False)
class PopulationSet:
    """Populations of one sample as several estimators see it.

    Attributes
    ----------
    members : dict of str to InferredPopulation
        By the name of the estimator.
    """

    members: dict

    def __repr__(self):
        return f"<PopulationSet of {', '.join(self.members)}>"

    def _repr_html_(self):
        rows = [[name, *row] for name, member in self.members.items() for row in member._rows]
        return Display("PopulationSet", ("estimator", *_HEADINGS), rows).to_html()

    def __getitem__(self, name):
        return self.members[name]

    def __iter__(self):
        return iter(self.members)

    def __len__(self):
        return len(self.members)

    def table(self):
        """Mean and width of each quantity by each estimator.

        Returns
        -------
        table : QTable
            That of `InferredPopulation.table` with a column ``name``.
        """
        rows = [
            {"name": name} | dict(zip(row.colnames, row, strict=True))
            for name, member in self.members.items()
            for row in member.table()
        ]
        return QTable(rows)

    def plot(self, quantity=None, *, ax=None):
        """Draw the densities of a quantity with their bands, side by side.

        Parameters
        ----------
        quantity : str, optional
            The quantity, by default the first.
        ax : `~matplotlib.axes.Axes`, optional
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        ax : `~matplotlib.axes.Axes`
            The axes.

        Raises
        ------
        InputError
            If the quantity was not inferred.
        """
        for name, member in self.members.items():
            ax = member.plot(quantity, label=name, ax=ax)
        return ax


def _cells(row):
    """Name, mean and width of a quantity as text, from a row of `InferredPopulation.table`."""
    numbers = (
        [float(row[f"{key}{end}"]) for end in ("", "_p16", "_p84")] for key in ("mean", "width")
    )
    return [str(Heading.of(str(row["quantity"]))), *(format_estimate(*three) for three in numbers)]
