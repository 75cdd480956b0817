"""`CalibratedEstimator`: intervals of any estimator that cover as often as they say."""

from copy import copy
from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from dustest.data.checks.numbers import check_number
from dustest.data.checks.pairing import pair_truth
from dustest.data.checks.tables import as_table, is_table_like
from dustest.data.checks.values import to_floats
from dustest.data.containers.truth import as_truth
from dustest.data.errors import InputError
from dustest.data.identity.describe import describe_class
from dustest.data.model_card import ModelCard, as_card
from dustest.data.quantities import QUANTITIES, quantity_column
from dustest.data.splits import group_split
from dustest.data.worker_processes import WORKER_LIMITS
from dustest.estimators._calibration.calibration_file import (
    read_calibration,
    write_calibration,
)
from dustest.estimators._calibration.conditions import Conditions
from dustest.estimators._calibration.recalibration import FEWEST_GALAXIES, Recalibration
from dustest.estimators._calibration.settings import check_settings, settings_of
from dustest.estimators._calibration.summaries import PROBABILITIES
from dustest.estimators.base import DustEstimator
from dustest.estimators.registry import registered_class
from dustest.estimators.run.magnification import magnify_truth
from dustest.estimators.run.runner import run
from dustest.estimators.run.summary import Summary

__all__ = ["CalibratedEstimator"]

_N_DRAWS = 128
_ROWS_AT_ONCE = 4096
_SHARE = 1.0 / 3.0
"""Share of the groups that calibrate an estimator that learns from the others."""
_OF_LENSES = ("magnification", "magnification_err")


class CalibratedEstimator(DustEstimator):
    """An estimator whose bias and intervals are corrected by galaxies with known truth.

    Every method is calibrated under its own assumptions at best. From galaxies that it has not
    learned from, such as simulated ones, this estimator learns how the truth is distributed given
    what the method says: the medians and widths of its posteriors, signal-to-noise ratio, number
    of bands and redshift. Each draw of a posterior is replaced by the quantile of this
    distribution of the same rank, so that draws stay joint draws. Methods without a distribution
    get one.

    The corrected posterior is one for galaxies of the population of the calibration: its prior is
    the mean of the corrected posteriors over that population, see `sample_prior`. Galaxies with
    other bands, or outside the range of signal-to-noise ratios, redshifts and predictions of the
    calibration, are not corrected and have the flag ``OUT_OF_DOMAIN``.

    Parameters
    ----------
    estimator : DustEstimator or FrozenEstimator
        The method. If it learns and is not fitted yet, ``fit`` trains a clone on two thirds of the
        groups and calibrates with the others; if it is fitted, it is used as it is. A
        `~sklearn.frozen.FrozenEstimator` around it also stays fitted in a clone, as in a search
        for parameters.
    random_state : int, Generator or None, optional
        Seed of the calibration; posteriors have the seed of ``estimator``.

    Attributes
    ----------
    estimator_ : DustEstimator
        The fitted method.
    calibration_ : Recalibration
        The learned correction.
    settings_ : dict
        Settings of the method that was calibrated; others raise an error.
    card_ : dict
        Description of the calibration: number of galaxies, quantities, and what `save` was
        given.

    Notes
    -----
    Quantities that the truth has and the method gives are corrected, as ``meta["calibrated"]``
    says. E(B-V) is changed like A_V if its truth is not given. All others are as they were.

    Small networks are trained on the pinball loss of 17 quantiles of the truth, in five folds of
    the groups [1]_. Ranks of the truth among quantiles of the fold that was left out then correct
    the levels, in bins of A_V [2]_: this step is that of ``CNNEstimator.calibrate``.

    References
    ----------
    .. [1] Koenker & Bassett 1978, Econometrica 46, 33; Romano, Patterson & Candes 2019, NeurIPS,
       arXiv:1905.03222.
    .. [2] Kuleshov, Fenner & Ermon 2018, ICML, arXiv:1807.00263.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest import CalibratedEstimator, ConstantEstimator
    >>> a_v = np.random.default_rng(1).exponential(0.3, size=3000)
    >>> control = ConstantEstimator().fit(np.zeros((2, 1)), [0.1, 0.2])
    >>> safe = CalibratedEstimator(control, random_state=1).fit(np.zeros((3000, 1)), a_v)
    >>> safe.predict_quantiles(np.zeros((1, 1))).round(1)
    array([[0.1, 0.2, 0.5]])
    """

    uncertainty: ClassVar[str] = "conformal"
    needs_estimators: ClassVar[bool] = True
    references: ClassVar[tuple] = ("Kuleshov2018", "Romano2019")

    def __init__(self, estimator=None, random_state=None):
        self.estimator = estimator
        self.random_state = random_state

    @classmethod
    def _cite(cls, cited, parameters):
        """Add the references of the calibration and of the method."""
        super()._cite(cited, parameters)
        described = parameters.get("estimator")
        method = registered_class(described)
        if method is None:
            cited.gaps.append("no reference is known for the calibrated estimator")
        else:
            method._cite(cited, described.get("parameters", {}))

    @property
    def _inner(self):
        """The method, fitted if this estimator is; None if there is none."""
        found = getattr(self, "estimator_", self.estimator)
        return found.estimator if isinstance(found, FrozenEstimator) else found

    @property
    def fewest_galaxies(self):
        """Smallest number of galaxies from which `fit` learns."""
        needed = 1 if self._inner is None else self._inner.fewest_galaxies
        return max(FEWEST_GALAXIES, needed) if self._is_ready else 3 * max(FEWEST_GALAXIES, needed)

    @property
    def _is_ready(self):
        """Whether the method needs no training."""
        inner = self._inner
        if inner is None or not inner._learns:
            return True
        try:
            check_is_fitted(inner)
        except NotFittedError:
            return False
        return True

    @property
    def _learns(self):
        """The calibration is always learned."""
        return True

    def _check_parameters(self):
        """Raise an error for anything but an estimator of dust, and for its parameters."""
        if not isinstance(self._inner, DustEstimator):
            msg = (
                "estimator must be a DustEstimator, or a FrozenEstimator of one, got "
                f"{self.estimator!r:.100}"
            )
            raise InputError(msg)
        self._inner._check_parameters()

    # ---- learning -----------------------------------------------------------------------

    def fit(self, X, y=None, *, sample_weight=None, **fit_params):
        """Learn how the truth is distributed given what the estimator says.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            Galaxies that the estimator has not learned from, 500 or more; 10,000 give coverages
            to half a per cent. Drop bands at random if some galaxies to estimate lack some.
            Views of one galaxy share a ``group``.
        y : Table, data frame, dict or array_like of shape (n,) or (n, n_targets)
            Truth of the targets, and of further quantities to correct, with rows paired as by
            other estimators.
        sample_weight : None
            Not supported.
        **fit_params : dict
            Passed to the ``fit`` of ``estimator`` if it is trained.

        Returns
        -------
        self : CalibratedEstimator
            The estimator itself.

        Raises
        ------
        InputError
            If the input is invalid, or there are too few galaxies.
        """
        if sample_weight is not None:
            msg = "CalibratedEstimator.fit supports no weights and takes no sample_weight"
            raise InputError(msg)
        for name in ("estimator_", "calibration_"):
            vars(self).pop(name, None)
        sample = self._coerce(X)
        rows, truth = self._truth_of(sample, y)
        sample = sample[rows]
        group = np.asarray(sample["group" if "group" in sample.colnames else "id"])
        seed = self._base_seed()
        sample, truth, group = self._train(sample, truth, group, seed, fit_params)
        self.calibration_ = self._calibrated(sample, truth, group, seed)
        self.settings_ = settings_of(self._inner)
        n_galaxies = len(sample)
        quantities = list(self.calibration_.quantities)
        self.card_ = ModelCard(n_galaxies=n_galaxies, quantities=quantities)
        return self

    def _truth_of(self, sample, y):
        """Rows of a sample with a truth, and their truth by quantity."""
        rows, values = self._with_truth(sample, y)
        truth = dict(zip(self._target_names, values.T, strict=True))
        if is_table_like(y):
            _, table = pair_truth(sample, as_table(y, "y"))
            others = [name for name in self._inner._drawn_quantities if name not in truth]
            truth |= {name: as_truth(table, [name])[:, 0] for name in others if _has(table, name)}
        return rows, {name: truth[name] for name in QUANTITIES if name in truth}

    def _train(self, sample, truth, group, seed, fit_params):
        """Train the method if it has to be; galaxies and truth that it has not learned from."""
        if self._is_ready:
            if fit_params:
                msg = (
                    "fit takes further arguments only if estimator has to be trained, got "
                    f"{', '.join(sorted(fit_params))}: leave them out"
                )
                raise InputError(msg)
            self.estimator_ = self._inner
            return sample, truth, group
        learned, others = group_split(group, _SHARE, seed)
        method = clone(self._inner)
        columns = [truth[name][learned] for name in method._target_names]
        labels = columns[0] if isinstance(method.targets, str) else np.stack(columns, axis=1)
        self.estimator_ = method.fit(sample[learned], labels, **fit_params)
        return sample[others], {k: v[others] for k, v in truth.items()}, group[others]

    def _calibrated(self, sample, truth, group, seed):
        """The correction that follows from galaxies with known truth."""
        plain = sample[[name for name in sample.colnames if name not in _OF_LENSES]]
        names = tuple(truth)
        values = np.stack([truth[name] for name in names], axis=1)
        values = magnify_truth(values, names, sample) if self.magnified else values
        method = copy(self._inner)
        method.targets = names
        ready = method._ready(plain)
        found = run(method, ready, Summary(PROBABILITIES, n_draws=_N_DRAWS), seed=seed).values
        given = [name for name in names if name in found and np.isfinite(found[name]).any()]
        self._check_given(given)
        return Recalibration.learn(
            {name: found[name][:, : len(PROBABILITIES)] for name in given},
            {name: found[name][:, len(PROBABILITIES) :] for name in given},
            {name: values[:, names.index(name)] for name in given},
            _conditions_of(method, ready),
            group,
            seed,
        )

    def _check_given(self, given):
        """Raise an error if the method has no estimate of a target."""
        missing = [name for name in self._target_names if name not in given]
        if missing:
            msg = (
                f"estimator gives no {', '.join(missing)} for any galaxy of X: nothing to correct"
            )
            raise InputError(msg)

    # ---- estimating ---------------------------------------------------------------------

    def _ready(self, X):
        """A sample to estimate, with the columns that the method reads."""
        check_is_fitted(self, "calibration_")
        self._check_parameters()
        check_settings(self.settings_, self._inner, "the calibration")
        return self._inner._ready(X)

    def _estimate(self, batch):
        """Estimates of the method, which the base class corrects."""
        return self._inner._estimates(batch)

    @property
    def _recalibration(self):
        """The learned correction."""
        return getattr(self, "calibration_", None)

    def _rows_of_batch(self, sample):
        """That of the method."""
        return self._inner._rows_of_batch(sample)

    def _conditions(self, batch):
        """Those of the method."""
        return self._inner._conditions(batch)

    def _start_worker(self):
        """Load what the method needs."""
        self._inner._start_worker()

    def _extra_columns(self, bands):
        """Further columns of the method."""
        return self._inner._extra_columns(bands)

    def _data_columns(self, bands):
        """Columns of the data of the method."""
        return self._inner._data_columns(bands)

    def _sample_provenance(self, sample):
        """What the method records of a sample."""
        return self._inner._sample_provenance(sample)

    @property
    def _random_state(self):
        """Its own seed, or that of the method."""
        if self.random_state is None and self._inner is not None:
            return self._inner._random_state
        return self.random_state

    @property
    def packages(self):
        """Those of the method."""
        return self._inner.packages

    def _identity(self):
        """Parameters with those of the method that can change a row."""
        method = describe_class(type(self._inner)) | {"params": self._inner._identity()}
        return super()._identity() | {"estimator": method}

    def _model_hash(self):
        """Digest of what the method has learned; that of the calibration is beside it."""
        return self._inner._model_hash()

    def sample_prior(self, X, n_samples, random_state=None):
        """Draw from the prior of galaxies: the mean corrected posterior of the calibration.

        It depends on the redshift and on the signal-to-noise ratio. For galaxies outside the range
        of the calibration, which are not corrected, it is not the prior.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            n galaxies.
        n_samples : int
            Number of draws per galaxy.
        random_state : int, Generator or None, optional
            Seed of the draws; that of ``estimate`` by default.

        Returns
        -------
        draws : dict of str to ndarray of shape (n, n_samples)
            By corrected quantity. Draws with the same number belong together.

        Raises
        ------
        InputError
            If the input is invalid, or ``n_samples`` is not a positive integer.
        """
        check_number(n_samples, "n_samples", 1, kind=Integral, expected="a positive integer")
        return self._sample_calibrated_prior(X, n_samples, random_state)

    # ---- files --------------------------------------------------------------------------

    def save(self, path, card=None):
        """Write the calibration into one file, without the estimator.

        Parameters
        ----------
        path : str or path-like
            File, in a folder that exists.
        card : dict, optional
            What is to be known of the calibration, such as the population of its galaxies, in
            plain JSON; added to ``card_``.

        Returns
        -------
        sha256 : str
            Digest of the file, for `load`.

        Raises
        ------
        InputError
            If the file cannot be written there, or ``card`` is no plain JSON.

        Examples
        --------
        >>> safe.save("mine.calibration", {"population": "0.2"})  # doctest: +SKIP
        """
        check_is_fitted(self, "calibration_")
        known = self.card_ | (card or {})
        return write_calibration(path, self.calibration_, self.settings_, known)

    @classmethod
    def load(cls, path, estimator, sha256=None):
        """Read a calibration that `save` wrote.

        The file contains numbers and no code.

        Parameters
        ----------
        path : str or path-like
            The file.
        estimator : DustEstimator
            The estimator that was calibrated, with the same settings; fitted if it learns.
        sha256 : str, optional
            Digest that the file must have.

        Returns
        -------
        calibrated : CalibratedEstimator
            Ready to estimate.

        Raises
        ------
        InputError
            If the estimator has other settings than the one that was calibrated.
        ReadError
            If there is no file, or it was damaged, changed, or made by something else.

        Examples
        --------
        >>> safe = CalibratedEstimator.load("mine.calibration", sed)  # doctest: +SKIP
        """
        calibrated = cls(estimator)
        calibrated._check_parameters()
        found = read_calibration(path, sha256)
        calibrated.estimator_ = calibrated._inner
        calibrated.calibration_, calibrated.settings_, card = found
        calibrated.card_ = as_card(card)
        check_settings(calibrated.settings_, calibrated._inner, "the calibration of this file")
        return calibrated


def _delegated(name):
    """A property with the value of the method, or that of the base class without one."""

    def value(self):
        inner = self._inner
        return getattr(DustEstimator, name) if inner is None else getattr(inner, name)

    return property(value, doc=f"``{name}`` of the calibrated estimator.")


for _name in (
    *(
        "requires",
        "optional",
        "targets",
        "gives",
        "extra_groups",
        "redshift_range",
        "rows_at_once",
    ),
    *("isolated", *WORKER_LIMITS, "threaded", "magnified", "uses_limits", "needs_curves"),
    *("registries", "packages", "required_data", "_required_redshift", "_wanted", "_parameters"),
    "_drawn_quantities",
):
    setattr(CalibratedEstimator, _name, _delegated(_name))


def _has(table, name):
    """Whether a table has finite values of a quantity in all rows."""
    column = quantity_column(name, table.colnames)
    if column is None:
        return False
    values = to_floats(table[column], name, unit=QUANTITIES[name].unit)
    return bool(np.isfinite(values).all())


def _batches(method, sample):
    """Batches of a checked sample."""
    for start in range(0, len(sample), _ROWS_AT_ONCE):
        yield method._batch(sample, slice(start, start + _ROWS_AT_ONCE))


def _conditions_of(method, sample):
    """Conditions of all galaxies of a checked sample."""
    return Conditions.joined([method._conditions(batch) for batch in _batches(method, sample)])
