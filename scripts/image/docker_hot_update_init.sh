#!/bin/sh
# Hot upgrade, step 3, in the container: upgrade the MetaDB where that is due, and initialise this node with its new files.
# The other nodes may run meanwhile, as they do when they are upgraded one after the other. Success writes a new
# /root/init_flag.txt, by which other tools tell it.
if [ -e /var/lib/omsinit/hot-update ]; then
    echo "the files of this container are half replaced; on its host: sh docker_copy_dumpfile_rollback.sh CONTAINER $(cat /var/lib/omsinit/hot-update)" >&2
    exit 1
fi
exec /usr/local/bin/omsinit upgrade apply --others-run "$@"
