#!/bin/sh
# Initialise this node. The name that the OMS documents use; the work is done
# by omsinit, whose exit status is passed on.
exec /usr/local/bin/omsinit init "$@"
