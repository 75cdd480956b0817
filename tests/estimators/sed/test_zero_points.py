import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from packages import skip_without
from sklearn.base import BaseEstimator

from dustest import BagpipesEstimator
from dustest.data.errors import DustestWarning, InputError
from dustest.estimators._sed.data_corrections import correct
from dustest.estimators._sed.zero_points import find_zero_points
from dustest.estimators.run.batch import make_batch

pytestmark = pytest.mark.usefixtures("warm_workers")

BANDS = ("F090W", "F115W", "F150W", "F200W", "F277W", "F356W", "F410M", "F444W")
OFF = {"F115W": 1.1, "F356W": 0.92}
PLACE = np.linspace(-1.0, 1.0, len(BANDS))
BASIS = np.array([np.ones(8), PLACE, PLACE**2])


def sample(n, seed=1, snr=20.0):
    """Galaxies whose flux is a parabola of the band, two bands of them wrong."""
    rng = np.random.default_rng(seed)
    shape = np.array([1.0, 0.0, 0.3]) + rng.uniform(-0.5, 0.5, (n, 3)) * [0.0, 1.0, 1.0]
    flux = 100.0 * rng.lognormal(0.0, 1.0, (n, 1)) * (shape @ BASIS)
    error = flux / snr
    flux += error * rng.standard_normal(flux.shape)
    table = QTable({"id": np.arange(n), "redshift": np.linspace(1.0, 8.0, n)})
    for k, band in enumerate(BANDS):
        factor = OFF.get(band, 1.0)
        table[f"flux_{band}"] = flux[:, k] / factor * u.nJy
        table[f"flux_err_{band}"] = error[:, k] / factor * u.nJy
    return table


class Parabolas(BaseEstimator):
    """Exact posteriors of the photometry of such galaxies, in the form of those of a fit."""

    def __init__(self, zero_points=None, error_floor=0.0, template_error=None, extra=()):
        self.zero_points = zero_points
        self.error_floor = error_floor
        self.template_error = template_error
        self.extra = extra

    def estimate(self, sample, **_):
        """Gaussian posteriors of linear models, whose prior is flat in the log of the scale."""
        batch = correct(make_batch(sample), self.zero_points, 0.0, None)
        weight = 1.0 / batch.flux_err**2
        inner = np.linalg.inv(np.einsum("kb,ib,lb->ikl", BASIS, weight, BASIS))
        covariance = np.einsum("kb,ikl,lc->ibc", BASIS, inner, BASIS)
        mean = np.einsum("ibc,ic->ib", covariance, batch.flux * weight)
        mean *= 1.0 - 3.0 / np.sum(mean**2 * weight, axis=1, keepdims=True)
        table = QTable({"ess": np.full(len(batch), 1000.0)})
        for k, band in enumerate(BANDS):
            table[f"predicted_{band}"] = mean[:, k] * u.nJy
        table["predicted_covariance"] = covariance * u.nJy**2
        return table


class TestZeroPoints:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    @pytest.mark.parametrize("reference", [None, "F090W", "JWST/NIRCam.F444W"])
    def test_offsets_of_two_bands(self, reference, seed):
        found = find_zero_points(Parabolas(), sample(400, seed), reference=reference)
        assert found["band"].tolist() == list(BANDS)
        assert found.meta["converged"]
        assert (found["n_galaxies"] == 400).all()
        truth = np.array([OFF.get(band, 1.0) for band in BANDS])
        error = found["zero_point_err"]
        assert error.max() < 0.05
        if reference is None:
            assert np.median(np.log(found["zero_point"])) == pytest.approx(0.0, abs=1e-9)
        else:
            fixed = BANDS.index(reference[-5:])
            assert (found["zero_point"][fixed], error[fixed]) == (1.0, 0.0)
            error = np.maximum(error, 1e-9)
        assert np.abs((found["zero_point"] - truth) / error).max() < 3.5

    def test_they_begin_with_those_of_the_fit(self):
        given = Parabolas(zero_points=OFF)
        found = find_zero_points(given, sample(100), n_iterations=2)
        assert found["zero_point"][1] == pytest.approx(1.1, abs=0.05)
        assert given.zero_points is OFF

    def test_errors_fall_with_the_number_of_galaxies(self):
        few, many = (find_zero_points(Parabolas(), sample(n)) for n in (100, 1600))
        ratio = few["zero_point_err"] / many["zero_point_err"]
        np.testing.assert_allclose(ratio, 4.0, rtol=0.15)

    @pytest.mark.parametrize(("n", "band"), [(20, "F090W"), (40, "F410M")])
    def test_too_few_galaxies(self, n, band):
        table = sample(n)
        table[f"flux_{band}"][10:] = np.nan * u.nJy
        with pytest.raises(InputError, match="X must have at least 30 galaxies") as caught:
            find_zero_points(Parabolas(), table)
        assert band in str(caught.value)

    def test_unknown_reference(self):
        with pytest.raises(InputError, match="reference must be a band of the sample"):
            find_zero_points(Parabolas(), sample(40), reference="F606W")

    def test_unfinished(self):
        with pytest.warns(DustestWarning, match="still changes factors by up to"):
            found = find_zero_points(Parabolas(), sample(400), n_iterations=1)
        assert not found.meta["converged"]

    def test_only_the_tables(self):
        with pytest.raises(InputError, match="fit_zero_points needs engine='tabulated'"):
            BagpipesEstimator(preset="Fu", engine="bagpipes").fit_zero_points(sample(40))

    @pytest.mark.slow
    def test_mocks_of_the_prior(self):
        skip_without("bagpipes")
        sed = BagpipesEstimator(random_state=1, n_effective=400, error_floor=0.0)
        redshifts = np.linspace(1.0, 6.0, 60).round(2)
        models = sed.draw_models(64, BANDS, redshifts.tolist(), random_state=180531)
        rng = np.random.default_rng(180531)
        models = models[rng.choice(len(models), 120, replace=False)]
        table = QTable({"id": np.arange(len(models)), "redshift": models["redshift"]})
        brightest = np.max([models[f"flux_{band}"].value for band in BANDS], axis=0)
        for band in BANDS:
            flux = 100.0 * models[f"flux_{band}"].value / brightest
            noisy = (flux + 3.0 * rng.standard_normal(len(flux))) / OFF.get(band, 1.0)
            table[f"flux_{band}"] = noisy * u.nJy
            table[f"flux_err_{band}"] = np.full(len(flux), 3.0 / OFF.get(band, 1.0)) * u.nJy
        found = sed.fit_zero_points(table)
        truth = np.array([OFF.get(band, 1.0) for band in BANDS])
        pull = (found["zero_point"] - truth) / found["zero_point_err"]
        assert np.abs(pull).max() < 3.0
        assert found["zero_point_err"].max() < 0.05
