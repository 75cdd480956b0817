"""Selection of the next settings of a network: the search space, and Bayesian optimisation in it.

There is no state between two proposals: each depends only on the seed and on the trials so far, so
that a search that was interrupted resumes identically.
"""

import warnings
from dataclasses import dataclass, replace

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from dustest.data.errors import MissingDependencyError

__all__ = ["SearchSpace", "next_settings", "own_settings"]

_MOST_DRAWS = 2000
"""Number of draws without new settings after which a space counts as exhausted."""


@dataclass(frozen=True)
class SearchSpace:
    """Settings of a search.

    Parameters
    ----------
    n_convolutions : tuple of int
        Least and greatest number of convolutional blocks.
    filters : tuple of int
        Least and greatest number of filters of a block, and the step between.
    n_dense : tuple of int
        Least and greatest number of dense layers.
    units : tuple of int
        Least and greatest number of units of a dense layer, and the step between.
    learning_rates : tuple of float
        First learning rates, in ascending order.
    batch_sizes : tuple of int
        Galaxies of one training step, in ascending order.
    """

    n_convolutions: tuple
    filters: tuple
    n_dense: tuple
    units: tuple
    learning_rates: tuple
    batch_sizes: tuple

    @property
    def names(self):
        """Names of all settings, in the order of a table (tuple of str)."""
        layers = _layer_names("filters", self.n_convolutions[1])
        dense = _layer_names("units", self.n_dense[1])
        return ("n_convolutions", *layers, "n_dense", *dense, "learning_rate", "batch_size")

    def without_images(self):
        """The same space for networks of plain features, which have no convolutions."""
        return replace(self, n_convolutions=(0, 0))

    def hyperparameters(self):
        """The space as keras-tuner knows it (keras_tuner.HyperParameters)."""
        space = _import_keras_tuner().HyperParameters()
        _add_layers(space, "n_convolutions", self.n_convolutions, "filters", self.filters)
        _add_layers(space, "n_dense", self.n_dense, "units", self.units)
        space.Choice("learning_rate", list(self.learning_rates))
        space.Choice("batch_size", list(self.batch_sizes))
        return space


def own_settings(config, options, has_images=True):
    """Settings of a configuration.

    Parameters
    ----------
    config : CNNConfig
        The plan.
    options : TrainingOptions
        How its networks are trained.
    has_images : bool, optional
        Whether the network has convolutional blocks.

    Returns
    -------
    dict of str to int or float
        Value by name, see `SearchSpace.names`.
    """
    filters = config.filters if has_images else ()
    layers = {f"filters_{i}": n for i, n in enumerate(filters, 1)}
    dense = {f"units_{i}": n for i, n in enumerate(config.dense, 1)}
    return {
        "n_convolutions": len(filters),
        **layers,
        "n_dense": len(dense),
        **dense,
        "learning_rate": options.learning_rate,
        "batch_size": options.batch_size,
    }


def next_settings(space, trials, *, first, n_initial, seed):
    """Select the settings of the next trial.

    Parameters
    ----------
    space : SearchSpace
        Search space.
    trials : list of tuple
        Settings (dict) and loss (float, None of a trial that failed) of each trial so far.
    first : dict
        Settings to begin with, if they are in the space.
    n_initial : int
        Number of random trials with a loss before a Gaussian process is used.
    seed : int
        Seed of all random numbers.

    Returns
    -------
    dict or None
        New settings; None if there are none left.
    """
    known = {_key(settings) for settings, _ in trials}
    hyperparameters = space.hyperparameters()
    if not trials and _holds(hyperparameters, first):
        return first
    rng = np.random.default_rng([seed, len(trials)])
    scored = [(settings, loss) for settings, loss in trials if loss is not None]
    if len(scored) >= n_initial:
        # keras-tuner uses 0 for no seed, and does not ensure that a proposal is new.
        proposal = _modelled(hyperparameters, scored, seed=int(rng.integers(1, 2**31)))
        if _key(proposal) not in known:
            return proposal
    for _ in range(_MOST_DRAWS):
        proposal = _drawn(hyperparameters, rng)
        if _key(proposal) not in known:
            return proposal
    return None


def _import_keras_tuner():
    """keras-tuner."""
    try:
        import keras_tuner
    except ImportError as error:
        msg = "tuning a CNN needs the package keras-tuner: pip install 'dustest[cnn]'"
        raise MissingDependencyError(msg) from error
    return keras_tuner


def _layer_names(name, n):
    """Names of the sizes of n layers."""
    return tuple(f"{name}_{i}" for i in range(1, n + 1))


def _add_layers(space, count, counts, name, sizes):
    """Number of layers, and a size for each that is there."""
    low, high = counts
    space.Int(count, low, high)
    for i, layer in enumerate(_layer_names(name, high), 1):
        with space.conditional_scope(count, list(range(max(i, low), high + 1))):
            space.Int(layer, sizes[0], sizes[1], step=sizes[2])


def _key(settings):
    """Key that identifies settings."""
    return tuple(sorted(settings.items()))


def _active(hyperparameters, choose):
    """Value by name of those parameters that the values before them leave open."""
    chosen = type(hyperparameters)()
    for parameter in hyperparameters.space:
        chosen.merge([parameter])
        if chosen.is_active(parameter):
            chosen.values[parameter.name] = choose(parameter)
    return chosen.values


def _drawn(hyperparameters, rng):
    """Settings at random."""
    return _active(hyperparameters, lambda one: one.random_sample(int(rng.integers(2**31))))


def _holds(hyperparameters, settings):
    """Whether settings are in the space."""
    values = _active(hyperparameters, lambda one: settings.get(one.name, one.default))
    by_name = {one.name: tuple(one.values) for one in hyperparameters.space}
    return values == settings and all(values[name] in by_name[name] for name in values)


def _modelled(hyperparameters, scored, seed):
    """Settings at the lower confidence bound of a Gaussian process through the losses."""
    tuner = _import_keras_tuner()
    oracle = tuner.oracles.BayesianOptimizationOracle(
        objective=tuner.Objective("val_loss", "min"),
        num_initial_points=1,
        seed=seed,
        hyperparameters=hyperparameters,
    )
    for number, (settings, loss) in enumerate(scored):
        tried = hyperparameters.copy()
        tried.values = dict(settings)
        trial = tuner.engine.trial.Trial(tried, trial_id=str(number), status="COMPLETED")
        trial.score = loss
        oracle.trials[trial.trial_id] = trial
    # Matrices this small take longer on several threads, which wait for each other.
    with threadpool_limits(1), warnings.catch_warnings():
        # A length scale at its bound usually belongs to a setting without effect.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return oracle.populate_space(str(len(scored)))["values"]
