"""Model files: what goes in comes out, and nothing else is let in."""

import builtins
import hashlib
import json
import os
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load, save

from dustest.data import InputError, ReadError
from dustest.data.files.paths import installed_version
from dustest.estimators.run.files import model_file
from dustest.estimators.run.files.model_file import read_model, rebuild, write_model

KIND = "CNNEstimator"
NO_DIGEST = "0" * 64
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


class TestRebuild:
    def test_what_is_made_of_it_is_returned(self, tmp_path):
        write_small(tmp_path / "small.model")
        found = rebuild(tmp_path / "small.model", lambda manifest, arrays: len(arrays), kind=KIND)
        assert found == len(small_weights())

    @pytest.mark.parametrize("wrong", [KeyError, TypeError, AttributeError, ValueError])
    def test_parts_that_do_not_fit_are_refused(self, wrong, tmp_path):
        def build(manifest, arrays):
            msg = "one is missing"
            raise wrong(msg)

        write_small(tmp_path / "small.model")
        with pytest.raises(ReadError, match="is refused as a toy: it does not fit"):
            rebuild(tmp_path / "small.model", build, kind=KIND, called="a toy")


def canonical(manifest):
    """JSON as a model file has it."""
    return json.dumps(manifest, separators=(",", ":"), sort_keys=True)


def whole_manifest(**changes):
    """All entries of a manifest; None leaves one out."""
    known = {"dustest": installed_version("dustest"), "schema": 2, "sha256": NO_DIGEST}
    entries = {**small_manifest(), **known, **changes}
    return {name: value for name, value in entries.items() if value is not None}


def signed(content):
    """A file with its digest in place of zeros, where there are some."""
    place = b'\\"sha256\\":\\"%s\\"}"'
    digest = hashlib.sha256(content).hexdigest().encode()
    return content.replace(place % NO_DIGEST.encode(), place % digest, 1)


def forge(arrays=None, encoded=None, **changes):
    """A file that is whole in its digest, whatever is in its manifest and arrays."""
    arrays = small_weights() if arrays is None else arrays
    encoded = canonical(whole_manifest(**changes)) if encoded is None else encoded
    return signed(save(arrays, {"dustest": encoded}))


def safetensors_bytes(header, data=b"", metadata=True):
    """A safetensors file with any header, by default with a valid manifest."""
    if not isinstance(header, bytes):
        known = {"__metadata__": {"dustest": canonical(whole_manifest())}} if metadata else {}
        header = json.dumps(known | header, ensure_ascii=False, separators=(",", ":")).encode()
    header = header.ljust(-(-len(header) // 8) * 8)
    return signed(len(header).to_bytes(8, "little") + header + data)


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
        assert manifest["schema"] == 2
        assert manifest["dustest"] == installed_version("dustest")
        assert set(manifest) == {*small_manifest(), "schema", "dustest", "sha256"}

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

    def test_it_is_safetensors_to_others(self, path):
        content = write_small(path)
        assert content == forge()
        assert_same(dict(sorted(load(content).items())), small_weights())

    def test_digests_elsewhere_are_left_alone(self, path):
        manifest = small_manifest(
            created={"sha256": NO_DIGEST, "text": canonical(small_manifest())}
        )
        write_model(path, manifest, {"sha256": np.zeros(3)})
        assert read_model(path, kind=KIND)[0]["created"] == manifest["created"]

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

    @pytest.mark.parametrize("path", [None, 5, ""])
    def test_paths_are_checked(self, path, tmp_path):
        with pytest.raises(InputError, match="path must be the path of a file"):
            write_model(path, small_manifest(), {})
        with pytest.raises(InputError, match="path must be the path of a file"):
            read_model(path, kind="CNNEstimator")
        with pytest.raises(InputError, match="path must be a file, got the folder"):
            write_model(tmp_path, small_manifest(), {})

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
        manifest = small_manifest(parameters={"x": '"' * (MIB // 2 - 500)})
        write_model(path, manifest, small_weights())
        assert read_model(path, kind=KIND)[0]["parameters"] == manifest["parameters"]

    def test_too_many_arrays(self, path):
        weights = {f"{i:x}": np.int8(i % 100) for i in range(80_000)}
        with pytest.raises(InputError, match="with a header of at most 4194304, got"):
            write_model(path, small_manifest(), weights)

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
        monkeypatch.setattr(model_file, "LARGEST", len(content))
        write_small(path)
        monkeypatch.setattr(model_file, "LARGEST", len(content) - 1)
        with pytest.raises(InputError, match="weights must make a file of at most"):
            write_small(path)


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

    def test_every_bit_of_the_header(self, content, damaged):
        end = 8 + int.from_bytes(content[:8], "little")
        for bit in range(8 * end):
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
            b"\x89HDF\r\n\x1a\n" + bytes(500),
            pickle.dumps({"a": 1}),
            save(small_weights()),
            save(small_weights(), {"format": "pt"}),
            save(small_weights(), {"dustest": canonical(whole_manifest()), "more": ""}),
            safetensors_bytes({"__metadata__": []}, metadata=False),
            (2**63).to_bytes(8, "little") + bytes(24),
        ],
        ids=["empty", "short", "hdf5", "pickle", "bare", "torch", "more", "list", "huge"],
    )
    def test_something_else(self, path, content):
        assert_refused(path, content, "it is no model of dustest, which is a file of safetensors")
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.parametrize("start", [b"PK\x03\x04", b"PK\x03\x04" + bytes(500)])
    def test_other_zips(self, path, start):
        assert_refused(path, start, "it is no zip of manifest.json and weights.safetensors")

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


class TestManifests:
    """Files whole as safetensors and in their digests, with a manifest that is none."""

    @pytest.mark.parametrize(
        "encoded",
        [
            "",
            "{",
            "[" * 100_000,
            '{"schema":' + "1" * 10_000 + "}",
            '{"schema":NaN}',
            '{"schema":1e999}',
            '{"schema": 2}',
            '{"schema":2,"schema":2}',
            '{"schema":"é"}',
            canonical(whole_manifest()) + " ",
        ],
        ids=range(10),
    )
    def test_not_the_json_that_is_written(self, path, encoded):
        assert_refused(path, forge(encoded=encoded), "its manifest is not JSON as dustest")

    @pytest.mark.parametrize("schema", [0, 1, 3, -1, 10**30])
    def test_other_schema(self, path, schema):
        sentence = f"its schema is {str(schema)[:20]} and this version of dustest knows only 2"
        assert_refused(path, forge(schema=schema), sentence)
        # A later one may have other entries.
        assert_refused(path, forge(schema=schema, arrays_too={}, kind=None), sentence)

    @pytest.mark.parametrize(
        "changes",
        [
            {"extra": 1},
            *({name: None} for name in whole_manifest()),
            {"kind": [KIND]},
            {"kind": {}},
            {"parameters": []},
            {"created": "x"},
            {"dustest": 1},
            {"schema": True},
            {"schema": 2.0},
            {"schema": "2"},
            {"sha256": {}},
        ],
        ids=repr,
    )
    def test_entries(self, path, changes):
        assert_refused(path, forge(**changes), "must have exactly the entries created, dustest")

    @pytest.mark.parametrize("encoded", ["[]", "1", '"schema"', "null", "true"])
    def test_no_dict(self, path, encoded):
        sentence = "must have exactly the entries created, dustest"
        assert_refused(path, forge(encoded=encoded), sentence)

    @pytest.mark.parametrize("kind", ["Other", "", "os.system", "CNNEstimator ", "x" * 10_000])
    def test_other_kind(self, path, kind):
        assert_refused(path, forge(kind=kind), "it holds a '.*, and CNNEstimator was asked for")

    def test_no_part_of_a_kind(self, path):
        assert_refused(path, forge(kind="CNN"), "and CNNEstimator was asked for")

    def test_other_kinds(self, path):
        sentence = "it holds a 'CNNEstimator', and A or B was asked for"
        assert_refused(path, forge(), sentence, kind=["A", "B"])

    @pytest.mark.parametrize("digest", ["", "0" * 63, "1" * 64, "sha256"])
    def test_digest(self, path, digest):
        assert_refused(path, forge(sha256=digest), "its SHA-256 is not the one in its manifest")


class TestHeaders:
    """Files whole in their digests, with headers that lie."""

    @pytest.mark.parametrize(
        "record",
        [
            None,
            [],
            {},
            {"dtype": "F32", "shape": [3]},
            {"dtype": "F32", "shape": [3], "data_offsets": [0, 12], "more": 1},
            *(
                {"dtype": dtype, "shape": [3], "data_offsets": [0, 12]}
                for dtype in ("object", "BOOL", "BF16", "float32", ["F32"], None)
            ),
            *(
                {"dtype": "F32", "shape": shape, "data_offsets": [0, 12]}
                for shape in (
                    *(3, "3", {"3": 3}, [-3], [-3, -1], [3.0], ["3"], [True], [1] * 65, [2**62]),
                    *([2**26 + 1], [2**40, 2**40, 0], [0, 2**40], [10**300, 10**300]),
                )
            ),
        ],
        ids=range(25),
    )
    def test_arrays_that_cannot_be(self, path, record):
        content = safetensors_bytes({"w": record}, bytes(12))
        assert_refused(path, content, "its header has an array 'w' that cannot be")

    @pytest.mark.parametrize("size", [11, 13])
    def test_other_size(self, path, size):
        record = {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}
        content = safetensors_bytes({"w": record}, bytes(size))
        assert_refused(path, content, "it is not as large as the arrays of its header make it")

    @pytest.mark.parametrize(
        "offsets", [[12, 24], [12, 0], [0, 2**63], [0, 11], "x", [0], [0.0, 12]]
    )
    def test_offsets(self, path, offsets):
        record = {"dtype": "F32", "shape": [3], "data_offsets": offsets}
        content = safetensors_bytes({"w": record}, bytes(12))
        assert_refused(path, content, "it is no file of safetensors")

    def test_two_arrays_in_one_place(self, path):
        record = {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}
        content = safetensors_bytes({"v": record, "w": record}, bytes(24))
        assert_refused(path, content, "it is no file of safetensors")

    @pytest.mark.parametrize(
        "header",
        [b"[]", b"\xff\xff", b'{"a":NaN}', b'{"a": 1}', b'{"a":1,"a":1}', b'{"a":"\\u00e9"}'],
        ids=range(6),
    )
    def test_not_the_header_that_is_written(self, path, header):
        content = safetensors_bytes(header)
        assert_refused(path, content, "its header is no header of safetensors as dustest writes")

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_not_finite(self, path, value, dtype):
        arrays = {**small_weights(), "w": np.array([0, value], dtype=dtype)}
        assert_refused(path, forge(arrays), "its array 'w' is not finite")


class TestBombs:
    """What claims to be anything costs no memory to refuse."""

    def cheaply_refused(self, path, sentence, largest=4 * MIB):
        tracemalloc.start()
        try:
            with pytest.raises(ReadError, match=sentence):
                read_model(path, kind=KIND)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < largest

    @pytest.mark.parametrize("length", [4 * MIB + 1, 2**32, 2**63])
    def test_claimed_length_of_the_header(self, path, length):
        content = write_small(path)
        with open(path, "wb") as file:
            file.write(length.to_bytes(8, "little") + content[8:])
            file.truncate(200 * MIB)
        self.cheaply_refused(path, "it is no model of dustest")

    @pytest.mark.parametrize("start", [b"", None])
    def test_file_with_holes(self, path, start):
        start = write_small(path) if start is None else start
        with open(path, "wb") as file:
            file.write(start)
            file.truncate(200 * MIB)
        self.cheaply_refused(path, "it is no model of dustest|it is not as large as")

    def test_large_file(self, path):
        write_small(path)
        os.truncate(path, 2**28 + 1)
        self.cheaply_refused(path, "it has 268435457 bytes, more than the 268435456 that a model")

    def test_manifest_of_a_large_file_is_read_first(self, path):
        """A bad manifest is refused before 200 MiB of weights are loaded."""
        known = {"__metadata__": {"dustest": canonical(whole_manifest(kind="Other"))}}
        n = 200 * MIB
        record = {"dtype": "U8", "shape": [n], "data_offsets": [0, n]}
        content = safetensors_bytes(known | {"w": record})
        with open(path, "wb") as file:
            file.write(content)
            file.truncate(len(content) + n)
        self.cheaply_refused(path, "it holds a 'Other'")

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
            assert_refused(path, content, "it is no|its header is no|it is not as large")
        assert not (tmp_path / "harm").exists()
