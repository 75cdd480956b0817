"""Files of `CNNEstimator`: what is saved is loaded, and nothing else is."""

from importlib.util import find_spec

import numpy as np
import pytest
from cnn_backends import predictions_of
from cnn_galaxies import TINY_PAPER, dusty, tiny
from fresh_process import call

from dustest import CNNEstimator
from dustest.data import InputError, ReadError
from dustest.estimators.run.files.model_file import read_model, write_model

pytest.importorskip("keras")

KIND = "CNNEstimator"
MANY_FLIPS = pytest.param(2000, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def trained():
    """An estimator to save."""
    return tiny(epochs=2).fit(*dusty(32))


@pytest.fixture(scope="module")
def unseen():
    """Galaxies to estimate."""
    return dusty(40, seed=9)[0]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "it.model"


@pytest.fixture
def saved(trained, path):
    """A file of the estimator."""
    trained.save(path)
    return path


class TestRoundTrip:
    @pytest.mark.parametrize(
        "parameters",
        [
            {},
            {"n_networks": 2, "bands": ("F444W",), "targets": "A_V"},
            {"architecture": TINY_PAPER, "targets": ("log_sSFR", "A_V")},
            {"architecture": "dustest", "validation_fraction": 0, "random_state": None},
        ],
        ids=str,
    )
    def test_predictions_are_the_same_bits(self, path, unseen, parameters):
        sample, truth = dusty(16)
        targets = parameters.get("targets", ("A_V", "E_BV", "log_sSFR"))
        truth = np.asarray(truth[targets]) if isinstance(targets, str) else truth
        cnn = tiny(**{"epochs": 1} | parameters).fit(sample, truth)
        sha256 = cnn.save(path)
        copy = CNNEstimator.load(path, sha256)
        for one in (cnn, copy):
            one.set_params(random_state=5)
        expected, found = cnn.estimate(unseen), copy.estimate(unseen)
        for name in ("A_V", "A_V_p16", "log_sSFR", "flags"):
            np.testing.assert_array_equal(found[name], expected[name])

    def test_everything_comes_back(self, trained, path, unseen):
        card = {"trained on": "toys", "limits": [1, 2.5, None]}
        trained.save(path, card)
        copy = CNNEstimator.load(path)
        assert copy.get_params() == trained.get_params()
        assert copy.card_ == trained.card_ == card
        assert copy.domain_ == trained.domain_
        assert (copy.n_train_, copy.n_validation_) == (trained.n_train_, trained.n_validation_)
        assert copy.networks_.task == trained.networks_.task
        for name in trained.history_.colnames:
            np.testing.assert_array_equal(copy.history_[name], trained.history_[name])
        copy.finetune(*dusty(16, seed=3))
        assert np.isfinite(copy.predict(unseen)).all()

    def test_plain_features(self, path):
        X = np.random.default_rng(0).normal(size=(30, 4))
        cnn = tiny(targets="A_V", epochs=1).fit(X, np.abs(X[:, 0]))
        cnn.save(path)
        copy = CNNEstimator.load(path)
        assert copy.n_features_in_ == 4
        np.testing.assert_array_equal(copy.predict(X), cnn.predict(X))

    def test_generators_stay_behind(self, path):
        cnn = tiny(epochs=1, random_state=np.random.default_rng(1)).fit(*dusty(8))
        cnn.save(path)
        assert CNNEstimator.load(path).random_state is None

    def test_numbers_of_numpy(self, path):
        numbers = {"size": np.int64(16), "balance": np.float64(0.5), "epochs": np.int32(1)}
        cnn = tiny(**numbers).fit(*dusty(8))
        cnn.save(path)
        assert type(CNNEstimator.load(path).size) is int

    def test_same_model_same_bytes(self, trained, path, tmp_path):
        assert trained.save(path) == trained.save(tmp_path / "again.model")
        assert path.read_bytes() == (tmp_path / "again.model").read_bytes()

    def test_card_must_be_plain(self, trained, path):
        before = trained.card_
        with pytest.raises(InputError, match="manifest must be plain JSON"):
            trained.save(path, {"when": object()})
        assert trained.card_ is before
        assert not path.exists()

    def test_folder_must_exist(self, trained, tmp_path):
        with pytest.raises(InputError, match="path must be in a folder that exists"):
            trained.save(tmp_path / "absent" / "it.model")


def spoil(path, *places, value):
    """Change one entry of the manifest, and write a file that is whole again."""
    manifest, arrays = read_model(path, kind=KIND)
    record = manifest
    for place in places[:-1]:
        record = record[place]
    if value is None:
        del record[places[-1]]
    else:
        record[places[-1]] = value
    handed_in = {name: manifest[name] for name in ("kind", "parameters", "created")}
    write_model(path, handed_in, arrays)


class TestRefusals:
    @pytest.mark.parametrize(
        ("places", "value"),
        [
            (("parameters", "estimator"), None),
            (("parameters", "estimator"), []),
            (("parameters", "estimator", "bands"), None),
            (("parameters", "estimator", "bands"), ["F277W"]),
            (("parameters", "estimator", "bands"), ["F277W", "F356W", "F444W"]),
            (("parameters", "estimator", "bands"), [f"BAND{i}" for i in range(50_000)]),
            (("parameters", "estimator", "targets"), "M_UV"),
            (("parameters", "estimator", "size"), 8),
            (("parameters", "estimator", "size"), 10**30),
            (("parameters", "estimator", "epochs"), "many"),
            (("parameters", "estimator", "code"), "import os"),
            (("parameters", "config"), "dustest"),
            (("parameters", "config", "kind"), "paper"),
            (("parameters", "config", "filters"), [4, 9]),
            (("parameters", "config", "filters"), [1024] * 8),
            (("parameters", "config", "filters"), [10**12]),
            (("parameters", "config", "kernel_size"), 15),
            (("parameters", "config", "dense"), [1024] * 8),
            (("parameters", "config", "activation"), "lambda x: x"),
            (("parameters", "config", "dropout"), None),
            (("parameters", "config", "components"), 64),
            (("parameters", "n_features"), None),
            (("parameters", "n_features"), -1),
            (("parameters", "n_features"), 1e30),
            (("parameters", "n_features"), 99_999),
            (("parameters", "n_features"), 10**12),
            (("parameters", "latents"), None),
            (("parameters", "latents"), ["A_V", "R_V"]),
            (("parameters", "domain"), None),
            (("parameters", "domain"), [1, 2]),
            (("parameters", "domain", "redshift"), [8.0, 7.0]),
            (("parameters", "domain", "redshift"), ["a", "b"]),
            (("parameters", "domain", "redshift"), 7.0),
            (("parameters", "domain", "colour"), [1.0, 2.0]),
            (("created", "history"), None),
            (("created", "history", "loss"), [1.0]),
            (("created", "card"), None),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_what_does_not_fit_together(self, saved, places, value):
        spoil(saved, *places, value=value)
        with pytest.raises(ReadError, match="as a model file: it does not fit together") as caught:
            CNNEstimator.load(saved)
        message = str(caught.value)
        assert "\n" not in message
        assert len(message) < 700 + len(str(saved))

    def test_weights_of_another_shape(self, saved):
        manifest, arrays = read_model(saved, kind=KIND)
        arrays["0/output/kernel"] = arrays["0/output/kernel"].T.copy()
        handed_in = {name: manifest[name] for name in ("kind", "parameters", "created")}
        write_model(saved, handed_in, arrays)
        with pytest.raises(ReadError, match="weight output/kernel must be finite floats of shape"):
            CNNEstimator.load(saved)

    def test_other_kinds(self, saved):
        manifest, arrays = read_model(saved, kind=KIND)
        handed_in = {name: manifest[name] for name in ("parameters", "created")}
        write_model(saved, {"kind": "CNNCheckpoint"} | handed_in, arrays)
        with pytest.raises(ReadError, match="it holds a 'CNNCheckpoint', and CNNEstimator was"):
            CNNEstimator.load(saved)

    def test_another_digest(self, saved):
        with pytest.raises(ReadError, match=f"its SHA-256 is .*, not {'0' * 64}"):
            CNNEstimator.load(saved, "0" * 64)

    def test_other_files(self, tmp_path):
        with pytest.raises(ReadError, match="does not exist"):
            CNNEstimator.load(tmp_path / "absent.model")
        (tmp_path / "text").write_text("networks")
        with pytest.raises(ReadError, match="it is no model of dustest"):
            CNNEstimator.load(tmp_path / "text")

    def test_unknown_pretrained(self):
        with pytest.raises(InputError, match="name must be one of the pretrained models"):
            CNNEstimator.from_pretrained("nircam-9band")


class TestDamage:
    """2,000 flips and truncations: each is refused, or changes nothing."""

    @pytest.mark.parametrize("n", [300, MANY_FLIPS])
    def test_flips_and_truncations(self, saved, n):
        content, rng = saved.read_bytes(), np.random.default_rng(n)
        expected = CNNEstimator.load(saved).networks_.to_arrays()
        n_refused = 0
        with saved.open("r+b", buffering=0) as file:
            for number in range(n):
                changed = bytearray(content)
                if number % 4:
                    place = rng.integers(8 * len(content))
                    changed[place // 8] ^= 1 << (place % 8)
                else:
                    del changed[rng.integers(len(content)) :]
                file.seek(0)
                file.write(changed)
                file.truncate()
                try:
                    found = CNNEstimator.load(saved).networks_.to_arrays()
                except ReadError:
                    n_refused += 1
                else:
                    assert all(np.array_equal(found[name], expected[name]) for name in expected)
        # Nothing in the file is idle, so that it is all of them.
        assert n_refused == n


@pytest.mark.slow
@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_backends_agree(saved, unseen, trained):
    found = call(predictions_of, "jax", saved)
    np.testing.assert_allclose(found, trained.predict(unseen), rtol=0, atol=1e-4)
