#!/bin/sh
# Every check that needs no run: formatting, clang-tidy, the include rules, ruff and mypy.
set -eu
cd "$(dirname "$0")/.."
sources=$(git ls-files --cached --others --exclude-standard '*.cpp' '*.h')

echo "==> clang-format";  clang-format --dry-run --Werror $sources
echo "==> include rules"; .venv/bin/python scripts/check_includes.py
echo "==> ruff";          .venv/bin/ruff check . && .venv/bin/ruff format --check .
echo "==> mypy";          .venv/bin/mypy
echo "==> clang-tidy"
git ls-files --cached --others --exclude-standard 'src/*.cpp' | xargs -P "$(nproc)" -n 4 \
  clang-tidy -p build --quiet --extra-arg=-Wno-unknown-warning-option
