import re
from argparse import Namespace

import pytest

from dustest import BagpipesEstimator
from dustest.cli import main
from dustest.cli._estimators import given_parameters
from dustest.cli._priors import PRIOR_HELP
from dustest.data import InputError
from dustest.estimators.bagpipes import PRIOR_SHAPES

RUNS = {"one": "bagpipes", "slope": "meurer", "two": "bagpipes"}


def priors(*words, settings=(), runs=RUNS):
    """Parameters by run."""
    return given_parameters(Namespace(set=settings, prior=words), runs)


class TestPriors:
    def test_of_every_run_that_takes_them(self):
        flat = {"dust:Av": (0.0, 4.0), "dust:Av_prior": "uniform"}
        assert priors("A_V=uniform:0:4") == {run: {"priors": flat} for run in ("one", "two")}

    def test_of_one_run(self):
        expected = {
            "dust:delta": (-1.0, 0.4),
            "dust:delta_prior": "Gaussian",
            "dust:delta_prior_mu": -0.2,
            "dust:delta_prior_sigma": 0.2,
        }
        found = priors("two.dust:delta=gaussian:-1:0.4:-0.2:0.2")
        assert found == {"two": {"priors": expected}}

    def test_are_added_to_settings(self):
        settings = ["one.sfh=delayed", "one.priors={'dust:eta': 2.0}"]
        found = priors("one.logU=fixed:-3", settings=settings)
        expected = {"dust:eta": 2.0, "nebular:logU": -3.0}
        assert found == {"one": {"sfh": "delayed", "priors": expected}}

    def test_limits_may_be_the_age_of_the_universe(self):
        found = priors("delayed:age=uniform:0.01:age_of_universe", runs={"sed": "bagpipes"})
        assert found["sed"]["priors"]["delayed:age"] == (0.01, "age_of_universe")

    @pytest.mark.parametrize("shape", PRIOR_SHAPES)
    def test_every_shape_is_known_to_the_estimator_and_in_the_help(self, shape):
        (words,) = re.findall(rf"\b{shape}:LOW:HIGH[A-Z:]*", PRIOR_HELP)
        numbers = {"LOW": "0.1", "HIGH": "4", "MU": "1", "SIGMA": "0.5", "SCALE": "1"}
        text = ":".join(numbers.get(part, part) for part in words.split(":"))
        found = priors(f"A_V={text}", runs={"sed": "bagpipes"})["sed"]["priors"]
        assert found["dust:Av_prior"] == shape
        assert {f"dust:Av_prior_{name}" for name in PRIOR_SHAPES[shape]} <= set(found)
        BagpipesEstimator(priors=found)._check_parameters()

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ("A_V=uniform:0", "exponential:LOW:HIGH:SCALE, or fixed:VALUE"),
            ("A_V=uniform:0:4:1", "--prior must look like A_V=uniform:0:4"),
            ("A_V=uniform:0:x", "--prior must look like"),
            ("A_V=uniform:0:inf", "--prior must look like"),
            ("A_V=uniform:nan:1", "--prior must look like"),
            ("A_V=flat:0:4", "--prior must look like"),
            ("A_V", "--prior must look like NAME=VALUE"),
            ("tow.A_V=uniform:0:4", "did you mean 'two'"),
        ],
    )
    def test_mistakes(self, words, reason):
        with pytest.raises(InputError, match=re.escape(reason)):
            priors(words)

    def test_estimators_without_priors(self, capsys):
        words = ["estimate", "a.fits", "--output", "b.fits", "--prior", "A_V=uniform:0:4"]
        assert main(words) == 1
        assert (
            "--prior needs an estimator with priors, such as bagpipes" in capsys.readouterr().err
        )
