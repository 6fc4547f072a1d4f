#!/bin/sh
# Hot upgrade, the way back, on the host: put the files of a container back that docker_copy_dumpfile_to_container.sh
# replaced, and start its programs. It may be run again. The MetaDB is not touched: where docker_hot_update_init.sh has
# upgraded it, first run docker exec -it CONTAINER omsinit upgrade rollback.
#   sh docker_copy_dumpfile_rollback.sh CONTAINER BACKUP
set -eu
if [ $# != 2 ]; then
    echo "usage: sh docker_copy_dumpfile_rollback.sh CONTAINER BACKUP" >&2
    exit 64
fi
USESUDO=
docker ps >/dev/null 2>&1 || USESUDO=sudo
$USESUDO docker exec "$1" sh "$2/hot_update.sh" rollback "$2" </dev/null
