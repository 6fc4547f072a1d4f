#!/bin/sh
# Put the documented Python commands into an image: over those of its omsflow, or as a package of their own. A `python`
# is added where there is none. Part of the Dockerfile; ROOT is for tests.
set -eu
root=${1:-}
from=$root/usr/local/lib/omsinit/names
units=$root/root/omsflow/scripts/units
mkdir -p "$units"
for package in "$root/root/omsflow" "$root/root/omsflow/scripts" "$units"; do
    [ -n "$(find "$package" -maxdepth 1 -name '__init__.*')" ] || : >"$package/__init__.py"
done
for unit in oms_init_manager oms_cluster_config oms_cluster_manager; do
    # A compiled module of the same name would be found first.
    rm -f "$units/$unit".* "$units/__pycache__/$unit".*
    cp "$from/unit.py" "$units/$unit.py"
    chmod 644 "$units/$unit.py"
done
for dir in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
    [ ! -e "$root$dir/python" ] || exit 0
done
mkdir -p "$root/usr/local/bin"
ln -s ../lib/omsinit/names/python "$root/usr/local/bin/python"
