#!/bin/sh
# Start script of the console, with the documented command line. The java it
# starts is omsinit's stand-in. It is not OceanBase's software.
set -eu
root=${OMSINIT_ROOT:-}
exec "$root/opt/alibaba/java/bin/java" \
    "-Dspring.config.location=$root/home/ds/ghana/config/application-oms.properties" \
    -server -Xms1g -Xmx2g \
    -jar "$root/home/ds/ghana/boot/Ghana-endpoint-1.0.0-executable.jar"
