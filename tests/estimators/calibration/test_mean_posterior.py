import numpy as np
import pytest

from dustest.data import InputError
from dustest.estimators._calibration.mean_posterior import MeanPosterior
from dustest.estimators._cnn.context import ContextLayout, conditions

N = 20_000
LAYOUT = ContextLayout(2)


def population(seed=170301, n=N):
    """Context, posterior draws and truth: dust follows redshift, and is known from S/N 10 on."""
    rng = np.random.default_rng(seed)
    context = np.zeros((n, len(LAYOUT)))
    redshift, log_snr = rng.uniform(4.0, 14.0, n), rng.uniform(0.0, 2.0, (n, 2))
    columns = {"present": 1.0, "redshift_known": 1.0, "redshift": 0.1 * redshift}
    LAYOUT.fill(context, columns | {"log_snr": log_snr})
    truth = 0.1 * redshift + 0.3 * rng.normal(size=n)
    is_clear = (log_snr.max(axis=1) > 1.0)[:, None]
    near = truth[:, None] + 0.01 * rng.normal(size=(n, 128))
    prior = 0.1 * redshift[:, None] + 0.3 * rng.normal(size=(n, 128))
    return context, {"A_V": np.where(is_clear, near, prior)}, {"A_V": truth}


@pytest.fixture(scope="module")
def drawn():
    return population()


@pytest.fixture(scope="module")
def prior(drawn):
    context, draws, truth = drawn
    return MeanPosterior.of(*conditions(context, LAYOUT), draws, truth)


class TestSample:
    @pytest.mark.parametrize("truth", [False, True])
    def test_it_is_the_distribution_at_that_redshift(self, prior, truth):
        context = population(170302, 400)[0]
        context[:, LAYOUT["redshift"]] = 0.9
        seeds = np.arange(400, dtype=np.uint64)
        values = prior.sample(*conditions(context, LAYOUT), 500, seeds, truth=truth)["A_V"]
        # A slice is 1.25 wide in redshift, which adds 0.125 / sqrt(12) to the width.
        assert values.mean() == pytest.approx(0.9, abs=0.07)
        assert values.std() == pytest.approx(np.hypot(0.3, 0.036), abs=0.02)

    def test_unknown_redshifts_have_the_whole_population(self, prior):
        context = population(170302, 400)[0]
        context[:, [LAYOUT["redshift"], LAYOUT["redshift_known"]]] = 0.0
        seeds = np.arange(400, dtype=np.uint64)
        values = prior.sample(*conditions(context, LAYOUT), 500, seeds)["A_V"]
        assert values.std() == pytest.approx(np.hypot(0.3, 1.0 / np.sqrt(12.0)), abs=0.02)

    def test_a_galaxy_has_its_own_draws(self, prior):
        context, seeds = population(170302, 50)[0], np.arange(50, dtype=np.uint64)
        whole = prior.sample(*conditions(context, LAYOUT), 7, seeds)["A_V"]
        assert np.array_equal(
            prior.sample(*conditions(context[9:], LAYOUT), 7, seeds[9:])["A_V"], whole[9:]
        )

    def test_bands_that_are_missing_do_not_count(self, prior):
        context = population(170302, 50)[0]
        columns = LAYOUT["log_snr"]
        context[:, columns] = [0.2, 1.9]
        one = context.copy()
        one[:, list(range(*LAYOUT["present"].indices(6)))[1]] = 0.0
        assert (
            prior.cells(*conditions(one, LAYOUT))[1] < prior.cells(*conditions(context, LAYOUT))[1]
        ).all()


class TestInformation:
    def test_posteriors_of_faint_galaxies_are_the_prior(self, prior):
        context, draws, _ = population(170303, 2000)
        bits = prior.information(draws, *conditions(context, LAYOUT))
        is_clear = context[:, LAYOUT["log_snr"]].max(axis=1) > 1.05
        is_faint = context[:, LAYOUT["log_snr"]].max(axis=1) < 0.95
        assert np.quantile(bits[is_faint], 0.9) < 1.0 < np.quantile(bits[is_clear], 0.1)

    def test_other_targets_count(self):
        context, draws, truth = population()
        is_clear = context[:, LAYOUT["log_snr"]].max(axis=1) > 1.0
        shuffled = np.random.default_rng(170304).permuted(draws["A_V"], axis=0)
        context, draws = (
            context[is_clear],
            {"A_V": shuffled[is_clear], "log_sSFR": draws["A_V"][is_clear]},
        )
        truth = dict.fromkeys(draws, truth["A_V"][is_clear])
        both = MeanPosterior.of(*conditions(context, LAYOUT), draws, truth)
        assert np.median(both.information(draws, *conditions(context, LAYOUT))) > 1.0

    def test_no_draws_give_none(self, prior):
        context, draws, _ = population(170303, 3)
        draws["A_V"][1] = np.nan
        assert prior.information(draws, *conditions(context, LAYOUT))[1] == 0.0


class TestRecord:
    def test_few_galaxies_are_one_cell(self):
        context, draws, truth = population(n=40)
        few = MeanPosterior.of(*conditions(context, LAYOUT), draws, truth)
        assert few.draws.shape == (2, 1, 40, 1)

    def test_without_truth_there_is_none(self):
        context, draws, truth = population(n=40)
        assert (
            MeanPosterior.of(*conditions(context, LAYOUT), draws, {"A_V": truth["A_V"] + np.nan})
            is None
        )

    def test_a_file_has_it_again(self, prior):
        context, draws, _ = population(170303, 100)
        again = MeanPosterior.from_arrays(("A_V",), prior.to_arrays())
        bits = [one.information(draws, *conditions(context, LAYOUT)) for one in (prior, again)]
        assert np.array_equal(*bits)

    @pytest.mark.parametrize("name", ["redshift", "log_snr", "draws", "truth"])
    def test_arrays_that_do_not_match(self, prior, name):
        arrays = prior.to_arrays()
        with pytest.raises(InputError, match="a mean posterior must have"):
            MeanPosterior.from_arrays(("A_V",), arrays | {name: arrays[name][1:]})
        with pytest.raises(InputError, match="a mean posterior must have"):
            MeanPosterior.from_arrays(("A_V",), {k: v for k, v in arrays.items() if k != name})
