#!/bin/bash
# Start script of the cluster manager, with the documented command line. The
# java it starts is omsinit's stand-in. It is not OceanBase's software. As in an
# OMS image the shell stays, and java is its child (oms-facts §14.2).
set -eu
root=${OMSINIT_ROOT:-}
status=0
"$root/opt/alibaba/java/bin/java" \
    -server -Xmx4g -Xms4g -Xmn3g \
    -DSTOP.PORT=8089 -DSTOP.KEY=cm \
    "-Djetty.base=$root/home/ds/cm/package/deployapp" \
    org.eclipse.jetty.start.Main || status=$?
exit "$status"
