"""Trials one after the other in this process, without Ray: small machines, tests, debugging."""

import shutil
from collections.abc import Sequence
from logging import getLogger

from recbole_tagnnpp.data.session_dataset import LoadedSessions
from recbole_tagnnpp.errors import UserError, describe_problem
from recbole_tagnnpp.experiment.search.display import SearchDisplay, describe_setting
from recbole_tagnnpp.experiment.search.space import Setting, setting_key
from recbole_tagnnpp.experiment.search.trial import TrialJob, TrialProgress, train_setting
from recbole_tagnnpp.experiment.search.trial_records import DONE, FAILED, FINISHED, TrialRecord, read_trial, write_trial


def search_in_process(settings: Sequence[Setting], job: TrialJob, sessions: LoadedSessions, display: SearchDisplay) -> None:
    """Train every setting that has no finished record; an interrupted trial continues from its checkpoint.

    A trial that fails is recorded with its reason, and the search goes on.

    Raises:
        OSError: records cannot be written.
    """
    for setting in settings:
        key = setting_key(setting)
        known = read_trial(job.records, key)
        if known is not None and known.status in DONE:
            display.update(known)
            continue
        _run_trial(TrialRecord(key, setting), job, sessions, display)


def _run_trial(record: TrialRecord, job: TrialJob, sessions: LoadedSessions, display: SearchDisplay) -> None:
    folder = job.state / "work" / record.key
    write_trial(job.records, record)
    display.update(record)
    getLogger().info(f"trial {record.key}: {describe_setting(record.setting)}")

    def on_epoch(progress: TrialProgress) -> None:
        record.history = progress.history
        display.update(record)

    is_hopeless = False
    try:
        train_setting(job, sessions, record.setting, folder, on_epoch)
        record.status = FINISHED
    except (UserError, MemoryError, RuntimeError, OSError, ArithmeticError, ValueError) as problem:
        record.status, record.problem = FAILED, describe_problem(problem)
        is_hopeless = isinstance(problem, UserError)  # others may go on from their checkpoint another time
    write_trial(job.records, record)
    display.update(record)
    if record.status == FINISHED or is_hopeless:
        shutil.rmtree(folder, ignore_errors=True)
