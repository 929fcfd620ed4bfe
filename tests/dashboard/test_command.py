"""The command ``language-neurons``: the core's commands, and one more. That it serves is tested with the wheel."""

import pytest

from core.cli.main import COMMANDS
from dashboard import command


def test_the_help_lists_the_commands_of_the_core_and_the_dashboard(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        command.main(["--help"])
    listed = capsys.readouterr().out
    assert listed.startswith(f"usage: {command.NAME} ")
    assert f"{{{','.join([*(known.name for known in COMMANDS), 'dashboard'])}}}" in listed


def test_the_dashboard_has_a_help_and_refuses_a_port_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        command.main(["dashboard", "--help"])
    assert "--port" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        command.main(["dashboard", "--port", "here"])


def test_a_request_that_cannot_be_met_is_refused_as_by_the_core(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["data", "get", "nothing", "--to", "folder"]) == 2
    assert "error: data set 'nothing'" in capsys.readouterr().err
