"""``recommend``: the best next items for sessions, from a trained model."""

import csv
from typing import Any

from recbole_tagnnpp.config.command_line import check_argument_names
from recbole_tagnnpp.config.value_rules import BOOLEAN, THREADS, Rule, integer
from recbole_tagnnpp.config.yaml_files import shortened
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.files import check_file_name, check_folder, user_path
from recbole_tagnnpp.terminal import say

HELP = """\
usage: python -m recbole_tagnnpp recommend --model_file=saved/DATASET/RUN/model.pth --items=A,B,C [--topk=20]
       python -m recbole_tagnnpp recommend --model_file=... --sessions=FILE --output=FILE [--topk=20]

Recommends next items for sessions that the model need not have seen. Nothing but the model file is needed.

  --model_file=FILE       the weights that a run has kept; it names them when it ends
  --items=A,B,C           clicks of one session, oldest first; prints a table where no output is named; a name with a
                          comma stands in quotes: --items='A,"B,blue",C'
  --sessions=FILE         clicks of many sessions, as dataset/NAME/NAME.csv or NAME.inter (session, item and time);
                          of a model with session_gap_minutes, the newest visit of each visitor counts
  --output=FILE           where recommendations go: tab-separated session, rank, item and score; - is standard output
  --topk=K                items per session, default 20, or all that there are
  --exclude_clicked=True  leave out what the session has clicked already; fewer than K items if it has clicked most
  --unknown_items=skip    pass over clicks on items that the model does not know; default refuse
  --use_gpu=False, --threads=N, --show_progress=False"""

DEFAULTS: dict[str, Any] = {
    "model_file": None,
    "items": None,
    "sessions": None,
    "output": None,
    "topk": None,
    "exclude_clicked": False,
    "unknown_items": "refuse",
    "use_gpu": True,
    "threads": None,
    "show_progress": True,
}
RULES = {
    "topk": integer(1, or_none=True),
    "exclude_clicked": BOOLEAN,
    "unknown_items": Rule("refuse or skip", lambda v: v in ("refuse", "skip")),
    "use_gpu": BOOLEAN,
    "threads": THREADS,
    "show_progress": BOOLEAN,
}


def recommend(settings: dict[str, Any]) -> int:
    """Recommend items for one session or for a file of sessions."""
    options = _checked(settings)
    import torch

    from recbole_tagnnpp.recommendation import Recommender
    from recbole_tagnnpp.recommendation.output import print_recommendations, write_recommendations

    if options["threads"]:
        torch.set_num_threads(options["threads"])
    recommender = Recommender.load(user_path(options["model_file"]), options["use_gpu"])
    topk = recommender.default_topk if options["topk"] is None else options["topk"]
    exclude, skip = options["exclude_clicked"], options["unknown_items"] == "skip"
    if options["items"] is not None:
        what, whose = f"--items={options['items']}", "this session"
        sessions = recommender.name_session(_items(options["items"]), skip)
    else:
        what = options["sessions"]
        sessions = recommender.read_sessions(user_path(what), skip, options["show_progress"])
        whose = f"any of its {len(sessions.ids)} sessions"
    n_sessions, n_known = len(sessions.ids), len(sessions.known)
    if not n_known:
        raise UserError(f"{what}: the model knows no item of {whose}")
    if options["output"] is None:
        (recommendations,) = recommender.recommend_for(sessions, topk, exclude)
        print_recommendations(recommendations)
        return 0
    output = None if options["output"] == "-" else user_path(options["output"])
    write_recommendations(output, recommender, sessions, topk, exclude, options["show_progress"])
    if output is not None:
        left_out = f"; without any known item, and left out: {n_sessions - n_known}" if n_known < n_sessions else ""
        counted = f"each of {n_known} sessions" if n_known > 1 else "one session"
        say(f"{output}: the best {topk} items for {counted}{left_out}")
    return 0


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    """The arguments over their defaults; mistakes show before torch loads."""
    check_argument_names("recommend", settings, DEFAULTS)
    options = {**DEFAULTS, **settings}
    if options["output"] == "/dev/stdout":
        options["output"] = "-"
    if options["model_file"] is None:
        raise UserError("recommend needs --model_file=..., the model.pth that a run has kept under saved/")
    if (options["items"] is None) == (options["sessions"] is None):
        raise UserError("recommend needs either --items=A,B,C or --sessions=FILE, see recommend --help")
    if options["sessions"] is not None and options["output"] is None:
        raise UserError("--sessions=FILE needs --output=FILE, or --output=- for standard output")
    if options["output"] not in (None, "-"):
        output = user_path(options["output"])
        check_file_name(output)
        check_folder(output.parent, "folder of --output")
        for key in ("sessions", "model_file"):
            if options[key] is not None and user_path(options[key]).resolve() == output.resolve():
                raise UserError(f"--output={options['output']}: would replace what --{key} names; give it another name")
    if options["items"] is not None and not all(_items(options["items"])):
        raise UserError(f"--items={options['items']}: has an empty name; allowed are names with commas between them")
    for key, rule in RULES.items():
        if not rule.accepts(options[key]):
            raise UserError(f"--{key}={shortened(options[key])}: allowed is {rule.allowed}")
    return options


def _items(text: str) -> list[str]:
    """Names with commas between them, some perhaps in double quotes, as a line of a CSV file."""
    try:
        (items,) = csv.reader([text], skipinitialspace=True, strict=True)
    except csv.Error as problem:
        raise UserError(f"--items={text}: has a quote without end, or something behind one ({problem})") from problem
    return [item.strip() for item in items]
