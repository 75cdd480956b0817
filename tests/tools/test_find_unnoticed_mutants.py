import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "find_unnoticed_mutants.py"
ALONE = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""Environment in which pytest loads none of the installed plug-ins: these take seconds."""

CODE = '''"""Rates, 1 or more."""

__all__ = ["same"]


def same(value):
    """Give 1 value."""
    return value + 0


def double(value: "int | float" = 1):
    if value is None:
        msg = "value must be 1 number" + "!"
        raise ValueError(msg, 3)
    return value * 2
'''

TESTS = """
from toy.rates import double, same


def test_numbers():
    assert same(3) == 3
    assert (double(3), double()) == (6, 2)
"""

NOTICE = """
import py_compile
from dataclasses import replace
from pathlib import Path

import find_unnoticed_mutants as tool

mutants = tool.find_mutants(Path(), ["toy"], 99, 1)
(mutant,) = (one for one in mutants if one.change == "0 -> 1")
unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
py_compile.compile("toy/rates.py", invalidation_mode=unchecked)
print(tool.notice(replace(mutant, tests=("tests/test_rates.py",)), 60.0)[0])
"""

REASON = """toy/rates.py
return value + 0: + -> -
nothing is added
"""


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location(TOOL.stem, TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[TOOL.stem] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[TOOL.stem]


@pytest.fixture
def checkout(tmp_path):
    for name, text in (("toy/rates.py", CODE), ("tests/test_rates.py", TESTS)):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
    return tmp_path


def run(checkout, *options):
    """Output and progress of the tool."""
    command = [sys.executable, str(TOOL), "toy", "--root", str(checkout), *options]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=ALONE
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.slow
class TestTool:
    def test_names_what_no_test_notices(self, checkout):
        output, progress = run(checkout)
        assert output.splitlines() == [
            "5 of 6 mutants noticed (83.3 %), 0 of the others explained",
            "toy/rates.py:8: + -> -",
            "    return value + 0",
            "    not explained",
        ]
        assert "[6/6] toy/rates.py" in progress
        assert (checkout / "toy" / "rates.py").read_text(encoding="utf-8") == CODE

        (checkout / "tools").mkdir()
        (checkout / "tools" / "equivalent_mutants.txt").write_text(REASON, encoding="utf-8")
        output, progress = run(checkout)
        assert output.startswith("5 of 6 mutants noticed (83.3 %), 1 of the others explained\n")
        assert output.endswith("    nothing is added\n")
        assert progress == ""

        tests = TESTS.replace("same(3) == 3", "same(3) > 2")
        (checkout / "tests" / "test_rates.py").write_text(tests, encoding="utf-8")
        assert "[6/6] toy/rates.py" in run(checkout)[1]

    def test_tests_must_pass_without_a_mutant(self, checkout):
        (checkout / "tests" / "test_rates.py").write_text("def test(): assert False")
        with pytest.raises(AssertionError, match="tests fail without a mutant"):
            run(checkout)

    def test_bytecode_of_the_same_second_is_not_used(self, checkout):
        """Unchecked bytecode acts like bytecode of the same size and second as the new source."""
        done = subprocess.run(
            [sys.executable, "-c", NOTICE],
            cwd=checkout,
            env=ALONE | {"PYTHONPATH": os.pathsep.join([str(TOOL.parent), str(checkout)])},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == "True\n", done.stderr

    def test_a_mutant_that_does_not_end_is_noticed(self, checkout):
        code = "def count(n):\n    while n:\n        n -= n\n    return n\n"
        (checkout / "toy" / "rates.py").write_text(code, encoding="utf-8")
        tests = "from toy.rates import count\n\n\ndef test():\n    assert not count(2)\n"
        (checkout / "tests" / "test_rates.py").write_text(tests, encoding="utf-8")
        assert run(checkout, "--limit", "8")[0] == (
            "1 of 1 mutants noticed (100.0 %), 0 of the others explained\n"
        )


def changes(tool, code):
    """Old and new texts of all places in a line of code."""
    return {(place.old, place.choices) for place in tool.Finder("x.py", code.encode()).places}


class TestPlaces:
    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            ("a <= b", {("<=", ("<", ">"))}),
            ("a is not b", {("is not", ("is",))}),
            ("a not  in b", {("not  in", ("in",))}),
            ("not a", {("not", ("",))}),
            ("(a) * (\n  # 2 - 1\n  b)", {("*", ("/",))}),
            ("a or b or c", {("or", ("and",))}),
            ("é * -1", {("*", ("/",)), ("-", ("+",)), ("1", ("2", "0"))}),
            ("a = True", {("True", ("False",))}),
            (
                "a = [0, 0.5, 'ab', '']",
                {("0", ("1",)), ("0.5", ("1.0", "0.25")), ("'ab'", ("'xb'",)), ("''", ("'x'",))},
            ),
            ("a += b", {("+=", ("-=",))}),
            ("f(*a, **b)", set()),
            ("a = 'two words'", set()),
            ("a = f'{b + 1}'", set()),
            ("def f(a: 'int' = 2) -> 'x':\n    'text'", {("2", ("3", "1"))}),
            ("a: 'int' = b", set()),
            ("__all__ = ['a']", set()),
            ("msg = 'a' + 'b'\nmsg += 'c'\nraise X(msg, 1)", set()),
            ("warnings.warn(a + b, stacklevel=2)", set()),
            ("f(stacklevel=2)", set()),
            ("if TYPE_CHECKING:\n    a = 1", set()),
        ],
    )
    def test_what_is_changed(self, tool, code, expected):
        assert changes(tool, code) == expected

    def test_tests_of_a_file(self, tool, checkout):
        assert tool.find_tests(checkout, "toy/rates.py") == (
            "tests/test_rates.py",
            "toy/rates.py",
        )

    def test_a_private_module_is_tested_through_others(self, tool, checkout):
        (checkout / "toy" / "_inner").mkdir()
        for name, text in (
            ("_inner/a.py", "x = 1\n"),
            ("_b.py", "from toy._inner.a import x\n"),
            ("rates.py", "import toy._b\n"),
            ("other.py", "from toy._inner.abc import x\n"),
        ):
            (checkout / "toy" / name).write_text(text, encoding="utf-8")
        for name in ("a.py", "other.py"):
            (checkout / "tests" / f"test_{name}").write_text("", encoding="utf-8")
        assert tool.find_tests(checkout, "toy/_inner/a.py") == (
            "tests/test_a.py",
            "tests/test_rates.py",
            "toy/_inner/a.py",
        )

    def test_the_draw_follows_the_seed(self, tool):
        draws = [tool.find_mutants(TOOL.parents[1], ["dustest/data"], 30, n) for n in (1, 1, 2)]
        assert len(draws[0]) == 30
        assert draws[0] == draws[1] != draws[2]

    def test_all_mutants_are_code(self, tool):
        root = TOOL.parents[1]
        for mutant in tool.find_mutants(root, tool.FOLDERS, 200, 1):
            source = (root / mutant.file).read_bytes()
            changed = mutant.apply(source)
            assert changed != source
            compile(changed, mutant.file, "exec")

    def test_listed_tests_exist(self, tool):
        for file, tests in tool.TESTS.items():
            for name in (file, *tests):
                assert (TOOL.parents[1] / name).is_file()
