"""Model files: what goes in comes out, and nothing else is let in."""

import builtins
import hashlib
import io
import json
import os
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dustest.data import InputError, MissingDependencyError, ReadError
from dustest.data.files.paths import installed_version
from dustest.estimators._cnn import model_file
from dustest.estimators._cnn.model_file import read_model, write_model

pytest.importorskip("safetensors")
from safetensors.numpy import save

KIND = "CNNEstimator"
MANIFEST, WEIGHTS = "manifest.json", "weights.safetensors"
MIB = 2**20


def small_manifest(**changes):
    parameters = {"bands": ["F277W", "F356W"], "dropout": 0.5, "seed": None, "name": "Ä"}
    return {"kind": KIND, "parameters": parameters, "created": {"commit": "abc"}, **changes}


def small_weights():
    rng = np.random.default_rng(5)
    return {
        "dense/kernel": rng.normal(size=(3, 4)).astype(np.float32),
        "dense/bias": np.array([1.5, -0.0, 5e-324]),
        "steps": np.array(7),
        "empty": np.zeros((0, 3), dtype=np.float32),
    }


def write_small(path):
    write_model(path, small_manifest(), small_weights())
    return path.read_bytes()


def assert_same(found, expected):
    """Names, shapes, types and every bit."""
    assert list(found) == sorted(expected)
    for name, array in expected.items():
        assert found[name].dtype.name == array.dtype.name
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.astype(array.dtype.newbyteorder("<")).tobytes()


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
    """JSON as a model file has it."""
    return json.dumps(manifest, indent=1, separators=(",", ": "), sort_keys=True).encode()


def whole_manifest(content, arrays, /, **changes):
    entries = {
        **small_manifest(),
        "arrays": {k: {"dtype": a.dtype.name, "shape": list(a.shape)} for k, a in arrays.items()},
        "dustest": installed_version("dustest"),
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


def assert_refused(path, content, sentence, kind=KIND):
    path.write_bytes(content)
    with pytest.raises(ReadError, match=sentence) as caught:
        read_model(path, kind=kind)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert len(message) < 400 + len(str(path))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.dustest"


class TestRoundTrip:
    def test_small_model(self, path):
        write_small(path)
        manifest, weights = read_model(path, kind=KIND)
        assert_same(weights, small_weights())
        assert {name: manifest[name] for name in small_manifest()} == small_manifest()
        assert manifest["schema"] == 1
        assert manifest["dustest"] == installed_version("dustest")
        assert manifest["arrays"]["dense/kernel"] == {"dtype": "float32", "shape": [3, 4]}
        assert set(manifest) == {*small_manifest(), "schema", "dustest", "arrays", "sha256"}

    def test_arrays_may_be_changed(self, path):
        write_small(path)
        _, weights = read_model(path, kind=KIND)
        weights["dense/bias"] += 1

    @pytest.mark.parametrize(
        "dtype",
        ["i1", "i2", "<i4", ">i4", "i8", "u1", "u2", "u4", ">u8", "f2", "<f4", ">f4", "f8", ">f8"],
    )
    @pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 0, 3), (1, 2, 3, 4)])
    def test_shapes_and_types(self, path, dtype, shape):
        array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
        write_model(path, small_manifest(), {"w": array})
        assert_same(read_model(path, kind=KIND)[1], {"w": array})

    def test_layout_in_memory_does_not_matter(self, path):
        grid = np.arange(24.0).reshape(4, 6)
        arrays = {"fortran": np.asfortranarray(grid), "view": grid[::-2, ::3], "t": grid.T}
        arrays["scalar"] = np.float32(3)
        write_model(path, small_manifest(), arrays)
        assert_same(read_model(path, kind=KIND)[1], arrays)

    def test_no_weights(self, path):
        write_model(path, small_manifest(), {})
        assert read_model(path, kind=KIND)[1] == {}

    @given(
        arrays=st.dictionaries(
            st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=8),
            hnp.arrays(
                st.sampled_from([np.float32, np.int64, np.float16]),
                hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
                elements=st.integers(-9, 9),
            ),
            max_size=4,
        ),
        parameters=st.dictionaries(
            st.text(max_size=5),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers()
                | st.floats(allow_nan=False, allow_infinity=False)
                | st.text(st.characters(), max_size=8),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(st.text(max_size=5), inner, max_size=3)
                ),
                max_leaves=8,
            ),
            max_size=4,
        ),
    )
    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    def test_anything_plain(self, path, arrays, parameters):
        write_model(path, small_manifest(parameters=parameters), arrays)
        manifest, weights = read_model(path, kind=KIND)
        assert json.dumps(manifest["parameters"]) == json.dumps(parameters, sort_keys=True)
        assert_same(weights, arrays)

    def test_several_kinds(self, path):
        write_small(path)
        for kind in (["Other", KIND], (KIND,), {KIND}):
            assert read_model(path, kind=kind)[0]["kind"] == KIND


class TestBytes:
    def test_same_model_same_file(self, tmp_path, path):
        first = write_small(path)
        manifest, weights = small_manifest(), small_weights()
        other = tmp_path / "other"
        turned = dict(reversed(weights.items()))
        turned["dense/kernel"] = np.asfortranarray(turned["dense/kernel"].astype(">f4"))
        write_model(other, dict(reversed(manifest.items())), turned)
        assert other.read_bytes() == first

    def test_the_zip_is_one_to_others(self, path):
        """The frame is our own; the standard library writes the same bytes, and reads them."""
        content = write_small(path)
        assert content == forge()
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            assert archive.namelist() == [MANIFEST, WEIGHTS]
            assert json.loads(archive.read(MANIFEST))["kind"] == KIND

    def test_digest_is_that_of_the_file(self, path):
        digest = write_model(path, small_manifest(), small_weights())
        assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
        assert_same(read_model(path, kind=KIND, sha256=digest)[1], small_weights())

    def test_another_whole_file_is_not_the_published_one(self, path):
        digest = write_model(path, small_manifest(), small_weights())
        write_model(path, small_manifest(created={}), small_weights())
        read_model(path, kind=KIND)
        with pytest.raises(ReadError, match=f"its SHA-256 is .*, not {digest}"):
            read_model(path, kind=KIND, sha256=digest)


class TestWriting:
    def test_failure_leaves_the_old_file_and_no_other(self, path, monkeypatch):
        old = write_small(path)

        def fail(self, content):
            with open(self, "wb") as file:
                file.write(content[:100])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(type(path), "write_bytes", fail)
        with pytest.raises(OSError, match="No space left"):
            write_model(path, small_manifest(), {})
        assert path.read_bytes() == old
        assert list(path.parent.iterdir()) == [path]

    def test_folder_must_exist(self, tmp_path):
        with pytest.raises(InputError, match="path must be in a folder that exists"):
            write_model(tmp_path / "no" / "model", small_manifest(), {})

    @pytest.mark.parametrize(
        "manifest",
        [
            None,
            [],
            {},
            small_manifest(kind=3),
            small_manifest(parameters=[]),
            small_manifest(created="today"),
            small_manifest(schema=2),
            {"kind": KIND, "parameters": {}},
        ],
    )
    def test_manifest_entries(self, path, manifest):
        with pytest.raises(InputError, match="manifest must be a dict of exactly kind"):
            write_model(path, manifest, {})
        assert not path.exists()

    @pytest.mark.parametrize(
        "value",
        [
            *((1, 2), {1: "a"}, {1: 1, "a": 2}, np.float32(1), np.arange(3), {1}, b"a", object),
            *(float("nan"), -float("inf"), 1j),
        ],
        ids=repr,
    )
    def test_manifest_is_plain(self, path, value):
        with pytest.raises(InputError, match="manifest must be plain JSON"):
            write_model(path, small_manifest(parameters={"x": [value]}), {})

    def test_endless_manifest(self, path):
        endless, deep = {}, []
        endless["self"] = endless
        for _ in range(100_000):
            deep = [deep]
        for value in (endless, deep):
            with pytest.raises(InputError, match="manifest must be plain JSON"):
                write_model(path, small_manifest(parameters={"x": value}), {})

    def test_large_manifest(self, path):
        with pytest.raises(InputError, match="manifest must have at most 1048576 bytes"):
            write_model(path, small_manifest(parameters={"x": "a" * MIB}), {})

    def test_largest_manifest_can_be_read(self, path):
        """As many arrays as a manifest has room for do not overrun the header's own limit."""
        weights = {f"{i:x}": np.int8(i % 100) for i in range(12_000)}
        write_model(path, small_manifest(), weights)
        assert len(read_model(path, kind=KIND)[1]) == len(weights)

    @pytest.mark.parametrize("weights", [None, [np.zeros(3)], np.zeros(3)], ids=repr)
    def test_weights_are_a_dict(self, path, weights):
        with pytest.raises(InputError, match="weights must be a dict of arrays by name"):
            write_model(path, small_manifest(), weights)

    @pytest.mark.parametrize("name", [3, None, "", "__metadata__", "a\nb", "\ud800"], ids=repr)
    def test_names_of_weights(self, path, name):
        with pytest.raises(InputError, match="names of weights must be printable text"):
            write_model(path, small_manifest(), {"good": np.zeros(2), name: np.zeros(3)})

    @pytest.mark.parametrize(
        "array",
        [
            [1.0],
            3.0,
            np.array([1.0, None]),
            np.array(["a"]),
            np.array([True]),
            np.array([1j]),
            np.zeros(2, dtype="f4,f4"),
            np.zeros(2, dtype="M8[s]"),
        ],
        ids=repr,
    )
    def test_types_of_weights(self, path, array):
        with pytest.raises(InputError, match=r"weights\['w'\] must be an array of integers or fl"):
            write_model(path, small_manifest(), {"w": array})

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_weights_are_finite(self, path, value):
        with pytest.raises(InputError, match=r"weights\['w'\] must be finite"):
            write_model(path, small_manifest(), {"w": np.array([[0.0, value]])})

    @pytest.mark.parametrize(
        "array",
        [np.zeros((0, 2**40)), np.broadcast_to(np.float64(0), (2**25 + 1,))],
        ids=["empty but wide", "large"],
    )
    def test_large_array(self, path, array):
        with pytest.raises(InputError, match=r"weights\['w'\] must have at most 268435456 bytes"):
            write_model(path, small_manifest(), {"w": array})

    def test_large_file(self, path, monkeypatch):
        content = write_small(path)
        monkeypatch.setattr(model_file, "_LARGEST", len(content))
        write_small(path)
        monkeypatch.setattr(model_file, "_LARGEST", len(content) - 1)
        with pytest.raises(InputError, match="weights must make a file of at most"):
            write_small(path)

    def test_safetensors_is_optional(self, path, monkeypatch):
        write_small(path)

        def absent(name, *args, **kwargs):
            if name.startswith("safetensors"):
                raise ImportError(name)
            return importing(name, *args, **kwargs)

        importing = builtins.__import__
        monkeypatch.setattr(builtins, "__import__", absent)
        with pytest.raises(MissingDependencyError, match=r'pip install "dustest\[cnn\]"'):
            write_model(path, small_manifest(), small_weights())
        with pytest.raises(MissingDependencyError, match=r'pip install "dustest\[cnn\]"'):
            read_model(path, kind=KIND)


class TestDamage:
    """Nothing but the very bytes that were written is read."""

    @pytest.fixture
    def content(self, path):
        return write_small(path)

    @pytest.fixture
    def damaged(self, path, content):
        """Refusal of other content; the file stays open, since opening to write is slow."""
        with path.open("r+b", buffering=0) as file:

            def refused(changed):
                file.seek(0)
                file.write(changed)
                file.truncate()
                with pytest.raises(ReadError, match="is refused as a model file: ") as caught:
                    read_model(path, kind=KIND)
                assert "\n" not in str(caught.value)
                assert "Errno" not in str(caught.value)

            yield refused

    def test_random_flips(self, content, damaged):
        rng = np.random.default_rng(11)
        for bit in rng.integers(8 * len(content), size=2000):
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << (bit % 8)
            damaged(changed)

    def test_every_bit_of_the_frame(self, content, damaged):
        """The fields of a zip that its readers pass over count as well."""
        manifest = content.index(b"{")
        weights = content.index(WEIGHTS.encode()) + len(WEIGHTS)
        tail = content.index(b"PK\x01\x02")
        between = content.index(b"PK\x03\x04", 1)
        assert manifest == 30 + len(MANIFEST)
        places = [*range(manifest), *range(between, weights), *range(tail, len(content))]
        for bit in (8 * place + i for place in places for i in range(8)):
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << (bit % 8)
            damaged(changed)

    def test_random_truncations(self, content, damaged):
        for length in np.random.default_rng(12).integers(len(content), size=500):
            damaged(content[:length])

    def test_several_flips_and_moved_blocks(self, content, damaged):
        rng = np.random.default_rng(13)
        for _ in range(300):
            changed = bytearray(content)
            for place in rng.integers(len(content), size=rng.integers(2, 6)):
                changed[place] ^= rng.integers(1, 256)
            damaged(changed)
            start, stop = np.sort(rng.integers(len(content), size=2))
            cut = content[:start] + content[stop + 1 :]
            damaged(cut)
            damaged(content[:start] + bytes(stop + 1 - start) + content[stop + 1 :])

    @pytest.mark.parametrize("extra", [b"\0", b"PK\x05\x06" + bytes(18), b"x" * 1000])
    def test_something_added(self, content, damaged, extra):
        damaged(content + extra)
        damaged(extra + content)

    def test_two_files_in_one(self, content, damaged):
        damaged(content + content)


class TestForeignFiles:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"P",
            b"PK\x03\x04",
            b"\x89HDF\r\n\x1a\n" + bytes(500),
            pickle.dumps({"a": 1}),
            pack([(WEIGHTS, save(small_weights())), (MANIFEST, b"{}")]),
            pack([("metadata.json", b"{}"), ("model.weights.h5", bytes(100))]),
            pack([("../manifest.json", b"{}"), (WEIGHTS, b"")]),
            pack([("/tmp/manifest.json", b"{}"), (WEIGHTS, b"")]),
            pack([]),
        ],
        ids=["empty", "short", "stub", "hdf5", "pickle", "order", "keras", "up", "root", "none"],
    )
    def test_something_else(self, path, content):
        assert_refused(path, content, "it is no model of dustest, which is a zip that begins with")
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.parametrize("name", ["absent", "folder", "pipe"])
    def test_no_file(self, tmp_path, name):
        (tmp_path / "folder").mkdir()
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ReadError, match="does not exist or is no file"):
            read_model(tmp_path / name, kind=KIND)

    def test_unreadable_file(self, path, monkeypatch):
        write_small(path)

        def deny(*args):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(builtins, "open", deny)
        with pytest.raises(ReadError, match=r"is refused as a model file: .*Permission denied"):
            read_model(path, kind=KIND)

    @pytest.mark.parametrize("kind", ["", [], (), None, 3, [KIND, 3]], ids=repr)
    def test_kind_must_be_given(self, path, kind):
        write_small(path)
        with pytest.raises(InputError, match="kind must be the name of a class or several"):
            read_model(path, kind=kind)


class TestForeignZips:
    """Zips around a good manifest and good weights that `write_model` would not have made."""

    content = save(small_weights())
    manifest = canonical(whole_manifest(content, small_weights()))
    members = ((MANIFEST, manifest), (WEIGHTS, content))
    seal = seal_of(manifest)

    def refused(self, path, packed, sentence="around or in weights.safetensors it is not as"):
        assert_refused(path, packed, sentence)
        assert list(path.parent.iterdir()) == [path]

    def test_the_untouched_one_is_read(self, path):
        path.write_bytes(pack(self.members, self.seal))
        assert_same(read_model(path, kind=KIND)[1], small_weights())

    @pytest.mark.parametrize(
        "third",
        ["model.pkl", MANIFEST, WEIGHTS, "../outside", "/tmp/outside", "a/b", "manifest.json/"],
    )
    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_further_members(self, path, third):
        self.refused(path, pack([*self.members, (third, pickle.dumps([1]))], self.seal))

    def test_missing_member(self, path):
        self.refused(path, pack(self.members[:1], self.seal))

    @pytest.mark.parametrize(
        "name", ["../weights.safetensors", "weights.pkl", "Weights.safetensors"]
    )
    def test_other_name(self, path, name):
        self.refused(path, pack([self.members[0], (name, self.content)], self.seal))

    @pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_compressed(self, path, method):
        packed = pack(self.members, self.seal, method)
        self.refused(path, packed, "it does not end with the SHA-256 of its manifest.json")

    def test_weights_compressed(self, path):
        stream = io.BytesIO(pack(self.members[:1], self.seal))
        with zipfile.ZipFile(stream, "a") as archive:
            archive.writestr(WEIGHTS, self.content, zipfile.ZIP_DEFLATED)
        self.refused(path, stream.getvalue())

    def test_encrypted(self, path):
        packed = bytearray(pack(self.members, self.seal))
        for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            packed[packed.rindex(signature) + offset] |= 1
        with zipfile.ZipFile(io.BytesIO(packed)) as archive, pytest.raises(RuntimeError):
            archive.read(WEIGHTS)
        self.refused(path, packed)

    @pytest.mark.parametrize("comment", [b"", b"SHA-256 of manifest.json: ", seal + b" "])
    def test_without_seal(self, path, comment):
        sentence = "it does not end with the SHA-256 of its manifest.json"
        self.refused(path, pack(self.members, comment), sentence)

    def test_seal_of_another_manifest(self, path):
        other = self.manifest.replace(b"F277W", b"F444W")
        packed = pack([(MANIFEST, other), self.members[1]], self.seal)
        self.refused(path, packed, "it does not end with the SHA-256 of its manifest.json")

    def test_packed_anew(self, path):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr(MANIFEST, self.manifest)
            archive.writestr(WEIGHTS, self.content)
            archive.comment = self.seal
        self.refused(path, stream.getvalue())

    def test_changed_weights_packed_well(self, path):
        """What Keras reads without a word."""
        weights = small_weights()
        weights["dense/bias"][0] = 2
        packed = pack([self.members[0], (WEIGHTS, save(weights))], self.seal)
        self.refused(
            path, packed, "SHA-256 of weights.safetensors is not the one in manifest.json"
        )


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
    def test_not_the_json_that_is_written(self, path, encoded):
        assert_refused(path, forge(encoded=encoded), "its manifest.json is not JSON as dustest")

    @pytest.mark.parametrize("schema", [0, 2, -1, 10**30])
    def test_other_schema(self, path, schema):
        sentence = f"its schema is {str(schema)[:20]} and this version of dustest knows only 1"
        assert_refused(path, forge(schema=schema), sentence)
        # A later one may have other entries.
        assert_refused(path, forge(schema=schema, arrays_too={}, kind=None), sentence)

    @pytest.mark.parametrize(
        "changes",
        [
            {"extra": 1},
            *({name: None} for name in whole_manifest(b"", {})),
            {"kind": [KIND]},
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
    def test_entries(self, path, changes):
        encoded = canonical(whole_manifest(save(small_weights()), small_weights(), **changes))
        assert_refused(path, forge(encoded=encoded), "must have exactly the entries arrays, creat")

    @pytest.mark.parametrize("arrays", [[], None, "x"])
    def test_arrays_entry(self, path, arrays):
        encoded = canonical({**whole_manifest(b"", {}), "arrays": arrays})
        assert_refused(path, forge(encoded=encoded), "must have exactly the entries arrays, creat")

    @pytest.mark.parametrize("encoded", [b"[]", b"1", b'"schema"', b"null", b"true"])
    def test_no_dict(self, path, encoded):
        assert_refused(path, forge(encoded=encoded), "must have exactly the entries arrays, creat")

    @pytest.mark.parametrize("kind", ["Other", "", "os.system", "CNNEstimator ", "x" * 10_000])
    def test_other_kind(self, path, kind):
        assert_refused(path, forge(kind=kind), "it holds a '.*, and CNNEstimator was asked for")

    def test_no_part_of_a_kind(self, path):
        assert_refused(path, forge(kind="CNN"), "and CNNEstimator was asked for")

    def test_other_kinds(self, path):
        sentence = "it holds a 'CNNEstimator', and A or B was asked for"
        assert_refused(path, forge(), sentence, kind=["A", "B"])

    @pytest.mark.parametrize(
        "digests",
        [{}, {WEIGHTS: "0" * 64}, {WEIGHTS: 1}, {MANIFEST: "0" * 64}],
        ids=repr,
    )
    def test_digest_of_weights(self, path, digests):
        sentence = "SHA-256 of weights.safetensors is not the one in manifest.json"
        assert_refused(path, forge(sha256=digests), sentence)

    def test_digest_has_no_company(self, path):
        digest = hashlib.sha256(save(small_weights())).hexdigest()
        sentence = "SHA-256 of weights.safetensors is not the one in manifest.json"
        assert_refused(path, forge(sha256={WEIGHTS: digest, "x": digest}), sentence)

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
    def test_arrays_that_cannot_be(self, path, record):
        # All else agrees with an array of three numbers, so that only the record is to blame.
        content = save({"w": np.zeros(3, dtype=np.float32)})
        assert_refused(
            path, forge(None, content, arrays={"w": record}), "has an array 'w' that can"
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
    def test_others_of_the_same_size(self, path, arrays, declared):
        packed = forge(declared, save(arrays))
        assert_refused(path, packed, "the arrays in weights.safetensors are not those of its mani")

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
    def test_other_size(self, path, content):
        packed = forge({"a": np.zeros(3)}, content)
        assert_refused(
            path, packed, "weights.safetensors is not as large as the arrays of its man"
        )

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
    def test_header_that_lies(self, path, header):
        packed = forge({"a": np.zeros(3)}, safetensors_bytes(header, bytes(24)))
        assert_refused(path, packed, "its weights.safetensors is no file of safetensors")

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_not_finite(self, path, value, dtype):
        arrays = {**small_weights(), "w": np.array([0, value], dtype=dtype)}
        assert_refused(path, forge(arrays), "the array 'w' in weights.safetensors is not finite")


class TestBombs:
    """What is small on disc, or claims to be anything, costs no memory to refuse."""

    def cheaply_refused(self, path, sentence, largest=4 * MIB):
        tracemalloc.start()
        try:
            with pytest.raises(ReadError, match=sentence):
                read_model(path, kind=KIND)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < largest

    def test_compressed_members(self, path):
        zeros = bytes(64 * MIB)
        path.write_bytes(pack([(MANIFEST, b"{}"), (WEIGHTS, zeros)], b"", zipfile.ZIP_DEFLATED))
        self.cheaply_refused(path, "it does not end with the SHA-256 of its manifest.json")
        path.write_bytes(pack([(MANIFEST, zeros), (WEIGHTS, b"")], b"", zipfile.ZIP_DEFLATED))
        self.cheaply_refused(path, "it does not end with the SHA-256 of its manifest.json")

    @pytest.mark.parametrize("length", [MIB + 1, 2**32 - 1])
    def test_claimed_length_of_the_manifest(self, path, length):
        content = bytearray(write_small(path))
        content[18:22] = length.to_bytes(4, "little")
        with open(path, "wb") as file:
            file.write(content)
            file.truncate(200 * MIB)
        self.cheaply_refused(path, f"its manifest.json claims {length} bytes")

    @pytest.mark.parametrize("start", [b"", b"PK\x03\x04", None])
    def test_file_with_holes(self, path, start):
        start = write_small(path) if start is None else start
        with open(path, "wb") as file:
            file.write(start)
            file.truncate(200 * MIB)
        self.cheaply_refused(path, "it is no model of dustest|it does not end with the SHA-256")

    def test_large_file(self, path):
        write_small(path)
        os.truncate(path, 2**28 + 1)
        self.cheaply_refused(path, "it has 268435457 bytes, more than the 268435456 that a model")

    def test_manifest_of_a_large_file_is_read_first(self, path):
        """A bad manifest is refused before 200 MiB of weights are loaded."""
        encoded = canonical(whole_manifest(b"", {}, kind="Other"))
        packed = pack([(MANIFEST, encoded), (WEIGHTS, b"")], seal_of(encoded))
        tail = packed.index(b"PK\x01\x02")
        with open(path, "wb") as file:
            file.write(packed[:tail])
            file.seek(200 * MIB, os.SEEK_CUR)
            file.write(packed[tail:])
        self.cheaply_refused(path, "it holds a 'Other'")

    def test_many_members(self, path):
        encoded = canonical(whole_manifest(b"", {}))
        members = [(MANIFEST, encoded), *((f"{i}", b"") for i in range(20_000))]
        path.write_bytes(pack(members, seal_of(encoded)))
        self.cheaply_refused(path, "around or in weights.safetensors it is not as", 8 * MIB)

    def test_long_header(self, path):
        header = b"{" + b" " * (3 * MIB) + b"}"
        path.write_bytes(forge({}, safetensors_bytes(header)))
        self.cheaply_refused(path, "weights.safetensors is not as large as", 16 * MIB)

    def test_honest_file_takes_a_few_times_its_size(self, path):
        write_model(path, small_manifest(), {"w": np.ones(MIB)})
        tracemalloc.start()
        try:
            read_model(path, kind=KIND)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 3 * 8 * MIB


class TestNothingRuns:
    def test_no_file_is_touched(self, path, monkeypatch):
        """The arrays are neither memory-mapped nor unpacked anywhere."""
        write_small(path)
        opened = []
        opening = builtins.open

        def record(name, mode="r", *args, **kwargs):
            opened.append((os.fspath(name), mode))
            return opening(name, mode, *args, **kwargs)

        monkeypatch.setattr(builtins, "open", record)
        before = list(path.parent.iterdir())
        read_model(path, kind=KIND)
        assert opened == [(str(path), "rb")]
        assert list(path.parent.iterdir()) == before

    def test_pickles_stay_pickles(self, path, tmp_path):
        class Harm:
            def __reduce__(self):
                return (os.mkdir, (str(tmp_path / "harm"),))

        harm = pickle.dumps(Harm())
        for content in (harm, safetensors_bytes(harm), safetensors_bytes({}, harm)):
            assert_refused(path, forge({}, content), "weights.safetensors is no")
        assert_refused(path, harm, "it is no model of dustest")
        assert not (tmp_path / "harm").exists()
