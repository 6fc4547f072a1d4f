#!/bin/sh
# Start script of the agent, with the documented command line. The java it
# starts is omsinit's stand-in. It is not OceanBase's software.
set -eu
root=${OMSINIT_ROOT:-}
if [ "${1:-}" != start ] || [ "${2:-}" != foreground ]; then
    echo "usage: service.sh start foreground" >&2
    exit 64
fi
cd "$root/home/ds/supervisor"
exec "$root/opt/alibaba/java/bin/java" \
    -server -Xms1g -Xmx1g -Xmn512m \
    -Dserver.port=9000 "-DconfigDir=$root/u01/ds/supervisor/config/" \
    -jar ./bin/oms-supervisor.jar
