"""Estimators by their names on the command line."""

from pathlib import Path

from dustest.cli._words import read_value, split_pair

__all__ = [
    "SLOW_ROWS",
    "chosen_rows",
    "given_parameters",
    "is_slow",
    "load_networks",
    "make_estimator",
    "notes_on",
    "ready_for",
    "ready_made",
    "row_limits",
    "without_data",
]

SLOW_ROWS = 10
"""Default number of galaxies for slow estimators."""
_FIRST_ROWS_SEPARATOR = ":"


def given_parameters(options, estimators):
    """Parameters by estimator from ``--set``, for estimators that run."""
    from dustest.data import InputError
    from dustest.data.messages import did_you_mean

    parameters = {}
    for word in options.set or ():
        name, value = split_pair(word, "--set")
        estimator, separator, parameter = name.partition(".")
        if not separator:
            msg = f"--set must look like ESTIMATOR.PARAMETER=VALUE, got {word!r}"
            raise InputError(msg)
        if estimator not in estimators:
            msg = (
                f"--set must name an estimator that runs ({', '.join(estimators)}), got {word!r}: "
                f"{did_you_mean(estimator, estimators)}"
            )
            raise InputError(msg.rstrip(": "))
        parameters.setdefault(estimator, {})[parameter] = read_value(value)
    return parameters


def chosen_rows(words, installed):
    """Number of galaxies by estimator; None for all, or for the default of a slow one."""
    from dustest.data import InputError

    chosen = {}
    for word in words or installed:
        name, separator, rows = word.partition(_FIRST_ROWS_SEPARATOR)
        if separator and not (rows.isdecimal() and int(rows) > 0):
            msg = f"--estimator must look like NAME or NAME:ROWS, got {word!r}"
            raise InputError(msg)
        default = None if words else "slow"
        chosen[name] = int(rows) if separator else default
    return chosen


def is_slow(estimator):
    """Whether an estimator runs one galaxy at a time, each with a time limit."""
    return estimator.isolated and estimator.rows_at_once == 1


def row_limits(chosen, estimators, n_galaxies):
    """Number of galaxies of each limited estimator."""
    limits = {}
    for name, made in estimators.items():
        rows = chosen[name]
        slow = SLOW_ROWS if is_slow(made) else None
        limit = slow if rows == "slow" else rows
        if limit is not None and limit < n_galaxies:
            limits[name] = limit
    return limits


def ready_made():
    """Names of the estimators that need no training, or are fitted to the demo."""
    from dustest.estimators import get_estimator, list_estimators

    made = {name: get_estimator(name) for name in list_estimators()}
    return [
        name
        for name, one in made.items()
        if not one.needs_estimators and not _learns_from_images(one)
    ]


def without_data(estimators, sample):
    """Notes on the estimators for which a sample has no data, by name."""
    missing = {name: made.missing_data(sample) for name, made in estimators.items()}
    return {
        name: f"{name} was left out: the sample has no {' or '.join(groups[0])} columns."
        for name, groups in missing.items()
        if groups
    }


def ready_for(sample, parameters, seed, training=None):
    """Every estimator that can run on a sample, with trained models if needed.

    Those that learn are fitted to galaxies and their truth, by default those of the demo.
    """
    from dustest.estimators import get_estimator, list_estimators

    found = {
        name: make_estimator(name, parameters, seed, training)
        for name in ready_made()
        if not get_estimator(name).missing_data(sample)
    }
    for name in list_estimators():
        one = get_estimator(name)
        is_made = name in found or one.needs_estimators
        trained = None if is_made else _best_trained(type(one), sample)
        if trained is not None:
            found[name] = _set_seed(trained, seed)
    return found


def _best_trained(estimator_class, sample):
    """Trained model of a class that uses most images of a sample; None if there is none."""
    models = [estimator_class.from_pretrained(name) for name in estimator_class.pretrained]
    fitting = [model for model in models if set(model.bands) <= set(sample.cutout_bands)]
    return max(fitting, key=lambda model: len(model.bands), default=None)


def _learns_from_images(estimator):
    """Whether an estimator learns from images, for which the demo has too few galaxies."""
    teachable = all("flux" in alternatives for alternatives in estimator.required_data)
    return estimator.__sklearn_tags__().requires_fit and not teachable


def make_estimator(name, parameters, seed, training=None):
    """Make an estimator with its seed, fitted to simulated galaxies if it learns.

    These are a sample and its truth, by default those of the demo.
    """
    from dustest.data import InputError
    from dustest.estimators import get_estimator

    _check_name(name)
    estimator = get_estimator(name, **parameters.get(name, {}))
    if _learns_from_images(estimator):
        msg = (
            f"the estimator {name} must have been trained on images: name its file, or one that "
            "comes with dustest, with --model"
        )
        raise InputError(msg)
    _set_seed(estimator, seed)
    if estimator.__sklearn_tags__().requires_fit:
        from dustest.data.quantities import QUANTITIES, core_quantities
        from dustest.io import load_demo

        sample, truth = load_demo() if training is None else training
        core = [name for name in core_quantities() if QUANTITIES[name].derivation is None]
        names = [name for name in core if name in truth.colnames]
        if "targets" in estimator.get_params(deep=False):
            estimator.set_params(targets=tuple(names))
        estimator.fit(sample, truth)
    return estimator


def _check_name(name):
    """Raise an error for an unknown name of an estimator."""
    from dustest.data import InputError
    from dustest.data.messages import did_you_mean
    from dustest.estimators import list_estimators

    known = list_estimators()
    if name not in known:
        msg = (
            f"--estimator must be one of the installed estimators {', '.join(known)}, got "
            f"{name!r}: {did_you_mean(name, known)}"
        )
        raise InputError(msg.rstrip(": "))


def load_networks(word, seed):
    """Load networks from a file, or by their name."""
    from dustest import CNNEstimator

    is_file = Path(word).exists() or Path(word).suffix
    return _set_seed(
        CNNEstimator.load(word) if is_file else CNNEstimator.from_pretrained(word), seed
    )


def _set_seed(estimator, seed):
    """The estimator, with a seed if it has one."""
    if seed is not None and "random_state" in estimator.get_params(deep=False):
        estimator.set_params(random_state=seed)
    return estimator


def notes_on(limits, estimators, n_galaxies, training="the 200 simulated demo galaxies"):
    """Notes on the run for the report, with the galaxies that estimators were fitted to."""
    notes = [
        f"{name} ran on the first {rows} of {n_galaxies} galaxies only."
        for name, rows in limits.items()
    ]
    learned = [
        name
        for name, made in estimators.items()
        if made.__sklearn_tags__().requires_fit and not _learns_from_images(made)
    ]
    if learned:
        notes.append(f"Fitted to the truth of {training}: {', '.join(learned)}.")
    return notes
