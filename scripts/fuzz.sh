#!/usr/bin/env bash
# Runs every fuzz target of a build folder: scripts/fuzz.sh build-fuzz SECONDS [TARGET...]
# New inputs go to <build folder>/corpus; what crashes a target is left there too, as crash-*.
set -euo pipefail
build=$1
seconds=$2
shift 2
# What the undefined-behaviour sanitizer finds is a crash too.
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
root=$(cd "$(dirname "$0")/.." && pwd)
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for source in "$root"/fuzz/*_fuzz.cpp; do targets+=("$(basename "$source" _fuzz.cpp)"); done
fi
for target in "${targets[@]}"; do
  found="$build/corpus/$target"
  mkdir -p "$found"
  options=(-max_total_time="$seconds" -rss_limit_mb=512 -malloc_limit_mb=200 -timeout=5 -artifact_prefix="$found/")
  [ -f "$root/fuzz/$target.dict" ] && options+=(-dict="$root/fuzz/$target.dict")
  echo "== $target"
  "$build/fuzz/${target}_fuzz" "${options[@]}" -print_final_stats=1 "$found" "$root/fuzz/corpus/$target" 2>&1 |
    grep -E "ERROR|SUMMARY|crash-|timeout-|oom-|stat::number_of_executed|DONE" || true
  if compgen -G "$found/crash-*" "$found/timeout-*" "$found/oom-*" > /dev/null; then
    echo "$target: see $found" >&2
    exit 1
  fi
done
