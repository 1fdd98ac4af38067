#!/bin/sh
# Create the virtual environment and install the exact versions of requirements.txt into it.
#   PYTHON   interpreter, 3.11 to 3.13 (default python3)
#   VENV     folder of the environment (default .venv)
#   TORCH    cpu, cuda or auto: which build of torch (default auto: cuda where nvidia-smi finds a GPU)
set -eu
cd "$(dirname "$0")"
PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}
TORCH=${TORCH:-auto}
CPU_WHEELS=https://download.pytorch.org/whl/cpu

fail() { echo "error: $1" >&2; exit 2; }

command -v "$PYTHON" >/dev/null 2>&1 || fail "$PYTHON: no such interpreter; set PYTHON to a Python 3.11 to 3.13"
"$PYTHON" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' ||
  fail "$("$PYTHON" --version) found; Python 3.11 to 3.13 is needed (set PYTHON)"
if [ "$TORCH" = auto ]; then
  if nvidia-smi -L >/dev/null 2>&1; then TORCH=cuda; else TORCH=cpu; fi
fi

[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
pip() { "$VENV/bin/python" -m pip --disable-pip-version-check "$@"; }
pin() { grep "^$1==" requirements.txt; }

# torch first: whatever is installed before it would pull in the CUDA build, some gigabytes
if ! "$VENV/bin/python" -c "import sys, importlib.metadata as m; sys.exit('torch==' + m.version('torch').split('+')[0] != '$(pin torch)')" 2>/dev/null; then
  echo "installing $(pin torch) ($TORCH build)"
  case $TORCH in
    cpu) # a local wheel, else PyTorch's CPU wheels, else whatever the registry has
      pip install --quiet --retries 0 --timeout 20 "$(pin torch)+cpu" 2>/dev/null ||
        pip install --quiet --retries 1 --timeout 20 --extra-index-url "$CPU_WHEELS" "$(pin torch)+cpu" 2>/dev/null ||
        pip install "$(pin torch)" ;;
    cuda) pip install "$(pin torch)" ;;
    *) fail "TORCH=$TORCH: allowed are cpu, cuda and auto" ;;
  esac
fi
echo "installing the versions of requirements.txt"
grep -v '^torch==' requirements.txt > "$VENV/requirements.txt"
pip install --quiet -r "$VENV/requirements.txt"
# RecBole's metadata caps ray at 2.6.3, which has no wheels for newer Pythons; its code does not need the cap
pip install --quiet --no-deps recbole==1.2.1
pip install --quiet --no-deps --editable .
echo "done: $VENV"
