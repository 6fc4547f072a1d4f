#!/bin/sh
# What this old world has in the place of docker_init.sh. Without an argument
# everything: files, databases, programs, resources.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
root=${root%/}
init() { python3 "$root/root/old_init.py" "$1" "$root"; }
case ${1-all} in
all)
    init files
    init db
    supervisorctl -c "$root/etc/supervisor/supervisord.conf" start all
    init resources
    ;;
*) init "$1" ;;
esac
