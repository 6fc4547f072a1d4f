#!/bin/bash
# One of the routines: it asks the CM from time to time.
. /home/admin/conf/routine.env
while :; do
    echo "routine $1 of ${OMS_LOCATION} asks ${CM_ADDRESS}"
    sleep 30
done
