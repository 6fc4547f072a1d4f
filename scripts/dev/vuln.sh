#!/bin/sh
# Look for known vulnerabilities in what the binary calls. Where the tool or its database cannot be reached, say so and
# succeed: a machine without a network is no vulnerability.
set -u
cd "$(dirname "$0")/../.."
go run golang.org/x/vuln/cmd/govulncheck@v1.1.4 ./...
status=$?
# 3 is govulncheck's status for vulnerabilities; go run prints it and makes it 1.
[ $status -eq 0 ] && exit 0
out=$(go run golang.org/x/vuln/cmd/govulncheck@v1.1.4 -format json ./... 2>/dev/null)
case $out in
*'"finding"'*) exit 1 ;;
esac
echo "vuln: govulncheck could not look (no network, or no database); nothing is known" >&2
