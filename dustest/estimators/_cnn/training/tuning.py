"""Search for the layers and the training of a network with the smallest validation loss."""

import gc
import hashlib
import json
import time
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral
from pathlib import Path

import numpy as np

from dustest.data.checks.numbers import check_number
from dustest.data.containers.rows import RowTable
from dustest.data.errors import DustestError, InputError, ReadError
from dustest.data.files.paths import installed_version, replacing
from dustest.data.identity.describe import describe
from dustest.data.progress import progress_bar
from dustest.data.splits import group_split
from dustest.estimators._cnn.training.learning import describe_software, learn
from dustest.estimators._cnn.training.search import SearchSpace, next_settings, own_settings

__all__ = ["PRESETS", "TuningPreset", "TuningResult", "search"]


@dataclass(frozen=True)
class TuningPreset:
    """Options of a search.

    Parameters
    ----------
    space : SearchSpace
        Search space.
    n_trials : int
        Default number of trials.
    n_initial : int
        Random trials, before a Gaussian process is used.
    epochs : int or None
        Largest number of epochs of a trial; None for that of the estimator, which is a limit too.
    """

    space: SearchSpace
    n_trials: int
    n_initial: int
    epochs: int | None = None


# Fu et al., Table 1: "CNN filters 4-64 in 1-4 layers, dense neurons 8-64 in 1-4 layers, learning
# rate 0.01-0.0001, batch size 16-64", 200 trials. The steps are ours. Three random trials for
# each setting is the rule of keras-tuner.
_PAPER = TuningPreset(
    SearchSpace(
        n_convolutions=(1, 4),
        filters=(4, 64, 4),
        n_dense=(1, 4),
        units=(8, 64, 4),
        learning_rates=(1e-4, 5e-4, 1e-3, 5e-3, 1e-2),
        batch_sizes=(16, 32, 48, 64),
    ),
    n_trials=200,
    n_initial=36,
)

# Around the default architecture, which it includes, and in large batches, which train faster.
_QUICK = TuningPreset(
    SearchSpace(
        n_convolutions=(3, 4),
        filters=(16, 128, 16),
        n_dense=(1, 2),
        units=(32, 192, 32),
        learning_rates=(3e-4, 1e-3, 3e-3, 1e-2),
        batch_sizes=(64, 128, 256),
    ),
    n_trials=16,
    n_initial=8,
    epochs=8,
)

PRESETS = {"paper": _PAPER, "quick": _QUICK}


@dataclass(frozen=True, eq=False)
class TuningResult:
    """Result of a search by ``CNNEstimator.tune``.

    Parameters
    ----------
    trials : RowTable
        A row for each trial: ``trial``, its number from 0; ``status``, ``"completed"``, or
        ``"failed"`` where training diverged; ``val_loss``, the lowest validation loss, NaN where
        it failed; ``epochs`` and ``seconds`` that it took; ``n_weights`` of its network; and the
        settings, where layers that a network does not have are of size 0.
    best : dict
        Parameters of the trial with the lowest validation loss, for ``set_params`` or for a new
        `CNNEstimator`.
    """

    trials: RowTable
    best: dict


def search(
    task,
    data,
    options,
    preset,
    *,
    n_trials=None,
    validation_fraction=0.1,
    balance=0.0,
    seed=0,
    folder=None,
    progress=None,
):
    """Search for the layers and the training of a network with the smallest validation loss.

    Parameters
    ----------
    task : Task
        Task of the networks, with the first architecture.
    data : TrainingSet
        Galaxies.
    options : TrainingOptions
        Training options that are not searched.
    preset : str or TuningPreset
        One of `PRESETS`, or a plan of a search.
    n_trials : int, optional
        Trials, earlier ones included; those of the preset by default.
    validation_fraction : float, optional
        Fraction of the groups for the validation loss, the same in all trials.
    balance : float, optional
        How far galaxies count by the rarity of their first label.
    seed : int, optional
        Seed of all random numbers; the same for all trials.
    folder : path-like, optional
        Store of trials, so that the same search can be resumed.
    progress : bool, optional
        Whether to show a progress bar; by default on terminals and in notebooks.

    Returns
    -------
    TuningResult
        Trials and the best of them.

    Raises
    ------
    InputError
        If an argument is invalid.
    DustestError
        If training diverges in all trials.
    """
    preset = _checked_preset(preset)
    n_trials = preset.n_trials if n_trials is None else n_trials
    check_number(n_trials, "n_trials", 1, kind=Integral)
    _check_task(task, data, validation_fraction, seed)
    if preset.epochs is not None:
        options = replace(options, epochs=min(options.epochs, preset.epochs))
    space = preset.space if task.bands else preset.space.without_images()
    split = {"validation_fraction": validation_fraction, "balance": balance, "seed": seed}
    digest = _digest(task, data, options, space, preset.n_initial, split)
    journal = _Journal(folder, digest)
    propose = partial(
        next_settings,
        space,
        first=own_settings(task.config, options, bool(task.bands)),
        n_initial=preset.n_initial,
        seed=seed,
    )
    trials = journal.read()[:n_trials]
    bar = {"total": n_trials, "initial": len(trials), "desc": "tuning", "unit": "trial"}
    with progress_bar(None, progress, **bar) as shown:
        while len(trials) < n_trials:
            settings = propose([(trial["settings"], trial["val_loss"]) for trial in trials])
            if settings is None:
                break
            trials.append(_run(task, data, options, settings, split))
            journal.write(trials)
            shown.set_postfix(val_loss=_lowest(trials))
            shown.update()
    table = _table(trials, space)
    table.meta = _provenance(task, data, options, seed) | {"search": digest}
    return TuningResult(table, _best(task.config, trials))


def _checked_preset(preset):
    """A preset by its name, or itself."""
    if isinstance(preset, TuningPreset):
        return preset
    if isinstance(preset, str) and preset in PRESETS:
        return PRESETS[preset]
    names = ", ".join(repr(name) for name in PRESETS)
    msg = f"preset must be one of {names} or a TuningPreset, got {preset!r}"
    raise InputError(msg)


def _check_task(task, data, validation_fraction, seed):
    """Raise an error for options without a single loss to compare."""
    if task.head.is_separate and len(task.targets) > 1:
        msg = (
            f"targets must be one quantity where architecture is of the kind {task.head.name!r}, "
            f"whose networks are tuned one by one, got {task.targets}"
        )
        raise InputError(msg)
    if not len(group_split(data.group, validation_fraction, seed)[1]):
        msg = (
            "validation_fraction must be above 0, and X have at least two groups, for a search "
            f"to have galaxies to validate with, got {validation_fraction} and "
            f"{len(np.unique(data.group))} groups"
        )
        raise InputError(msg)


def _digest(task, data, options, space, n_initial, split):
    """Identity of a search: everything that its trials depend on, including the code."""
    plain = replace(options, learning_rate=0.0, batch_size=0)
    first = own_settings(task.config, options, bool(task.bands))
    record = {"task": describe(task), "options": describe(plain), "data": data.digest()} | split
    record |= {"space": describe(space), "n_initial": n_initial, "first": first}
    record |= describe_software(["keras-tuner"])
    return _text_digest(json.dumps(record, sort_keys=True))


def _text_digest(text):
    """Digest of some text (str)."""
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


class _Journal:
    """Stores trials atomically in a file, with a digest that finds damage."""

    def __init__(self, folder, digest):
        self.path = None
        if folder is None:
            return
        if not Path(folder).is_dir():
            msg = f"folder must be a folder that exists, got {str(folder)!r}"
            raise InputError(msg)
        self.path = Path(folder) / f"cnn-{digest}.trials.json"

    def read(self):
        """Trials so far (list of dict)."""
        if self.path is None or not self.path.exists():
            return []
        try:
            kept = json.loads(self.path.read_text())
            trials, digest = kept["trials"], kept["digest"]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ReadError(self._damage(error)) from error
        if digest != _text_digest(json.dumps(trials)):
            raise ReadError(self._damage("its digest is another one"))
        return trials

    def write(self, trials):
        """Store trials, unless another process that runs the same search stored more."""
        if self.path is None or len(self.read()) >= len(trials):
            return
        kept = {"trials": trials, "digest": _text_digest(json.dumps(trials))}
        with replacing(self.path) as partial_path:
            partial_path.write_text(json.dumps(kept, indent=1))

    def _damage(self, reason):
        """Message on a damaged file."""
        return f"{self.path} is damaged, delete it to begin the search anew: {reason}"


def _run(task, data, options, settings, split):
    """Train a network with some settings; returns its record."""
    began = time.perf_counter()
    record = {"settings": settings, "status": "completed"}
    try:
        learned = learn(
            task.with_config(_config(task.config, settings)),
            data,
            replace(
                options,
                learning_rate=settings["learning_rate"],
                batch_size=settings["batch_size"],
            ),
            progress=False,
            **split,
        )
    except InputError:
        raise
    except DustestError:  # training diverged, which is information on the settings
        record |= {"status": "failed", "val_loss": None, "epochs": 0, "n_weights": 0}
    else:
        weights = learned.networks.weights[0].values()
        losses = [epoch["val_loss"] for epoch in learned.history]
        record |= {"val_loss": float(np.nanmin(losses)), "epochs": len(losses)}
        record["n_weights"] = sum(int(np.size(values)) for values in weights)
    # Networks have circular references: without this, memory grows from trial to trial.
    gc.collect()
    return record | {"seconds": time.perf_counter() - began}


def _config(config, settings):
    """A plan with layers of some settings."""
    filters = tuple(settings[f"filters_{i + 1}"] for i in range(settings["n_convolutions"]))
    dense = tuple(settings[f"units_{i + 1}"] for i in range(settings["n_dense"]))
    return replace(config, filters=filters or config.filters, dense=dense)


def _lowest(trials):
    """Lowest validation loss as text."""
    losses = [trial["val_loss"] for trial in trials if trial["val_loss"] is not None]
    return f"{min(losses):.4g}" if losses else "none"


def _table(trials, space):
    """Trials, one per row."""
    loss = [np.nan if trial["val_loss"] is None else trial["val_loss"] for trial in trials]
    columns = {"trial": np.arange(len(trials)), "status": [trial["status"] for trial in trials]}
    columns |= {"val_loss": loss}
    columns |= {name: [trial[name] for trial in trials] for name in _MEASURED}
    columns |= {name: [trial["settings"].get(name, 0) for trial in trials] for name in space.names}
    return RowTable(columns)


_MEASURED = ("epochs", "seconds", "n_weights")


def _provenance(task, data, options, seed):
    """Flat record of how a table of trials was made."""
    return {
        "version": installed_version("dustest"),
        "plan": json.dumps(task.config.to_dict()),
        "bands": ", ".join(task.bands),
        "targets": ", ".join(task.targets),
        "n_galaxies": len(data),
        "most_epochs": options.epochs,
        "random_seed": seed,
    }


def _best(config, trials):
    """Parameters of the best trial."""
    scored = [trial for trial in trials if trial["val_loss"] is not None]
    if not scored:
        msg = (
            f"training diverged in all {len(trials)} trials: the images may hold values that "
            "are far from those of galaxies"
        )
        raise DustestError(msg)
    settings = min(scored, key=lambda trial: trial["val_loss"])["settings"]
    return {
        "architecture": _config(config, settings),
        "learning_rate": settings["learning_rate"],
        "batch_size": settings["batch_size"],
    }
