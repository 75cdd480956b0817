"""Estimators by their names on the command line."""

from dataclasses import dataclass
from pathlib import Path

from dustest.cli._priors import with_priors
from dustest.cli._words import read_value, split_pair

__all__ = [
    "SLOW_ROWS",
    "Run",
    "chosen_runs",
    "given_parameters",
    "is_slow",
    "load_networks",
    "make_estimator",
    "named_networks",
    "notes_on",
    "ready_for",
    "ready_made",
    "row_limits",
    "without_data",
]

SLOW_ROWS = 10
"""Default number of galaxies for slow estimators."""
_FIRST_ROWS_SEPARATOR = ":"


@dataclass(frozen=True)
class Run:
    """A run of an estimator in a comparison.

    Parameters
    ----------
    name : str
        Name of the run.
    estimator : str
        Name of the estimator.
    rows : int, "slow" or None
        Number of galaxies; None for all, "slow" for the default of slow estimators.
    """

    name: str
    estimator: str
    rows: int | str | None = None


def given_parameters(options, runs):
    """Parameters by run from ``--set`` and ``--prior``.

    Runs are the name of the estimator by that of the run, which is usually the same.
    """
    from dustest.data import InputError
    from dustest.data.messages import did_you_mean

    parameters = {}
    for word in options.set or ():
        name, value = split_pair(word, "--set")
        estimator, separator, parameter = name.partition(".")
        if not separator:
            msg = f"--set must look like ESTIMATOR.PARAMETER=VALUE, got {word!r}"
            raise InputError(msg)
        if estimator not in runs:
            msg = (
                f"--set must name an estimator that runs ({', '.join(runs)}), got {word!r}: "
                f"{did_you_mean(estimator, runs)}"
            )
            raise InputError(msg.rstrip(": "))
        parameters.setdefault(estimator, {})[parameter] = read_value(value)
    return with_priors(parameters, getattr(options, "prior", None), runs)


def chosen_runs(words, installed):
    """Runs by name, of words such as ``bagpipes:20`` or ``smc=bagpipes:20``."""
    from dustest.data import InputError

    runs = {}
    for word in words or installed:
        run = _read_run(word, None if words else "slow")
        if run.name in runs:
            msg = (
                f"--estimator must have every name once, got {run.name} twice: name the runs, as "
                f"in -e first={run.estimator} -e second={run.estimator}"
            )
            raise InputError(msg)
        runs[run.name] = run
    return runs


def _read_run(word, rows):
    """Run of a word, with a number of galaxies if the word has none."""
    from dustest.data import InputError
    from dustest.validation.matching import TRUTH

    named, separator, count = word.partition(_FIRST_ROWS_SEPARATOR)
    name, equals, estimator = named.partition("=")
    is_count = count.isdecimal() and int(count) > 0
    if (separator and not is_count) or (equals and not (name and estimator)):
        msg = (
            "--estimator must look like ESTIMATOR, ESTIMATOR:ROWS, NAME=ESTIMATOR or "
            f"NAME=ESTIMATOR:ROWS, got {word!r}"
        )
        raise InputError(msg)
    if name == TRUTH:
        msg = f"--estimator must have another name than {name}, which is that of the true values"
        raise InputError(msg)
    return Run(name, estimator or name, int(count) if separator else rows)


def is_slow(estimator):
    """Whether an estimator runs one galaxy at a time, each with a time limit."""
    return estimator.isolated and estimator.rows_at_once == 1


def row_limits(runs, estimators, n_galaxies):
    """Number of galaxies of each limited estimator."""
    limits = {}
    for name, made in estimators.items():
        rows = runs[name].rows
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


def make_estimator(name, parameters, seed, training=None, run=None):
    """Make an estimator with its seed, fitted to simulated galaxies if it learns.

    These are a sample and its truth, by default those of the demo. Parameters are those of the
    run, by default that of the name of the estimator.
    """
    from dustest.data import InputError
    from dustest.estimators import get_estimator

    _check_name(name)
    estimator = get_estimator(name, **parameters.get(run or name, {}))
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


def named_networks(words, runs=()):
    """Words of ``--model`` by name, which is that of the file, and that of no run."""
    from dustest.data import InputError
    from dustest.validation.matching import TRUTH

    names = {}
    for word in words:
        name = Path(word).stem
        if name in names or name in runs or name == TRUTH:
            msg = f"--model must have another name than {name}, got {word}: rename the file"
            if name in runs:
                msg = f"{msg}, or name the run, as in -e run={runs[name].estimator}"
            raise InputError(msg)
        names[name] = word
    return names


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
