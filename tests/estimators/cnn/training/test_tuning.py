import json
from dataclasses import replace

import numpy as np
import pytest

from dustest import CNNEstimator
from dustest.data import DustestError, InputError, ReadError, RowTable
from dustest.estimators._cnn.network.config import DUSTEST, PAPER, CNNConfig
from dustest.estimators._cnn.training import tuning as cnn_tuning
from dustest.estimators._cnn.training.epochs import TrainingOptions
from dustest.estimators._cnn.training.search import SearchSpace, next_settings, own_settings
from dustest.estimators._cnn.training.tuning import PRESETS, TuningPreset
from dustest.testing import make_check_sample

pytest.importorskip("keras_tuner")
pytest.importorskip("keras")

OPTIONS = TrainingOptions(epochs=1, batch_size=16, learning_rate=1e-3, decay=True, patience=1)
TINY = CNNConfig(window=0, filters=(4,), context_dense=(), dense=(8,), components=2)
SPACE = SearchSpace(
    n_convolutions=(1, 2),
    filters=(4, 8, 4),
    n_dense=(1, 2),
    units=(8, 8, 8),
    learning_rates=(1e-3, 1e-2),
    batch_sizes=(16,),
)
N_SETTINGS = (2 + 4) * 2 * 2
"""One or two blocks of 4 or 8 filters, one or two dense layers of 8 units, two rates."""

PRESET = TuningPreset(SPACE, n_trials=3, n_initial=9, epochs=1)


def loss_of(settings):
    """A loss that is least for few filters and high rates."""
    return (
        settings.get("filters_1", 8) / 8 + settings["n_dense"] - 100.0 * settings["learning_rate"]
    )


def searched(n, trials=(), space=SPACE, n_initial=99, seed=0, first=None):
    """Settings and losses of n trials, or of as many as there are."""
    trials = list(trials)
    while len(trials) < n:
        settings = next_settings(space, trials, first=first or {}, n_initial=n_initial, seed=seed)
        if settings is None:
            break
        trials.append((settings, loss_of(settings)))
    return trials


def keys_of(trials):
    """Settings as text."""
    return [json.dumps(settings, sort_keys=True) for settings, _ in trials]


class TestNextSettings:
    @pytest.mark.parametrize(
        "n_initial", [99, pytest.param(N_SETTINGS - 3, marks=pytest.mark.slow)]
    )
    def test_every_setting_once_until_there_are_none_left(self, n_initial):
        trials = searched(10 * N_SETTINGS, n_initial=n_initial)
        assert len(trials) == len(set(keys_of(trials))) == N_SETTINGS

    @pytest.mark.parametrize("n_initial", [99, pytest.param(4, marks=pytest.mark.slow)])
    def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(self, n_initial):
        trials = searched(5, n_initial=n_initial)
        assert searched(5, trials[:3], n_initial=n_initial) == trials

    def test_seeds_differ(self):
        assert keys_of(searched(6)) != keys_of(searched(6, seed=1))

    @pytest.mark.slow
    def test_the_process_finds_what_is_better(self):
        space = replace(SPACE, filters=(4, 64, 4), learning_rates=(1e-4, 1e-3, 5e-3, 1e-2))
        losses = [loss for _, loss in searched(14, space=space, n_initial=10)]
        assert np.mean(losses[10:]) < np.mean(losses[:10]) - 0.5

    def test_settings_that_failed_are_not_tried_again(self):
        trials = [(settings, None) for settings, _ in searched(N_SETTINGS - 1)]
        assert keys_of(searched(N_SETTINGS, trials))[-1] not in keys_of(trials)

    def test_layers_that_are_not_there_have_no_size(self):
        for settings, _ in searched(N_SETTINGS):
            assert ("filters_2" in settings) == (settings["n_convolutions"] == 2)
            assert ("units_2" in settings) == (settings["n_dense"] == 2)

    def test_the_first_is_the_plan_where_the_space_holds_it(self):
        own = own_settings(TINY, OPTIONS)
        assert searched(1, first=own)[0][0] == own
        for other in (
            replace(OPTIONS, batch_size=17),
            replace(OPTIONS, learning_rate=2e-3),
        ):
            outside = own_settings(TINY, other)
            assert searched(1, first=outside)[0][0] != outside
        deep = own_settings(replace(TINY, filters=(4, 4, 4)), OPTIONS)
        assert searched(1, first=deep)[0][0] != deep

    def test_networks_without_images_have_no_blocks(self):
        trials = searched(100, space=SPACE.without_images(), first={"filters_1": 4})
        assert len(trials) == 4
        assert all(settings["n_convolutions"] == 0 for settings, _ in trials)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_draw_plans(name):
    preset = PRESETS[name]
    rates = preset.space.learning_rates
    assert list(rates) == sorted(rates)
    trials = []
    for _ in range(20):
        settings = next_settings(preset.space, trials, first={}, n_initial=99, seed=0)
        trials.append((settings, 0.0))
        config = cnn_tuning._config(DUSTEST, settings)
        assert own_settings(config, replace(OPTIONS, **_training(settings))) == settings
        assert set(settings) <= set(preset.space.names)


def _training(settings):
    """Those settings that are no layers."""
    return {name: settings[name] for name in ("learning_rate", "batch_size")}


def test_the_quick_preset_begins_with_the_default_network():
    own = own_settings(DUSTEST, TrainingOptions(6, 128, 3e-3, decay=True, patience=5))
    assert next_settings(PRESETS["quick"].space, [], first=own, n_initial=1, seed=0) == own


def test_the_paper_preset_is_table_1():
    preset = PRESETS["paper"]
    assert preset.n_trials == 200
    assert preset.epochs is None
    assert preset.space.filters[:2] == (4, 64)
    assert preset.space.units[:2] == (8, 64)
    assert preset.space.n_convolutions == preset.space.n_dense == (1, 4)
    assert sorted(preset.space.learning_rates) == [1e-4, 5e-4, 1e-3, 5e-3, 1e-2]
    assert (min(preset.space.batch_sizes), max(preset.space.batch_sizes)) == (16, 64)
    own = own_settings(PAPER, replace(OPTIONS, batch_size=64))
    assert next_settings(preset.space, [], first=own, n_initial=1, seed=0) == own


@pytest.fixture
def data():
    return make_check_sample()


@pytest.fixture
def made():
    return CNNEstimator(
        ["F277W", "F444W"],
        architecture=TINY,
        size=16,
        epochs=1,
        validation_fraction=0.5,
        random_state=3,
    )


@pytest.fixture
def pretended(monkeypatch):
    """Trials that cost nothing; the list of their settings."""
    ran = []

    def run(task, data, options, settings, split):
        ran.append(settings)
        numbers = {"epochs": 1, "n_weights": 10, "seconds": 0.5}
        record = {"settings": settings, "status": "completed", "val_loss": loss_of(settings)}
        return record | numbers

    monkeypatch.setattr(cnn_tuning, "_run", run)
    return ran


class TestTune:
    def test_result(self, made, data, capfd, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        before = made.get_params()
        result = made.tune(*data, preset=PRESET, progress=False)
        assert made.get_params() == before
        assert not hasattr(made, "networks_")
        assert list(tmp_path.iterdir()) == []
        assert capfd.readouterr().out == ""
        trials = result.trials
        assert isinstance(trials, RowTable)
        about = ["trial", "status", "val_loss", "epochs", "seconds", "n_weights"]
        assert trials.colnames == [*about, *SPACE.names]
        assert trials["trial"].tolist() == [0, 1, 2]
        assert set(trials["status"]) == {"completed"}
        assert np.isfinite(trials["val_loss"]).all()
        assert (trials["epochs"] == 1).all()
        assert (trials["n_weights"] > 50).all()
        best = trials[np.argmin(trials["val_loss"])]
        assert result.best["learning_rate"] == best["learning_rate"]
        assert len(result.best["architecture"].filters) == best["n_convolutions"]
        assert result.best["architecture"].components == TINY.components
        made.set_params(**result.best).fit(*data)
        kept = min(made.history_["val_loss"])
        np.testing.assert_allclose(kept, min(trials["val_loss"]), rtol=1e-4)

    def test_the_same_seed_gives_the_same_trials(self, made, data):
        one, two = (made.tune(*data, preset=PRESET, n_trials=2).trials for _ in range(2))
        names = [name for name in one.colnames if name not in ("seconds", "val_loss")]
        assert all((one[name] == two[name]).all() for name in names)
        np.testing.assert_allclose(one["val_loss"], two["val_loss"], rtol=1e-4)

    def test_one_network_of_the_paper_at_a_time(self, made, data):
        paper = replace(PAPER, filters=(4,), dense=(8,))
        made.set_params(architecture=paper, targets=("A_V",), augment=False)
        result = made.tune(*data, preset=PRESET, n_trials=2)
        assert result.best["architecture"].kind == "paper"
        made.set_params(targets=("A_V", "E_BV"))
        with pytest.raises(InputError, match="targets must be one quantity"):
            made.tune(*data, preset=PRESET)

    def test_plain_features(self, pretended):
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(20, 3)), rng.uniform(size=20)
        cnn = CNNEstimator(targets="A_V", architecture=TINY, random_state=0)
        result = cnn.tune(x, y, preset=PRESET)
        assert (result.trials["n_convolutions"] == 0).all()
        assert result.best["architecture"].filters == TINY.filters


class TestFolder:
    def test_a_search_goes_on(self, made, data, tmp_path, pretended):
        tune = {"preset": PRESET, "folder": tmp_path}
        made.tune(*data, n_trials=2, **tune)
        result = made.tune(*data, n_trials=6, **tune)
        assert len(pretended) == len(result.trials) == 6
        whole = made.tune(*data, n_trials=6, preset=PRESET)
        assert all((whole.trials[name] == result.trials[name]).all() for name in SPACE.names)
        assert len(made.tune(*data, n_trials=2, **tune).trials) == 2
        assert len(pretended) == 12

    def test_a_kill_loses_no_trial(self, made, data, tmp_path, pretended, monkeypatch):
        real = cnn_tuning._run

        def run(*args):
            if len(pretended) == 3:
                raise KeyboardInterrupt
            return real(*args)

        with monkeypatch.context() as patch:
            patch.setattr(cnn_tuning, "_run", run)
            with pytest.raises(KeyboardInterrupt):
                made.tune(*data, preset=PRESET, n_trials=5, folder=tmp_path)
        result = made.tune(*data, preset=PRESET, n_trials=5, folder=tmp_path)
        assert len(pretended) == len(result.trials) == 5

    @pytest.mark.parametrize(
        "change",
        [
            {"random_state": 4},
            {"augment": False},
            {"bands": ["F277W"]},
            {"epochs": 2},
            {"validation_fraction": 0.25},
            {"architecture": replace(TINY, dropout=0.2)},
        ],
    )
    def test_another_search_has_another_file(self, made, data, tmp_path, pretended, change):
        preset = replace(PRESET, epochs=None)
        made.tune(*data, preset=preset, folder=tmp_path)
        made.set_params(**change).tune(*data, preset=preset, folder=tmp_path)
        assert len(pretended) == 6
        assert len(list(tmp_path.iterdir())) == 2

    def test_other_data_have_another_file(self, made, data, tmp_path, pretended):
        sample, truth = data
        made.tune(*data, preset=PRESET, folder=tmp_path)
        other = truth.copy()
        other["A_V"] = truth["A_V"] * 1.1
        made.tune(sample, other, preset=PRESET, folder=tmp_path)
        made.tune(sample[::-1], truth[::-1], preset=PRESET, folder=tmp_path)
        assert len(pretended) == 9

    @pytest.mark.parametrize(
        "change",
        [
            {"space": replace(SPACE, units=(8, 16, 8))},
            {"space": replace(SPACE, learning_rates=(1e-3, 3e-3))},
            {"n_initial": 10},
            {"epochs": 2},
        ],
    )
    def test_another_space_has_another_file(self, made, data, tmp_path, pretended, change):
        made.set_params(epochs=2)
        made.tune(*data, preset=PRESET, folder=tmp_path)
        made.tune(*data, preset=replace(PRESET, **change), folder=tmp_path)
        assert len(pretended) == 6
        assert len(list(tmp_path.iterdir())) == 2

    @pytest.mark.parametrize(
        ("name", "value"),
        [("installed_version", lambda name: "9"), ("source_digest", lambda: "edited")],
    )
    def test_another_version_has_another_file(
        self, made, data, tmp_path, pretended, monkeypatch, name, value
    ):
        made.tune(*data, preset=PRESET, folder=tmp_path)
        monkeypatch.setattr(f"dustest.estimators._cnn.training.learning.{name}", value)
        made.tune(*data, preset=PRESET, folder=tmp_path)
        assert len(pretended) == 6

    def test_another_run_of_the_same_search_loses_no_trial(
        self, made, data, tmp_path, pretended, monkeypatch
    ):
        tune = {"preset": PRESET, "folder": tmp_path}
        run = cnn_tuning._run

        def run_beside(*args):
            with monkeypatch.context() as patch:
                patch.setattr(cnn_tuning, "_run", run)
                made.tune(*data, n_trials=6, **tune)
            return run(*args)

        with monkeypatch.context() as patch:
            patch.setattr(cnn_tuning, "_run", run_beside)
            made.tune(*data, n_trials=2, **tune)
        ran = len(pretended)
        assert len(made.tune(*data, n_trials=6, **tune).trials) == 6
        assert len(pretended) == ran

    def test_mistakes(self, made, data, tmp_path, pretended):
        with pytest.raises(InputError, match="must be a folder that exists"):
            made.tune(*data, preset=PRESET, folder=tmp_path / "none")
        made.set_params(random_state=None)
        with pytest.raises(InputError, match="random_state must be an integer where work is kept"):
            made.tune(*data, preset=PRESET, folder=tmp_path)
        assert pretended == []

    @pytest.mark.parametrize(
        "damage",
        [
            lambda text: "{",
            lambda text: text.replace('"epochs": 1', '"epochs": 3', 1),
            lambda text: text.replace('"digest": "', '"digest": "0'),
            lambda text: '{"trials": 5}',
        ],
    )
    def test_a_damaged_file_is_named(self, made, data, tmp_path, pretended, damage):
        made.tune(*data, preset=PRESET, folder=tmp_path)
        (path,) = tmp_path.iterdir()
        path.write_text(damage(path.read_text()))
        with pytest.raises(ReadError, match=r"trials\.json is damaged"):
            made.tune(*data, preset=PRESET, folder=tmp_path)


class TestFailures:
    def test_a_trial_that_diverges_is_noted(self, made, data, tmp_path, monkeypatch):
        real = cnn_tuning.learn

        def learn(task, data, options, **others):
            if options.learning_rate > 5e-3:
                msg = "the loss became nan"
                raise DustestError(msg)
            return real(task, data, options, **others)

        monkeypatch.setattr(cnn_tuning, "learn", learn)
        tune = {"preset": PRESET, "n_trials": 4, "folder": tmp_path}
        trials = made.tune(*data, **tune).trials
        failed = trials["learning_rate"] > 5e-3
        assert 0 < failed.sum() < 4
        assert (trials["status"][failed] == "failed").all()
        assert np.isnan(trials["val_loss"][failed]).all()
        assert np.isfinite(trials["val_loss"][~failed]).all()
        monkeypatch.setattr(cnn_tuning, "learn", None)
        again = made.tune(*data, **tune).trials
        np.testing.assert_array_equal(again["val_loss"], trials["val_loss"])

    def test_no_trial_worked(self, made, data, monkeypatch):
        def learn(*args, **others):
            msg = "the loss became nan"
            raise DustestError(msg)

        monkeypatch.setattr(cnn_tuning, "learn", learn)
        with pytest.raises(DustestError, match="diverged in all 3 trials"):
            made.tune(*data, preset=PRESET)

    def test_mistakes_are_not_trials(self, made, data):
        space = replace(SPACE, n_convolutions=(5, 5))
        with pytest.raises(InputError, match="must be at least 32 pixels"):
            made.tune(*data, preset=replace(PRESET, space=space))

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ({"preset": "slow"}, "preset must be one of 'paper', 'quick'"),
            ({"preset": None}, "preset must be one of"),
            ({"n_trials": 0}, "n_trials must be an integer from 1, got"),
            ({"n_trials": True}, "n_trials must be an integer"),
            ({"n_trials": 2.5}, "n_trials must be an integer"),
        ],
    )
    def test_arguments(self, made, data, words, reason):
        with pytest.raises(InputError, match=reason):
            made.tune(*data, **words)

    @pytest.mark.parametrize("groups", [None, [1, 1, 1, 1]])
    def test_something_must_validate(self, made, data, groups):
        sample, truth = data
        if groups is None:
            made.set_params(validation_fraction=0)
        else:
            sample["group"] = groups
        with pytest.raises(InputError, match="validation_fraction must be above 0"):
            made.tune(sample, truth, preset=PRESET)
