"""Statements of the paper on made-up numbers: where they hold, where not, and where it is open."""

import numpy as np
import pytest
from astropy import units as u

from dustest.data import DustTable
from dustest.data.containers.rows import RowTable
from dustest.reproduction.paper_networks import NETWORKS, bands_in_words
from dustest.reproduction.scores import printed_scores, table_2
from dustest.reproduction.statements import statements

MEASURED = "paper network, honest split"
SEEN = f"{MEASURED}, 3 bands"
SIMILAR, RATIO, RATE, LARGE, CLOSER, LOW = range(6)
N = 40


def test_networks_are_those_that_never_saw_what_they_are_tested_on():
    assert NETWORKS[1].name == MEASURED
    assert NETWORKS[1].split == "honest"
    assert f"{NETWORKS[1].name}, {bands_in_words(3)}" == SEEN


def scored(one=None, three=None, control=None):
    """Table 2 with given mean absolute errors of networks and of the control."""
    errors = {"A_V": 0.1, "E_BV": 0.02, "R_V": 2.0, "log_sSFR": 0.1}
    doubled = {name: 2.0 * error for name, error in errors.items()}
    rows = []
    for network, n_bands, given in (
        (MEASURED, 1, errors | (one or {})),
        (MEASURED, 3, errors | (three or {})),
        ("control, honest split", 1, doubled),
        ("control, honest split", 3, doubled | (control or {})),
    ):
        for quantity, error in given.items():
            measures = dict.fromkeys(("bias", "mse", "sigma", "variance"), 0.0)
            known = {"network": network, "quantity": quantity, "n_bands": n_bands, "n": 20}
            rows.append(known | measures | {"mae": error})
    return table_2([RowTable(rows=rows)])


def rates(values):
    """Results with a log sSFR."""
    return DustTable.from_quantities(range(len(values)), {"log_sSFR": values})


def a_v(values):
    """Results with an A_V."""
    return DustTable.from_quantities(range(len(values)), {"A_V": values})


def sky(sed=None, networks=None, slopes=None, slope_error=0.1):
    """Results on observed galaxies."""
    rng = np.random.default_rng(1)
    sed = rng.uniform(0.0, 0.6, N) if sed is None else np.asarray(sed)
    networks = sed + 0.05 * rng.normal(size=len(sed)) if networks is None else networks
    slopes = sed + 0.5 * rng.normal(size=len(sed)) if slopes is None else slopes
    found = {"lognormal": a_v(sed), "Meurer A_V": a_v(slopes)}
    found["Meurer A_V"]["beta_err"] = np.broadcast_to(slope_error, len(sed))
    return found | ({} if networks is False else {SEEN: a_v(networks)})


def answers(table=None, predicted=None, truth=None, seen=None):
    """All statements, of numbers that are as in the paper where none are given."""
    truth = np.linspace(-9.0, -7.5, 100) if truth is None else truth
    predicted = truth - 0.2 if predicted is None else predicted
    truth = RowTable({"log_sSFR": truth, "A_V": np.zeros(len(truth)) * u.mag})
    table = scored() if table is None else table
    return statements(table, rates(predicted), truth, sky() if seen is None else seen)


def verdict(row, **given):
    """What becomes of a statement."""
    return str(answers(**given)["holds"][row])


class TestTable:
    def test_every_statement_has_words_on_both_sides(self):
        table = answers()
        assert table.colnames == ["statement", "paper", "here", "holds"]
        assert len(set(table["statement"])) == len(table) == 6
        for name in ("statement", "paper", "here"):
            assert all(str(words).strip() for words in table[name])
        assert set(table["holds"]) <= {"yes", "no", "open"}

    def test_printed_numbers_are_those_of_the_paper(self):
        table = answers()
        # Table 2: 0.0891 / 0.0685, 0.0136 / 0.0131 and 0.0456 / 0.0688.
        assert "A_V 1.30, E_BV 1.04, log_sSFR 0.66" in table["paper"][SIMILAR]
        assert "A_V 0.069, E_BV 0.0131, R_V 2.889" in table["paper"][RATIO]


class TestBandsAreSimilar:
    @pytest.mark.parametrize(
        ("one", "holds"),
        [
            ({}, "yes"),
            ({"A_V": 0.124}, "yes"),
            ({"A_V": 0.126}, "no"),
            ({"E_BV": 0.0161}, "yes"),
            ({"E_BV": 0.0159}, "no"),
            ({"log_sSFR": 0.2}, "no"),
            # R_V is not what it is about.
            ({"R_V": 9.0}, "yes"),
            ({"A_V": np.nan}, "open"),
        ],
    )
    def test_within_a_quarter(self, one, holds):
        assert verdict(SIMILAR, table=scored(one=one)) == holds

    def test_numbers_are_told(self):
        here = answers(table=scored(one={"A_V": 0.15}))["here"][SIMILAR]
        assert here == "MAE of 1 band over 3: A_V 1.50, E_BV 1.00, log_sSFR 1.00"


class TestRatioIsWorst:
    @pytest.mark.parametrize(
        ("three", "control", "holds"),
        [
            # All errors are half of the control's.
            ({}, {}, "no"),
            ({"R_V": 2.1}, {}, "yes"),
            ({"R_V": 2.1, "E_BV": 0.03}, {}, "no"),
            # R_V is large in number, but far better than the control.
            ({}, {"R_V": 8.0}, "no"),
            ({}, {"R_V": 3.0}, "yes"),
            ({"R_V": np.nan}, {}, "open"),
            ({"A_V": np.nan}, {}, "open"),
        ],
    )
    def test_over_the_control(self, three, control, holds):
        assert verdict(RATIO, table=scored(three=three, control=control)) == holds


class TestRateIsHarder:
    @pytest.mark.parametrize(
        ("three", "holds"),
        [
            ({}, "no"),
            ({"log_sSFR": 0.11}, "yes"),
            ({"log_sSFR": 0.11, "A_V": 0.12}, "no"),
            ({"log_sSFR": np.nan}, "open"),
        ],
    )
    def test_over_the_control(self, three, holds):
        assert verdict(RATE, table=scored(three=three)) == holds


class TestNoLargeRate:
    TRUE = np.linspace(-9.0, -7.5, 100)

    @pytest.mark.parametrize(
        ("predicted", "holds"),
        [
            (TRUE - 0.2, "yes"),
            (TRUE + 0.2, "no"),
            # Drawn to the middle.
            (-8.25 + 0.5 * (TRUE + 8.25), "yes"),
            (np.where(TRUE > -8.0, np.nan, TRUE), "no"),
            (np.full(100, np.nan), "open"),
            (np.where(np.arange(100) < 4, TRUE - 0.2, np.nan), "open"),
        ],
    )
    def test_highest_of_both(self, predicted, holds):
        assert verdict(LARGE, predicted=predicted, truth=self.TRUE) == holds

    def test_numbers_are_told(self):
        table = answers(truth=np.linspace(-9.0, -8.0, 101), predicted=np.full(101, -8.5))
        assert table["here"][LARGE] == "99th percentile of log sSFR: true -8.01, predicted -8.50"


class TestNetworkIsCloser:
    def test_holds(self):
        assert verdict(CLOSER) == "yes"

    def test_does_not_hold(self):
        sed = np.linspace(0.0, 1.0, N)
        rough, smooth = sed + 0.5 * (-1.0) ** np.arange(N), sed + 0.1 * (-1.0) ** np.arange(N)
        table = answers(seen=sky(sed, networks=rough, slopes=smooth))
        assert table["holds"][CLOSER] == "no"
        assert table["here"][CLOSER] == (
            "sigma of A_V about the SED fits, 40 galaxies: networks 0.500, Meurer 0.100"
        )

    def test_an_offset_is_no_scatter(self):
        sed = np.linspace(0.0, 1.0, N)
        slopes = sed + 0.1 * (-1.0) ** np.arange(N)
        assert verdict(CLOSER, seen=sky(sed, networks=sed + 3.0, slopes=slopes)) == "yes"

    @pytest.mark.parametrize("n_seen", [0, 4, 5])
    def test_only_galaxies_that_all_have_count(self, n_seen):
        sed = np.linspace(0.0, 1.0, N)
        seen = np.where(np.arange(N) < n_seen, sed, np.nan)
        rough = sed + (-1.0) ** np.arange(N)
        table = answers(seen=sky(sed, networks=seen, slopes=rough))
        assert table["holds"][CLOSER] == ("yes" if n_seen >= 5 else "open")
        words = f"{n_seen} galaxies:" if n_seen >= 5 else f"and a fit: {n_seen}"
        assert words in table["here"][CLOSER]

    def test_slopes_that_are_hardly_known_do_not_count(self):
        sed = np.linspace(0.0, 1.0, N)
        bad = np.arange(N) < 30
        slopes = np.where(bad, -4.0 + 8.0 * (-1.0) ** np.arange(N), sed + 0.1 * np.sin(9.0 * sed))
        given = {"networks": sed + 0.3 * (-1.0) ** np.arange(N), "slopes": slopes}
        errors = np.where(bad, 0.31, 0.3)
        table = answers(seen=sky(sed, slope_error=errors, **given))
        assert table["holds"][CLOSER] == "no"
        assert "10 galaxies" in table["here"][CLOSER]
        assert verdict(CLOSER, seen=sky(sed, slope_error=0.1, **given)) == "yes"
        assert verdict(CLOSER, seen=sky(sed, slope_error=np.nan, **given)) == "open"

    def test_without_images(self):
        table = answers(seen=sky(networks=False))
        assert table["holds"][CLOSER] == "open"
        assert table["here"][CLOSER] == "galaxies with an image, a slope and a fit: 0"


class TestAttenuationIsLow:
    LITTLE = np.full(N, 0.3)

    def test_holds(self):
        table = answers(seen=sky(self.LITTLE, networks=self.LITTLE + 0.1))
        assert table["holds"][LOW] == "yes"
        assert table["here"][LOW] == (
            "networks: 100% of 40 below 0.7, mean 0.40; SED fits: 100% of 40 below 0.7, mean 0.30"
        )

    @pytest.mark.parametrize("who", ["sed", "networks"])
    @pytest.mark.parametrize(("n_dusty", "holds"), [(3, "yes"), (4, "no"), (30, "no")])
    def test_more_than_nine_of_ten_of_both(self, who, n_dusty, holds):
        given = {"sed": self.LITTLE, "networks": self.LITTLE}
        given[who] = np.where(np.arange(N) < n_dusty, 2.0, 0.3)
        assert verdict(LOW, seen=sky(**given)) == holds

    def test_few_networks_do_not_decide(self):
        few = np.where(np.arange(N) < 4, 2.0, np.nan)
        assert verdict(LOW, seen=sky(self.LITTLE, networks=few)) == "yes"

    def test_without_images(self):
        table = answers(seen=sky(self.LITTLE, networks=False))
        assert table["holds"][LOW] == "yes"
        assert table["here"][LOW] == "SED fits: 100% of 40 below 0.7, mean 0.30"

    def test_nothing_is_fitted(self):
        nothing = np.full(N, np.nan)
        table = answers(seen=sky(nothing, networks=False, slopes=nothing))
        assert table["holds"][LOW] == "open"
        assert table["holds"][CLOSER] == "open"
        assert table["here"][LOW]

    def test_few_galaxies(self):
        assert verdict(LOW, seen=sky([0.1, 0.2, 0.3, 0.1])) == "open"


def test_printed_scores_are_what_is_quoted():
    assert len(printed_scores()) == 8
