import numpy as np
import pytest
from astropy.table import QTable

from dustest import ConstantEstimator, compare
from dustest.data import FLAGS, DustTable, as_sample
from dustest.report.verdict import verdict

IDS = np.arange(40)
TRUE = np.linspace(0.0, 1.0, 40)
TRUTH = QTable({"id": IDS, "A_V": TRUE})


def result(values, half_width=None, **columns):
    """Results with symmetric intervals."""
    found = {"A_V": values}
    if half_width is not None:
        found |= {"A_V_p16": values - half_width, "A_V_p84": values + half_width}
    return DustTable.from_quantities(IDS, found, **columns)


def sentences(tables, truth=TRUTH, **options):
    return verdict(compare(tables, truth=truth, n_bootstrap=0), **options)


def of(tables, word, truth=TRUTH):
    """The only sentence that has a word."""
    (found,) = [sentence for sentence in sentences(tables, truth) if word in sentence]
    return found


class TestAnswers:
    def test_medians_and_missing_values(self):
        gaps = np.where(IDS < 3, np.nan, 0.4)
        found = sentences({"one": result(TRUE), "two": result(gaps)})[0]
        assert found == (
            "40 galaxies, 2 methods. Median A_V: one 0.500, two 0.400 (3 without a value) mag."
        )

    def test_galaxies_that_a_method_lacks_count_as_missing(self):
        few = result(TRUE)[:5]
        assert "two 0.0513 (35 without a value)" in sentences({"one": result(TRUE), "two": few})[0]

    def test_another_quantity(self):
        mass = DustTable.from_quantities(IDS, {"log_mass": 8.0 + TRUE})
        found = sentences({"one": mass, "two": mass}, None, quantity="log_mass")
        assert found[0] == "40 galaxies, 2 methods. Median log_mass: one 8.50, two 8.50."

    def test_nobody_gives_it(self):
        mass = DustTable.from_quantities(IDS, {"log_mass": 8.0 + TRUE})
        assert sentences({"one": mass, "two": mass}, None, quantity="A_V") == [
            "No method gives A_V."
        ]


class TestDisagreement:
    def test_beyond_the_intervals(self):
        other = TRUE + np.where(IDS < 10, 0.5, 0.1)
        found = of({"one": result(TRUE, 0.1), "two": result(other, 0.1)}, "differ by", None)
        assert "by more than 0.100 mag for half of the galaxies" in found
        assert "for 25 %. They differ most for galaxy" in found
        assert found.endswith("by 0.500 mag.")

    def test_without_intervals(self):
        found = of({"one": result(TRUE), "two": result(TRUE + 0.1)}, "differ by", None)
        assert "intervals" not in found


class TestScores:
    def test_beside_the_median_of_the_truths(self):
        found = of({"one": result(TRUE + 0.1)}, "Mean absolute")
        expected = np.abs(TRUE - 0.5).mean()
        assert found == (
            "Mean absolute error of A_V: one 0.100 mag; the median of all truths has "
            f"{expected:.3f}."
        )
        assert len(sentences({"one": result(TRUE + 0.1)})) == 2

    def test_beside_a_constant_of_other_galaxies(self):
        galaxies = as_sample({"id": IDS, "redshift": np.full(40, 7.0)})
        constant = ConstantEstimator().fit(galaxies, QTable({"A_V": np.full(40, 0.1)}))
        tables = {"one": result(TRUE), "fixed": constant.estimate(galaxies)}
        expected = np.abs(TRUE - 0.1).mean()
        assert of(tables, "Mean absolute").endswith(f"fixed, a constant, has {expected:.3f}.")
        assert sentences(tables)[0].startswith("40 galaxies, 1 method.")

    @pytest.mark.parametrize(
        ("values", "flags", "reason"),
        [
            (TRUE + 0.6, 0, "too high by 0.600 mag on average"),
            (TRUE - 0.6, 0, "too low by 0.600 mag on average"),
            (1.0 - TRUE, 0, "its values scatter by"),
            (
                1.0 - TRUE,
                FLAGS["PRIOR_DOMINATED"].value,
                "for 100 % of the galaxies the data hardly",
            ),
        ],
    )
    def test_why_a_method_loses(self, values, flags, reason):
        table = result(values, flags=np.full(40, flags))
        assert reason in of({"one": table}, "one is worse than this constant")

    def test_an_advantage_within_the_errors_is_none(self):
        noise = np.random.default_rng(250303).normal(0.0, 0.4, 40)
        galaxies = as_sample({"id": IDS, "redshift": np.full(40, 7.0)})
        constant = ConstantEstimator().fit(galaxies, TRUTH)
        tables = {"one": result(TRUE + noise), "fixed": constant.estimate(galaxies)}
        found = verdict(compare(tables, truth=TRUTH, random_state=250303))
        assert "one is no better than this constant within the errors" in " ".join(found)


def test_the_report_opens_with_it():
    page = compare({"one": result(TRUE), "two": result(TRUE + 0.1)}).to_html()
    assert page.index("40 galaxies, 2 methods. Median A_V") < page.index("<h2>Estimators")
