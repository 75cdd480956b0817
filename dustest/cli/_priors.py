"""Priors of SED fits in words."""

from contextlib import suppress

from dustest.cli._words import split_pair

__all__ = ["PRIOR_HELP", "add_prior", "with_priors"]

_SHAPES = (
    "uniform:LOW:HIGH, log_10:LOW:HIGH, log_e:LOW:HIGH, pow_10:LOW:HIGH, recip:LOW:HIGH, "
    "recipsq:LOW:HIGH, Gaussian:LOW:HIGH:MU:SIGMA, student_t:LOW:HIGH, "
    "exponential:LOW:HIGH:SCALE, or fixed:VALUE"
)
PRIOR_HELP = f"shapes are {_SHAPES}"
_FIXED = "fixed"
_AGE = "age_of_universe"
_SHORT_NAMES = {"A_V": "dust:Av", "logU": "nebular:logU"}
"""Parameters of every fit by their name in the field."""


def add_prior(parser):
    """Option of the commands that fit SEDs."""
    parser.add_argument(
        "--prior",
        action="append",
        metavar="[RUN.]PARAMETER=SHAPE:LOW:HIGH",
        help="prior of a parameter of SED fits, such as A_V=uniform:0:4 or "
        f"dust:delta=Gaussian:-1:0.4:-0.2:0.2; {PRIOR_HELP}; may be repeated",
    )


def with_priors(parameters, words, runs):
    """Add priors in words to the parameters of runs.

    Parameters
    ----------
    parameters : dict of str to dict
        Parameters by run.
    words : list of str or None
        Words of ``--prior``.
    runs : dict of str to str
        Name of the estimator by that of the run.

    Returns
    -------
    parameters : dict of str to dict
        With ``priors`` of the runs that are named, or of all runs that take priors.
    """
    from dustest.data import InputError
    from dustest.data.messages import did_you_mean

    if not words:
        return parameters
    taking = [run for run, estimator in runs.items() if _takes_priors(estimator)]
    if not taking:
        msg = (
            f"--prior needs an estimator with priors, such as bagpipes, got {', '.join(runs)}: "
            "add -e bagpipes"
        )
        raise InputError(msg)
    found = {run: dict(own) for run, own in parameters.items()}
    for word in words:
        name, text = split_pair(word, "--prior")
        run, separator, parameter = name.rpartition(".")
        if separator and run not in taking:
            msg = (
                f"--prior must name a run with priors ({', '.join(taking)}), got {word!r}: "
                f"{did_you_mean(run, taking)}"
            )
            raise InputError(msg.rstrip(": "))
        prior = _read_prior(_SHORT_NAMES.get(parameter, parameter), text, word)
        for one in [run] if separator else taking:
            own = found.setdefault(one, {})
            own["priors"] = {**(own.get("priors") or {}), **prior}
    return found


def _takes_priors(name):
    """Whether an estimator has a parameter of priors."""
    from dustest.estimators import get_estimator

    return "priors" in get_estimator(name).get_params(deep=False)


def _read_prior(parameter, text, word):
    """Entries of the mapping of priors that one word stands for."""
    from dustest.data import InputError
    from dustest.estimators.bagpipes import PRIOR_SHAPES

    shape, *numbers = text.split(":")
    shapes = {name.lower(): name for name in (*PRIOR_SHAPES, _FIXED)}
    shape = shapes.get(shape.lower())
    values = [_read_number(number) for number in numbers]
    further = PRIOR_SHAPES.get(shape, ())
    n_expected = 1 if shape == _FIXED else 2 + len(further)
    if shape is None or len(values) != n_expected or None in values:
        msg = f"--prior must look like A_V=uniform:0:4, got {word!r}: {PRIOR_HELP}"
        raise InputError(msg)
    if shape == _FIXED:
        return {parameter: values[0]}
    low, high, *others = values
    own = {f"{parameter}_prior_{name}": value for name, value in zip(further, others, strict=True)}
    return {parameter: (low, high), f"{parameter}_prior": shape, **own}


def _read_number(text):
    """A finite number, or the word for the age of the Universe; None for anything else."""
    if text == _AGE:
        return text
    with suppress(ValueError):
        number = float(text)
        return number if abs(number) < float("inf") else None
    return None
