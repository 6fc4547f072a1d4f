#!/bin/bash
# Start script of the agent, with the documented command line. The java it
# starts is omsinit's stand-in. It is not OceanBase's software.
#
# As in an OMS image the shell stays, java is its child and writes to
# log/out.log, and a bash ignores the QUIT that the program file stops it with
# (oms-facts §14.2). With OMS_STANDIN_PROMPT the shell passes that on.
set -eu
root=${OMSINIT_ROOT:-}
if [ "${1:-}" != start ] || [ "${2:-}" != foreground ]; then
    echo "usage: service.sh start foreground" >&2
    exit 64
fi
cd "$root/home/ds/supervisor"
port=$(sed -n 's/^server\.port *= *//p' config/drc.properties 2>/dev/null || :)
mkdir -p log
set -- "$root/opt/alibaba/java/bin/java" \
    -server -Xms1g -Xmx1g -Xmn512m \
    "-Dserver.port=${port:-9000}" "-DconfigDir=$root/u01/ds/supervisor/config/" \
    -Dspring.main.allow-circular-references=true \
    -jar ./bin/oms-supervisor.jar
if [ -z "${OMS_STANDIN_PROMPT:-}" ]; then
    status=0
    "$@" >>log/out.log 2>&1 || status=$?
    exit "$status"
fi
"$@" >>log/out.log 2>&1 &
java=$!
signalled=
trap 'signalled=yes; kill -s TERM "$java" 2>/dev/null || :' QUIT TERM INT
status=0
wait "$java" || status=$?
if [ -n "$signalled" ]; then # it was the signal that ended the wait; the shell remembers how java ended
    status=0
    wait "$java" || status=$?
fi
exit "$status"
