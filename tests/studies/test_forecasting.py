import numpy as np
import pytest
from astropy import units as u
from grid_posteriors import fit_mock, on_grid
from packages import skip_without

from dustest import BagpipesEstimator, MeurerEstimator
from dustest.data import InputError
from dustest.studies import forecast

pytestmark = pytest.mark.usefixtures("warm_workers")

MORE = ("F606W", "F814W", "F090W", "F115W", "F150W", "F200W", "F277W", "F335M", "F356W")
MORE += ("F410M", "F444W")
FEWER = tuple(band for band in MORE if band not in {"F150W", "F335M"})
A_V = (0.01, 5.0)
SHAPE = {"lognormal:tmax": 0.6, "lognormal:fwhm": 0.3, "lognormal:metallicity": 0.2}
PRIORS = SHAPE | {"dust:Av": A_V, "nebular:logU": -2.5}
DEPTH, REDSHIFT = 29.5, 4.0


def fit(**parameters):
    """A fit of A_V and mass alone."""
    return BagpipesEstimator(preset="Fu", priors=PRIORS, error_floor=0.0, **parameters)


def run(bands, n_mocks, seed, **options):
    """A forecast of these fits."""
    options = {"magnitude": (26.0, 29.0), "magnitude_band": "F277W", "targets": "A_V"} | options
    options = {"estimator": fit(), "n_mocks": n_mocks, "random_state": seed} | options
    return forecast(bands, DEPTH, REDSHIFT, **options)


@pytest.fixture(scope="module")
def result():
    skip_without("bagpipes", "nautilus")
    return run({"fewer": FEWER, "more": MORE}, 256, 180603)


@pytest.fixture(scope="module")
def few():
    """Mocks of a small forecast."""
    skip_without("bagpipes", "nautilus")
    return run(FEWER, 16, 1).mocks


@pytest.fixture(scope="module")
def on_a_grid():
    """Truth, median, half width and bits of 400 other mocks, fitted on a grid, for both sets."""
    skip_without("bagpipes", "nautilus")
    models = fit().draw_models(4096, MORE, REDSHIFT, random_state=180604)
    log_a_v, unit_flux = on_grid(models, MORE, A_V)
    magnitude = models["flux_F277W"].to_value(u.ABmag)
    rng = np.random.default_rng(180605)
    rows = rng.choice(np.flatnonzero((magnitude > 26.0) & (magnitude < 29.0)), 400, replace=False)
    error = (DEPTH * u.ABmag).to_value(u.nJy) / 5.0
    flux = np.stack([models[f"flux_{band}"].value[rows] for band in MORE], axis=1)
    flux += error * rng.standard_normal(flux.shape)
    sets = [[MORE.index(band) for band in bands] for bands in (FEWER, MORE)]
    fits = [
        [fit_mock(log_a_v, unit_flux[:, used], one[used], error) for one in flux] for used in sets
    ]
    truth = np.broadcast_to(models["A_V"].value[rows], (2, 1, 400))
    return np.concatenate([truth, np.array(fits).swapaxes(1, 2)], axis=1)


@pytest.mark.slow
class TestAgainstAGrid:
    def test_errors_and_information(self, result, on_a_grid):
        table = result.table()
        for row, (truth, median, width, bits) in zip(table, on_a_grid, strict=True):
            assert row["error"].value == pytest.approx(np.median(width), rel=0.15)
            assert row["mae"].value == pytest.approx(np.mean(np.abs(median - truth)), rel=0.2)
            assert row["information"] == pytest.approx(bits.mean(), rel=0.08)
            assert row["coverage"] == pytest.approx(0.68, abs=4 * row["coverage_err"])

    def test_gains(self, result, on_a_grid):
        (row,) = result.gains()
        widths, bits = on_a_grid[:, 2], on_a_grid[:, 3]
        ratio = np.exp(np.mean(np.log(widths[1] / widths[0])))
        gain = np.mean(bits[1] - bits[0])
        assert row["error_ratio"] == pytest.approx(ratio, abs=0.02)
        assert row["information_gain"] == pytest.approx(gain, abs=5 * row["information_gain_err"])


class TestForecast:
    def test_more_bands_lose_no_information(self, result):
        (row,) = result.gains()
        assert row["information_gain"] > 3 * row["information_gain_err"]
        assert row["error_ratio"] < 1.0

    def test_mocks_are_those_of_the_prior_with_the_magnitudes(self, result):
        for name in result.sets:
            mocks = result.mocks[result.mocks["bands"] == name]
            assert len(mocks) == 256
            assert (mocks["magnitude"] >= 26 * u.mag).all()
            assert (mocks["magnitude"] <= 29 * u.mag).all()
            assert (mocks["redshift"] == REDSHIFT).all()
            # Flat in the logarithm.
            place = np.log(mocks["true_A_V"].value / A_V[0]) / np.log(A_V[1] / A_V[0])
            assert np.mean(place) == pytest.approx(0.5, abs=4 / np.sqrt(12 * 256))

    def test_columns_and_units(self, result):
        columns = ["bands", "redshift", "magnitude", "true_A_V", "A_V", "A_V_p16", "A_V_p84"]
        columns += ["A_V_expected_error", "A_V_information"]
        assert result.mocks.colnames == columns
        assert result.mocks["A_V"].unit == result.table()["error"].unit == u.mag
        assert result.quantities == ("A_V",)
        assert result.magnitude_band == "F277W"
        assert result.flux_err["F444W"] == pytest.approx(1.15, rel=0.01)

    def test_corrections_of_the_fit(self, few):
        mapping = fit(zero_points={"F200W": 1.2}).set_params(error_floor=dict.fromkeys(MORE, 0.0))
        mocks, same = few, run(FEWER, 16, 1, estimator=mapping).mocks
        assert (mocks["A_V"] == same["A_V"]).all()
        rough = run(
            FEWER, 16, 1, estimator=fit(template_error=[(1000.0, 0.2), (20000.0, 0.2)])
        ).mocks
        assert np.median(rough["A_V_p84"] - rough["A_V_p16"]) > 2.0 * np.median(
            mocks["A_V_p84"] - mocks["A_V_p16"]
        )

    def test_the_seed_decides(self, result, few):
        mocks, again = few, run(FEWER, 16, 1).mocks
        assert (mocks["A_V"] == again["A_V"]).all()
        assert (mocks["true_A_V"] != result.mocks["true_A_V"][:16]).all()


def test_deep_images_give_the_truth():
    skip_without("bagpipes", "nautilus")
    deep = forecast(
        [FEWER, (*FEWER, "F770W")],
        dict.fromkeys((*FEWER, "F770W"), 33.0),
        [4.0, 5.0],
        estimator=fit(),
        magnitude=(25.0, 26.0),
        targets=("A_V", "log_mass"),
        n_mocks=33,
        random_state=180606,
    )
    assert deep.magnitude_band == "F444W"
    assert sorted(set(deep.mocks["redshift"])) == [4.0, 5.0]
    for name, least in (("A_V", 0.01 * u.mag), ("log_mass", 0.01)):
        table = deep.table(name)
        assert (table["error"] < least).all()
        assert (table["mae_over_prior"] < 0.05).all()
        assert (table["information"] > 4.0).all()


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"redshift": 25.0}, "redshift must be numbers from 0.001 to .*, got 25.0"),
            ({"redshift": []}, "redshift must be numbers"),
            ({"depths": 3.0}, "depths.* must be a 5-sigma depth"),
            ({"bands": ["F115W", "F1W"]}, "F1W"),
            ({"magnitude": 27.0}, "magnitude must be two magnitudes"),
            ({"magnitude": (29.0, 27.0)}, "magnitude must be a number from 0 to 50, or two"),
            ({"magnitude_band": "F770W"}, "magnitude_band must be one of the bands F115W, F444W"),
            ({"n_mocks": 1}, "n_mocks must be a whole number from 3"),
            ({"estimator": MeurerEstimator()}, "estimator must be a BagpipesEstimator with"),
            (
                {"estimator": BagpipesEstimator(preset="Fu", engine="bagpipes")},
                "engine='tabulated'",
            ),
            ({"estimator": BagpipesEstimator(redshift="free")}, "must have redshift='fixed'"),
            ({"random_state": -1}, "random_state must be"),
        ],
    )
    def test_before_anything_is_drawn(self, options, message):
        arguments = {"bands": ["F115W", "F444W"], "depths": 29.0, "redshift": 7.0} | options
        with pytest.raises(InputError, match=message):
            forecast(**arguments)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"targets": ("A_V", "M_UV")}, "targets must be one of .*A_V.*, got 'M_UV'"),
            ({"magnitude": (1.0, 2.0)}, "magnitude must leave 256 mocks at redshift 4, but 0 of"),
        ],
    )
    def test_of_the_models(self, options, message):
        skip_without("bagpipes", "nautilus")
        with pytest.raises(InputError, match=message):
            run(FEWER, 256, 1, **options)
