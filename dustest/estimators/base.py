"""`DustEstimator`, the common interface of all methods.

A method implements `DustEstimator._estimate` (and `DustEstimator._fit` if it learns) on plain
arrays. Everything else is done here and in the modules of ``run``: conversion of input, batches,
workers, resuming, time limits, failed rows, flags and provenance.
"""

import json
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from inspect import Parameter, signature
from numbers import Integral
from typing import ClassVar

import joblib
import numpy as np
from astropy.table import Table
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted, column_or_1d

from dustest.data.checks.numbers import check_number, is_number
from dustest.data.checks.pairing import as_weights, pair_truth
from dustest.data.checks.values import to_floats
from dustest.data.containers.conversion import as_sample, is_source
from dustest.data.containers.results import DustTable
from dustest.data.containers.reweighting import DRAWS, LOG_PRIOR
from dustest.data.containers.truth import as_truth
from dustest.data.errors import DustestWarning, InputError
from dustest.data.files.paths import installed_version, replacing
from dustest.data.identity.describe import class_path, describe, describe_class, texts_in
from dustest.data.identity.source import source_digest
from dustest.data.kinds import KINDS
from dustest.data.messages import did_you_mean, not_one_of, shown
from dustest.data.quantities import POINTS, QUANTITIES, percentile_columns, point_column
from dustest.data.registry import named_records
from dustest.data.worker_processes import WORKER_LIMITS
from dustest.estimators._calibration.application import (
    calibrate_estimates,
    calibrated_log_prior,
)
from dustest.estimators._calibration.conditions import Conditions
from dustest.estimators._calibration.shipped import find_calibration
from dustest.estimators.run.batch import make_batch
from dustest.estimators.run.filter_curves import with_curves
from dustest.estimators.run.limits import warn_of_limits, warn_of_unknown_lines
from dustest.estimators.run.magnification import magnify_truth
from dustest.estimators.run.options import check_options, check_switch
from dustest.estimators.run.requests import check_extra, offered, requested
from dustest.estimators.run.runner import declared_columns, run
from dustest.estimators.run.store import SCHEMA, open_store
from dustest.estimators.run.streaming import check_output, estimate_parts, with_row_numbers
from dustest.estimators.run.summary import Summary

__all__ = ["DustEstimator"]

_PERCENTILES = (0.16, 0.5, 0.84)
_LIBRARIES = ("astro-sedpy", "astropy", "dust_extinction", "numpy", "scipy")
"""Packages of filter curves, cosmologies, dust laws and numbers, whose versions any row can depend
on."""
_ROWS_AT_ONCE = 4096
"""Galaxies of which prior draws are made at once."""


class DustEstimator(RegressorMixin, BaseEstimator, ABC):
    """Base class of all estimators of dust.

    A subclass sets the class variables below, stores its parameters in ``__init__`` unchanged, and
    implements ``_estimate(batch)``, which takes a `~dustest.estimators.Batch` and returns
    `~dustest.estimators.Estimates`. A subclass that learns also implements
    ``_fit(batch, y, **fit_params)``, where ``y`` has a column for each target, and sets
    attributes that end in an underscore; it receives ``sample_weight`` if this is among its
    arguments. A subclass with further columns lists them in ``_extra_columns(bands)``. A subclass
    with quantities on request has a parameter ``extra``, names of `~dustest.data.QUANTITIES`;
    ``self._wanted`` are then all quantities of the result.

    Attributes
    ----------
    requires : tuple
        Data that the estimator needs: names of `~dustest.data.KINDS` such as ``"flux"``,
        ``"cutout"``, ``"line"``, ``"redshift"``. Any one member of a tuple inside is sufficient.
    optional : tuple of str or None
        Data that the estimator uses besides ``requires`` where a sample has them, and no others:
        these do not reach ``_estimate``, and change no seed and no stored row. None for all.
    uncertainty : str
        Kind of the percentiles: ``"posterior"``, ``"ensemble"``, ``"propagated"``,
        ``"conformal"`` or ``"none"``.
    targets : str or tuple of str
        Quantities that ``predict`` returns; a parameter in estimators with a choice.
    gives : tuple of str or None
        Names of the quantities that the estimator can estimate, without those derived from them;
        None for any, as for learned targets.
    extra_groups : dict of str to tuple of str
        Words that the parameter ``extra`` takes besides names of quantities, and the quantities of
        each word.
    redshift_range : tuple of float or None
        Redshifts that the estimator can use; others are flagged and left out.
    rows_at_once : int
        Largest number of galaxies that ``_estimate`` receives at once.
    isolated : bool
        Whether ``_estimate`` runs in its own processes, which are stopped after ``timeout``
        seconds for each batch.
    timeout : float or None
        Time limit in seconds of an isolated batch.
    memory_limit : `~astropy.units.Quantity`, str or None
        Memory that each process of an isolated method may use.
    threaded : bool
        Whether batches run in threads instead of processes, at least four: for methods that
        release the interpreter lock and are costly to set up.
    magnified : bool
        Whether masses and luminosities of ``_estimate`` are those of the observed flux. They are
        divided by the magnification of lensed galaxies.
    uses_limits : bool
        Whether upper limits of fluxes and lines are used. If not, a warning says that rows with
        only a limit have no value in that band or line.
    needs_curves : bool
        Whether bands without a filter curve are left out of a run, with a warning.
    registries : dict of str to Registry
        Registries of the records that parameters name. The provenance describes a record of a
        plugin in full, since its name does not identify it.
    pretrained : tuple of str
        Names of trained models that the ``from_pretrained`` of the class loads.
    presets : mapping of str to mapping
        Values of parameters by the names that a parameter ``preset`` takes. Parameters that are
        None have the value of the preset, see ``params_in_use``.
    packages : tuple of str
        Distributions whose versions are part of the provenance.
    without_effect : tuple of str
        Parameters that do not change the distributions of a galaxy, so that a calibration is
        valid with any value of them.
    has_best_fit : bool
        Whether `Estimates.best` has the quantities of a best-fitting model, for
        ``predict(point="best")``.
    needs_estimators : bool
        Whether the estimator is made from others, so that it has no use without parameters.
    fewest_galaxies : int
        Smallest number of galaxies from which the estimator learns.
    references : tuple of str
        References of the method for `dustest.cite`: keys of those of dustest, or BibTeX entries.
        Those that depend on parameters are added by ``_cite``.
    """

    requires: ClassVar[tuple] = ()
    optional: ClassVar[tuple | None] = None
    uncertainty: ClassVar[str] = "none"
    targets = "A_V"
    gives: ClassVar[tuple | None] = None
    extra_groups: ClassVar[dict] = {}
    redshift_range: ClassVar[tuple | None] = None
    rows_at_once: ClassVar[int] = 4096
    isolated: ClassVar[bool] = False
    timeout = None
    memory_limit = None
    threaded: ClassVar[bool] = False
    magnified: ClassVar[bool] = True
    uses_limits: ClassVar[bool] = False
    needs_curves: ClassVar[bool] = False
    registries: ClassVar[dict] = {}
    pretrained: ClassVar[tuple] = ()
    presets: ClassVar[Mapping] = {}
    packages: ClassVar[tuple] = ()
    without_effect: ClassVar[tuple] = ()
    has_best_fit: ClassVar[bool] = False
    needs_estimators: ClassVar[bool] = False
    fewest_galaxies: ClassVar[int] = 1
    references: ClassVar[tuple] = ()

    @abstractmethod
    def _estimate(self, batch):
        """Estimate the galaxies of a `Batch`; returns `Estimates`."""

    def _fit(self, batch, y, **fit_params):
        """Learn from a `Batch` and truth of shape (n, n_targets), if the method learns."""

    @classmethod
    def _cite(cls, cited, parameters):  # noqa: ARG003 - for backends
        """Add the references that a result with some parameters used to a `Cited`."""
        cited.use(*cls.references)
        if not cls.references:
            cited.gaps.append(f"no reference is known for {cls.__name__}")

    def _check_parameters(self):
        """Raise an error for invalid parameters, before any row, worker or store is used."""

    def _warn_of_sample(self, sample):
        """Warn of properties of a checked sample as a whole; called once per run."""

    def _sample_provenance(self, sample):  # noqa: ARG002 - for backends
        """Items of the provenance that follow from a checked sample as a whole."""
        return {}

    def _start_worker(self):
        """Load the packages of an isolated worker, before the first time limit starts."""

    def _extra_columns(self, bands):  # noqa: ARG002 - for backends
        """Further columns that every result has, by name: `~dustest.estimators.ExtraColumn`.

        ``bands`` are those of the photometry. With these columns, results have the same columns
        even if rows are invalid or fail.
        """
        return {}

    def _data_columns(self, bands):  # noqa: ARG002 - for backends
        """Columns of the data that are fitted, which results with draws have, as above."""
        return {}

    @property
    def _parameters(self):
        """Parameters of the model whose draws are kept: `~dustest.estimators.ExtraColumn` by name.

        They are in `Estimates.parameters`, and may be quantities that a result does not have.
        """
        return {}

    def _parameters_of(self, bands):  # noqa: ARG002 - for backends
        """Those of the model of data in some bands, by default ``_parameters``."""
        return self._parameters

    @property
    def params_in_use(self):
        """Parameters by name, those that are None as the preset has them (dict)."""
        parameters = self.get_params(deep=False)
        if not self.presets:
            return parameters
        preset = parameters["preset"]
        if not isinstance(preset, str) or preset not in self.presets:
            msg = not_one_of("preset", preset, self.presets)
            raise InputError(msg)
        chosen = self.presets[preset]
        return {
            name: chosen.get(name) if value is None else value
            for name, value in parameters.items()
        }

    @property
    def _drawn_quantities(self):
        """Names of the quantities that `_estimate` may draw, without those derived from others."""
        names = {*self._wanted, *self._parameters}.intersection(offered(self.gives))
        if self._learns:
            names.intersection_update(self._target_names)
        return tuple(
            name for name, one in QUANTITIES.items() if name in names and one.derivation is None
        )

    @property
    def _recalibration(self):
        """Correction of the draws of `_estimate`: that of a parameter ``calibration``, or None."""
        calibration = getattr(self, "calibration", None)
        return None if calibration is None else find_calibration(self, calibration)

    def _estimates(self, batch):
        """Estimates of a `Batch`, corrected by a calibration if there is one."""
        estimates, correction = self._estimate(batch), self._recalibration
        if correction is None:
            return estimates
        return calibrate_estimates(correction, estimates, self._conditions(batch), batch.seed)

    @property
    def _known_priors(self):
        """How the prior densities of `_log_priors` are known, by quantity."""
        correction = self._recalibration
        return self._prior_statement if correction is None else correction.prior_statement

    def _log_priors(self, batch, estimates):
        """Logarithms of the densities of the prior of `_estimates`, by quantity (n, m)."""
        correction = self._recalibration
        if correction is None:
            return self._log_prior(batch, estimates)
        return calibrated_log_prior(correction, estimates, self._conditions(batch))

    def _sample_calibrated_prior(self, X, n_samples, random_state):
        """Draws from the prior of corrected posteriors, by quantity (n, n_samples)."""
        sample, prior, parts = self._ready(X), self._recalibration.prior, []
        seed = self._base_seed(random_state)
        for start in range(0, len(sample), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            batch = self._batch(sample, rows).seeded(seed)
            known = self._conditions(batch)
            parts.append(prior.sample(known.redshift, known.log_snr, n_samples, batch.seed))
        return {name: np.concatenate([one[name] for one in parts]) for name in parts[0]}

    @property
    def _prior_statement(self):
        """How the prior densities of `_log_prior` are known, by quantity (dict of str to str)."""
        return {}

    def _log_prior(self, batch, estimates):  # noqa: ARG002 - for backends
        """Logarithms of prior densities at the draws of `Estimates`, by quantity (n, m)."""
        return {}

    def _conditions(self, batch):
        """Data of a `Batch` on which the accuracy of the estimates depends: `Conditions`."""
        return Conditions.of_photometry(batch)

    def _calibrated_parameters(self):
        """Parameters on which a calibration of the estimator depends, by name."""
        ignored = {"targets", "extra", "random_state", "calibration", "preset"}
        ignored.update(self.without_effect)
        parameters = self.params_in_use
        return {name: value for name, value in parameters.items() if name not in ignored}

    @property
    def required_data(self):
        """Required data besides the redshift: a tuple of tuples of alternatives."""
        every = (entry if isinstance(entry, tuple) else (entry,) for entry in self.requires)
        groups = (tuple(KINDS.find(name, "requires").name for name in entry) for entry in every)
        return tuple(group for group in groups if group != ("redshift",))

    def missing_data(self, sample):
        """Data that the estimator requires and a sample lacks.

        Parameters
        ----------
        sample : GalaxySample
            Galaxies.

        Returns
        -------
        missing : tuple of tuple of str
            Kinds of data, see `~dustest.data.KINDS`, as groups of alternatives; empty if the
            estimator can run.

        Examples
        --------
        >>> from dustest import BalmerEstimator, MeurerEstimator
        >>> from dustest.io import load_demo
        >>> sample, truth = load_demo()
        >>> MeurerEstimator().missing_data(sample), BalmerEstimator().missing_data(sample)
        ((), (('line',),))
        """
        groups = (*self.required_data, *self._required_redshift)
        return tuple(
            group for group in groups if not any(KINDS[kind].is_in(sample) for kind in group)
        )

    @property
    def required_kinds(self):
        """Names of all kinds that the estimator may use (frozenset of str)."""
        groups = (*self.required_data, *self._required_redshift)
        return frozenset(name for group in groups for name in group)

    @property
    def usable_kinds(self):
        """Names of all kinds that reach the estimator (frozenset of str), or None for any."""
        if self.optional is None:
            return None
        return self.required_kinds | {KINDS.find(one, "optional").name for one in self.optional}

    def _batch(self, sample, rows):
        """Rows of a checked sample as plain arrays, of the data that the estimator uses."""
        return make_batch(sample, rows, self.required_kinds, self.usable_kinds)

    def _rows_of_batch(self, sample):  # noqa: ARG002 - for backends
        """Largest number of galaxies of a checked sample that `_estimate` receives at once."""
        return self.rows_at_once

    @property
    def _learns(self):
        """Whether the method has something to fit."""
        return type(self)._fit is not DustEstimator._fit

    @property
    def _target_names(self):
        """Targets as a tuple of known quantities."""
        names = (self.targets,) if isinstance(self.targets, str) else self.targets
        known = offered(self.gives)
        names = tuple(names) if isinstance(names, tuple | list) else ()
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            hints = "".join(did_you_mean(name, known) for name in unknown)
            msg = f"targets must be names out of {', '.join(known)}, got {self.targets!r}: {hints}"
            raise InputError(msg.rstrip(": "))
        return names

    @property
    def _wanted(self):
        """Names of the quantities that a result has."""
        words = getattr(self, "extra", ())
        asked = [name for word in words for name in self.extra_groups.get(word, (word,))]
        return requested((*asked, *self._target_names), self.gives)

    def _check_request(self):
        """Raise an error for quantities that the estimator cannot estimate."""
        words = getattr(self, "extra", ())
        check_extra(words, self.extra_groups, self.gives, type(self).__name__)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = self._learns
        tags.target_tags.required = self._learns
        tags.target_tags.multi_output = not isinstance(self.targets, str)
        tags.input_tags.allow_nan = True
        groups = self.required_data
        bare = not self._required_redshift
        tags.input_tags.two_d_array = bare and all("features" in group for group in groups)
        tags.input_tags.three_d_array = not self.requires or any(
            "cutout" in group for group in groups
        )
        return tags

    # ---- learning -----------------------------------------------------------------------

    def fit(self, X, y=None, *, sample_weight=None, **fit_params):
        """Learn from galaxies with known truth, if the estimator learns.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            Galaxies.
        y : Table, data frame, dict or array_like of shape (n,) or (n, n_targets), optional
            Truth, in the units of `~dustest.data.QUANTITIES` if it has none; not used by
            estimators that do not learn. Columns are identified by name. Rows are paired by
            identifier if both ``X`` and ``y`` have some, else they are in the order of ``X``.
        sample_weight : array_like of shape (n,), optional
            Weight of each galaxy, if the method supports weights.
        **fit_params : dict
            Passed to the method.

        Returns
        -------
        self : DustEstimator
            The estimator itself.

        Raises
        ------
        InputError
            If the input is invalid, truth is needed and missing, no identifier is in both, or the
            method has no weights or no such argument.

        Warns
        -----
        DustestWarning
            If galaxies without truth, or truth without a galaxy, are left out.
        """
        sample = self._coerce(X)
        if sample_weight is not None:
            fit_params["sample_weight"] = sample_weight
        self._check_fit_params(fit_params)
        if self._learns:
            rows, truth = self._with_truth(sample, y)
            if sample_weight is not None:
                fit_params["sample_weight"] = as_weights(sample_weight, len(sample))[rows]
            truth = self._apparent(truth, sample[rows])
            self._fit(self._batch(sample, rows), truth, **fit_params)
        if "features" in sample.colnames:
            self.n_features_in_ = sample["features"].shape[1]
        return self

    def _check_fit_params(self, given):
        """Raise an error for arguments that the method does not have."""
        parameters = signature(self._fit).parameters.values() if self._learns else ()
        if any(one.kind is Parameter.VAR_KEYWORD for one in parameters):
            return
        known = [one.name for one in parameters][2:]
        unknown = sorted(set(given) - set(known))
        if unknown:
            can = "supports no weights and " if "sample_weight" in unknown else ""
            msg = (
                f"{type(self).__name__}.fit {can}takes no further arguments"
                f"{' but ' + ', '.join(known) if known else ''}, got {', '.join(unknown)}: "
                f"{did_you_mean(unknown[0], known)}leave {unknown[0]} out"
            )
            raise InputError(msg)

    def _with_truth(self, sample, y):
        """Rows of a sample with a truth, and their truth as an array."""
        if y is None:
            msg = (
                f"{type(self).__name__} requires y to be passed, but the target y is None: give "
                f"the true {', '.join(self._target_names)}"
            )
            raise InputError(msg)
        rows, truth = pair_truth(sample, y)
        if isinstance(self.targets, str) and not isinstance(truth, Table):
            array = _as_array(truth)
            truth = column_or_1d(array, warn=True) if array.shape[1:] == (1,) else truth
        truth = as_truth(truth, self._target_names)
        n_rows = len(sample) if isinstance(rows, slice) else len(rows)
        if len(truth) != n_rows:
            msg = f"y must have one row for each of the {n_rows} galaxies, got {len(truth)}"
            raise InputError(msg)
        return rows, truth

    def _apparent(self, truth, sample):
        """Truth of lensed galaxies as observed, without correction for magnification."""
        return magnify_truth(truth, self._target_names, sample) if self.magnified else truth

    # ---- estimating ---------------------------------------------------------------------

    def estimate(
        self, X, *, output=None, resume=False, n_jobs=None, progress=None, draws=0, points=()
    ):
        """Estimate all quantities of the result, with percentiles, flags and provenance.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes, or a source of samples
            n galaxies. A source has ``len`` and a method ``samples`` that yields samples, so that
            they need not fit into memory, such as the catalogue of `~dustest.io.open_catalog`. A
            list of sources is read one after the other.
        output : str or path-like, optional
            File for the result (``.fits``, ``.ecsv``, ``.parquet``, ``.h5``), in an existing
            folder; required for a source (``.fits`` or ``.parquet``). Finished rows are also
            stored in ``<output>.sqlite``, so that an interrupted run loses nothing.
        resume : bool, optional
            Use rows that an earlier run with the same ``output`` finished, if their data, the
            estimator with the full content of its parameters, the code and the versions are the
            same; wait for a run that has the output, at most ten minutes.
        n_jobs : int, optional
            Number of processes, as in joblib (-1: all cores); not 0.
        progress : bool, optional
            Whether to show progress; by default on terminals and in notebooks, for runs of more
            than two seconds.
        draws : int, optional
            Number of joint draws of the posterior to keep for each galaxy, in columns
            ``<name>_draws`` of shape (n, draws): those of `sample_posterior`, in the units of the
            quantities. With them, the densities of the prior at the draws are in columns
            ``<name>_log_prior``, for ``DustTable.under``, where the estimator states its prior.
            Estimators of SEDs also keep the data that were fitted.
        points : sequence of str, optional
            Point estimates besides the median, ``"mean"`` or ``"best"`` as in `predict`, to keep
            for each quantity in columns ``<name>_mean`` and ``<name>_best``.

        Returns
        -------
        table : DustTable, or OpenedResult for a source
            n rows in the order of ``X``; NaN and a flag for rows without an estimate. It has the
            core quantities, those of ``targets``, and those of ``extra`` if the estimator has such
            a parameter. The result of a source is on disc, and its rows are read on request.

        Raises
        ------
        InputError
            If the input, a parameter or ``output`` is invalid, or ``output`` exists and ``resume``
            is not set, or it was not written by a run, or there are no draws or no best fit to
            keep. Nothing is computed or written then.
        MissingDependencyError
            If the package that writes ``output`` is not installed.
        ReadError
            If earlier results cannot be read.
        WriteError
            If the disk is full, or another run has the same ``output``.

        Warns
        -----
        DustestWarning
            If galaxies failed or exceeded the time limit; if earlier results are damaged, so that
            these galaxies are computed again; or if the earlier run had other parameters, so that
            its result is replaced.
        """
        file_format = check_options(output, resume, n_jobs, progress)
        self._check_draws("draws", draws, least=0)
        points = self._checked_points(points)
        options = {"points": points, "n_draws": int(draws), "n_jobs": n_jobs}
        if is_source(X):
            check_output(output, file_format)
            return self._estimate_source(X, output, resume, progress, options)
        sample = self._ready(X)
        if output is not None:
            self._described()
        with open_store(output, resume, progress) as store:
            seed = self._begin(store, output, options)
            table = self._run(sample, seed, store, progress=progress, **options)
            if output is not None:
                # Before another run with the same output may begin.
                with replacing(output) as partial:
                    table.write(partial, format=file_format)
        return table

    def _estimate_source(self, source, output, resume, progress, options):
        """Estimate the galaxies of a source, part by part."""
        self._described()
        with open_store(output, resume, progress) as store:
            seed = self._begin(store, output, options)

            def estimate(part, start, bar):
                sample = with_row_numbers(self._ready(part), start)
                return self._run(sample, seed, store, progress=bar, **options)

            return estimate_parts(
                source, self, estimate, output, n_jobs=options["n_jobs"], progress=progress
            )

    def _begin(self, store, output, options):
        """Seed of a run, that of the earlier run if it resumes one; warns of a different one."""
        seed = self._base_seed()
        if store is None:
            return seed
        if self._random_state is None:
            seed = store.base_seed(seed)
        requested = {"draws": options["n_draws"], "points": options["points"]}
        differences = store.compare_identity(self._record(seed) | requested)
        if differences:
            msg = (
                f"the earlier run with output {str(output)!r} had {differences}: galaxies "
                "without a stored row of this run are computed again, and its result is "
                "replaced; to keep both, choose another output"
            )
            warnings.warn(msg, DustestWarning, stacklevel=3)
        return seed

    def _run(self, sample, seed, store, *, points, n_draws, n_jobs, progress):
        """Result for a checked sample."""
        keeps_prior = bool(n_draws and self._known_priors)
        summary = Summary(_PERCENTILES, points, n_draws=n_draws, prior=keeps_prior)
        options = {"n_jobs": n_jobs, "progress": progress, "store": store}
        rows = run(self, sample, summary, seed=seed, **options)
        return self._table(sample, rows, seed, summary)

    def _table(self, sample, rows, seed, summary):
        """Result of a run."""
        n_draws = summary.n_draws
        units = {
            name: column.unit for name, column in declared_columns(self, sample, n_draws).items()
        }
        blank = {column: np.nan for name in self._wanted for column in percentile_columns(name)}
        extra = {
            name: values if units.get(name) is None else values << units[name]
            for name, values in rows.extra.items()
        }
        return DustTable.from_quantities(
            sample["id"],
            blank | _percentile_values(rows.values, self._wanted),
            flags=rows.flags,
            extra=extra | self._pointed(rows, summary) | self._drawn(rows, n_draws, sample.bands),
            meta=self._provenance(seed)
            | self._sample_provenance(sample)
            | self._prior_meta(n_draws),
        )

    def _pointed(self, rows, summary):
        """Columns of further point estimates of all quantities, NaN for those without any."""
        columns, first = {}, len(summary.quantiles)
        for name in self._wanted:
            unit, found = QUANTITIES[name].unit, rows.values.get(name)
            for number, point in enumerate(summary.points, start=first):
                values = np.full(len(rows), np.nan) if found is None else found[:, number].copy()
                columns[point_column(name, point)] = values if unit is None else values << unit
        return columns

    def _drawn(self, rows, n_draws, bands):
        """Columns of draws of all quantities and parameters, NaN for those without any."""
        if not n_draws:
            return {}
        units = {name: QUANTITIES[name].unit for name in self._wanted}
        units |= {name: column.unit for name, column in self._parameters_of(bands).items()}
        blank = np.full((len(rows), n_draws), np.nan)
        drawn = {name: rows.values.get(name, blank)[:, -n_draws:].copy() for name in units}
        columns = {
            DRAWS.format(name): values if units[name] is None else values << units[name]
            for name, values in drawn.items()
        }
        densities = [LOG_PRIOR.format(name) for name in self._known_priors]
        return columns | {name: rows.values.get(name, blank) for name in densities}

    def _prior_meta(self, n_draws):
        """How the densities of the prior are known that a result with draws has."""
        known = self._known_priors if n_draws else {}
        return {"prior": json.dumps(known)} if known else {}

    def _check_draws(self, name, number, least):
        """Raise an error for anything but a number of draws that the method can give."""
        kind = "a positive integer" if least else "an integer from 0"
        check_number(number, name, least, kind=Integral, expected=kind)
        if number and self.uncertainty == "none":
            msg = (
                f"{type(self).__name__} gives bare values without a distribution to draw from, "
                f"got {name}={number}"
            )
            raise InputError(msg)

    def has_point(self, point):
        """Whether the estimator has a point estimate, for `predict` and `estimate`.

        Parameters
        ----------
        point : {"median", "mean", "best"}
            The point estimate.

        Returns
        -------
        answer : bool
            False for the best fit of methods that do not fit models, or are calibrated.

        Examples
        --------
        >>> from dustest import BagpipesEstimator, MeurerEstimator
        >>> BagpipesEstimator().has_point("best"), MeurerEstimator().has_point("best")
        (True, False)
        """
        is_fit = self.has_best_fit and self._recalibration is None
        return point in POINTS and (point != "best" or is_fit)

    def _checked_points(self, points):
        """Names of point estimates that the method can give, besides the median."""
        listed = (points,) if isinstance(points, str) else points
        if not isinstance(listed, tuple | list):
            msg = f"points must be a sequence of names out of {', '.join(POINTS)}, got {points!r}"
            raise InputError(msg)
        for one in listed:
            self._check_point("points", one)
        return tuple(one for one in POINTS if one in listed and one != "median")

    def _check_point(self, name, point):
        """Raise an error for anything but a point estimate that the method can give."""
        if point not in POINTS:
            raise InputError(not_one_of(name, point, POINTS))
        if self.has_point(point):
            return
        reason = (
            "which corrects draws, not the best fit"
            if self.has_best_fit
            else "which has no best fit"
        )
        msg = (
            f"{name} must be 'median' or 'mean' for {type(self).__name__}, {reason}, got {point!r}"
        )
        raise InputError(msg)

    def predict(self, X, return_std=False, point="median"):
        """Predict the targets.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            n galaxies.
        return_std : bool, optional
            Whether to return standard deviations too.
        point : {"median", "mean", "best"}, optional
            Point estimate: median or mean of the posterior, or the best fit, the most likely
            model of an SED fit. Of methods without a distribution, the first two are the value.

        Returns
        -------
        prediction : ndarray of shape (n,) or (n, n_targets)
            Point estimates of the targets, in the units of `~dustest.data.QUANTITIES`; NaN without
            an estimate. One axis if ``targets`` is a single name.
        std : ndarray of the same shape
            Standard deviations, if requested; for R_V, a ratio without a finite variance, half
            the range from 16 to 84 %.

        Raises
        ------
        InputError
            If the input is invalid, or the method does not have the point estimate.

        Notes
        -----
        The median has the smallest mean absolute error, and the mean the smallest mean squared
        error, if the posterior is right. Where A_V piles up at 0, see :ref:`point_estimates`.
        """
        self._check_point("point", point)
        check_switch("return_std", return_std)
        quantiles, points = ((0.5,), ()) if point == "median" else ((), (point,))
        summary = Summary(quantiles, points, std=bool(return_std))
        values = self._summary_values(self._ready(X), summary)
        if not return_std:
            return values[..., 0]
        return values[..., 0], values[..., 1]

    def predict_quantiles(self, X, quantiles=_PERCENTILES):
        """Predict quantiles of the targets.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            n galaxies.
        quantiles : sequence of float, optional
            Probabilities between 0 and 1.

        Returns
        -------
        values : ndarray of shape (n, n_quantiles) or (n, n_targets, n_quantiles)
            Quantiles; NaN without an estimate, or if the method has no distribution.

        Raises
        ------
        InputError
            If the input is invalid, or a probability is outside 0 to 1.
        """
        levels = np.atleast_1d(to_floats(quantiles, "quantiles", sentinels=False))
        if levels.ndim != 1 or not np.all((levels >= 0) & (levels <= 1)):
            msg = f"quantiles must be probabilities between 0 and 1, got {quantiles!r}"
            raise InputError(msg)
        return self._summary_values(self._ready(X), Summary(tuple(levels.tolist())))

    def sample_posterior(self, X, n_samples, random_state=None):
        """Draw from the joint posterior of all quantities of `estimate`.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            n galaxies.
        n_samples : int
            Number of draws per galaxy.
        random_state : int, Generator or None, optional
            Seed of the draws; the estimator's own by default.

        Returns
        -------
        draws : dict of str to ndarray of shape (n, n_samples)
            By quantity, in the units of `~dustest.data.QUANTITIES`, and by parameter of the model,
            if the estimator has such. Draws with the same number belong to the same model.

        Raises
        ------
        InputError
            If the input is invalid, the estimator has no distribution, or ``n_samples`` is not a
            positive integer.
        """
        self._check_draws("n_samples", n_samples, least=1)
        sample = self._ready(X)
        seed = self._base_seed(random_state)
        return run(self, sample, Summary(n_draws=int(n_samples)), seed=seed).values

    def sample_prior(self, X, n_samples, random_state=None):
        """Draw from the prior behind the posteriors, galaxy by galaxy.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            n galaxies.
        n_samples : int
            Number of draws per galaxy.
        random_state : int, Generator or None, optional
            Seed of the draws; the estimator's own by default.

        Returns
        -------
        draws : dict of str to ndarray of shape (n, n_samples)
            By quantity. Draws with the same number belong together.

        Raises
        ------
        InputError
            If the input is invalid, ``n_samples`` is not a positive integer, or the estimator has
            no posterior or no prior that can be drawn from.
        """
        check_number(n_samples, "n_samples", 1, kind=Integral, expected="a positive integer")
        if self._recalibration is not None:
            return self._sample_calibrated_prior(X, n_samples, random_state)
        msg = f"{type(self).__name__} states no prior: {self._reason_without_prior}"
        raise InputError(msg)

    @property
    def _reason_without_prior(self):
        """Why there is no prior to draw from, for messages."""
        return "its percentiles are no posterior of a model with a prior"

    def score(self, X, y, sample_weight=None):
        """Coefficient of determination of the prediction.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            n galaxies.
        y : Table, data frame, dict or array_like of shape (n,) or (n, n_targets)
            Truth, with its rows paired as in `fit`.
        sample_weight : array_like of shape (n,), optional
            Weight of each galaxy.

        Returns
        -------
        score : float
            R squared, averaged over the targets. Rows without an estimate are left out.

        Raises
        ------
        InputError
            If the input is invalid, no identifier is in both, or no row has an estimate.

        Warns
        -----
        DustestWarning
            If rows without an estimate, or without truth, were left out.
        """
        sample = self._ready(X)
        weight = as_weights(sample_weight, len(sample))
        rows, truth = self._with_truth(sample, y)
        sample, weight = sample[rows], weight[rows]
        predicted = self._summary_values(sample, Summary((0.5,))).reshape(truth.shape)
        good = np.isfinite(predicted).all(axis=1)
        if not good.any():
            msg = f"{type(self).__name__} has no answer for any galaxy of X, so there is no score"
            raise InputError(msg)
        if not good.all():
            msg = (
                f"{np.sum(~good)} of {len(good)} galaxies have no answer and are not in the score"
            )
            warnings.warn(msg, DustestWarning, stacklevel=2)
        return r2_score(truth[good], predicted[good], sample_weight=weight[good])

    # ---- shared by the public methods ---------------------------------------------------

    def _coerce(self, X):
        """Convert the input to a checked sample with all required columns."""
        self._check_parameters()
        self._check_request()
        # Raises an error for a calibration that is unknown, or of other settings.
        _ = self._recalibration
        sample = as_sample(X, bands=getattr(self, "bands", None))
        if self.needs_curves:
            sample = with_curves(sample, type(self).__name__)
        for alternatives in self.missing_data(sample):
            msg = (
                f"{type(self).__name__} needs {' or '.join(alternatives)} columns in the "
                f"sample, got {shown(sample.colnames)}"
            )
            raise InputError(msg)
        if not self.uses_limits:
            warn_of_limits(sample, self.required_kinds, type(self).__name__)
        if "line" in self.required_kinds:
            warn_of_unknown_lines(sample)
        return sample

    @property
    def _required_redshift(self):
        """The redshift as a group of one alternative, if it is required."""
        return (("redshift",),) if "redshift" in self.requires else ()

    def _ready(self, X):
        """A sample to estimate, with the estimator fitted."""
        if self._learns:
            check_is_fitted(self)
        sample = self._coerce(X)
        given = sample["features"].shape[1] if "features" in sample.colnames else None
        expected = getattr(self, "n_features_in_", given)
        if expected != given:
            msg = (
                f"X has {given or 'no'} features, but {type(self).__name__} is expecting "
                f"{expected} features as input"
            )
            raise InputError(msg)
        self._warn_of_sample(sample)
        return sample

    def _summary_values(self, sample, summary):
        """Summaries of the targets, shape (n, k) or (n, n_targets, k)."""
        names = self._target_names
        rows = run(self, sample, summary, seed=self._base_seed())
        width = len(summary.quantiles) + len(summary.points) + summary.std
        blank = np.full((len(sample), width), np.nan)
        values = [rows.values.get(name, blank) for name in names]
        return values[0] if isinstance(self.targets, str) else np.stack(values, axis=1)

    @property
    def _random_state(self):
        """The parameter ``random_state``, None if there is none."""
        return getattr(self, "random_state", None)

    def _base_seed(self, random_state=None):
        """Seed of one run, by default from the estimator's own random state."""
        return _as_seed(self._random_state if random_state is None else random_state)

    def _fingerprint(self, seed, names=()):
        """Everything that a row depends on besides its data.

        ``names`` are those of the bands, lines and kinds of data of the sample.
        """
        return json.dumps(self._record(seed, names), sort_keys=True)

    def _record(self, seed, names=()):
        """Everything of `_fingerprint` by name."""
        params = self._identity()
        record = self._provenance(seed) | {"params": params, "wanted": self._wanted}
        record |= {"libraries": {name: installed_version(name) for name in _LIBRARIES}}
        record |= {"class": describe_class(type(self)), "source": source_digest()}
        used = named_records([*names, *self._wanted, *texts_in(params)])
        record |= {"registered": describe(used, "registered records"), "schema": SCHEMA}
        return record

    def _identity(self):
        """Lossless descriptions by name of the parameters that can change a row."""
        # Targets change what is learned, and else only the columns, which are described too.
        ignored = {*WORKER_LIMITS, *(() if self._learns else ("targets",))}
        return {name: one for name, one in self._described().items() if name not in ignored}

    def _described(self, *, strict=True):
        """Lossless descriptions of the parameters by name; if impossible, their class."""
        parameters = dict(self.params_in_use)
        parameters.pop("random_state", None)
        found = {}
        for name, value in parameters.items():
            try:
                found[name] = describe(self._added_record(name, value), name)
            except InputError:
                if strict:
                    raise
                found[name] = {"class": class_path(type(value))}
        return found

    def _added_record(self, parameter, value):
        """The record that a parameter names, if it was added by a plugin, or several of them."""
        registry = self.registries.get(parameter)
        if registry is not None and isinstance(value, tuple | list):
            return tuple(self._added_record(parameter, one) for one in value)
        if registry is None or not isinstance(value, str) or value not in registry:
            return value
        return registry[value] if registry[value] in registry.added() else value

    def _provenance(self, seed):
        """Flat record of how a table was made."""
        correction = self._recalibration
        return {
            "estimator": type(self).__name__,
            "version": installed_version("dustest"),
            "params": json.dumps(self._described(strict=False), sort_keys=True),
            "uncertainty": self.uncertainty if correction is None else "conformal",
            "random_seed": seed if hasattr(self, "random_state") else None,
            "model_hash": self._model_hash(),
            "packages": ", ".join(f"{name} {installed_version(name)}" for name in self.packages),
            **({} if correction is None else correction.provenance),
        }

    def _model_hash(self):
        """Digest of the learned state; empty if there is none."""
        learned = {
            name: value
            for name, value in vars(self).items()
            if name.endswith("_") and not name.startswith("_")
        }
        return joblib.hash(learned) if learned else ""


def _as_seed(random_state):
    """A 63-bit seed from None, an integer or a generator."""
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63 - 1))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1)
    if is_number(random_state, Integral) and random_state >= 0:
        return int(random_state)
    msg = f"random_state must be None, an integer from 0 or a Generator, got {random_state!r}"
    raise InputError(msg)


def _percentile_values(values, wanted):
    """Columns of a `DustTable` from summaries that begin with the three percentiles."""
    columns = {}
    found = {name: values[name][:, : len(_PERCENTILES)] for name in wanted if name in values}
    for name, (low, median, high) in ((name, part.T) for name, part in found.items()):
        columns[name] = median
        columns |= dict(zip(percentile_columns(name), (low, high), strict=True))
    return columns


def _as_array(truth):
    """The argument ``y`` as an array."""
    try:
        return np.asanyarray(truth)
    except ValueError as error:
        msg = f"y must have equally many numbers for each galaxy, got {truth!r:.80}"
        raise InputError(msg) from error
