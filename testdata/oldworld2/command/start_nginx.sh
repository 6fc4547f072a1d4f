#!/bin/bash
/usr/sbin/nginx -c /home/ds/ghana/config/tengine.conf -g 'daemon off;'
exit $?
