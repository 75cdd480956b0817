"""Training of one network: batches on the fly, early stopping, and resuming."""

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dustest.data.errors import DustestError, InputError
from dustest.data.progress import progress_bar
from dustest.estimators._cnn.network.keras_network import (
    import_keras,
    weights_from_dict,
    weights_to_dict,
)
from dustest.estimators._cnn.training.datasets import Scaler, TrainingSet
from dustest.estimators.run.files.model_file import read_model, write_model

__all__ = ["Checkpoint", "Training", "TrainingOptions"]

_KIND = "CNNCheckpoint"
_MOST_AT_ONCE = 512
_WARM_UP, _FIRST_RATE = 0.05, 0.05
"""Fraction of the steps over which the learning rate rises to its maximum, and where it begins:
high rates at the start make networks predict the same value for all galaxies."""
_LONGEST_GRADIENT = 1.0
_FEW_STEPS = 8
"""Steps that take less time one operation after another than a graph takes to be traced."""


@dataclass(frozen=True)
class TrainingOptions:
    """Options of the training of a network.

    Parameters
    ----------
    epochs : int
        Largest number of epochs.
    batch_size : int
        Galaxies of one step.
    learning_rate : float
        Highest learning rate of Adam.
    decay : bool
        Whether the learning rate rises over the first twentieth of all steps, and then falls to 0
        along a cosine [1]_, with gradients clipped at a norm of 1. Otherwise it is constant.
    patience : int
        Epochs without gain in the validation loss after which training ends.
    loss : {"absolute", "percentage"} or None
        Loss, see `Head.losses`.
    augmentation : callable or None
        Changes images and context at random with a generator, such as `AugmentOptions`.
    validation : callable or None
        The same for the galaxies that decide when to stop, in the same way in every epoch.

    References
    ----------
    .. [1] Loshchilov & Hutter 2017, ICLR, arXiv:1608.03983.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    decay: bool
    patience: int
    loss: str | None = None
    augmentation: object = None
    validation: object = None


@dataclass(frozen=True, eq=False)
class Training:
    """Training of one network.

    Parameters
    ----------
    model : keras.Model
        Result of `build`.
    loss : str or callable
        Result of `Head.get_loss`.
    scaler : Scaler
        Scaler of the context.
    data : TrainingSet
        Galaxies.
    rows, validation_rows : ndarray of int
        Rows of the training and of the validation set. Without the latter, the last epoch counts
        as the best.
    options : TrainingOptions
        Options of the training.
    seed : int
        Seed of order, augmentation and dropout, different in every epoch.
    """

    model: object
    loss: object
    scaler: Scaler
    data: TrainingSet
    rows: np.ndarray
    validation_rows: np.ndarray
    options: TrainingOptions
    seed: int

    def run(self, checkpoint, progress=None, label="training"):
        """Train the network, which then has the weights of its best epoch.

        Parameters
        ----------
        checkpoint : Checkpoint
            Store of every epoch.
        progress : bool, optional
            Whether to show a progress bar; by default on terminals and in notebooks.
        label : str, optional
            Label of the bar.

        Returns
        -------
        history : list of dict
            ``epoch``, ``loss``, ``val_loss`` (NaN without rows to validate with) and
            ``learning_rate`` of each epoch.

        Raises
        ------
        DustestError
            If the loss is not finite.
        """
        self._compile()
        state = checkpoint.restore(self.model) or _State(weights_to_dict(self.model))
        epochs = range(len(state.history), self.options.epochs)
        bar = {"total": self.options.epochs, "initial": epochs.start, "unit": "epoch"}
        with progress_bar(None, progress, desc=label, **bar) as shown:
            for epoch in epochs:
                if state.n_stale >= self.options.patience:
                    break
                state.add(self._epoch(epoch), self.model)
                checkpoint.keep(self.model, state)
                shown.set_postfix(val_loss=f"{state.history[-1]['val_loss']:.4g}")
                shown.update()
        weights_from_dict(self.model, state.best)
        return state.history

    @property
    def _batch_size(self):
        """Galaxies of one step."""
        return min(self.options.batch_size, len(self.rows))

    def _compile(self):
        """Compile the network."""
        keras = import_keras()
        is_jax = keras.backend.backend() == "jax"
        n_steps = len(self.rows) // self._batch_size
        self.model.compile(
            _optimizer(keras, self.options, n_steps),
            self.loss,
            # Compiling by XLA takes longer than it saves on processors; JAX always needs it.
            jit_compile="auto" if is_jax else False,
            run_eagerly=not is_jax and n_steps * self.options.epochs <= _FEW_STEPS,
        )
        self.model.optimizer.build(self.model.trainable_variables)

    def _epoch(self, epoch):
        """One pass through the rows; returns its record."""
        _seed_dropout(self.model, [self.seed, epoch])
        order = np.random.default_rng([self.seed, epoch]).permutation(self.rows)
        size = self._batch_size

        def make(index):
            # In their order in the file, for faster reading.
            rows = np.sort(order[index * size : (index + 1) * size])
            return self._batch(rows, np.random.default_rng([self.seed, epoch, index]))

        with _batches(make, len(order) // size) as batches:
            fitted = self.model.fit(batches, verbose=0, shuffle=False)
        loss, validation_loss = float(fitted.history["loss"][0]), self._validation_loss()
        for value in (loss, validation_loss if len(self.validation_rows) else 0.0):
            if not np.isfinite(value):
                msg = (
                    f"the loss became {value} in epoch {epoch + 1}: choose a learning_rate below "
                    f"{self.options.learning_rate}"
                )
                raise DustestError(msg)
        record = {"epoch": epoch + 1, "loss": loss, "val_loss": validation_loss}
        return record | {"learning_rate": float(self.model.optimizer.learning_rate)}

    def _validation_loss(self):
        """Loss of the validation rows."""
        rows = self.validation_rows
        if len(rows) == 0:
            return np.nan
        starts = range(0, len(rows), _MOST_AT_ONCE)

        def make(index):
            part = rows[starts[index] : starts[index] + _MOST_AT_ONCE]
            return self._batch(part, np.random.default_rng([self.seed, index]), "validation")

        with _batches(make, len(starts)) as batches:
            return float(self.model.evaluate(batches, verbose=0))

    def _batch(self, rows, rng, change="augmentation"):
        """Inputs, labels and weights of some rows, changed as one of the options says."""
        image, context = np.asarray(self.data.image[rows]), self.data.context[rows]
        change = getattr(self.options, change)
        if change is not None:
            image, context = change(image, context, rng)
        inputs = {"image": image, "context": self.scaler(context)}
        inputs = {name: inputs[name] for name in self.model.input}
        return inputs, self.data.labels[rows], self.data.weight[rows]


@dataclass
class _State:
    """State of a training, and the best weights so far."""

    best: dict
    history: list = field(default_factory=list)
    best_loss: float = np.inf
    n_stale: int = 0

    def add(self, record, model):
        """Record an epoch."""
        self.history.append(record)
        # Without validation (NaN) each epoch is better than the previous one.
        if not record["val_loss"] >= self.best_loss:
            self.best_loss = np.nan_to_num(record["val_loss"], nan=np.inf)
            self.best, self.n_stale = weights_to_dict(model), 0
        else:
            self.n_stale += 1


class Checkpoint:
    """Stores a training after every epoch, so that it can be resumed.

    Parameters
    ----------
    folder : path-like or None
        Folder; None for no store.
    key : str
        Identity of this training: each has its own file in the folder.

    Raises
    ------
    InputError
        If the folder does not exist.
    """

    def __init__(self, folder, key):
        self.path = None
        if folder is None:
            return
        if not Path(folder).is_dir():
            msg = f"checkpoint must be a folder that exists, got {str(folder)!r}"
            raise InputError(msg)
        digest = hashlib.blake2b(key.encode(), digest_size=12).hexdigest()
        self.path = Path(folder) / f"cnn-{digest}.checkpoint"

    def keep(self, model, state):
        """Write the state after an epoch; an interruption leaves this file or the previous one."""
        if self.path is None:
            return
        arrays = {f"best/{name}": value for name, value in state.best.items()}
        arrays |= {f"model/{name}": value for name, value in weights_to_dict(model).items()}
        for number, variable in enumerate(model.optimizer.variables):
            arrays[f"optimizer/{number}"] = np.asarray(variable.numpy())
        # JSON has no NaN: without validation there is no loss and no best one.
        known = {"history": [_without_nan(record) for record in state.history]}
        known["n_stale"] = state.n_stale
        write_model(self.path, {"kind": _KIND, "parameters": known, "created": {}}, arrays)

    def restore(self, model):
        """Restore the state of a network.

        Returns
        -------
        state : _State or None
            None if nothing was stored.
        """
        if self.path is None or not self.path.exists():
            return None
        manifest, arrays = read_model(self.path, kind=_KIND)
        parts = {"best": {}, "model": {}, "optimizer": {}}
        for name, value in arrays.items():
            kind, _, rest = name.partition("/")
            parts[kind][rest] = value
        weights_from_dict(model, parts["model"])
        for number, variable in enumerate(model.optimizer.variables):
            variable.assign(parts["optimizer"][str(number)])
        history = [{"val_loss": np.nan} | record for record in manifest["parameters"]["history"]]
        losses = [record["val_loss"] for record in history]
        best_loss = np.nanmin([*losses, np.inf])
        return _State(parts["best"], history, best_loss, manifest["parameters"]["n_stale"])


def _optimizer(keras, options, n_steps):
    """Adam, for epochs of some steps."""
    if not options.decay:
        return keras.optimizers.Adam(options.learning_rate)
    n_steps *= options.epochs
    n_first = max(round(_WARM_UP * n_steps), 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        _FIRST_RATE * options.learning_rate,
        max(n_steps - n_first, 1),
        warmup_target=options.learning_rate,
        warmup_steps=n_first,
    )
    return keras.optimizers.Adam(schedule, global_clipnorm=_LONGEST_GRADIENT)


def _without_nan(record):
    """Entries of a record that are numbers."""
    return {name: value for name, value in record.items() if np.isfinite(value)}


@contextmanager
def _batches(make, n_batches):
    """Batches that a thread prepares while the network is trained.

    Keras on TensorFlow keeps a reference to its input, which must not keep images in memory.
    """

    class Batches(import_keras().utils.PyDataset):
        make_batch = staticmethod(make)

        def __len__(self):
            return n_batches

        def __getitem__(self, index):
            return self.make_batch(index)

    try:
        yield Batches(workers=1, use_multiprocessing=False, max_queue_size=8)
    finally:
        Batches.make_batch = None


def _seed_dropout(model, entropy):
    """Set the random states of dropout, which no file of weights contains."""
    rng = np.random.default_rng([*entropy, 1])
    for layer in model.layers:
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            state = generator.state
            state.assign(rng.integers(2**31, size=state.shape).astype(state.dtype))
