"""Model files of version 0.1: they are read as they were, and refused where they are not.

``tiny-0.1.model`` has the network of ``tiny(epochs=1).fit(*dusty(16))``, both of
``tests/helpers/cnn_galaxies.py``, saved by version 0.1 (commit 0e4dc3e). ``MEDIANS`` are its
medians of ``dusty(6, seed=9)``.
"""

import hashlib
import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from cnn_galaxies import dusty
from safetensors.numpy import save

from dustest import CNNEstimator
from dustest.data import ReadError
from dustest.estimators.run.files.model_file import read_model
from dustest.estimators.run.files.tensors import load_arrays
from dustest.estimators.run.files.zip_file import unpack_zip

FILE = Path(__file__).parent / "tiny-0.1.model"
MANIFEST, WEIGHTS = "manifest.json", "weights.safetensors"
MEDIANS = {
    "A_V": [1.3548976, 1.3470790, 1.3566076, 1.3607067, 1.3399439, 1.3521639],
    "E_BV": [0.3300709, 0.3246704, 0.3357424, 0.3347976, 0.3216918, 0.3356447],
    "log_sSFR": [-8.6210690, -8.6427984, -8.6206636, -8.6662030, -8.6341810, -8.6354938],
}


def small_weights():
    rng = np.random.default_rng(5)
    return {"kernel": rng.normal(size=(3, 4)).astype("f4"), "bias": np.array([1.5, -0.0, 5e-324])}


def seal_of(manifest):
    return f"SHA-256 of manifest.json: {hashlib.sha256(manifest).hexdigest()}".encode()


def pack(members, comment=b"", compression=zipfile.ZIP_STORED, before=b""):
    """A zip by the standard library, in the layout of model files where nothing is asked for."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o100644 << 16
            info.compress_type = compression
            archive.writestr(info, content)
        archive.comment = comment
    return before + stream.getvalue()


def canonical(manifest):
    """JSON as a file of version 0.1 has it."""
    return json.dumps(manifest, indent=1, separators=(",", ": "), sort_keys=True).encode()


def whole_manifest(content, arrays, /, **changes):
    entries = {
        "kind": "CNNEstimator",
        "parameters": {"bands": ["F277W", "F356W"]},
        "created": {"commit": "abc"},
        "arrays": {k: {"dtype": a.dtype.name, "shape": list(a.shape)} for k, a in arrays.items()},
        "dustest": "0.1",
        "schema": 1,
        "sha256": {WEIGHTS: hashlib.sha256(content).hexdigest()},
    }
    return {name: value for name, value in {**entries, **changes}.items() if value is not None}


def forge(arrays=None, content=None, /, encoded=None, **changes):
    """A file that is whole as a zip and in its digests, whatever is in it; None leaves out."""
    arrays = small_weights() if arrays is None else arrays
    content = save(arrays) if content is None else content
    if encoded is None:
        encoded = canonical(whole_manifest(content, arrays, **changes))
    return pack([(MANIFEST, encoded), (WEIGHTS, content)], seal_of(encoded))


def safetensors_bytes(header, data=b""):
    """A safetensors file with any header."""
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(encoded).to_bytes(8, "little") + encoded + data


def refused(content, sentence="it is no zip of manifest.json and weights.safetensors as version"):
    with pytest.raises(ReadError, match=sentence):
        load_arrays(unpack_zip(content)[1])


class TestReading:
    def test_small_file(self):
        manifest, content = unpack_zip(forge())
        assert manifest["created"] == {"commit": "abc"}
        found = load_arrays(content)
        for name, array in small_weights().items():
            assert found[name].tobytes() == array.tobytes()

    def test_networks_predict_as_they_did(self):
        cnn = CNNEstimator.load(FILE)
        assert cnn.card_ == {"made by": "version 0.1"}
        table = cnn.estimate(dusty(6, seed=9)[0])
        for name, medians in MEDIANS.items():
            np.testing.assert_allclose(np.asarray(table[name]), medians, atol=1e-5)

    def test_both_formats_give_the_same_networks(self, tmp_path):
        old = CNNEstimator.load(FILE)
        old.save(tmp_path / "new.model")
        new = CNNEstimator.load(tmp_path / "new.model")
        assert new.get_params() == old.get_params()
        assert new.networks_.task == old.networks_.task
        assert (new.domain_, new.card_) == (old.domain_, old.card_)
        expected = old.networks_.to_arrays()
        for name, values in new.networks_.to_arrays().items():
            assert values.tobytes() == expected[name].tobytes()

    def test_other_kinds(self):
        with pytest.raises(ReadError, match="it holds a 'CNNEstimator', and Other was asked for"):
            read_model(FILE, kind="Other")


class TestDamage:
    content = FILE.read_bytes()

    def test_every_bit_of_the_frame(self):
        """The fields of a zip that its readers pass over count as well."""
        content = forge()
        weights = content.index(WEIGHTS.encode()) + len(WEIGHTS)
        tail, between = content.index(b"PK\x01\x02"), content.index(b"PK\x03\x04", 1)
        manifest = content.index(b"{")
        places = [*range(manifest), *range(between, weights), *range(tail, len(content))]
        for bit in (8 * place + i for place in places for i in range(8)):
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << (bit % 8)
            refused(bytes(changed))

    def test_random_flips_and_truncations(self):
        rng = np.random.default_rng(11)
        for bit in rng.integers(8 * len(self.content), size=500):
            changed = bytearray(self.content)
            changed[bit // 8] ^= 1 << (bit % 8)
            refused(bytes(changed))
        for length in rng.integers(len(self.content), size=200):
            refused(self.content[:length])

    @pytest.mark.parametrize("extra", [b"\0", b"PK\x05\x06" + bytes(18), b"x" * 1000])
    def test_something_added(self, extra):
        refused(self.content + extra)
        refused(extra + self.content)


class TestForeignZips:
    """Zips around a good manifest and good weights that `write_model` would not have made."""

    content = save(small_weights())
    manifest = canonical(whole_manifest(content, small_weights()))
    members = ((MANIFEST, manifest), (WEIGHTS, content))
    seal = seal_of(manifest)

    def test_the_untouched_one_is_read(self):
        assert unpack_zip(pack(self.members, self.seal))[1] == self.content

    @pytest.mark.parametrize(
        "third",
        ["model.pkl", MANIFEST, WEIGHTS, "../outside", "/tmp/outside", "a/b", "manifest.json/"],
    )
    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_further_members(self, third):
        refused(pack([*self.members, (third, pickle.dumps([1]))], self.seal))

    def test_missing_member(self):
        refused(pack(self.members[:1], self.seal))

    @pytest.mark.parametrize(
        "name", ["../weights.safetensors", "weights.pkl", "Weights.safetensors"]
    )
    def test_other_name(self, name):
        refused(pack([self.members[0], (name, self.content)], self.seal))

    @pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_compressed(self, method):
        refused(pack(self.members, self.seal, method))

    def test_weights_compressed(self):
        stream = io.BytesIO(pack(self.members[:1], self.seal))
        with zipfile.ZipFile(stream, "a") as archive:
            archive.writestr(WEIGHTS, self.content, zipfile.ZIP_DEFLATED)
        refused(stream.getvalue())

    def test_encrypted(self):
        packed = bytearray(pack(self.members, self.seal))
        for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            packed[packed.rindex(signature) + offset] |= 1
        with zipfile.ZipFile(io.BytesIO(packed)) as archive, pytest.raises(RuntimeError):
            archive.read(WEIGHTS)
        refused(bytes(packed))

    @pytest.mark.parametrize("comment", [b"", b"SHA-256 of manifest.json: ", seal + b" "])
    def test_without_seal(self, comment):
        refused(pack(self.members, comment))

    def test_seal_of_another_manifest(self):
        other = self.manifest.replace(b"F277W", b"F444W")
        packed = pack([(MANIFEST, other), self.members[1]], self.seal)
        refused(packed)

    def test_packed_anew(self):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr(MANIFEST, self.manifest)
            archive.writestr(WEIGHTS, self.content)
            archive.comment = self.seal
        refused(stream.getvalue())

    def test_changed_weights_packed_well(self):
        """What Keras reads without a word."""
        weights = small_weights()
        weights["bias"][0] = 2
        packed = pack([self.members[0], (WEIGHTS, save(weights))], self.seal)
        refused(packed, "SHA-256 of weights.safetensors is not the one in manifest.json")


class TestManifests:
    """Files whole as zips and in their digests, with a manifest that is none."""

    @pytest.mark.parametrize(
        "encoded",
        [
            b"",
            b"{",
            b"\xff\xfe",
            b"[" * 100_000,
            b'{"schema": ' + b"1" * 10_000 + b"}",
            b'{\n "schema": NaN\n}',
            b'{\n "schema": 1e999\n}',
            b'{"schema": 1}',
            b'{\n "schema": 1,\n "schema": 1\n}',
            '{\n "schema": "é"\n}'.encode(),
            '{\n "schema": 1\n}'.encode("utf-16"),
            canonical(whole_manifest(save(small_weights()), small_weights())) + b"\n",
        ],
        ids=range(12),
    )
    def test_not_the_json_that_is_written(self, encoded):
        refused(forge(encoded=encoded), "its manifest.json is not JSON as dustest")

    @pytest.mark.parametrize("schema", [0, 2, -1, 10**30])
    def test_other_schema(self, schema):
        refused(forge(schema=schema), f"its schema is {str(schema)[:20]}, and zips have the")

    @pytest.mark.parametrize(
        "changes",
        [
            {"extra": 1},
            *({name: None} for name in whole_manifest(b"", {})),
            {"kind": ["CNNEstimator"]},
            {"kind": {}},
            {"parameters": []},
            {"created": "x"},
            {"dustest": 1},
            {"schema": True},
            {"schema": 1.0},
            {"schema": "1"},
            {"sha256": "0" * 64},
        ],
        ids=repr,
    )
    def test_entries(self, changes):
        encoded = canonical(whole_manifest(save(small_weights()), small_weights(), **changes))
        refused(forge(encoded=encoded), "must have exactly the entries arrays, creat")

    @pytest.mark.parametrize("arrays", [[], None, "x"])
    def test_arrays_entry(self, arrays):
        encoded = canonical({**whole_manifest(b"", {}), "arrays": arrays})
        refused(forge(encoded=encoded), "must have exactly the entries arrays, creat")

    @pytest.mark.parametrize("encoded", [b"[]", b"1", b'"schema"', b"null", b"true"])
    def test_no_dict(self, encoded):
        refused(forge(encoded=encoded), "must have exactly the entries arrays, creat")

    @pytest.mark.parametrize(
        "digests",
        [{}, {WEIGHTS: "0" * 64}, {WEIGHTS: 1}, {MANIFEST: "0" * 64}],
        ids=repr,
    )
    def test_digest_of_weights(self, digests):
        sentence = "SHA-256 of weights.safetensors is not the one in manifest.json"
        refused(forge(sha256=digests), sentence)

    def test_digest_has_no_company(self):
        digest = hashlib.sha256(save(small_weights())).hexdigest()
        sentence = "SHA-256 of weights.safetensors is not the one in manifest.json"
        refused(forge(sha256={WEIGHTS: digest, "x": digest}), sentence)

    @pytest.mark.parametrize(
        "record",
        [
            None,
            [],
            {},
            {"dtype": "float32"},
            {"dtype": "float32", "shape": [3], "more": 1},
            {"dtype": "object", "shape": [3]},
            {"dtype": "bool", "shape": [3]},
            {"dtype": ["float32"], "shape": [3]},
            {"dtype": "float32", "shape": 3},
            {"dtype": "float32", "shape": "3"},
            {"dtype": "float32", "shape": {"3": 3}},
            {"dtype": "float32", "shape": [-3]},
            {"dtype": "float32", "shape": [-3, -1]},
            {"dtype": "float32", "shape": [3.0]},
            {"dtype": "float32", "shape": ["3"]},
            {"dtype": "float32", "shape": [True]},
            {"dtype": "float32", "shape": [1] * 65},
            {"dtype": "float32", "shape": [2**62]},
            {"dtype": "float64", "shape": [2**25 + 1]},
            {"dtype": "float32", "shape": [2**40, 2**40, 0]},
            {"dtype": "float32", "shape": [0, 2**40]},
            {"dtype": "float32", "shape": [10**300, 10**300]},
        ],
        ids=range(22),
    )
    def test_arrays_that_cannot_be(self, record):
        # All else agrees with an array of three numbers, so that only the record is to blame.
        content = save({"w": np.zeros(3, dtype=np.float32)})
        refused(
            forge(None, content, arrays={"w": record}), "the arrays in weights.safetensors are not"
        )


class TestWeights:
    """Files whole as zips and in their digests, with weights that are not the manifest's."""

    @pytest.mark.parametrize(
        ("arrays", "declared"),
        [
            ({"a": np.zeros((2, 3))}, {"a": np.zeros((3, 2))}),
            ({"a": np.zeros((2, 3))}, {"a": np.zeros(6)}),
            ({"a": np.zeros(2)}, {"b": np.zeros(2)}),
            ({"a": np.zeros(2)}, {"a": np.zeros(2, dtype=int)}),
            ({"a": np.zeros(2)}, {"a": np.zeros(4, dtype=np.float32)}),
            ({"a": np.zeros(2)}, {"a": np.zeros(2), "b": np.zeros(0)}),
            ({"a": np.zeros(2), "b": np.zeros(0)}, {"a": np.zeros(2)}),
            ({"a": np.zeros(8, dtype=bool)}, {"a": np.zeros(1)}),
        ],
    )
    def test_others_of_the_same_size(self, arrays, declared):
        packed = forge(declared, save(arrays))
        refused(
            packed,
            "the arrays in weights.safetensors are not those of its mani|its header has an array",
        )

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"1234567",
            pickle.dumps(np.zeros(3)),
            safetensors_bytes({}, bytes(23)),
            safetensors_bytes({}, bytes(25)),
            (2**63).to_bytes(8, "little") + bytes(24),
        ],
        ids=range(6),
    )
    def test_other_size(self, content):
        packed = forge({"a": np.zeros(3)}, content)
        refused(packed, "the arrays in weights.saf|it is no file of safet|its header")

    @pytest.mark.parametrize(
        "header",
        [
            b"",
            b"[]",
            b"\xff",
            pickle.dumps({"a": 1}),
            {},
            {"a": {"dtype": "F64", "shape": [3], "data_offsets": [24, 48]}},
            {"a": {"dtype": "F64", "shape": [3], "data_offsets": [24, 0]}},
            {"a": {"dtype": "F64", "shape": [3], "data_offsets": [0, 2**63]}},
            {"a": {"dtype": "F64", "shape": [2**61, 2**61], "data_offsets": [0, 24]}},
            {"a": {"dtype": "F64", "shape": [-3], "data_offsets": [0, 24]}},
            {"a": {"dtype": "F64", "shape": [1] * 70 + [3], "data_offsets": [0, 24]}},
            {"a": {"dtype": "BF16", "shape": [12], "data_offsets": [0, 24]}},
            {"a": {"dtype": "object", "shape": [3], "data_offsets": [0, 24]}},
            {name: {"dtype": "F64", "shape": [3], "data_offsets": [0, 24]} for name in "ab"},
        ],
        ids=range(14),
    )
    def test_header_that_lies(self, header):
        packed = forge({"a": np.zeros(3)}, safetensors_bytes(header, bytes(24)))
        refused(packed, "the arrays in weights.saf|it is no file of safet|its header")

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_not_finite(self, value, dtype):
        arrays = {**small_weights(), "w": np.array([0, value], dtype=dtype)}
        refused(forge(arrays), "its array 'w' is not finite")
