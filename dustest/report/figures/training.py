"""Figures of the training of networks, and of the search for settings."""

import numpy as np

from dustest.data.errors import InputError
from dustest.report.figures._drawing import (
    COLORS,
    INK,
    PAGE_WIDTH,
    SMALL_FONT_SIZE,
    count_outside,
    dress,
    empty_figure,
    mark_outside,
    plain_text,
    value_limits,
)
from dustest.validation.columns import numeric_columns

__all__ = ["plot_training_history", "plot_tuning"]

# Inches; one column of a journal page.
_SINGLE_WIDTH, _SINGLE_HEIGHT = 3.5, 2.7
_ROW_HEIGHT = 1.75
_MAX_COLUMNS = 4
_LEGEND_STYLE = {
    "fontsize": SMALL_FONT_SIZE,
    "borderaxespad": 0.3,
    "edgecolor": "none",
    "framealpha": 0.8,
    "labelspacing": 0.3,
}
# Columns of `CNNEstimator.tune` that are results of a trial, not settings.
_RESULTS = ("trial", "status", "val_loss", "epochs", "seconds", "n_weights")
_LINE_LABELS = {"loss": "training", "val_loss": "validation", "best": "best"}
# A setting with more values, or with fewer trials per value, has a numerical axis.
_MAX_CHOICES = 8
_MIN_TRIALS_A_CHOICE = 2
# A setting with a smaller range looks the same on a logarithmic axis.
_LOG_SPAN = 8
_LOSS_LABEL = "validation loss"
_BEST_STYLE = {"marker": "*", "color": COLORS[1], "s": 70, "zorder": 4, "lw": 0}


def plot_training_history(history, *, ax=None):
    """Draw the loss of one or several networks against the epoch.

    A thin line is the training loss, a thick one the validation loss. A dot marks the epoch with
    the lowest validation loss, whose weights are kept. The axis leaves out losses far from the
    others, such as those of the first epochs, and states how many. It is never logarithmic, since
    the logarithm of a density may be below zero.

    Parameters
    ----------
    history : Table
        Columns ``network``, ``epoch``, ``loss`` and ``val_loss``, one row per epoch and network,
        as in ``CNNEstimator.history_``. Losses that are not finite are not drawn.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure that is not registered with pyplot.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    InputError
        If a column is missing or not numeric, or there is no epoch.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from dustest.report.figures import plot_training_history
    >>> history = QTable(
    ...     {
    ...         "network": [0, 0, 0],
    ...         "epoch": [1, 2, 3],
    ...         "loss": [2.1, 1.4, 1.2],
    ...         "val_loss": [1.8, 1.5, 1.6],
    ...     }
    ... )
    >>> ax = plot_training_history(history)
    >>> ax.get_legend().get_texts()[-1].get_text()
    'best, epoch 2'
    """
    names = ["network", "epoch", "loss", "val_loss"]
    columns = numeric_columns(history, names, argument="history")
    if len(history) == 0:
        msg = "history must have a row for at least one epoch, got none"
        raise InputError(msg)
    ax = _single_axes() if ax is None else ax
    networks = np.unique(columns["network"])
    for i, network in enumerate(networks):
        own = columns["network"] == network
        _learning_curve(ax, *(columns[name][own] for name in names[1:]), COLORS[i % len(COLORS)])
    losses = np.concatenate([columns["loss"], columns["val_loss"]])
    _history_frame(ax, np.tile(columns["epoch"], 2), losses)
    _history_legend(ax, len(networks))
    return ax


def plot_tuning(trials, *, parameters=None, axes=None):
    """Draw results of a search for the best settings of a network.

    The first panel shows the validation loss of each trial, and as a line the lowest so far. The
    others show it against each setting: as categories for few or non-numerical values, else on an
    axis that is logarithmic if the values are distributed more evenly on it. A star marks the best
    trial. All panels leave out losses far from the others; the first panel states how many, and
    also counts trials without a loss, which failed.

    Parameters
    ----------
    trials : Table
        One row per trial: columns ``trial`` (its number), ``val_loss`` and the settings, as from
        ``CNNEstimator.tune``.
    parameters : sequence of str, optional
        Settings to draw; by default every column that differs between trials, except the results
        ``trial``, ``status``, ``val_loss``, ``epochs``, ``seconds`` and ``n_weights``.
    axes : sequence of `~matplotlib.axes.Axes`, optional
        Axes to draw on, one more than settings; by default those of a new figure that is not
        registered with pyplot.

    Returns
    -------
    axes : list of `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    InputError
        If a column is missing, ``trial`` or ``val_loss`` is not numeric, no trial has a loss, or
        the number of axes is not that of panels.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from dustest.report.figures import plot_tuning
    >>> trials = QTable(
    ...     {
    ...         "trial": [0, 1, 2],
    ...         "status": ["completed"] * 3,
    ...         "val_loss": [1.3, 1.1, 1.2],
    ...         "learning_rate": [1e-2, 1e-3, 1e-4],
    ...         "batch_size": [64, 64, 64],
    ...     }
    ... )
    >>> [ax.get_xlabel() for ax in plot_tuning(trials)]
    ['trial', 'learning_rate']
    """
    columns = numeric_columns(trials, ["trial", "val_loss"], argument="trials")
    number, loss = columns["trial"], columns["val_loss"]
    if not np.isfinite(loss).any():
        msg = "trials must hold a finite val_loss, got none"
        raise InputError(msg)
    settings = _settings(trials, parameters)
    axes = _grid_axes(1 + len(settings)) if axes is None else list(np.ravel(axes))
    if len(axes) != 1 + len(settings):
        msg = (
            f"axes must hold one for the trials and one for each of {', '.join(settings)}, "
            f"got {len(axes)}"
        )
        raise InputError(msg)
    limits = _bulk_limits(loss)
    _trial_panel(axes[0], number, loss, limits)
    for ax, (name, values) in zip(axes[1:], settings.items(), strict=True):
        _setting_panel(ax, name, values, loss)
    for ax in axes:
        ax.set_ylim(limits)
        if ax.get_subplotspec() is None or ax.get_subplotspec().is_first_col():
            ax.set_ylabel(_LOSS_LABEL)
        dress(ax)
    return axes


def _single_axes():
    """Axes of a new figure as wide as one column of a journal page."""
    return empty_figure(_SINGLE_HEIGHT, _SINGLE_WIDTH).add_subplot()


def _learning_curve(ax, epoch, loss, val_loss, color):
    """Both losses of one network and its best epoch."""
    order = np.argsort(epoch, kind="stable")
    epoch, loss, val_loss = epoch[order], loss[order], val_loss[order]
    ax.plot(epoch, loss, color=color, lw=0.7, alpha=0.8, gid="loss")
    known = np.isfinite(val_loss)
    if not known.any():
        return
    ax.plot(epoch, val_loss, color=color, lw=1.5, gid="val_loss")
    best = np.argmin(np.where(known, val_loss, np.inf))
    style = {"marker": "o", "ms": 4.5, "mec": "white", "mew": 0.6, "ls": "none", "zorder": 4}
    ax.plot(epoch[best], val_loss[best], color=color, gid="best", **style)


def _history_frame(ax, epoch, loss):
    """Limits and labels, and the number of losses outside."""
    ax.set(ylim=value_limits(loss), xlabel="epoch", ylabel="loss")
    ax.xaxis.get_major_locator().set_params(integer=True)
    known = np.isfinite(loss)
    mark_outside(ax, count_outside(ax, epoch[known], loss[known]), corner="lower left")
    dress(ax)


def _history_legend(ax, n_networks):
    """Legend of the lines; for a single network also its best epoch."""
    lines = {line.get_gid(): line for line in ax.lines}
    labels = {gid: label for gid, label in _LINE_LABELS.items() if gid in lines}
    handles = [lines[gid] for gid in labels]
    if n_networks == 1 and "best" in labels:
        labels["best"] += f", epoch {lines['best'].get_xdata()[0]:g}"
    legend = ax.legend(handles, labels.values(), loc="upper right", **_LEGEND_STYLE)
    if n_networks > 1:
        for handle in legend.legend_handles:
            handle.set_color(INK)
        legend.set_title(f"{n_networks} networks", prop={"size": SMALL_FONT_SIZE})


def _settings(trials, parameters):
    """Columns to draw by name."""
    names = trials.colnames if parameters is None else list(parameters)
    missing = [name for name in names if name not in trials.colnames]
    if missing:
        msg = f"parameters must be columns of trials, got {missing}; it has {trials.colnames}"
        raise InputError(msg)
    if parameters is not None:
        return {name: _setting(trials[name]) for name in names}
    settings = {name: _setting(trials[name]) for name in names if name not in _RESULTS}
    return {name: values for name, values in settings.items() if len(_choices(values)) > 1}


def _setting(column):
    """Values of a setting: floats, NaN if masked, or text, None if masked."""
    masked = np.ma.getmaskarray(np.ma.asarray(column))
    values = np.asarray(column)
    if values.dtype.kind in "iuf":
        return np.where(masked, np.nan, values.astype(float))
    return np.where(masked, None, values.astype(str).astype(object))


def _choices(values):
    """Different values of a setting in order, without missing ones."""
    if values.dtype.kind == "f":
        return np.unique(values[np.isfinite(values)])
    return np.unique([value for value in values if value is not None])


def _bulk_limits(loss):
    """Limits around the losses that are not far outliers."""
    low, high = value_limits(loss)
    return value_limits(loss[(loss >= low) & (loss <= high)])


def _grid_axes(n):
    """Axes of a new figure, in rows of up to four, that share the vertical axis."""
    n_columns = min(n, _MAX_COLUMNS)
    n_rows = -(-n // n_columns)
    figure = empty_figure(_ROW_HEIGHT * n_rows, max(PAGE_WIDTH * n_columns / _MAX_COLUMNS, 2.5))
    axes = [figure.add_subplot(n_rows, n_columns, i + 1) for i in range(n)]
    for ax in axes:
        ax.tick_params(labelleft=ax.get_subplotspec().is_first_col())
    return axes


def _trial_panel(ax, number, loss, limits):
    """Draw the loss of each trial, and the lowest so far."""
    _loss_points(ax, number, loss)
    order = np.argsort(number, kind="stable")
    lowest = np.fmin.accumulate(loss[order])
    ax.step(number[order], lowest, where="post", color=INK, lw=1.0, gid="lowest", zorder=3)
    ax.set_xlabel("trial")
    ax.xaxis.get_major_locator().set_params(integer=True)
    n_failed = np.count_nonzero(~np.isfinite(loss))
    n_outside = np.count_nonzero((loss < limits[0]) | (loss > limits[1]))
    notes = ((n_outside, "outside"), (n_failed, "without loss"))
    ax.set_title(", ".join(f"{n} {what}" for n, what in notes if n), fontsize=SMALL_FONT_SIZE)


def _setting_panel(ax, name, values, loss):
    """Draw the loss against one setting."""
    choices = _choices(values)
    if _is_number(values, choices):
        _loss_points(ax, values, loss)
        ax.set_xscale(_scale(values))
    else:
        place = {choice: i for i, choice in enumerate(choices)}
        _loss_points(ax, np.array([place.get(value, np.nan) for value in values]), loss)
        labels = [
            plain_text(f"{choice:g}" if choices.dtype.kind == "f" else choice)
            for choice in choices
        ]
        ax.set_xticks(range(len(choices)), labels)
        ax.set_xlim(-0.5, len(choices) - 0.5)
    ax.set_xlabel(plain_text(name))


def _is_number(values, choices):
    """Whether a setting has too many numbers for categories."""
    few = min(_MAX_CHOICES, len(values) // _MIN_TRIALS_A_CHOICE)
    return choices.dtype.kind == "f" and len(choices) > few


def _scale(values):
    """Scale of an axis for which the median of some numbers is closest to the middle."""
    values = values[np.isfinite(values)]
    low, middle, high = np.quantile(values, [0.0, 0.5, 1.0])
    if low <= 0 or high < _LOG_SPAN * low:
        return "linear"
    off_log, off_linear = np.log(middle / np.sqrt(low * high)), np.log(2 * middle / (low + high))
    return "log" if abs(off_log) < abs(off_linear) else "linear"


def _loss_points(ax, x, loss):
    """Draw one point per trial, and a star for the best."""
    best = np.nanargmin(loss)
    ax.scatter(x, loss, s=12, color=COLORS[0], alpha=0.6, lw=0, zorder=2, gid="trials")
    ax.scatter(x[best], loss[best], gid="best", **_BEST_STYLE)
