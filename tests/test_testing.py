import numpy as np
import pytest
from cnn_galaxies import BANDS, TINY, TINY_PAPER
from toy_backends import Declared, Linear, Malformed, Point

from dustest import BagpipesEstimator, CNNEstimator, ConstantEstimator, MeurerEstimator
from dustest.data import InputError
from dustest.estimators import Estimates
from dustest.testing import ContractError, check_estimator, make_check_sample


class TestCheckEstimator:
    @pytest.mark.parametrize(
        "estimator",
        [
            MeurerEstimator(),
            MeurerEstimator(method="spectrum", dust_law="SMC", reference="A_1600"),
            ConstantEstimator(),
            ConstantEstimator(("A_V", "E_BV", "log_sSFR")),
            Point(),
            Declared(),
        ],
        ids=repr,
    )
    def test_good_estimators_pass(self, estimator):
        check_estimator(estimator)

    @pytest.mark.parametrize("plan", [TINY, TINY_PAPER], ids=lambda plan: plan.kind)
    def test_networks_pass(self, plan):
        pytest.importorskip("keras")
        # The paper has a network for each target; several are tested with the networks themselves.
        targets = ("A_V",) if plan.kind == "paper" else CNNEstimator().targets
        check_estimator(CNNEstimator(BANDS, targets, plan, size=24, epochs=1))

    @pytest.mark.slow
    @pytest.mark.parametrize("engine", ["tabulated", "bagpipes"])
    def test_bagpipes_passes(self, engine):
        sample, truth = make_check_sample()
        photometry = [name for name in sample.colnames if name.startswith(("id", "flux", "red"))]
        few = {"lognormal:tmax": 0.5, "lognormal:fwhm": 0.4, "nebular:logU": -2.5}
        few |= {"lognormal:metallicity": 0.2}
        sed = BagpipesEstimator(preset="Fu", engine=engine, priors=few, n_live=60, n_effective=100)
        check_estimator(sed, sample[photometry][:2], truth[:2])

    def test_what_is_no_estimator_is_refused(self):
        with pytest.raises(ContractError, match="no DustEstimator"):
            check_estimator(object())

    def test_wrong_rows_are_found(self):
        with pytest.raises(InputError, match="must give 4 rows"):
            check_estimator(Malformed())


class Chatty(Point):
    def _estimate(self, batch):
        print("working")  # noqa: T201
        return super()._estimate(batch)


class Wandering(Point):
    def _estimate(self, batch):
        np.random.seed(1)  # noqa: NPY002
        return super()._estimate(batch)


class WanderingInFit(Point):
    def _fit(self, batch, y):
        np.random.seed(1)  # noqa: NPY002


class ChattyInFit(Point):
    def _fit(self, batch, y):
        print("working")  # noqa: T201


class Neighbourly(Point):
    def _estimate(self, batch):
        return Estimates({"A_V": batch.redshift - batch.redshift.mean()})


class Untidy(Point):
    def __init__(self, factor=1.0):
        self.factor = float(factor)
        self.extra = 1


class Hasty(Point):
    def _fit(self, batch, y):
        self.learned = y


class Random(Linear):
    def _estimate(self, batch):
        return Estimates({"A_V": np.random.default_rng().normal(size=(len(batch), 5))})


class Unsorted(Linear):
    uncertainty = "sorted out"


class TestFaultsAreFound:
    @pytest.mark.parametrize(
        ("estimator", "message"),
        [
            (Chatty(), "must not print"),
            (Wandering(), "estimate must not change global state.*numpy random state"),
            (WanderingInFit(), "fit must not change global state.*numpy random state"),
            (ChattyInFit(), "fit must not print"),
            (Neighbourly(), "neighbours"),
            (Untidy(), "must set only its parameters"),
            (Hasty(), "must end in an underscore"),
            (Random(), "agree|medians|differs"),
            (Unsorted(), "uncertainty must be one of"),
            (Linear(), "_extra_columns must declare further columns: seed"),
        ],
        ids=lambda value: type(value).__name__,
    )
    @pytest.mark.usefixtures("restored_random_state")
    def test_each_fault(self, estimator, message):
        with pytest.raises(ContractError, match=message):
            check_estimator(estimator, *make_check_sample())
