#!/bin/sh
# Hot upgrade, step 1, on the host: write what a running container gets of an image into a folder that does not exist yet.
# The image is only read, and no container is touched.
#   sh docker_dump_file_from_image.sh IMAGE FOLDER
set -eu
if [ $# != 2 ]; then
    echo "usage: sh docker_dump_file_from_image.sh IMAGE FOLDER" >&2
    exit 64
fi
image=$1 folder=$2
USESUDO=
docker ps >/dev/null 2>&1 || USESUDO=sudo
if [ -e "$folder" ]; then
    echo "docker_dump_file_from_image.sh: $folder exists: name a new folder" >&2
    exit 1
fi
in_image() {
    $USESUDO docker run --rm --net none --entrypoint /bin/sh "$image" /usr/local/lib/omsinit/hot_update.sh "$@"
}
# Under another name until it is whole.
trap 'rm -rf "$folder.part"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
rm -rf "$folder.part"
mkdir -p "$folder.part"
chmod 700 "$folder.part"
in_image print >"$folder.part/hot_update.sh"
in_image dump >"$folder.part/files.tar"
(cd "$folder.part" && tar -tf files.tar >/dev/null && sha256sum files.tar hot_update.sh >sha256)
mv "$folder.part" "$folder"
echo "$folder holds the files of $image: $(du -sh "$folder" | cut -f 1)"
