#!/bin/sh
# Initialise this node; with IS_UPGRADE=true upgrade it where an upgrade is due. The name that the OMS documents use; the work is done
# by omsinit, whose exit status is passed on.
exec /usr/local/bin/omsinit init "$@"
