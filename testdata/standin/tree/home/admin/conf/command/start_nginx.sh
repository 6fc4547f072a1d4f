#!/bin/sh
# Start script of the web server: the generated tengine.conf, in the foreground.
set -eu
root=${OMSINIT_ROOT:-}
PATH=$PATH:/usr/sbin:/sbin
conf=$root/home/ds/ghana/config/tengine.conf
# -e: the log of the time before the configuration is read.
set -- -e "$root/home/admin/logs/tengine-error.log" -c "$conf"
if ! grep -Eq '^[[:space:]]*daemon[[:space:]]' "$conf"; then
    set -- "$@" -g 'daemon off;'
fi
exec nginx "$@"
