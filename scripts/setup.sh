#!/bin/sh
# Sets up what the build and the tests need on Debian 12: header packages of the system, and .venv.
# Usage: scripts/setup.sh [python]      (run from anywhere; safe to run again)
set -eu
cd "$(dirname "$0")/.."
PYTHON=${1:-python3.11}
TORCH=torch==2.13.0
PACKAGES="g++ cmake ninja-build libprotozero-dev nlohmann-json3-dev libcli11-dev libfmt-dev libgtest-dev libgmock-dev
          libbenchmark-dev python3.11-dev python3.11-venv clang clang-format clang-tidy libclang-rt-14-dev"

say() { printf '\n==> %s\n' "$*"; }

say "1/3 system packages"
missing=""
for package in $PACKAGES; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
  echo "installing:$missing"
  root=""
  [ "$(id -u)" = 0 ] || root="sudo"
  $root apt-get update -q
  $root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
else
  echo "all there"
fi

say "2/3 virtual environment .venv with $TORCH"
[ -x .venv/bin/python ] || "$PYTHON" -m venv .venv
.venv/bin/python -m pip install --no-input "$TORCH"

say "3/3 Python packages"
# torch stays pinned in the same command, so that no dependency moves it; timm would ask for torchvision.
.venv/bin/python -m pip install --no-input "$TORCH" -r scripts/requirements.txt
.venv/bin/python -m pip install --no-input --no-deps timm==1.0.31

touch .venv/ready
say "ready"
