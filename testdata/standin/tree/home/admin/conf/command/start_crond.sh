#!/bin/sh
# Start script of cron, in the foreground. cron's paths are built in: in a tree
# under another root it gets a mount namespace in which they lead to that tree,
# so that it never runs the machine's own jobs. That takes root, as cron's jobs
# do, and oms-standin leaves this script out where it cannot work.
set -eu
root=${OMSINIT_ROOT:-}
PATH=$PATH:/usr/sbin:/sbin

if [ -z "$root" ]; then
    exec cron -f
fi

if [ "${1:-}" != inside ]; then
    mkdir -p "$root/etc/cron.d" "$root/run" "$root/var/spool/cron/crontabs"
    [ -e "$root/etc/crontab" ] || : >"$root/etc/crontab"
    exec unshare --mount sh "$0" inside
fi

for path in /etc/cron.d /etc/crontab /var/spool/cron /run; do
    [ ! -e "$path" ] || mount --bind "$root$path" "$path"
done
exec cron -f
