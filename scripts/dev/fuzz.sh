#!/bin/sh
# Fuzz every reader of foreign bytes: scripts/dev/fuzz.sh [TIME]     (default 20s, of each target)
#
# What fails is kept in testdata/fuzz of its package, where `go test` runs it again; put it among the seeds of the
# target once it is mended.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
grep -rnoE '^func Fuzz[A-Za-z]+' --include='*_test.go' . | while IFS=: read -r file _ func; do
    package=$(dirname "$file") target=${func#func }
    echo "fuzz: $package $target"
    {
        status=0
        go test -run '^$' -fuzz "^$target\$" -fuzztime "${1:-20s}" -fuzzminimizetime 5s "$package" </dev/null || status=$?
        echo $status >"$work/status"
    } 2>&1 | tee "$work/out"
    status=$(cat "$work/status")
    # What was running when the time was over may be said to have failed, without an input that fails.
    if [ "$status" -ne 0 ] && { grep -q 'Failing input\|panic:' "$work/out" || ! grep -q 'context deadline exceeded' "$work/out"; }; then
        exit "$status"
    fi
done
