#!/bin/sh
# Fuzz every reader of foreign bytes: scripts/dev/fuzz.sh [TIME]     (default 20s, of each target)
#
# What fails is kept in testdata/fuzz of its package, where `go test` runs it again; put it among the seeds of the
# target once it is mended.
set -eu
cd "$(dirname "$0")/../.."
grep -rnoE '^func Fuzz[A-Za-z]+' --include='*_test.go' . | while IFS=: read -r file _ func; do
    package=$(dirname "$file") target=${func#func }
    echo "fuzz: $package $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "${1:-20s}" -fuzzminimizetime 5s "$package" </dev/null
done
