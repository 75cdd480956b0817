"""The density of the truth given what is seen of methods, any of which may be missing.

The input is the redshift and the columns of each member. Training removes members at random, so
that every subset of them is known; with none of them the density is the prior of the training
population at that redshift.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from dustest.estimators._calibration.levels import Calibration
from dustest.estimators._cnn.ensemble import Ensemble
from dustest.estimators._cnn.heads.mixture import Mixture
from dustest.estimators._cnn.network.config import CNNConfig
from dustest.estimators._cnn.targets import from_latent, latent_names, to_latent
from dustest.estimators._cnn.task import Task
from dustest.estimators._cnn.training.datasets import TrainingSet
from dustest.estimators._cnn.training.epochs import TrainingOptions
from dustest.estimators._cnn.training.learning import learn
from dustest.estimators._fusion.shares import shapley_values

__all__ = [
    "DENSE",
    "Density",
    "general_columns",
    "is_within",
    "redshift_limits",
    "redshift_of",
]

DENSE = (192, 192, 96)
"""Units of the layers of a network."""

_COMPONENTS = 8
_DRAWS = 128
_REDSHIFT_UNIT = 10.0
_ROUNDING = 1e-6
_N_GENERAL = 2
_ALL_MEMBERS, _NO_MEMBER = 0.7, 0.05
"""Shares of galaxies of which training keeps all members, and none; of others it keeps a random
subset."""


def general_columns(redshift):
    """Columns that are always seen: scaled redshift, and whether it is known.

    Parameters
    ----------
    redshift : ndarray of shape (n,)
        Redshifts; NaN if unknown.

    Returns
    -------
    columns : ndarray of shape (n, 2)
        Both 0 if it is unknown.
    """
    known = np.isfinite(redshift) & (redshift >= 0.0)
    return np.column_stack([np.where(known, redshift, 0.0) / _REDSHIFT_UNIT, known])


def redshift_of(columns):
    """Undo `general_columns`.

    Parameters
    ----------
    columns : ndarray of shape (n, n_columns)
        General columns, and others.

    Returns
    -------
    redshift : ndarray of shape (n,)
        Redshifts; NaN if unknown.
    """
    return np.where(columns[:, 1] > 0, columns[:, 0] * _REDSHIFT_UNIT, np.nan)


def redshift_limits(columns):
    """Lowest and highest redshift of a training set.

    Parameters
    ----------
    columns : ndarray of shape (n, n_columns)
        General columns, and others.

    Returns
    -------
    limits : tuple of float or None
        None if no redshift is known.
    """
    redshift = redshift_of(columns)
    known = redshift[np.isfinite(redshift)]
    return (float(known.min()), float(known.max())) if known.size else None


def is_within(columns, limits):
    """Galaxies with a redshift within limits.

    Parameters
    ----------
    columns : ndarray of shape (n, n_columns)
        General columns, and others.
    limits : tuple of float or None
        Result of `redshift_limits`.

    Returns
    -------
    ndarray of bool of shape (n,)
        All, if there are no limits.
    """
    if limits is None:
        return np.ones(len(columns), dtype=bool)
    redshift = redshift_of(columns)
    return (redshift >= limits[0] - _ROUNDING) & (redshift <= limits[1] + _ROUNDING)


@dataclass(frozen=True)
class _MemberChanges:
    """Augmentation: members are removed, and columns of the others changed, at random.

    Parameters
    ----------
    places : tuple of tuple of int
        First column of each member, and the one after its last.
    views : tuple
        Views of the members.
    members : tuple
        The members.
    """

    places: tuple
    views: tuple
    members: tuple

    def __call__(self, image, context, rng):
        """Change galaxies."""
        changed = np.array(context)
        n, draws = len(changed), rng.random(len(changed))
        kept = rng.random((n, len(self.places))) < 0.5
        kept[draws < _ALL_MEMBERS] = True
        kept[draws > 1.0 - _NO_MEMBER] = False
        for number, (first, last) in enumerate(self.places):
            view, member = self.views[number], self.members[number]
            columns = view.changed(changed[:, first:last], member, rng)
            changed[:, first:last] = np.where(kept[:, number, None], columns, 0.0)
        return image, changed


class Density:
    """A learned density of the truth given columns of members.

    Parameters
    ----------
    networks : Ensemble
        The networks.
    places : tuple of tuple of int
        First column of each member, and the one after its last.
    redshift : tuple of float, optional
        Lowest and highest redshift of the training set; None if unknown.

    Attributes
    ----------
    history : list of dict
        A record for each epoch of each network, after `learn`.
    """

    def __init__(self, networks, places, redshift=None):
        self.networks = networks
        self.places = places
        self.redshift = redshift
        self.history = []

    @property
    def mean_posterior(self):
        """Mean posterior over the training population (MeanPosterior or None)."""
        return self.networks.mean_posterior

    @mean_posterior.setter
    def mean_posterior(self, found):
        self.networks.mean_posterior = found

    def is_near(self, columns):
        """Galaxies within the redshifts of the training set (ndarray of bool of shape (n,))."""
        return is_within(columns, self.redshift)

    @classmethod
    def task(cls, targets, n_columns):
        """Make the task of the networks (Task)."""
        config = CNNConfig(context_dense=(), dense=DENSE, components=_COMPONENTS)
        return Task(config, (), tuple(targets), 32, -np.inf, n_features=n_columns)

    @classmethod
    def learn(cls, targets, columns, truth, group, members, options, seed):
        """Train the networks.

        Parameters
        ----------
        targets : sequence of str
            Quantities to learn.
        columns : ndarray of shape (n, n_columns)
            General columns, then those of the members.
        truth : ndarray of shape (n, n_targets)
            True values of the targets.
        group : ndarray of shape (n,)
            Groups, which are not on both sides of a split.
        members : list of tuple
            View and member, in the order of their columns.
        options : dict
            ``epochs``, ``batch_size``, ``learning_rate``, ``patience``, ``n_networks``,
            ``checkpoint`` and ``progress``.
        seed : int
            Seed of all that is random.

        Returns
        -------
        Density
            The density.
        """
        task = cls.task(targets, columns.shape[1])
        places = _places([view for view, _ in members])
        changes = _MemberChanges(places, *(tuple(part) for part in zip(*members, strict=True)))
        n = len(columns)
        data = TrainingSet(
            image=np.zeros((n, 0), dtype=np.float32),
            context=columns.astype(np.float32),
            labels=task.labels(truth),
            weight=np.ones(n, dtype=np.float32),
            group=group,
            pixel_scale=np.full(n, np.nan),
            redshift=np.full(n, np.nan),
        )
        names = ("epochs", "batch_size", "learning_rate", "patience")
        training = TrainingOptions(
            **{name: options[name] for name in names}, decay=True, augmentation=changes
        )
        learned = learn(
            *(task, data, training),
            seed=seed,
            **{name: options[name] for name in ("n_networks", "checkpoint", "progress")},
        )
        density = cls(learned.networks, places, redshift_limits(columns))
        density.history = learned.history
        return density

    def calibrate(self, columns, truth):
        """Correct draws by galaxies that were not learned from, see `Calibration`.

        Parameters
        ----------
        columns : ndarray of shape (n, n_columns)
            General columns, then those of the members.
        truth : dict of str to ndarray of shape (n,)
            True values by target.
        """
        self.networks.calibration = None
        seeds = np.arange(len(columns), dtype=np.uint64)
        draws = self.draws(self.mixture(columns), seeds)
        self.networks.calibration = Calibration.learn(self.networks.task.targets[0], draws, truth)

    def mixture(self, columns, kept=None):
        """Densities of galaxies as mixtures in latent values.

        Parameters
        ----------
        columns : ndarray of shape (n, n_columns)
            General columns, then those of the members.
        kept : sequence of int, optional
            Numbers of the members that are used; all by default.

        Returns
        -------
        Mixture
            One mixture for each galaxy.
        """
        seen = np.array(columns, dtype=np.float32)
        for number, (first, last) in enumerate(self.places):
            if kept is not None and number not in kept:
                seen[:, first:last] = 0.0
        names = latent_names(self.networks.task.targets)
        raw = self.networks.predict(np.zeros((len(seen), 0), dtype=np.float32), seen)
        return Mixture.pooled([Mixture.from_raw(part, len(names)) for part in raw])

    def estimate(self, columns, seeds):
        """Draw from the posteriors, and share what they gain among the members.

        Parameters
        ----------
        columns : ndarray of shape (n, n_columns)
            Columns of n galaxies.
        seeds : ndarray of uint64 of shape (n,)
            Seeds of the draws.

        Returns
        -------
        draws : dict of str to ndarray of shape (n, n_draws)
            Joint draws by target.
        shares : ndarray of shape (n, n_members)
            Shapley values in bits.
        """
        mixture = self.mixture(columns)
        draws = self.draws(mixture, seeds)
        return draws, self.shares(columns, mixture, draws)

    def draws(self, mixture, seeds):
        """Joint draws by target (dict of str to ndarray of shape (n, n_draws)).

        Those of all members are corrected by the calibration, if there is one.
        """
        targets = self.networks.task.targets
        values = from_latent(mixture.draw(_DRAWS, seeds), latent_names(targets))
        draws = {name: values[name] for name in targets}
        calibration = self.networks.calibration
        return draws if calibration is None else calibration.corrected(draws)

    def shares(self, columns, mixture, draws):
        """Share of each member in what the posterior adds to the prior: Shapley values.

        Parameters
        ----------
        columns : ndarray of shape (n, n_columns)
            General columns, then those of the members.
        mixture : Mixture
            Densities with all members.
        draws : dict of str to ndarray of shape (n, n_draws)
            Draws by target.

        Returns
        -------
        shares : ndarray of shape (n, n_members)
            In bits. Their sum is the mean over the posterior of the logarithm of its density over
            that of the prior.
        """
        names = latent_names(self.networks.task.targets)
        n_members, n_draws = len(self.places), next(iter(draws.values())).shape[1]
        latent = to_latent(draws, names)
        everyone = tuple(range(n_members))
        gains = {}
        for size in range(n_members + 1):
            for kept in combinations(everyone, size):
                one = mixture if kept == everyone else self.mixture(columns, kept)
                gains[kept] = _mean_log_density(one, latent, n_draws) / np.log(2.0)
        return shapley_values(gains, n_members)

    def to_arrays(self):
        """All arrays by name, for a file (dict of str to ndarray)."""
        return self.networks.to_arrays()

    @classmethod
    def from_arrays(cls, targets, views, arrays, redshift=None):
        """Read the result of `to_arrays`.

        Parameters
        ----------
        targets : sequence of str
            Quantities.
        views : sequence
            Views of the members.
        arrays : dict of str to ndarray
            All arrays by name.
        redshift : tuple of float, optional
            Limits of the training set.

        Returns
        -------
        Density
            The density.
        """
        places = _places(views)
        task = cls.task(targets, places[-1][1] if places else _N_GENERAL)
        return cls(Ensemble.from_arrays(task, arrays), places, redshift)


def _places(views):
    """First column of each member, and the one after its last."""
    ends = _N_GENERAL + np.cumsum([0, *map(len, views)])
    return tuple(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))


def _mean_log_density(mixture, latent, n_draws):
    """Mean logarithm of the density of mixtures at draws, shape (n,)."""
    total = np.zeros(len(latent))
    for number in range(n_draws):
        total += mixture.log_prob(latent[:, number])
    return total / n_draws
