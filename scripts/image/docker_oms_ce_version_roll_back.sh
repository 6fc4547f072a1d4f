#!/bin/sh
# Go back to the backup from before the last upgrade, under the name of the OMS
# documents. It asks before; with --yes it does not.
exec /usr/local/bin/omsinit upgrade rollback "$@"
