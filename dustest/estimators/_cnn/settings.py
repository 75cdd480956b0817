"""Parameters of `CNNEstimator`, checked when used, and the resulting training options."""

from numbers import Integral

from dustest.data.checks.numbers import is_number
from dustest.data.checks.sample_columns import band_column_name
from dustest.data.errors import InputError
from dustest.estimators._cnn.fluxes import FluxChanges
from dustest.estimators._cnn.network.config import get_config
from dustest.estimators._cnn.targets import learnable
from dustest.estimators._cnn.task import Task
from dustest.estimators._cnn.training.augmentation import ANY_BANDS
from dustest.estimators._cnn.training.epochs import TrainingOptions

__all__ = ["FLUX", "TARGETS", "make_options", "make_task"]

FLUX = "flux"
"""Value of the parameter ``context`` for total fluxes."""

TARGETS = ("A_V", "E_BV", "log_sSFR")
"""Quantities that networks learn by default; R_V follows from the first two."""

_MOST_BANDS = 64
"""More than there are; a file could otherwise name so many that reading never ends."""


def make_task(estimator, n_features=0, flux_bands=()):
    """Make the task of the networks of an estimator.

    Parameters
    ----------
    estimator : CNNEstimator
        With its parameters.
    n_features : int, optional
        Number of plain features; 0 for images.
    flux_bands : sequence of str, optional
        Bands of total fluxes, for estimators that read them.

    Returns
    -------
    Task
        The task.

    Raises
    ------
    InputError
        If a parameter is not of its type, or out of range.
    """
    _check(estimator)
    targets = estimator._target_names
    if not set(targets) <= set(learnable()) or len(set(targets)) < len(targets):
        msg = f"targets must be names out of {learnable()}, each once, got {estimator.targets!r}"
        raise InputError(msg)
    config = get_config(estimator.architecture)
    bands = () if n_features else tuple(map(band_column_name, estimator.bands))
    size, snr_min = int(estimator.size), float(estimator.snr_min)
    fluxes = tuple(flux_bands) if estimator.context == FLUX and not n_features else ()
    _check_context(estimator, config, bands, n_features)
    any_bands = bool(estimator.any_bands)
    return Task(config, bands, targets, size, snr_min, n_features, any_bands, fluxes)


def _check_context(estimator, config, bands, n_features):
    """Raise an error for networks without input, or that do not read the context."""
    if not bands and not n_features and estimator.context != FLUX:
        msg = "bands must name at least one band of images unless context='flux', got none"
        raise InputError(msg)
    if estimator.context == FLUX and not config.head.reads_context:
        msg = (
            "context must be None for networks that do not read it, such as those of the kind "
            f"{config.kind!r}, got {FLUX!r}"
        )
        raise InputError(msg)


def _check(estimator):
    """Raise an error for a parameter that has a wrong type or is out of range."""
    for name, (is_good, expected) in _RULES.items():
        value = getattr(estimator, name)
        if not is_good(value):
            msg = f"{name} of {type(estimator).__name__} must be {expected}, got {value!r}"
            raise InputError(msg)


def make_options(estimator, task):
    """Make the training options of the networks of an estimator.

    Parameters
    ----------
    estimator : CNNEstimator
        With its parameters.
    task : Task
        From `make_task`.

    Returns
    -------
    TrainingOptions
        The options.

    Raises
    ------
    InputError
        If a parameter is not of its type, or out of range.
    """
    _check(estimator)
    head = task.config.head
    augmentation = None
    if estimator.augment and not task.n_features:
        augmentation = head.augmentation(task, wide=estimator.augment == "wide")
        if task.flux_bands:
            augmentation = FluxChanges(len(task.bands), len(task.flux_bands), augmentation)
    return TrainingOptions(
        epochs=int(estimator.epochs),
        batch_size=int(estimator.batch_size),
        learning_rate=float(estimator.learning_rate or head.learning_rate),
        decay=head.has_schedule,
        patience=int(estimator.patience),
        loss=estimator.loss,
        augmentation=augmentation,
        validation=ANY_BANDS if task.any_bands and task.bands else None,
    )


def _whole(low, high):
    """Rule of an integer."""
    return (
        lambda value: is_number(value, Integral) and low <= value <= high,
        f"an integer from {low} to {high}",
    )


def _is_band_list(value):
    """Whether a value is a list or tuple of different names, not too many."""
    if not isinstance(value, list | tuple) or len(value) > _MOST_BANDS:
        return False
    return all(isinstance(band, str) for band in value) and len(set(value)) == len(value)


_RULES = {
    "bands": (_is_band_list, f"a list or tuple of up to {_MOST_BANDS} different names of bands"),
    "context": (lambda value: value in (None, FLUX), f"None or {FLUX!r}"),
    "size": (
        lambda value: _whole(16, 512)[0](value) and value % 8 == 0,
        "a multiple of 8 pixels from 16 to 512",
    ),
    "n_networks": _whole(1, 32),
    "learning_rate": (
        lambda value: value is None or (is_number(value) and 0 < value < 1),
        "None or a number between 0 and 1",
    ),
    "batch_size": _whole(1, 65536),
    "epochs": _whole(1, 100_000),
    "patience": _whole(1, 100_000),
    "validation_fraction": (
        lambda value: is_number(value) and 0 <= value < 1,
        "a number from 0 up to, but not including, 1",
    ),
    "snr_min": (lambda value: is_number(value) and abs(value) < 1e6, "a finite number"),
    "augment": (
        lambda value: isinstance(value, bool) or (isinstance(value, str) and value == "wide"),
        'True, False or "wide"',
    ),
    "any_bands": (lambda value: isinstance(value, bool), "True or False"),
    "balance": (lambda value: is_number(value) and 0 <= value <= 1, "a number from 0 to 1"),
}
