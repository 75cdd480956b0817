import pickle

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from fresh_process import call_with_output
from packages import skip_without
from sed_tables import beyond_bagpipes, in_another_cosmology, tables_and_references
from warm_process import call

from dustest.data.bands import get_band
from dustest.data.errors import InputError

NIRCAM = ("F606W", "F814W", "F115W", "F150W", "F200W", "F277W", "F356W", "F410M", "F444W")
MIRI = ("F115W", "F444W", "F770W", "F2100W")
N_MODELS = 16
FAINT = 1e-4  # of the brightest band; fainter ones do not count

SALIM = {"delta": (-1.2, 0.4), "B": (0.0, 5.0)}
NAMES_IN_LAW = {"B": "bump"}
# Redshift, bands, arguments of the table, limits of the parameters of the shape of the law
SETUPS = {
    "Calzetti": (7.0, NIRCAM, {"law": "Calzetti"}, {}),
    "SMC": (5.0, NIRCAM, {"law": "SMC"}, {}),
    "Cardelli": (8.613, NIRCAM, {"law": "Cardelli"}, {}),
    "CF00": (10.0, NIRCAM, {"law": "CF00"}, {"n": (0.3, 2.5)}),
    "Salim": (6.5, NIRCAM, {"law": "Salim"}, SALIM),
    "warm dust": (1.0, MIRI, {"law": "Cardelli"}, {}),
    "other warm dust": (
        5.0,
        MIRI,
        {"law": "SMC", "emission": {"qpah": 1.0, "umin": 5.0, "gamma": 0.1}},
        {},
    ),
    "warm dust of any shape": (2.0, MIRI, {"law": "Salim"}, SALIM),
    "spectrum": (7.0, NIRCAM, {"law": "CF00"}, {"n": (0.3, 2.5)}),
    "spectrum of warm dust": (1.0, MIRI, {"law": "Calzetti"}, {}),
    "long-lived clouds": (7.0, NIRCAM, {"law": "Calzetti", "t_bc": 0.02}, {}),
}
WAVELENGTHS = {
    "spectrum": np.geomspace(5000.0, 4.9e4, 300),
    "spectrum of warm dust": np.geomspace(1e4, 2.4e5, 100),
}

GOOD = {"metallicity": 1.0, "log_u": -2.0, "a_v": 1.0, "eta": 1.0}
REFUSED = {
    "redshift must lie above 0 and at most at 20, got 21.0": {"redshift": 21.0},
    "bands must name at least one band": {"bands": []},
    "t_bc must lie above 0": {"t_bc": 0.0},
    "at most at 0.02818 Gyr, got 0.03": {"t_bc": 0.03},
    "emission may have qpah, umin, gamma, got n": {"emission": {"n": 0.7}},
    "light must be of the bands": None,
}


def draw(rng, redshift, table, limits, oldest):
    """Components of one random model; half of the A_V even in logarithm."""
    metallicity = 10.0 ** rng.uniform(-4.0, 1.0)
    a_v = 10.0 * rng.random() if rng.random() < 0.5 else 10.0 ** rng.uniform(-4.0, 1.0)
    shape = {name: rng.uniform(*ends) for name, ends in limits.items()}
    shape |= table.get("emission", {})
    return {
        "redshift": redshift,
        "t_bc": table.get("t_bc", 0.01),
        "delayed": {
            "age": rng.uniform(0.001, oldest),
            "tau": 10.0 ** rng.uniform(-2.0, 1.0),
            "massformed": rng.uniform(7.0, 9.0),
            "metallicity": metallicity,
        },
        "burst": {
            "age": rng.uniform(0.001, oldest),
            "massformed": rng.uniform(7.0, 9.0),
            "metallicity": metallicity,
        },
        "dust": {"type": table["law"], "Av": a_v, "eta": rng.uniform(1.0, 3.0), **shape},
        "nebular": {"logU": rng.uniform(-4.0, -2.0)},
    }


def models(name):
    """Random models of a case and some at the ends and nodes of the grids."""
    redshift, _, table, limits = SETUPS[name]
    rng = np.random.default_rng(len(name))
    drawn = [draw(rng, redshift, table, limits, 0.4) for _ in range(N_MODELS)]
    for model, metallicity in zip(drawn, (1e-6, 0.005, 1.0, 5.0, 10.0), strict=False):
        model["delayed"]["metallicity"] = model["burst"]["metallicity"] = metallicity
    for model, log_u in zip(drawn, (-4.0, -3.5, -2.0), strict=False):
        model["nebular"]["logU"] = log_u
    for model, a_v in zip(drawn, (0.0, 10.0), strict=False):
        model["dust"]["Av"] = a_v
    return drawn


def parameters(drawn):
    """Metallicity, ionisation parameter, A_V and eta of models."""
    return np.transpose(
        [
            (
                model["delayed"]["metallicity"],
                model["nebular"]["logU"],
                model["dust"]["Av"],
                model["dust"]["eta"],
            )
            for model in drawn
        ]
    )


def shapes(drawn, name):
    """Parameters of the shape of the dust law of models."""
    return {
        NAMES_IN_LAW.get(key, key): np.array([model["dust"][key] for model in drawn])
        for key in SETUPS[name][3]
    }


def photometry(pairs, name, **changes):
    """Fluxes of the models of a case by its table."""
    table, _, weights, *_ = pairs[name]
    drawn = models(name)
    inputs = dict(zip(("metallicity", "log_u", "a_v", "eta"), parameters(drawn), strict=True))
    inputs |= {"shape": shapes(drawn, name)}
    return table.photometry(weights[:, : table.age_edges.size - 1], **inputs | changes)


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What `tables_and_references` gives, and what it printed."""
    skip_without("bagpipes")
    cases = {
        name: {
            "redshift": redshift,
            "bands": bands,
            "table": table,
            "models": models(name),
            "wavelength": WAVELENGTHS.get(name),
        }
        for name, (redshift, bands, table, _) in SETUPS.items()
    }
    usual = {"redshift": 7.0, "bands": ["F444W"], "law": "SMC"}
    refused = [usual | wrong for wrong in REFUSED.values() if wrong is not None]
    folder = tmp_path_factory.mktemp("bagpipes")
    return call_with_output(tables_and_references, cases, refused, cwd=folder)


@pytest.fixture(scope="module")
def pairs(answers):
    return answers[0][0]


@pytest.fixture(scope="module")
def table(pairs):
    return pairs["SMC"][0]


@pytest.fixture(scope="module")
def beyond(tmp_path_factory):
    """Fluxes at redshift 10, by both media, and beyond it, beside means of spectra."""
    skip_without("bagpipes")
    return call(beyond_bagpipes, cwd=tmp_path_factory.mktemp("beyond"), bands=NIRCAM)


@pytest.fixture(scope="module")
def many(table):
    """Arguments of more models than one chunk holds."""
    rng = np.random.default_rng(0)
    n = 50_000
    weights = rng.dirichlet(np.full(table.age_edges.size - 1, 0.3), n)
    column = np.where(rng.random(n) < 0.5, 10.0 * rng.random(n), 10.0 ** rng.uniform(-4, 1, n))
    return weights, 10.0 ** rng.uniform(-4.0, 1.0, n), rng.uniform(-4.0, -2.0, n), column


class TestAgainstBagpipes:
    @pytest.mark.parametrize("name", SETUPS)
    def test_photometry(self, pairs, name):
        ours, flux = photometry(pairs, name), pairs[name][1]
        counts = flux > FAINT * flux.max(axis=1, keepdims=True)
        assert counts.sum() > 2 * N_MODELS
        np.testing.assert_allclose(ours[counts], flux[counts], rtol=1e-5)

    @pytest.mark.parametrize("name", SETUPS)
    def test_few_nodes(self, pairs, name):
        _, flux, weights, living, fast = pairs[name]
        ours = photometry({name: (fast, flux, weights, living)}, name)
        a_v = parameters(models(name))[2]
        counts = flux > FAINT * flux.max(axis=1, keepdims=True)
        error = np.abs(np.divide(ours, flux, out=np.ones_like(flux), where=counts) - 1.0)
        error = error.max(axis=1)
        # The curve of the SMC has kinks, and its A_UV is five times A_V.
        limit = 5e-3 if name == "SMC" else 1e-3
        assert error[a_v < 2.0].max() < limit
        assert error.max() < 0.1

    @pytest.mark.parametrize("name", SETUPS)
    def test_no_mass_is_left_out(self, pairs, name):
        table, _, weights, *_ = pairs[name]
        assert not weights[:, table.age_edges.size - 1 :].any()

    @pytest.mark.parametrize("name", ["Calzetti", "warm dust"])
    def test_surviving_fraction(self, pairs, name):
        table, _, weights, living, _ = pairs[name]
        metallicity = parameters(models(name))[0]
        ours = table.surviving_fraction(weights[:, : table.age_edges.size - 1], metallicity)
        np.testing.assert_allclose(ours, living, rtol=1e-12)

    def test_dust_shines_where_a_band_sees_it(self, pairs):
        flux = pairs["warm dust"][1]
        drawn = parameters(models("warm dust"))
        dusty = drawn[2] > 1.0
        share = flux[dusty, -1] / flux[dusty].max(axis=1)
        assert np.median(share) > 0.5  # so that the agreement above says something

    def test_quiet(self, answers):
        assert answers[1] == ""

    def test_shared_spectra_change_nothing(self, answers, pairs):
        name = "long-lived clouds"
        alone = {name: (answers[0][1], *pairs[name][1:])}
        np.testing.assert_array_equal(photometry(alone, name), photometry(pairs, name))

    def test_another_cosmology(self, tmp_path):
        """Stars of 0.8 to 1 Gyr, older than the Universe of the default is at redshift 7."""
        skip_without("bagpipes")
        ours, theirs = call(in_another_cosmology, FlatLambdaCDM(H0=50.0, Om0=0.3), cwd=tmp_path)
        assert np.all(theirs > 0.0)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


class TestHighRedshift:
    """Beyond redshift 10, where Bagpipes has no intergalactic medium."""

    def test_the_medium_is_that_of_bagpipes_where_it_ends(self, beyond):
        ours, theirs = beyond["end"]
        seen = theirs > FAINT * theirs.max()
        np.testing.assert_allclose(ours[seen], theirs[seen], rtol=2e-3)
        assert ours[~seen].max() <= FAINT * theirs.max()

    @pytest.mark.parametrize("redshift", [12.0, 15.0, 18.0, 20.0])
    def test_bands_are_means_of_the_spectrum(self, beyond, redshift):
        """Whole bands, also those whose blue part is at wavelengths without models."""
        flux, expected = beyond[redshift]
        np.testing.assert_allclose(flux, expected, rtol=2e-3, atol=FAINT * flux.max())

    @pytest.mark.parametrize("redshift", [12.0, 15.0, 18.0, 20.0])
    def test_no_light_blueward_of_lyman_alpha(self, beyond, redshift):
        flux, _ = beyond[redshift]
        red_ends = np.array([get_band(band).wavelength[-1] for band in NIRCAM])
        blue_ends = np.array([get_band(band).wavelength[0] for band in NIRCAM])
        assert (flux[red_ends < 1200.0 * (1.0 + redshift)] < 1e-20 * flux.max()).all()
        assert (flux[blue_ends > 1240.0 * (1.0 + redshift)] > 0.0).all()


class TestShape:
    @pytest.mark.parametrize(
        ("name", "shape"),
        [
            ("Salim", {"delta": -0.3, "bump": 2.0}),
            ("CF00", {"n": 0.7}),
            ("warm dust of any shape", {"delta": 0.2, "bump": 0.0}),
        ],
    )
    def test_one_shape_for_all(self, pairs, name, shape):
        repeated = {key: np.full(N_MODELS, value) for key, value in shape.items()}
        np.testing.assert_allclose(
            photometry(pairs, name, shape=shape),
            photometry(pairs, name, shape=repeated),
            rtol=1e-6,
        )

    def test_a_number_beside_an_array(self, pairs):
        delta = np.linspace(-1.0, 0.4, N_MODELS)
        np.testing.assert_allclose(
            photometry(pairs, "Salim", shape={"delta": delta, "bump": 1.0}),
            photometry(pairs, "Salim", shape={"delta": delta, "bump": np.ones(N_MODELS)}),
            rtol=1e-6,
        )

    def test_every_model_has_its_own(self, pairs):
        shape = shapes(models("Salim"), "Salim")
        swapped = {key: values[::-1] for key, values in shape.items()}
        ours, theirs = photometry(pairs, "Salim"), photometry(pairs, "Salim", shape=swapped)
        assert np.median(np.abs(theirs / ours - 1.0)) > 0.01

    @pytest.mark.parametrize(
        ("name", "shape", "message"),
        [
            ("Salim", {"B": 0.0}, "shape may have bump, delta, got B"),
            ("SMC", {"n": 0.7}, "shape may have no parameter, got n"),
            ("CF00", {"n": [0.7, 0.8]}, "n must be one value or a value for each of 16"),
            ("CF00", {"n": np.nan}, "n must lie from -inf to inf, got nan"),
        ],
    )
    def test_shapes_that_are_none(self, pairs, name, shape, message):
        with pytest.raises(InputError, match=message):
            photometry(pairs, name, shape=shape)


class TestTable:
    def test_ages_begin_after_the_big_bang(self, table):
        assert table.age_edges[0] == 0.0
        assert table.age_edges[-2] < 1.1535e9 < table.age_edges[-1]  # age at z = 5

    def test_what_it_is_for(self, table):
        assert table.bands == NIRCAM
        assert table.redshift == 5.0

    def test_it_holds_nothing_of_bagpipes(self, table):
        assert b"bagpipes" not in pickle.dumps(table)

    def test_it_is_small(self, pairs):
        assert all(len(pickle.dumps(table)) < 2e7 for table, *_ in pairs.values())

    def test_order_and_company_do_not_matter(self, table, many):
        flux = table.photometry(*many)
        some = np.random.default_rng(1).permutation(len(flux))[:50]
        alone = table.photometry(*(values[some] for values in many))
        np.testing.assert_allclose(flux[some], alone, rtol=1e-5)

    def test_flux_goes_with_mass(self, table, many):
        weights, *others = (values[:100] for values in many)
        np.testing.assert_allclose(
            table.photometry(1e9 * weights, *others),
            1e9 * table.photometry(weights, *others),
            rtol=1e-5,
        )

    def test_eta_of_one_is_the_default(self, table, many):
        inputs = [values[:100] for values in many]
        np.testing.assert_allclose(
            table.photometry(*inputs), table.photometry(*inputs, eta=1.0), rtol=2e-6
        )

    def test_one_value_for_all(self, table, many):
        weights = many[0][:20]
        np.testing.assert_array_equal(
            table.photometry(weights, 0.3, -2.2, 0.7, 2.0),
            table.photometry(weights, *(np.full(20, x) for x in (0.3, -2.2, 0.7, 2.0))),
        )

    def test_birth_clouds_dim_young_stars_only(self, table):
        young, old = np.eye(table.age_edges.size - 1)[[0, -1]]
        bare = table.photometry([young, old], 0.2, -2.5, 0.5)
        clouded = table.photometry([young, old], 0.2, -2.5, 0.5, eta=3.0)
        bright = bare[0] > 1e-3 * bare[0].max()
        assert np.all(clouded[0, bright] < 0.9 * bare[0, bright])
        np.testing.assert_array_equal(clouded[1], bare[1])

    def test_no_mass_no_light(self, table):
        nothing = np.zeros((2, table.age_edges.size - 1))
        assert not table.photometry(nothing, 1.0, -2.0, 1.0).any()
        assert np.isnan(table.surviving_fraction(nothing, 1.0)).all()

    def test_a_missing_weight_stays_with_its_model(self, table, many):
        inputs = [values[:10].copy() for values in many]
        whole = table.photometry(*inputs)
        inputs[0][3] = np.nan
        flux = table.photometry(*inputs)
        assert np.isnan(flux[3]).all()
        np.testing.assert_allclose(np.delete(flux, 3, 0), np.delete(whole, 3, 0), rtol=1e-5)

    def test_no_models(self, table):
        empty = np.empty((0, table.age_edges.size - 1))
        assert table.photometry(empty, 1.0, -2.0, 1.0).shape == (0, len(NIRCAM))
        assert table.surviving_fraction(empty, 1.0).shape == (0,)


class TestInput:
    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"metallicity": -0.1}, "metallicity must lie from 0 to inf, got -0.1"),
            ({"metallicity": np.nan}, "metallicity must lie from 0 to inf, got nan"),
            ({"log_u": -4.1}, "log_u must lie from -4 to 0, got -4.1"),
            ({"a_v": [1.0, -0.5]}, "a_v must lie from 0 to inf, got -0.5"),
            ({"eta": -2.0}, "eta must lie from 0 to inf, got -2"),
            ({"a_v": [1.0, 2.0, 3.0]}, r"a_v must be one value or .* each of 2 models"),
        ],
    )
    def test_values_outside_the_nodes(self, table, wrong, message):
        weights = np.ones((2, table.age_edges.size - 1))
        with pytest.raises(InputError, match=message):
            table.photometry(weights, **GOOD | wrong)

    @pytest.mark.parametrize("shape", [(3,), (2, 42), (1, 2, 3)])
    def test_weights_of_another_shape(self, table, shape):
        with pytest.raises(InputError, match=r"weights must be of shape \(n, 32\)"):
            table.photometry(np.ones(shape), **GOOD)
        with pytest.raises(InputError, match=r"weights must be of shape \(n, 32\)"):
            table.surviving_fraction(np.ones(shape), 1.0)

    @pytest.mark.parametrize("place", range(len(REFUSED)), ids=list(REFUSED))
    def test_arguments(self, answers, place):
        assert list(REFUSED)[place] in answers[0][2][place]
