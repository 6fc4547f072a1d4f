#!/bin/bash
# Start script of the console, with the documented command line. The java it
# starts is omsinit's stand-in. It is not OceanBase's software. As in an OMS
# image the shell stays, and java is its child (oms-facts §14.2).
set -eu
root=${OMSINIT_ROOT:-}
status=0
"$root/opt/alibaba/java/bin/java" \
    "-Dspring.config.location=$root/home/ds/ghana/config/application-oms.properties" \
    -server -Xms1g -Xmx2g \
    -jar "$root/home/ds/ghana/boot/Ghana-endpoint-1.0.0-executable.jar" || status=$?
exit "$status"
