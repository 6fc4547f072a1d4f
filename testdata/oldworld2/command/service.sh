#!/bin/bash
# service.sh start foreground: supervisord's signal reaches this shell alone.
cd "$(dirname "$0")"
. ./config/env.sh
stopped=
trap 'stopped=1' QUIT TERM
/opt/alibaba/java/bin/java -Xms1g -Xmx1g -Xmn512m "-Dserver.port=$OMS_SUPERVISOR_PORT" -DconfigDir=/u01/ds/supervisor/config/ \
    -jar ./bin/oms-supervisor.jar >>log/out.log 2>&1 &
[ -n "$stopped" ] || wait $!
status=$?
# A child that had not got as far as its exec ignores the first one.
while [ -n "$stopped" ] && kill $! 2>/dev/null; do sleep 0.1; done
exit $status
