#!/bin/sh
# Hot upgrade, step 2, on the host: replace the files of a running container by those of docker_dump_file_from_image.sh,
# all or none. The ones that were there go into a folder of the container first, best below /home/admin/logs, which is
# mounted. The console, the CM, the agent and nginx stop; Stores and other data components go on.
#   sh docker_copy_dumpfile_to_container.sh CONTAINER FOLDER BACKUP
# The step after it: docker exec CONTAINER /root/docker_hot_update_init.sh
# The way back: sh docker_copy_dumpfile_rollback.sh CONTAINER BACKUP
set -eu
if [ $# != 3 ]; then
    echo "usage: sh docker_copy_dumpfile_to_container.sh CONTAINER FOLDER BACKUP" >&2
    exit 64
fi
OMS_CONTAINER_NAME=$1 folder=$2 BACKUPPATH=$3
USESUDO=
docker ps >/dev/null 2>&1 || USESUDO=sudo

# run_task runs a command, which nobody sits at a terminal of, and ends the script when it fails.
run_task() {
    number=$#
    while [ "$number" -gt 0 ]; do
        word=$1
        shift
        [ "$word" = -it ] || set -- "$@" "$word"
        number=$((number - 1))
    done
    "$@" </dev/null || exit 1
}

if ! (cd "$folder" && sha256sum -c --quiet sha256); then
    echo "docker_copy_dumpfile_to_container.sh: $folder is not whole: make it anew with docker_dump_file_from_image.sh" >&2
    exit 1
fi
run_task $USESUDO docker exec -it "$OMS_CONTAINER_NAME" mkdir -p "$BACKUPPATH"
run_task $USESUDO docker cp "$folder/hot_update.sh" "$OMS_CONTAINER_NAME:$BACKUPPATH/hot_update.sh"
run_task $USESUDO docker cp "$folder/files.tar" "$OMS_CONTAINER_NAME:$BACKUPPATH/new.tar"
run_task $USESUDO docker exec -it "$OMS_CONTAINER_NAME" sh "$BACKUPPATH/hot_update.sh" backup "$BACKUPPATH"
# obd adds a line of its own in front of the next one, which says that the backup is whole.
# update /root
run_task $USESUDO docker exec -it "$OMS_CONTAINER_NAME" sh "$BACKUPPATH/hot_update.sh" update "$BACKUPPATH"
echo "the files of $OMS_CONTAINER_NAME are replaced; now: docker exec $OMS_CONTAINER_NAME /root/docker_hot_update_init.sh"
