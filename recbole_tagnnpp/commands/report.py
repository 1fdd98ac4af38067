"""``report``: tables, figures and a page from run records."""

import sys
from pathlib import Path
from typing import Any

from recbole_tagnnpp.config.command_line import check_argument_names
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.files import user_path
from recbole_tagnnpp.terminal import say

HELP = """\
usage: python -m recbole_tagnnpp report [--results=results/runs] [--output=results/report] [--check]

Makes Tables I, II and III of the paper from run records, beside the paper's figures and with significance; accuracy by
session length and by popularity; learning curves; and report.html with all of it. The same records give the same bytes.

  --results=FOLDER        records, FOLDER/DATASET/RUN.json; default results/runs
  --output=FOLDER         tables (.md, .tex, .csv), figures (.svg) and report.html; default results/report, for other
                          records than results/runs the folder report in theirs
  --check                 write nothing; exit with 1 and name the files that differ from what the records give"""

RESULTS, OUTPUT = "results/runs", "results/report"


def report(settings: dict[str, Any]) -> int:
    """Write or check the report."""
    check_argument_names("report", settings, ("results", "output", "check"))
    check = settings.get("check", False)
    if not isinstance(check, bool):
        raise UserError(f"--check={check}: allowed is True or False")
    results = user_path(settings.get("results", RESULTS))
    output = user_path(settings["output"]) if "output" in settings else _beside(results)
    from recbole_tagnnpp.experiment.report.report import check_report, write_report

    if not check:
        written = write_report(results, output)
        say(f"tables and figures of {written.n_records} records written to {output}; open {output / 'report.html'}")
        if written.n_others:
            say(f"{written.n_others} records belong to no row of the tables; {output / 'other_runs.md'} says why")
        return 0
    different = check_report(results, output)
    if different:
        print(f"{output}: differs from what {results} gives: {', '.join(different)}", file=sys.stderr)
        print("`python -m recbole_tagnnpp report` writes it again", file=sys.stderr)
        return 1
    say(f"{output}: as the records give it")
    return 0


def _beside(results: Path) -> Path:
    """Where the report of some records goes: those of one's own are not to replace the report of the shipped ones."""
    return Path(OUTPUT) if results.resolve() == Path(RESULTS).resolve() else results / "report"
