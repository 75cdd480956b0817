import io

import matplotlib as mpl
import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from matplotlib.figure import Figure

from dustest.data import InputError
from dustest.report.figures import plot_training_history, plot_tuning


def history(*networks):
    """A table of training losses and validation losses, a pair a network."""
    rows = [
        (number, epoch, loss, val_loss, 1e-3)
        for number, losses in enumerate(networks)
        for epoch, (loss, val_loss) in enumerate(zip(*losses, strict=True), start=1)
    ]
    return Table(rows=rows, names=["network", "epoch", "loss", "val_loss", "learning_rate"])


ONE = ([1.0, 0.2, -0.4, -0.9], [0.9, 0.1, -0.2, 0.0])
TWO = ([1.1, 0.3, -0.3, -0.8], [0.8, -0.1, 0.2, 0.1])


def lines(ax, gid):
    return [line.get_xydata().tolist() for line in ax.lines if line.get_gid() == gid]


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


class TestTrainingHistory:
    def test_both_losses_and_the_best_epoch(self):
        ax = plot_training_history(history(ONE))
        (loss,), (val_loss,) = lines(ax, "loss"), lines(ax, "val_loss")
        assert loss == [[1, 1.0], [2, 0.2], [3, -0.4], [4, -0.9]]
        assert val_loss == [[1, 0.9], [2, 0.1], [3, -0.2], [4, 0.0]]
        assert lines(ax, "best") == [[[3, -0.2]]]
        assert labels(ax) == ["training", "validation", "best, epoch 3"]
        assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "loss", "linear")

    def test_networks_in_colours_of_their_own(self):
        ax = plot_training_history(history(ONE, TWO))
        assert lines(ax, "best") == [[[3, -0.2]], [[2, -0.1]]]
        colors = [line.get_color() for line in ax.lines]
        assert colors[:3] == [colors[0]] * 3
        assert colors[3:] == [colors[3]] * 3
        assert colors[0] != colors[3]
        assert labels(ax) == ["training", "validation", "best"]
        assert ax.get_legend().get_title().get_text() == "2 networks"

    def test_more_networks_than_colours(self):
        ax = plot_training_history(history(*[ONE] * 9))
        assert len(lines(ax, "val_loss")) == 9

    def test_epochs_in_any_order(self):
        table = history(ONE)
        ax = plot_training_history(table[[2, 0, 3, 1]])
        assert lines(ax, "loss") == lines(plot_training_history(table), "loss")

    def test_without_validation(self):
        ax = plot_training_history(history((ONE[0], [np.nan] * 4)))
        assert (lines(ax, "val_loss"), lines(ax, "best")) == ([], [])
        assert labels(ax) == ["training"]

    def test_an_epoch_without_a_number(self):
        ax = plot_training_history(history((ONE[0], [0.9, np.nan, 0.1, 0.3])))
        assert lines(ax, "best") == [[[3, 0.1]]]
        ax.figure.savefig(io.BytesIO(), format="png")

    def test_a_first_epoch_far_outside(self):
        loss = np.linspace(2.0, 0.1, 30)
        ax = plot_training_history(history((np.r_[500.0, loss[1:]], loss)))
        assert ax.get_ylim()[1] < 10
        assert [text.get_text() for text in ax.texts] == ["1 outside"]

    def test_one_epoch(self):
        plot_training_history(history(ONE)[:1]).figure.savefig(io.BytesIO(), format="png")

    def test_no_epoch(self):
        with pytest.raises(InputError, match="history must have a row for at least one epoch"):
            plot_training_history(history(ONE)[:0])

    def test_draws_on_given_axes(self):
        ax = Figure().subplots()
        assert plot_training_history(history(ONE), ax=ax) is ax

    def test_missing_columns(self):
        table = history(ONE)
        table.remove_column("val_loss")
        with pytest.raises(InputError, match=r"history must have the columns.*lacks val_loss"):
            plot_training_history(table)

    def test_leaves_matplotlib_alone(self):
        import matplotlib.pyplot as plt

        before = dict(mpl.rcParams)
        plot_training_history(history(ONE)).figure.savefig(io.BytesIO(), format="svg")
        assert dict(mpl.rcParams) == before
        assert plt.get_fignums() == []


def trials(n=12, **columns):
    rng = np.random.default_rng(1)
    table = Table({"trial": np.arange(n), "status": ["completed"] * n})
    table["val_loss"] = rng.uniform(1.0, 2.0, n)
    table["learning_rate"] = 10 ** rng.uniform(-5, -2, n)
    table["batch_size"] = rng.choice([32, 64, 128], n)
    table["loss"] = rng.choice(["absolute", "percentage"], n)
    table["dropout"] = rng.uniform(0.01, 0.5, n)
    table["n_dense"] = np.full(n, 2)
    table["seconds"] = rng.uniform(10.0, 20.0, n)
    for name, values in columns.items():
        table[name] = values
    return table


def points(ax, gid):
    (found,) = [part for part in ax.collections if part.get_gid() == gid]
    return np.ma.filled(found.get_offsets(), np.nan)


def tick_labels(ax):
    return [label.get_text() for label in ax.get_xticklabels()]


class TestTuning:
    def test_a_panel_for_the_trials_and_each_setting(self):
        table = trials()
        axes = plot_tuning(table)
        # The number of dense layers is the same in all, and the time they took no setting.
        expected = ["trial", "learning_rate", "batch_size", "loss", "dropout"]
        assert [ax.get_xlabel() for ax in axes] == expected
        for ax in axes:
            np.testing.assert_array_equal(points(ax, "trials")[:, 1], table["val_loss"])
            assert points(ax, "best")[0, 1] == table["val_loss"].min()
        np.testing.assert_array_equal(points(axes[1], "trials")[:, 0], table["learning_rate"])
        assert len({ax.get_ylim() for ax in axes}) == 1

    def test_the_lowest_so_far(self):
        table = trials(5, val_loss=[3.0, np.nan, 2.0, 2.5, 1.0])
        ax = plot_tuning(table[[3, 4, 0, 2, 1]])[0]
        assert lines(ax, "lowest") == [[[0, 3.0], [1, 3.0], [2, 2.0], [3, 2.0], [4, 1.0]]]

    def test_what_is_not_shown_is_counted(self):
        loss = trials()["val_loss"]
        loss[[2, 5]], loss[7] = np.nan, 900.0
        axes = plot_tuning(trials(val_loss=loss))
        assert axes[0].get_title() == "1 outside, 2 without loss"
        assert axes[0].get_ylim()[1] < 3
        axes[0].figure.savefig(io.BytesIO(), format="png")

    def test_masked_losses_are_none(self):
        table = trials()
        table["val_loss"] = MaskedColumn(table["val_loss"], mask=np.arange(12) < 3)
        assert plot_tuning(table)[0].get_title() == "3 without loss"

    def test_scales(self):
        scales = {ax.get_xlabel(): ax.get_xscale() for ax in plot_tuning(trials(60))}
        assert scales["learning_rate"] == "log"
        assert scales["dropout"] == "linear"

    @pytest.mark.parametrize("values", [[-1.0, 0.0, 3.0], [0.0, 1e-3, 1.0], [2.0, 3.0, 4.0]])
    def test_what_has_no_use_for_a_logarithm(self, values):
        ax = plot_tuning(trials(3, x=values), parameters=["x"])[1]
        assert ax.get_xscale() == "linear"

    def test_few_values_stand_side_by_side(self):
        table = trials(batch_size=[128, 32, 64] * 4, loss=["b", "a"] * 6)
        axes = {ax.get_xlabel(): ax for ax in plot_tuning(table)}
        assert tick_labels(axes["batch_size"]) == ["32", "64", "128"]
        assert points(axes["batch_size"], "trials")[:3, 0].tolist() == [2, 0, 1]
        assert tick_labels(axes["loss"]) == ["a", "b"]
        assert points(axes["loss"], "trials")[:2, 0].tolist() == [1, 0]

    def test_switches(self):
        axes = plot_tuning(trials(4, flip=[True, False, True, True]), parameters=["flip"])
        assert tick_labels(axes[1]) == ["False", "True"]
        assert points(axes[1], "trials")[:, 0].tolist() == [1, 0, 1, 1]

    @pytest.mark.parametrize("values", [[1, 2, 3, 4, 5, 6], ["a", "b", "a", "b", "a", "c"]])
    def test_settings_that_some_trials_lack(self, values):
        table = trials(6, depth=MaskedColumn(values, mask=[True, *[False] * 5]))
        ax = plot_tuning(table, parameters=["depth"])[1]
        assert np.isnan(points(ax, "trials")[:, 0]).tolist() == [True, *[False] * 5]
        ax.figure.savefig(io.BytesIO(), format="png")

    def test_only_those_asked_for(self):
        axes = plot_tuning(trials(), parameters=["seconds", "n_dense"])
        assert [ax.get_xlabel() for ax in axes] == ["trial", "seconds", "n_dense"]

    def test_one_trial(self):
        (ax,) = plot_tuning(trials(1))
        ax.figure.savefig(io.BytesIO(), format="png")

    def test_names_are_no_mathematics(self):
        axes = plot_tuning(trials(3, **{"$x$": ["$a", "b$", "c"]}), parameters=["$x$"])
        assert axes[1].get_xlabel() == r"\$x\$"
        axes[0].figure.savefig(io.BytesIO(), format="png")

    def test_draws_on_given_axes(self):
        axes = Figure().subplots(1, 2)
        assert plot_tuning(trials(), parameters=["dropout"], axes=axes) == list(axes)
        assert [ax.get_ylabel() for ax in axes] == ["validation loss", ""]

    def test_axes_anywhere(self):
        axes = [Figure().add_axes((0, 0, 1, 1)) for _ in range(2)]
        plot_tuning(trials(), parameters=["dropout"], axes=axes)
        assert [ax.get_ylabel() for ax in axes] == ["validation loss"] * 2

    @pytest.mark.parametrize(
        ("table", "options", "message"),
        [
            (trials()["trial", "dropout"], {}, "trials must have the columns trial, val_loss"),
            (trials(val_loss=np.nan), {}, "trials must hold a finite val_loss, got none"),
            (
                trials(),
                {"parameters": ["x"]},
                r"parameters must be columns of trials, got \['x'\]",
            ),
            (
                trials(),
                {"parameters": ["dropout"], "axes": Figure().subplots(1, 3)},
                "axes must hold one for the trials and one for each of dropout, got 3",
            ),
        ],
    )
    def test_input(self, table, options, message):
        with pytest.raises(InputError, match=message):
            plot_tuning(table, **options)

    def test_leaves_matplotlib_alone(self):
        import matplotlib.pyplot as plt

        before = dict(mpl.rcParams)
        plot_tuning(trials())[0].figure.savefig(io.BytesIO(), format="svg")
        assert dict(mpl.rcParams) == before
        assert plt.get_fignums() == []
