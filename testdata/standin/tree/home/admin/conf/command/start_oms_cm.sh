#!/bin/sh
# Start script of the cluster manager, with the documented command line. The
# java it starts is omsinit's stand-in. It is not OceanBase's software.
set -eu
root=${OMSINIT_ROOT:-}
exec "$root/opt/alibaba/java/bin/java" \
    -server -Xmx4g -Xms4g -Xmn3g \
    -DSTOP.PORT=8089 -DSTOP.KEY=cm \
    "-Djetty.base=$root/home/ds/cm/package/deployapp" \
    org.eclipse.jetty.start.Main
