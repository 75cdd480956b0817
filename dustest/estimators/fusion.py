"""`FusionEstimator`: one posterior from several methods, images and photometry."""

import json
import warnings
from copy import deepcopy
from numbers import Integral
from typing import ClassVar

import numpy as np
from astropy import units as u
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupKFold
from sklearn.utils.validation import check_is_fitted

from dustest.data.checks.numbers import check_number
from dustest.data.containers.rows import RowTable
from dustest.data.errors import DustestWarning, InputError
from dustest.data.flags import FLAGS
from dustest.data.identity.describe import class_path
from dustest.data.model_card import ModelCard, as_card
from dustest.data.quantities import QUANTITIES
from dustest.estimators._calibration.conditions import Conditions, log_snr_of
from dustest.estimators._calibration.mean_posterior import MeanPosterior
from dustest.estimators._cnn.files.pretrained import pretrained_file
from dustest.estimators._cnn.settings import TARGETS
from dustest.estimators._fusion.density import Density, general_columns, redshift_of
from dustest.estimators._fusion.fusion_file import (
    PRETRAINED,
    described_members,
    read_fusion,
    write_fusion,
)
from dustest.estimators._fusion.powers import FEWEST_TOGETHER
from dustest.estimators._fusion.product import PosteriorView, Product, product_columns
from dustest.estimators._fusion.views import MethodView, TransformerView, is_transformer
from dustest.estimators.base import DustEstimator
from dustest.estimators.photometry import Photometry
from dustest.estimators.registry import registered_class
from dustest.estimators.run.batch import Estimates, ExtraColumn, make_batch
from dustest.estimators.run.information import LEAST_INFORMATION

__all__ = ["FusionEstimator"]

_N_FOLDS = 5
_FEATURES = "features"
_PRODUCT = "product"
_KEPT = 0
for _name in ("OUT_OF_DOMAIN", "NOT_A_GALAXY", "REDSHIFT_OUT_OF_RANGE", "EDGE", "BAD_PIXELS"):
    _KEPT |= FLAGS[_name].value
_ROWS_AT_ONCE = 4096
_MEMBER_SEED = 0
"""Seed of the draws of members, of which only quantiles are kept."""
_MOST_MEMBERS = 8
"""Shares need the densities of all subsets: 256 of eight members."""


class FusionEstimator(DustEstimator):
    r"""One posterior from several methods, such as networks, SED fits, slopes and photometry.

    By default, a network learns the joint distribution of the targets given what it sees of each
    member: of an estimator the quantiles of its posteriors, of a transformer such as `Photometry`
    its features. The prior enters once, as that of the training set, and it does not matter how
    well members are calibrated or how far their errors are correlated, since this is learned.
    Training removes members at random, so that a galaxy may lack any of them.

    With ``method="product"`` nothing is trained but a few numbers: the likelihoods of the members,
    which are their posteriors over their priors, are raised to powers and multiplied with one
    prior. All members must then be calibrated and state their priors, see `CalibratedEstimator`.

    Parameters
    ----------
    members : dict of str to DustEstimator or transformer
        Members by name: fitted estimators, which are used as they are; estimators that have to
        learn, of which clones are trained; and transformers of scikit-learn that turn samples
        into features.
    targets : str or tuple of str, optional
        Quantities to learn.
    method : {"learned", "product"}, optional
        Whether to learn the density, or to multiply likelihoods. A product gives those of the
        targets that have a latent transform: not E(B-V), which is NaN.
    n_networks : int, optional
        Networks whose densities are averaged.
    epochs : int, optional
        Most epochs.
    learning_rate : float, optional
        Highest learning rate of Adam, which rises and then falls along a cosine.
    batch_size : int, optional
        Galaxies of one training step.
    patience : int, optional
        Epochs without gain in the validation loss after which training stops.
    random_state : int, Generator or None, optional
        Seed of training and of draws; members have their own.

    Attributes
    ----------
    members_ : dict of str to object
        Fitted members.
    views_ : dict of str to object
        What is seen of each member: its quantities, or its number of features.
    history_ : RowTable
        A row for each epoch of each network: ``network``, ``epoch``, ``loss``, ``val_loss``,
        ``learning_rate``.
    n_train_ : int
        Galaxies of the training set.
    card_ : dict
        Description of a model as given to `save`.

    See Also
    --------
    Photometry : Total fluxes as features.
    CalibratedEstimator : Correction of the intervals of one method.

    Notes
    -----
    Members that learn are trained out of fold: five clones estimate the fifth of the groups that
    they have not learned from, and a sixth, which learns from all galaxies, is the member. Fitted
    members must not have learned from the galaxies of `fit`.

    Further columns of the result are ``share_<member>``, in bits. The posterior :math:`p` differs
    from the prior :math:`p_0` by :math:`\langle \log_2 (p / p_0) \rangle_p` bits, and the shares
    are its Shapley values [1]_: the mean gain from a member over all orders in which members can
    be added, with densities from the same networks. A share is negative if the other members
    alone give the posterior a higher density. Where the sum is below 1 bit, the flag
    PRIOR_DOMINATED is set.

    ``MISSING_BAND`` is set where a member has no estimate, ``NO_DATA`` where none has, and
    ``REDSHIFT_OUT_OF_RANGE`` where the redshift is unknown or not within that of the training set.
    ``OUT_OF_DOMAIN``, ``NOT_A_GALAXY``, ``REDSHIFT_OUT_OF_RANGE``, ``EDGE`` and ``BAD_PIXELS`` of
    any member are kept.

    A product describes posteriors and priors as Gaussians in normal scores, the Gaussian deviates
    of ranks among draws from the priors. The one prior is the geometric mean of those of the
    members. Members that use the same photometry err in the same direction, and would count twice.
    Each likelihood is therefore raised to a power [2]_, under which the truth of the galaxies of
    ``fit`` is most probable: 1 for a member whose errors are independent of those of others, less
    for members that share theirs, and 0 for one that adds nothing. Every subset of the members has
    its own powers. With 500 galaxies or more, intervals are then corrected as by `calibrate`.

    The prior of the result, see `sample_prior`, is the mean of its posteriors over the galaxies of
    `calibrate`, or else of ``fit``, given redshift and signal-to-noise ratio.

    References
    ----------
    .. [1] Shapley 1953, in Contributions to the Theory of Games II, 307.
    .. [2] Genest & Zidek 1986, Statistical Science 1, 114.

    Examples
    --------
    >>> from dustest import FusionEstimator, MeurerEstimator, Photometry
    >>> from dustest.testing import make_check_sample
    >>> sample, truth = make_check_sample()
    >>> members = {"slope": MeurerEstimator(), "photometry": Photometry()}
    >>> fused = FusionEstimator(members, epochs=2, random_state=1).fit(sample, truth)
    >>> fused.estimate(sample)["A_V", "share_slope", "share_photometry"].colnames
    ['A_V', 'share_slope', 'share_photometry']
    """

    needs_estimators: ClassVar[bool] = True
    uncertainty: ClassVar[str] = "posterior"
    magnified: ClassVar[bool] = False
    threaded: ClassVar[bool] = True
    packages: ClassVar[tuple] = ("numpy", "scipy", "scikit-learn")
    pretrained: ClassVar[tuple] = tuple(PRETRAINED)
    references: ClassVar[tuple] = ("Bishop1994", "Shapley1953", "Wolpert1992")
    _learns: ClassVar[bool] = True

    def __init__(
        self,
        members=None,
        targets=TARGETS,
        *,
        method="learned",
        n_networks=2,
        epochs=40,
        learning_rate=1e-3,
        batch_size=128,
        patience=6,
        random_state=None,
    ):
        self.members = members
        self.targets = targets
        self.method = method
        self.n_networks = n_networks
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.patience = patience
        self.random_state = random_state

    @classmethod
    def _cite(cls, cited, parameters):
        """Add the references of the fusion and of its members."""
        super()._cite(cited, parameters)
        if parameters.get("method") == _PRODUCT:
            cited.use("Genest1986")
        members = parameters.get("members")
        for name, described in members.items() if isinstance(members, dict) else ():
            method = registered_class(described)
            if method is not None:
                method._cite(cited, described.get("parameters", {}))
            elif _is_photometry(described):
                cited.use(*Photometry.references)
            else:
                cited.gaps.append(f"no reference is known for the member {name!r}")

    @staticmethod
    def _described_members(records):
        """Classes of the members of a file, and parameters on which references depend."""
        return described_members(records)

    # ---- members ------------------------------------------------------------------------

    @property
    def _current(self):
        """Members by name, fitted ones if there are."""
        found = getattr(self, "members_", self.members)
        if not isinstance(found, dict):
            return {}
        return {
            name: one.estimator if isinstance(one, FrozenEstimator) else one
            for name, one in found.items()
        }

    @property
    def _methods(self):
        """Members that are estimators of dust, by name."""
        return {k: one for k, one in self._current.items() if isinstance(one, DustEstimator)}

    @property
    def requires(self):
        """Data of which a galaxy needs some: those of all members together."""
        kinds = [kind for one in self._methods.values() for kind in one.required_kinds]
        if len(self._methods) < len(self._current):
            kinds.append("flux")
        known = tuple(dict.fromkeys(kind for kind in kinds if kind != "redshift"))
        return (tuple(dict.fromkeys((*known, _FEATURES))),) if known else ()

    @property
    def fewest_galaxies(self):
        """Smallest number of galaxies from which `fit` learns."""
        needed = [one.fewest_galaxies for one in self._methods.values() if not _is_ready(one)]
        return max([FEWEST_TOGETHER if self.method == _PRODUCT else 1, *needed])

    @property
    def uses_limits(self):
        """Whether a member uses upper limits."""
        return any(one.uses_limits for one in self._methods.values())

    def _check_parameters(self):
        """Raise an error for anything but members, and for numbers out of range."""
        members = self._current
        named = all(isinstance(name, str) and name.isidentifier() for name in members)
        if not members or not named or len(members) > _MOST_MEMBERS:
            msg = (
                f"members must be a dict of 1 to {_MOST_MEMBERS} estimators or transformers, with "
                f"names such as 'sed', got {self.members!r:.100}"
            )
            raise InputError(msg)
        for name, one in members.items():
            if not isinstance(one, DustEstimator) and not is_transformer(one):
                msg = (
                    f"members[{name!r}] must be a DustEstimator or a transformer of samples, got "
                    f"{one!r:.100}"
                )
                raise InputError(msg)
        if self.method not in ("learned", _PRODUCT):
            msg = f"method must be 'learned' or {_PRODUCT!r}, got {self.method!r}"
            raise InputError(msg)
        for name in ("n_networks", "epochs", "batch_size", "patience"):
            value = getattr(self, name)
            check_number(value, name, 1, kind=Integral, expected="a positive integer")
        check_number(self.learning_rate, "learning_rate", 0.0, 1.0)
        for one in self._methods.values():
            one._check_parameters()

    # ---- learning -----------------------------------------------------------------------

    def fit(self, X, y=None, *, sample_weight=None, n_jobs=None, checkpoint=None, progress=None):
        """Train members that need it, and learn the density of the truth given all of them.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            Galaxies that no fitted member has learned from. Views of one galaxy share a ``group``.
        y : Table, data frame, dict or array_like of shape (n,) or (n, n_targets)
            Truth of the targets.
        sample_weight : None
            Not supported.
        n_jobs : int, optional
            Number of workers of each member.
        checkpoint : path-like, optional
            Folder in which every epoch is kept, so that training resumes there.
        progress : bool, optional
            Whether to show a progress bar; by default on terminals and in notebooks.

        Returns
        -------
        self : FusionEstimator
            The estimator itself.

        Raises
        ------
        InputError
            If the input is invalid, or no member has an estimate for any galaxy.
        MissingDependencyError
            If Keras is not installed.
        """
        if sample_weight is not None:
            msg = "FusionEstimator.fit supports no weights and takes no sample_weight"
            raise InputError(msg)
        for name in ("members_", "views_", "density_"):
            vars(self).pop(name, None)
        sample = self._coerce(X)
        rows, truth = self._with_truth(sample, y)
        sample, truth = sample[rows], np.asarray(truth, dtype=float)
        known = np.isfinite(truth).any(axis=1)
        learn = self._multiply if self.method == _PRODUCT else self._learn
        sample, truth = sample[known], truth[known]
        files = {"checkpoint": checkpoint, "progress": progress}
        density, columns, members, views = learn(sample, truth, n_jobs, files)
        self.density_ = self._with_prior(density, sample, columns, truth)
        self.members_, self.views_ = members, views
        self.history_ = RowTable(rows=self.density_.history) if self.density_.history else None
        self.n_train_, self.card_ = int(known.sum()), ModelCard()
        return self

    def _learn(self, sample, truth, n_jobs, files):
        """Density that networks learn, its columns, members and their views."""
        group = np.asarray(sample["group" if "group" in sample.colnames else "id"])
        seed = self._base_seed()
        members, views, parts = {}, {}, []
        for name, member in self._current.items():
            found = _learned(
                *(name, member, sample, truth, self._target_names), group, seed, n_jobs
            )
            members[name], views[name], columns = found
            parts.append(columns)
        pairs = zip(views.values(), parts, strict=True)
        if not any(view.has_estimate(part).any() for view, part in pairs):
            msg = "no member has an estimate for any galaxy of X with a truth: nothing to combine"
            raise InputError(msg)
        names = ("epochs", "batch_size", "learning_rate", "patience", "n_networks")
        columns = np.concatenate([general_columns(_redshift(sample)), *parts], axis=1)
        density = Density.learn(
            self._target_names,
            columns,
            truth,
            group,
            [(views[name], members[name]) for name in members],
            {name: getattr(self, name) for name in names} | files,
            seed,
        )
        return density, columns, members, views

    def _multiply(self, sample, truth, n_jobs, files):  # noqa: ARG002 - as `_learn`
        """Product of likelihoods, its columns, members and their views."""
        members = self._methods
        unready = [name for name, one in self._current.items() if not _is_ready(one)]
        if unready or len(members) < len(self._current):
            msg = (
                "members of a product must be fitted estimators, calibrated on the same "
                f"population, got {', '.join(unready) or 'transformers'}: fit them first"
            )
            raise InputError(msg)
        names = tuple(name for name in self._target_names if QUANTITIES[name].latent)
        views = {name: PosteriorView(names) for name in members}
        columns, _ = self._columns(sample, members, views, n_jobs)
        product = Product.learn(self._target_names, views.values(), columns, truth)
        return product, columns, members, views

    def _with_prior(self, density, sample, columns, truth):
        """A density that knows its prior: the mean of its posteriors over these galaxies."""
        truth = dict(zip(self._target_names, truth.T, strict=True))
        draws, _ = density.estimate(columns, np.arange(len(columns), dtype=np.uint64))
        truth = {name: truth[name] for name in draws}
        log_snr = self._log_snr(sample)
        density.mean_posterior = MeanPosterior.of(_redshift(sample), log_snr, draws, truth)
        return density

    def calibrate(self, X, y=None):
        """Correct the draws by galaxies that were not learned from, as networks do.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            Galaxies such as those that will be estimated, 500 or more.
        y : Table, data frame, dict or array_like of shape (n,) or (n, n_targets)
            Truth of the targets.

        Returns
        -------
        self : FusionEstimator
            The estimator itself.

        Raises
        ------
        InputError
            If the input cannot be used, or there are fewer than 500 galaxies.
        """
        check_is_fitted(self, "density_")
        sample = self._coerce(X)
        rows, truth = self._with_truth(sample, y)
        sample, truth = sample[rows], np.asarray(truth, dtype=float)
        columns, _ = self._columns(sample, self._current, self.views_)
        density = deepcopy(self.density_)
        density.calibrate(columns, dict(zip(self._target_names, truth.T, strict=True)))
        self.density_ = self._with_prior(density, sample, columns, truth)
        return self

    # ---- estimating ---------------------------------------------------------------------

    def estimate(
        self, X, *, output=None, resume=False, n_jobs=None, progress=None, draws=0, points=()
    ):
        """Estimate all quantities of the result, and the share of each member.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            n galaxies.
        output : str or path-like, optional
            File for the result, and its store of finished rows.
        resume : bool, optional
            Whether to use the rows of an earlier run with the same ``output``.
        n_jobs : int, optional
            Number of workers of each member, and of the fusion.
        progress : bool, optional
            Whether to show progress bars; by default on terminals and in notebooks.
        draws : int, optional
            Number of draws to keep.
        points : sequence of str, optional
            Point estimates besides the median.

        Returns
        -------
        table : DustTable
            n rows in the order of ``X``, with ``share_<member>`` in bits.

        Raises
        ------
        InputError
            As of ``DustEstimator.estimate``.

        Warns
        -----
        DustestWarning
            If a member is left out since the sample has none of the data that it needs.
        """
        options = {"output": output, "resume": resume, "progress": progress}
        options |= {"draws": draws, "points": points}
        self._n_jobs = n_jobs
        try:
            return super().estimate(X, n_jobs=n_jobs, **options)
        finally:
            del self._n_jobs

    def _ready(self, X):
        """A sample with columns of all members as features, and flags."""
        check_is_fitted(self, "density_")
        sample = self._coerce(X)
        n_jobs = getattr(self, "_n_jobs", None)
        columns, flags = self._columns(sample, self._current, self.views_, n_jobs)
        columns = np.column_stack([columns, self._log_snr(sample)])
        ready = type(sample)({"id": sample["id"], _FEATURES: columns}, copy=False)
        if "flags" in sample.colnames:
            flags |= np.asarray(sample["flags"], dtype=np.int32)
        ready["flags"] = flags
        return ready

    def _columns(self, sample, members, views, n_jobs=None):
        """General columns and those of all members; and flags of members."""
        found = {
            name: _seen(name, views[name], member, sample, n_jobs)
            for name, member in members.items()
        }
        flags = np.zeros(len(sample), dtype=np.int32)
        for _, bits in found.values():
            flags |= bits & _KEPT
        redshift, columns = _redshift(sample), [one for one, _ in found.values()]
        if self.method == _PRODUCT:
            return product_columns(redshift, columns, [*views.values()]), flags
        columns = [
            np.zeros((len(sample), len(view))) if one is None else one
            for view, one in zip(views.values(), columns, strict=True)
        ]
        return np.concatenate([general_columns(redshift), *columns], axis=1), flags

    def _log_snr(self, sample):
        """Logarithm of the highest signal-to-noise ratio, -1 or more (n,).

        It is that of the total fluxes, or else of what the first member with any data sees.
        """
        found = np.full(len(sample), np.nan)
        methods = [None, *self._methods.values()]
        for method in methods:
            rows = np.flatnonzero(np.isnan(found))
            for start in range(0, len(rows), _ROWS_AT_ONCE):
                part = rows[start : start + _ROWS_AT_ONCE]
                found[part] = _highest_snr(method, sample[part])
        return log_snr_of(found)

    def _estimate(self, batch):
        """Draws from the density, and the shares of members."""
        columns = batch.features[:, :-1]
        has = np.array(
            [
                view.has_estimate(columns[:, first:last])
                for view, (first, last) in zip(
                    self.views_.values(), self.density_.places, strict=True
                )
            ]
        )
        some = has.any(axis=0)
        draws, shares = self.density_.estimate(columns, batch.seed)
        flags = np.where(some, 0, FLAGS["NO_DATA"].value)
        flags |= np.where(some & ~has.all(axis=0), FLAGS["MISSING_BAND"].value, 0)
        unsure = some & (shares.sum(axis=1) < LEAST_INFORMATION)
        flags |= np.where(unsure, FLAGS["PRIOR_DOMINATED"].value, 0)
        outside = some & ~self.density_.is_near(columns)
        flags |= np.where(outside, FLAGS["REDSHIFT_OUT_OF_RANGE"].value, 0)
        for values in draws.values():
            values[~some] = np.nan
        shares[~some] = np.nan
        extra = {f"share_{name}": shares[:, i] for i, name in enumerate(self._current)}
        return Estimates(draws, flags.astype(np.int32), extra)

    def _extra_columns(self, bands):  # noqa: ARG002
        """Shares of the members, in bits."""
        return {f"share_{name}": ExtraColumn(u.bit) for name in self._current}

    def sample_prior(self, X, n_samples, random_state=None):
        """Draw from the prior of galaxies: the mean posterior over the training population.

        It depends on the redshift and on the highest signal-to-noise ratio. The population is that
        of `calibrate`, or else of `fit`.

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
            By target. Draws with the same number belong together.

        Raises
        ------
        InputError
            If the input is invalid, or ``n_samples`` is not a positive integer.
        """
        check_number(n_samples, "n_samples", 1, kind=Integral, expected="a positive integer")
        check_is_fitted(self, "density_")
        prior, sample = self.density_.mean_posterior, self._coerce(X)
        if prior is None:
            msg = "the fusion has no record of its prior: give fit the truth of all targets"
            raise InputError(msg)
        seed, parts = self._base_seed(random_state), []
        for start in range(0, len(sample), _ROWS_AT_ONCE):
            part = sample[start : start + _ROWS_AT_ONCE]
            seeds = make_batch(part).seeded(seed).seed
            parts.append(prior.sample(_redshift(part), self._log_snr(part), int(n_samples), seeds))
        return {name: np.concatenate([one[name] for one in parts]) for name in prior.targets}

    @property
    def _prior_statement(self):
        """The prior is the mean posterior over the training population."""
        if self.density_.mean_posterior is None:
            return {}
        known = "density of 256 draws: the mean posterior over the population of the training"
        return dict.fromkeys(self.density_.mean_posterior.targets, known)

    def _log_prior(self, batch, estimates):
        """Densities of the mean posterior."""
        draws = {name: estimates.samples[name] for name in self._prior_statement}
        columns = batch.features
        return self.density_.mean_posterior.log_density(
            draws, redshift_of(columns), columns[:, -1]
        )

    # ---- files --------------------------------------------------------------------------

    def save(self, path, card=None):
        """Write what was learned into one file, without members that are estimators.

        Parameters
        ----------
        path : str or path-like
            File, in a folder that exists.
        card : dict, optional
            What is to be known of the model, in plain JSON; ``card_`` by default.

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
        >>> fused.save("mine.fusion")  # doctest: +SKIP
        """
        check_is_fitted(self, "density_")
        if self.method == _PRODUCT:
            msg = "method must be 'learned' for a file; a product is fitted in seconds: pickle it"
            raise InputError(msg)
        self.card_ = self.card_ if card is None else as_card(json.loads(json.dumps(card)))
        return write_fusion(self, path)

    @classmethod
    def load(cls, path, members=None, sha256=None):
        """Read what `save` wrote.

        The file contains numbers and no code.

        Parameters
        ----------
        path : str or path-like
            The file.
        members : dict of str to object, optional
            Fitted members with the names and settings that they had. `Photometry` and trained
            models of dustest may be left out.
        sha256 : str, optional
            Digest that the file must have.

        Returns
        -------
        fused : FusionEstimator
            Ready to estimate.

        Raises
        ------
        InputError
            If a member is missing, or is not the one that was saved.
        ReadError
            If there is no file, or it was damaged, changed, or made by something else.

        Examples
        --------
        >>> fused = FusionEstimator.load("mine.fusion", {"sed": sed})  # doctest: +SKIP
        """
        return read_fusion(cls, path, members or {}, sha256)

    @classmethod
    def from_pretrained(cls, name="nircam-3band+photometry"):
        """Read a fusion that comes with dustest.

        Parameters
        ----------
        name : str, optional
            One of ``pretrained``.

        Returns
        -------
        fused : FusionEstimator
            Ready to estimate.

        Raises
        ------
        InputError
            If there is no such model.

        Examples
        --------
        >>> from dustest import FusionEstimator
        >>> list(FusionEstimator.from_pretrained("nircam-3band+photometry").members_)
        ['images', 'photometry']
        """
        path, sha256 = pretrained_file(name, PRETRAINED)
        return cls.load(path, sha256=sha256)


def _redshift(sample):
    """Redshifts of galaxies; NaN if unknown."""
    if "redshift" not in sample.colnames:
        return np.full(len(sample), np.nan)
    return np.asarray(sample["redshift"], dtype=float)


def _highest_snr(method, sample):
    """Highest signal-to-noise ratio of what a method sees, or of total fluxes; NaN without."""
    try:
        sample = sample if method is None else method._ready(sample)
    except InputError:
        return np.full(len(sample), np.nan)
    if method is None:
        return Conditions.of_photometry(make_batch(sample)).highest
    return method._conditions(make_batch(sample, slice(None), method.required_kinds)).highest


def _is_photometry(described):
    """Whether a description is that of `Photometry`."""
    return isinstance(described, dict) and described.get("class") == class_path(Photometry)


def _is_ready(member):
    """Whether a member needs no training."""
    if isinstance(member, DustEstimator) and not member._learns:
        return True
    try:
        check_is_fitted(member)
    except NotFittedError:
        return False
    return True


def _kind_of_view(member):
    """Class of the view of a member."""
    return TransformerView if is_transformer(member) else MethodView


def _learned(name, member, sample, truth, targets, group, seed, n_jobs):
    """A fitted member, its view, and its columns for galaxies that it has not learned from."""
    whole = member
    if not _is_ready(member):
        is_plain = is_transformer(member)
        whole = clone(member).fit(sample) if is_plain else _fitted(member, sample, truth, targets)
    view, columns, _ = _kind_of_view(member).of(whole, sample, _MEMBER_SEED, n_jobs)
    if _is_ready(member) or is_transformer(member):
        return whole, view, columns
    n_groups = len(np.unique(group))
    if n_groups < 2:
        msg = f"X must have two groups or more for members that learn, got {n_groups}"
        raise InputError(msg)
    columns = np.zeros((len(sample), len(view)))
    splitter = GroupKFold(min(_N_FOLDS, n_groups), shuffle=True, random_state=seed % 2**32)
    for others, held in splitter.split(group, groups=group):
        one = _fitted(member, sample[others], truth[others], targets)
        found, _ = _seen(name, view, one, sample[held], n_jobs)
        columns[held] = 0.0 if found is None else found
    return whole, view, columns


def _fitted(member, sample, truth, targets):
    """A clone of a member that has learned from galaxies."""
    method = clone(member)
    names = method._target_names
    missing = [name for name in names if name not in targets]
    if missing:
        msg = (
            f"targets must include those of members that learn, {', '.join(names)}, got "
            f"{', '.join(targets)}"
        )
        raise InputError(msg)
    columns = truth[:, [targets.index(name) for name in names]]
    return method.fit(sample, columns[:, 0] if isinstance(method.targets, str) else columns)


def _seen(name, view, member, sample, n_jobs):
    """Columns and flags of a member; None, with a warning, if the sample has no data for it."""
    try:
        return view(member, sample, _MEMBER_SEED, n_jobs)
    except InputError as error:
        msg = f"member {name!r} is left out of the fusion: {error}"
        warnings.warn(msg, DustestWarning, stacklevel=4)
        return None, np.zeros(len(sample), dtype=np.int32)
