"""Training of one network: when it stops, what it keeps, and how it goes on after a kill."""

import gc
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from cnn_galaxies import TINY, TINY_PAPER, dusty, tiny

from dustest.data import DustestError, InputError, ReadError, group_split
from dustest.estimators._cnn.heads.mixture import Mixture
from dustest.estimators._cnn.network.keras_network import weights_to_dict
from dustest.estimators._cnn.task import Task
from dustest.estimators._cnn.training.augmentation import PaperCopies
from dustest.estimators._cnn.training.datasets import Scaler, TrainingSet
from dustest.estimators._cnn.training.epochs import Checkpoint, Training, TrainingOptions
from dustest.estimators._cnn.training.learning import _key, learn
from dustest.estimators.run.files.model_file import write_model

pytest.importorskip("keras")

# Without images all is the same, and takes a fraction of the time.
TASK = Task(replace(TINY, dropout=0.3), (), ("A_V", "E_BV", "log_sSFR"), 16, 5.0, n_features=3)
OPTIONS = TrainingOptions(epochs=5, batch_size=8, learning_rate=1e-2, decay=True, patience=5)


def plain_data(n=40, seed=0):
    """Plain features, and labels that follow from them."""
    rng = np.random.default_rng(seed)
    context = rng.normal(size=(n, 3)).astype(np.float32)
    return TrainingSet(
        image=np.zeros((n, 0), dtype=np.float32),
        context=context,
        labels=context @ rng.normal(size=(3, 3)).astype(np.float32),
        weight=np.ones(n, dtype=np.float32),
        group=np.arange(n),
        pixel_scale=np.full(n, np.nan),
        redshift=np.full(n, np.nan),
    )


def train(options=OPTIONS, **further):
    """Networks that learned the plain data."""
    given = {"validation_fraction": 0.2, "seed": 3} | further
    return learn(TASK, plain_data(), options, **given)


def assert_same(found, expected):
    """The same weights and history, to the last bit."""
    arrays, wanted = found.networks.to_arrays(), expected.networks.to_arrays()
    assert arrays.keys() == wanted.keys()
    for name, value in arrays.items():
        np.testing.assert_array_equal(value, wanted[name])
    np.testing.assert_equal(found.history, expected.history)


class TestMemory:
    def test_galaxies_are_let_go(self):
        data = plain_data()
        galaxies = weakref.ref(data.context)
        learn(TASK, data, OPTIONS, validation_fraction=0.2, seed=3)
        del data
        gc.collect()
        assert galaxies() is None


class TestOptions:
    def test_rate_rises_and_falls_along_a_cosine(self):
        # 4 steps an epoch, of which the first rises.
        rates = [record["learning_rate"] for record in train().history]
        expected = 1e-2 * 0.5 * (1.0 + np.cos(np.pi * (4.0 * np.arange(1, 6) - 1.0) / 19.0))
        np.testing.assert_allclose(rates, expected, rtol=1e-4, atol=1e-8)

    def test_rate_stays(self):
        rates = [
            record["learning_rate"] for record in train(replace(OPTIONS, decay=False)).history
        ]
        np.testing.assert_allclose(rates, 1e-2, rtol=1e-6)


class TestStopping:
    @pytest.fixture
    def contrived(self, monkeypatch):
        """Train with validation losses of our choice; gives weights after every epoch too."""

        def run(losses, **changes):
            seen = []

            def validation_loss(self):
                seen.append(weights_to_dict(self.model))
                return losses[len(seen) - 1]

            monkeypatch.setattr(Training, "_validation_loss", validation_loss)
            return train(replace(OPTIONS, **changes)), seen

        return run

    @pytest.mark.parametrize(
        ("losses", "patience", "n_epochs", "best"),
        [
            ([3.0, 2.0, 2.5, 2.4, 1.0], 2, 4, 1),
            ([3.0, 2.0, 2.5, 1.9, 2.0], 2, 5, 3),
            ([3.0, 2.0, 1.5, 1.4, 1.0], 1, 5, 4),
            ([1.0, 1.0, 1.0, 1.0, 1.0], 3, 4, 0),
            ([-1.0, -2.0, -1.5, -1.6, -1.7], 5, 5, 1),
        ],
    )
    def test_the_best_epoch_is_kept(self, contrived, losses, patience, n_epochs, best):
        learned, seen = contrived(losses, patience=patience)
        assert [record["val_loss"] for record in learned.history] == losses[:n_epochs]
        assert len(seen) == n_epochs
        for name, value in learned.networks.weights[0].items():
            np.testing.assert_array_equal(value, seen[best][name])

    @pytest.mark.parametrize("loss", [np.nan, np.inf])
    def test_validation_that_diverges(self, contrived, loss):
        with pytest.raises(DustestError, match=r"became (nan|inf) in epoch 2: choose a learning"):
            contrived([1.0, loss])

    def test_loss_that_diverges(self):
        data = plain_data()
        data.labels[5] = np.inf
        with pytest.raises(DustestError, match=r"the loss became (nan|inf) in epoch 1"):
            learn(TASK, data, OPTIONS, validation_fraction=0)

    def test_without_validation_the_last_epoch_counts(self):
        learned = train(validation_fraction=0)
        assert len(learned.history) == 5
        assert all(np.isnan(record["val_loss"]) for record in learned.history)


class TestEpochs:
    def test_each_row_once_in_another_order(self, monkeypatch):
        seen = []

        def batch(self, rows, rng, change="augmentation"):
            seen.append((np.array(rows), change == "validation"))
            return kept(self, rows, rng, change)

        kept = Training._batch
        monkeypatch.setattr(Training, "_batch", batch)
        learned = train(replace(OPTIONS, epochs=2))
        # One batch is made ahead of training, to see what is in it.
        validation = np.concatenate([rows for rows, plain in seen if plain])
        batches = {tuple(rows) for rows, plain in seen if not plain}
        assert len(set(validation)) == learned.n_validation == 8
        assert len(batches) == 8
        used = {row for rows in batches for row in rows}
        assert used == set(range(40)) - set(validation)

    def test_validation_loss_is_that_of_the_mixture(self):
        learned = train(replace(OPTIONS, epochs=1))
        data = plain_data()
        rows = group_split(data.group, 0.2, 3)[1]
        raw = learned.networks.predict(data.image[rows], data.context[rows])[0]
        expected = -Mixture.from_raw(raw).log_prob(data.labels[rows]).mean()
        assert learned.history[0]["val_loss"] == pytest.approx(expected, rel=1e-4)

    def test_learns(self):
        learned = train(replace(OPTIONS, epochs=30, patience=30))
        losses = [record["val_loss"] for record in learned.history]
        assert min(losses) < losses[0] - 0.5

    def test_few_steps_are_those_of_a_graph(self, monkeypatch):
        """8 steps are taken one operation after another, 9 or more as a graph."""
        eager = []

        def run(self, *args):
            history = kept(self, *args)
            eager.append(self.model.run_eagerly)
            return history

        kept = Training.run
        monkeypatch.setattr(Training, "run", run)
        few = train(replace(OPTIONS, epochs=2))
        monkeypatch.setattr("dustest.estimators._cnn.training.epochs._FEW_STEPS", 7)
        expected = train(replace(OPTIONS, epochs=2))
        assert eager == [True, False]
        for name, value in expected.networks.to_arrays().items():
            np.testing.assert_allclose(few.networks.to_arrays()[name], value, rtol=1e-3, atol=1e-5)

    def test_scaler_knows_the_training_rows_alone(self):
        data = plain_data()
        learned = train(replace(OPTIONS, epochs=1))
        assert not np.allclose(learned.networks.scaler.mean, Scaler.of(data.context).mean)


class _KilledError(BaseException):
    """Stands for a kill, which nothing catches."""


@pytest.fixture
def killed(monkeypatch):
    """Call something, and end it at the n-th time that an epoch is to be kept."""

    def run(call, n, before=False):
        times = []

        def keep(self, model, state):
            times.append(None)
            if len(times) == n and before:
                raise _KilledError
            kept(self, model, state)
            if len(times) == n:
                raise _KilledError

        kept = Checkpoint.keep
        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "keep", keep)
            with pytest.raises(_KilledError):
                call()

    return run


@pytest.fixture
def n_epochs(monkeypatch):
    """Epochs that were run, in a list."""
    counted = []

    def epoch(self, number):
        counted.append(number)
        return kept(self, number)

    kept = Training._epoch
    monkeypatch.setattr(Training, "_epoch", epoch)
    return counted


class TestCheckpoint:
    @pytest.mark.parametrize(
        ("n", "before"),
        [
            pytest.param(2, False, marks=pytest.mark.slow),
            (3, True),
            pytest.param(7, False, marks=pytest.mark.slow),
        ],
    )
    def test_a_killed_training_goes_on_to_the_same_bits(
        self, tmp_path, killed, n_epochs, n, before
    ):
        expected = train(n_networks=2)
        n_epochs.clear()
        killed(lambda: train(n_networks=2, checkpoint=tmp_path), n, before)
        resumed = train(n_networks=2, checkpoint=tmp_path)
        assert_same(resumed, expected)
        assert len(n_epochs) == 10 + before
        assert len(list(tmp_path.iterdir())) == 2

    def test_without_validation(self, tmp_path, killed):
        options = {"validation_fraction": 0}
        killed(lambda: train(checkpoint=tmp_path, **options), 2)
        assert_same(train(checkpoint=tmp_path, **options), train(**options))

    @pytest.mark.parametrize("plan", [TINY, TINY_PAPER], ids=lambda plan: plan.kind)
    def test_of_an_estimator(self, tmp_path, killed, plan):
        sample, truth = dusty(24)
        cnn = tiny(architecture=plan, targets="A_V", epochs=3)
        y = truth["A_V"].value
        killed(lambda: cnn.fit(sample, y, checkpoint=tmp_path), 2)
        resumed = cnn.fit(sample, y, checkpoint=tmp_path).networks_.to_arrays()
        expected = cnn.fit(sample, y).networks_.to_arrays()
        for name, value in expected.items():
            np.testing.assert_array_equal(resumed[name], value)

    def test_a_finished_training_is_only_loaded(self, tmp_path, n_epochs):
        expected = train(checkpoint=tmp_path)
        n_epochs.clear()
        assert_same(train(checkpoint=tmp_path), expected)
        assert n_epochs == []

    def test_one_that_stopped_early_is_only_loaded(self, tmp_path, monkeypatch, n_epochs):
        losses = iter([1.0, 2.0, 3.0])
        monkeypatch.setattr(Training, "_validation_loss", lambda self: next(losses))
        options = replace(OPTIONS, patience=2)
        expected = train(options, checkpoint=tmp_path)
        assert len(expected.history) == 3
        assert_same(train(options, checkpoint=tmp_path), expected)
        assert len(n_epochs) == 3

    def test_other_trainings_have_other_files(self, tmp_path):
        data, start = plain_data(), train(replace(OPTIONS, epochs=1)).networks
        cases = [
            (TASK, data, OPTIONS, 0.2, 3, None),
            (TASK.with_config(TINY), data, OPTIONS, 0.2, 3, None),
            (replace(TASK, targets=("A_V",)), data, OPTIONS, 0.2, 3, None),
            (TASK, plain_data(seed=1), OPTIONS, 0.2, 3, None),
            (TASK, data.weighted(np.full(40, 2.0)), OPTIONS, 0.2, 3, None),
            (TASK, data, replace(OPTIONS, epochs=6), 0.2, 3, None),
            (TASK, data, replace(OPTIONS, learning_rate=2e-2), 0.2, 3, None),
            (TASK, data, replace(OPTIONS, augmentation=PaperCopies()), 0.2, 3, None),
            (TASK, data, OPTIONS, 0.3, 3, None),
            (TASK, data, OPTIONS, 0.2, 4, None),
            (TASK, data, OPTIONS, 0.2, 3, start),
        ]
        paths = {Checkpoint(tmp_path, _key(*case)).path for case in cases}
        assert len(paths) == len(cases)
        assert paths >= {Checkpoint(tmp_path, _key(*cases[0])).path}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("installed_version", lambda name: "9"),
            ("source_digest", lambda: "edited"),
            ("import_module", lambda name: SimpleNamespace(__version__="9")),
        ],
    )
    def test_another_version_begins_anew(self, tmp_path, monkeypatch, n_epochs, name, value):
        train(checkpoint=tmp_path)
        n_epochs.clear()
        monkeypatch.setattr(f"dustest.estimators._cnn.training.learning.{name}", value)
        train(checkpoint=tmp_path)
        assert len(n_epochs) == OPTIONS.epochs

    def test_damage_is_found(self, tmp_path):
        train(checkpoint=tmp_path)
        (path,) = tmp_path.iterdir()
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
        with pytest.raises(ReadError, match="is refused as a model file"):
            train(checkpoint=tmp_path)

    def test_another_file_in_its_place(self, tmp_path):
        train(checkpoint=tmp_path)
        (path,) = tmp_path.iterdir()
        write_model(path, {"kind": "Other", "parameters": {}, "created": {}}, {})
        with pytest.raises(ReadError, match="it holds a 'Other', and CNNCheckpoint was asked for"):
            train(checkpoint=tmp_path)

    def test_folder_must_exist(self, tmp_path):
        with pytest.raises(InputError, match="checkpoint must be a folder that exists"):
            Checkpoint(tmp_path / "absent", "key")

    def test_no_folder_no_file(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        train(replace(OPTIONS, epochs=1))
        assert list(tmp_path.iterdir()) == []


class TestProgress:
    def test_progress(self, capsys, monkeypatch):
        monkeypatch.setattr("dustest.data.progress._QUIET_SECONDS", 0)
        train(replace(OPTIONS, epochs=2), progress=True)
        assert "2/2" in capsys.readouterr().err
