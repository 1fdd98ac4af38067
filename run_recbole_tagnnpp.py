"""Train and test TAGNN++ (or ``--model=``) on a dataset: ``python run_recbole_tagnnpp.py --dataset=diginetica``."""

import sys

from recbole_tagnnpp.cli import run_command

if __name__ == "__main__":
    sys.exit(run_command("train", sys.argv[1:] or ["--help"]))
