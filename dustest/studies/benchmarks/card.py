"""The card of a benchmark: scores, speed and flags, as JSON, as text and as a figure."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.table import QTable

from dustest.data.displays import Display
from dustest.data.errors import InputError, ReadError
from dustest.data.files.paths import check_writable, replacing
from dustest.data.messages import not_one_of
from dustest.data.quantities import QUANTITIES
from dustest.studies.benchmarks.scoring import SCORE_COLUMNS, SCORED

__all__ = ["BenchmarkCard"]

_KIND, _SCHEMA = "dustest benchmark card", 1
_SUFFIX = ".json"
_SPEED = {"seconds": float, "galaxies_per_second": float, "n_jobs": int, "ess": float}
_SPEED |= {"ess_400": float}


@dataclass(frozen=True, eq=False)
class BenchmarkCard:
    """Scores of methods on one set of the benchmark.

    Parameters
    ----------
    about : dict
        Description of the galaxies: the record of the set, their number ``n``, ``digest``, the
        versions of the packages, and the date.
    rows : list of dict
        Scores, see `scores`.
    methods : dict of str to dict
        Of each method: ``about`` (class, version, parameters), ``speed`` and ``flags``.
    tested : tuple of str
        Methods that the benchmark is of; the others are those that they are compared with.
    left_out : dict of str to str
        Methods without a result, with the reason.
    """

    about: dict
    rows: list = field(repr=False)
    methods: dict = field(repr=False)
    tested: tuple = ()
    left_out: dict = field(default_factory=dict)

    @property
    def scores(self):
        """Scores (QTable), a row for each method, quantity and point estimate.

        ``n`` galaxies; ``mae``, ``bias``, ``rmse`` and ``r2`` of the point estimates, and
        ``ratio``, the MAE over that of the baseline, which predicts the median of the truth for
        every galaxy, with standard errors; for A_V ``low``, the share of values below 0.05 mag;
        of medians ``coverage_68`` and ``coverage_90`` with the binomial errors of a calibrated
        posterior, ``crps`` and ``width_68``. In the units of the quantities.
        """
        columns = {name: [row[name] for row in self.rows] for name in SCORE_COLUMNS}
        if self.rows:
            return QTable(columns)
        return QTable(names=list(SCORE_COLUMNS), dtype=list(SCORE_COLUMNS.values()))

    @property
    def speeds(self):
        """Speeds (QTable), a row for each method.

        ``galaxies_per_second`` of the whole run by ``n_jobs`` processes, including its start, and
        for fits the median effective sample size ``ess`` and the share ``ess_400`` with 400 or
        more.
        """
        rows = [{"method": name} | one["speed"] for name, one in self.methods.items()]
        names = {"method": str} | _SPEED
        return QTable({key: [kind(row[key]) for row in rows] for key, kind in names.items()})

    @property
    def flags(self):
        """Shares of galaxies with each flag (QTable), a row for each method.

        Columns are ``any``, ``no A_V`` for galaxies without an estimate, and flags that occur.
        """
        every = [one["flags"] for one in self.methods.values()]
        names = list(dict.fromkeys(name for one in every for name in one))
        table = QTable({"method": list(self.methods)})
        for name in names:
            table[name] = [one.get(name, 0.0) for one in every]
        return table

    def table(self, quantity="A_V", point="median"):
        """Select the scores of one quantity, best method first.

        Parameters
        ----------
        quantity : str, optional
            One of those that are scored.
        point : {"median", "mean", "best"}, optional
            Point estimate.

        Returns
        -------
        table : QTable
            Rows of `scores`, by rising MAE.

        Raises
        ------
        InputError
            If the quantity is not scored.
        """
        if quantity not in SCORED:
            raise InputError(not_one_of("quantity", quantity, list(SCORED)))
        scores = self.scores
        names = [np.asarray(scores[name], str) for name in ("quantity", "point")]
        found = scores[(names[0] == quantity) & (names[1] == point)]
        found.sort("mae")
        return found

    def to_dict(self):
        """Convert to JSON types.

        Returns
        -------
        card : dict
            Argument of `from_dict`; unknown numbers are None.
        """
        return {
            "kind": _KIND,
            "schema": _SCHEMA,
            "set": self.about,
            "tested": list(self.tested),
            "metrics": [_plain(row) for row in self.rows],
            "methods": {name: _plain(one) for name, one in self.methods.items()},
            "left_out": self.left_out,
        }

    @classmethod
    def from_dict(cls, card):
        """Convert from JSON types.

        Parameters
        ----------
        card : dict
            Result of `to_dict`.

        Returns
        -------
        card : BenchmarkCard
            The card.

        Raises
        ------
        InputError
            If it is no such card.
        """
        try:
            _check_kind(card["kind"], card["schema"])
            rows = [
                {name: kind(_number(row[name])) for name, kind in SCORE_COLUMNS.items()}
                for row in card["metrics"]
            ]
            methods = {name: _unplain(one) for name, one in card["methods"].items()}
            return cls(card["set"], rows, methods, tuple(card["tested"]), card["left_out"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            msg = f"card must be one of this version of dustest, got another: {error!r:.200}"
            raise InputError(msg) from error

    def save(self, path):
        """Write the card as JSON, and as text in Markdown beside it.

        Parameters
        ----------
        path : str or path-like
            File that ends in ``.json``; the text has the same name and ends in ``.md``.

        Returns
        -------
        paths : tuple of `~pathlib.Path`
            Both files.

        Raises
        ------
        InputError
            If the name has another ending, or its folder does not exist.
        """
        path = check_writable(path, "path")
        if path.suffix != _SUFFIX:
            msg = f"path must end in {_SUFFIX}, got {str(path)!r}"
            raise InputError(msg)
        text = json.dumps(self.to_dict(), indent=1, sort_keys=True, allow_nan=False)
        written = {path: text + "\n", path.with_suffix(".md"): self.to_text()}
        for file, content in written.items():
            with replacing(file) as partial:
                partial.write_text(content, encoding="utf-8")
        return tuple(written)

    @classmethod
    def read(cls, path):
        """Read a card that `save` wrote.

        Parameters
        ----------
        path : str or path-like
            The file of JSON.

        Returns
        -------
        card : BenchmarkCard
            The card.

        Raises
        ------
        ReadError
            If there is no such file, or it is no card.
        """
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, InputError) as error:
            msg = f"{str(path)!r} must be the JSON of a benchmark card: {error!s:.300}"
            raise ReadError(msg) from error

    def to_text(self):
        """Write the card in Markdown.

        Returns
        -------
        text : str
            A table for each quantity, of point estimates, speeds and flags.
        """
        about = self.about
        lines = [f"# Benchmark: {about['name']}", "", about["description"], ""]
        lines += [f"{key}: {about[key]}  " for key in _HEAD if about.get(key) is not None]
        if not about.get("is_truth", True):
            lines += ["", _PUBLISHED]
        for quantity in SCORED:
            if len(found := self.table(quantity)):
                lines += ["", f"## {quantity}", "", *_markdown(_score_cells(found, quantity))]
        for quantity in SCORED:
            cells = self._point_cells(quantity)
            if len(cells) > 1:
                title = f"## {quantity}: median, mean and best fit"
                lines += ["", title, "", *_markdown(cells)]
        lines += ["", "## Speed and flags", "", *_markdown(self._run_cells())]
        if self.left_out:
            lines += ["", "## Left out", ""]
            lines += [f"- {name}: {reason}" for name, reason in self.left_out.items()]
        return "\n".join(lines) + "\n"

    def __repr__(self):
        name, n = self.about.get("name"), self.about.get("n")
        return f"<BenchmarkCard of {name}: {len(self.methods)} methods, {n} galaxies>"

    def __str__(self):
        return self.to_text()

    def _repr_html_(self):
        parts = [Display(repr(self).strip("<>"), notes=[self.about.get("description", "")])]
        for quantity in SCORED:
            if len(found := self.table(quantity)):
                heads, *rows = _score_cells(found, quantity)
                parts.append(Display(quantity, heads, rows))
        left_out = [f"{name}: {reason}" for name, reason in self.left_out.items()]
        parts += [Display("Left out", notes=left_out)] * bool(left_out)
        return "".join(part.to_html() for part in parts)

    def plot(self, quantity="A_V", axes=None):
        """Draw the errors and the coverage of all methods.

        Parameters
        ----------
        quantity : str, optional
            One of those that are scored.
        axes : sequence of two `~matplotlib.axes.Axes`, optional
            Axes to draw on; by default those of a new figure that is not registered with pyplot.

        Returns
        -------
        axes : ndarray of `~matplotlib.axes.Axes`
            The axes.

        Raises
        ------
        InputError
            If there are no scores of the quantity.

        See Also
        --------
        dustest.report.figures.plot_benchmark : The figure of a table.
        """
        from dustest.report.figures import plot_benchmark  # loads matplotlib

        return plot_benchmark(self.table(quantity), highlight=self.tested, axes=axes)

    def _point_cells(self, quantity):
        """MAE and bias of the three point estimates, for methods with more than the median."""
        scores, rows = self.scores, []
        names = [np.asarray(scores[name], str) for name in ("method", "quantity")]
        for method in self.methods:
            found = scores[(names[0] == method) & (names[1] == quantity)]
            if len(found) > 1:
                rows += [
                    (method, one["point"], *_texts(one, quantity, _OF_POINT)) for one in found
                ]
        heads = ("method", "point", *(_HEADS[name] for name in _OF_POINT))
        return [heads, *rows]

    def _run_cells(self):
        """Speed and commonest flags of each method."""
        heads = ("method", "galaxies/s", "processes", "median ESS", "no A_V", "flags")
        rows = [heads]
        for name, one in self.methods.items():
            speed, flags = one["speed"], dict(one["flags"])
            missing = flags.pop("no A_V")
            shown = ", ".join(f"{flag} {100 * share:.0f} %" for flag, share in flags.items())
            ess = _text(speed["ess"], 0)
            rate = _text(speed["galaxies_per_second"], 1)
            rows.append((name, rate, speed["n_jobs"], ess, f"{100 * missing:.1f} %", shown))
        return rows


_PUBLISHED = "Scores compare with published medians, not with the truth."
_HEAD = ("kind", "population", "survey", "seed", "version", "n", "digest", "date")
_OF_POINT = ("mae", "ratio", "bias", "rmse", "r2", "low")
_OF_METHOD = ("n", "mae", "ratio", "bias", "coverage_68", "coverage_90", "crps", "rmse", "r2")
_HEADS = {"n": "n", "mae": "MAE", "ratio": "MAE over baseline", "bias": "bias", "rmse": "RMSE"}
_HEADS |= {"r2": "R2", "low": "below 0.05 mag", "crps": "CRPS"}
_HEADS |= {"coverage_68": "68 % covers", "coverage_90": "90 % covers"}
_PER_CENT = ("low", "coverage_68", "coverage_90")


def _score_cells(found, quantity):
    """Cells of the scores of medians."""
    heads = ("method", *(_HEADS[name] for name in _OF_METHOD))
    return [heads, *((row["method"], *_texts(row, quantity, _OF_METHOD)) for row in found)]


def _texts(row, quantity, names):
    """Scores as text, with the digits of the quantity."""
    digits = QUANTITIES[quantity].digits + 1
    for name in names:
        value = row[name]
        if name == "n":
            yield str(int(value))
        elif name in _PER_CENT:
            yield f"{100 * value:.1f} %" if np.isfinite(value) else ""
        else:
            yield _text(value, 2 if name in ("ratio", "r2") else digits)


def _text(value, digits):
    """A number as text, empty if unknown."""
    return f"{value:.{digits}f}" if np.isfinite(value) else ""


def _markdown(cells):
    """Lines of a table in Markdown; the first row is its head."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in cells]
    return [lines[0], "|" + "---|" * len(cells[0]), *lines[1:]]


def _plain(value):
    """JSON types of nested dicts: None for unknown numbers."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _unplain(method):
    """Numbers of a method from JSON types."""
    speed = {name: kind(_number(method["speed"][name])) for name, kind in _SPEED.items()}
    return {"about": method["about"], "speed": speed, "flags": dict(method["flags"])}


def _check_kind(kind, schema):
    """Raise an error for anything but a card of this version."""
    if (kind, schema) != (_KIND, _SCHEMA):
        msg = f"{kind!r}, schema {schema!r}"
        raise ValueError(msg)


def _number(value):
    """NaN in place of None."""
    return np.nan if value is None else value
