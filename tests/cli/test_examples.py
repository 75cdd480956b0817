import re
import shlex

import pytest

from dustest.cli import _parser, main
from dustest.cli._examples import EXAMPLES
from dustest.estimators import list_estimators


def help_of(command, capsys):
    """Text of the help of a command."""
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    return capsys.readouterr().out


class TestHelp:
    def test_every_example_is_a_command(self):
        parser = _parser()
        for command, lines in EXAMPLES.items():
            for line in lines:
                words = shlex.split(line.partition(">")[0])
                assert words[:2] == ["dustest", command]
                assert callable(parser.parse_args(words[1:]).run)

    @pytest.mark.parametrize("command", EXAMPLES)
    def test_examples_are_shown_in_lines(self, capsys, command):
        text = help_of(command, capsys)
        assert all(f"\n  {line}\n" in text for line in EXAMPLES[command])

    def test_every_command_has_examples(self, capsys):
        with pytest.raises(SystemExit, match="0"):
            main(["--help"])
        listed = re.findall(r"^    (\w+)", capsys.readouterr().out, re.MULTILINE)
        assert set(listed) == set(EXAMPLES)

    @pytest.mark.parametrize(
        ("command", "names"),
        [
            ("estimate", list_estimators()),
            ("benchmark", ["heavy"]),
            ("simulate", ["CEERS"]),
            ("card", ["nircam-1band", "nircam-3band+photometry"]),
        ],
    )
    def test_choices_are_listed(self, capsys, command, names):
        after = help_of(command, capsys).partition("\nexamples:\n")[2]
        assert set(names) <= set(re.split(r"[\s,]+", after))
