#!/bin/sh
# The part of a hot upgrade that runs in containers; docker_{dump_file_from_image,copy_dumpfile_to_container,
# copy_dumpfile_rollback}.sh on the host call it. In a container of the new image:
#   hot_update.sh print            this script
#   hot_update.sh dump             a tar of the files that an OMS container gets of its image
# In the container to upgrade, with what the host has put into the folder BACKUP (new.tar):
#   hot_update.sh backup BACKUP    keep what will be replaced
#   hot_update.sh update BACKUP    replace it, or put all of it back
#   hot_update.sh rollback BACKUP  put all of it back
set -eu
programs='nginx oms_console oms_drc_cm oms_drc_supervisor'
# Tests have a root of their own.
root=${OMSINIT_HOT_UPDATE_ROOT:-}
state=$root/var/lib/omsinit
half=$state/hot-update # holds the path of the backup, while some files are replaced and some are not
staging=$state/hot-update.new
mkdir -p "$state"

fail() {
    echo "hot_update.sh: $*" >&2
    exit 1
}

# entries lists the paths, from the root, that are replaced each as a whole: of /root, of the components in /home/ds, of
# /home/admin/conf, what brings software of its own, and of omsinit. What is mounted, or made on the node, is none of
# them, such as the agent's data.
entries() {
    (
        cd "$root/"
        for path in root/* home/ds/*/* home/admin/conf/* opt/alibaba etc/supervisor usr/local/* usr/local/bin/omsinit \
            usr/local/sbin/omsinit usr/local/lib/omsinit usr/share/omsinit; do
            [ -e "$path" ] || continue
            case $path in
            root/init_flag.txt | home/ds/store/* | home/ds/run/* | home/ds/*/data | home/ds/*/log | home/ds/*/logs) continue ;;
            home/admin/conf/config.yaml*) continue ;;
            usr/local/bin | usr/local/sbin | usr/local/lib | usr/local/lib64 | usr/local/libexec | usr/local/share | \
                usr/local/include | usr/local/etc | usr/local/games | usr/local/man | usr/local/src) continue ;;
            esac
            # A link, and what it leads to. The folders above may be links, too: /home/ds leads to /u01/ds.
            [ ! -L "$path" ] || from_root "$(readlink -f "${path%/*}")/${path##*/}"
            from_root "$(readlink -f "$path")"
        done
        for path in home/ds/* etc/ld.so.conf.d/openssl*; do
            if [ -f "$path" ] || [ -L "$path" ]; then
                case $path in home/ds/store | home/ds/run) continue ;; esac
                from_root "$(readlink -f "${path%/*}")/${path##*/}"
            fi
        done
        for path in usr/bin/python3 usr/bin/pip3 usr/bin/mysql usr/local/bin/python; do
            if [ -L "$path" ]; then
                case $(readlink -f "$path") in "$root"/usr/local/*) from_root "$path" ;; esac
            fi
        done
    ) | sort -u
}

from_root() {
    path_from_root=${1#"$root"}
    echo "${path_from_root#/}"
}

# unpack puts new.tar beside the files that it will replace, and keeps what was made on this node: the generated files,
# into which people may have written.
unpack() {
    rm -rf "$staging"
    mkdir -m 700 "$staging"
    tar -xpf "$1/new.tar" -C "$staging"
    files=$("$staging/usr/local/bin/omsinit" pack list --root "$staging")
    for file in $(echo "$files" | awk '$3 ~ /^\// && ($7 == "keys" || $7 == "whole") { print $3 }'); do
        real=$(readlink -f "$root$file") || continue
        to=$staging/$(from_root "$real")
        if [ -f "$real" ] && [ -d "${to%/*}" ]; then
            cp -p "$real" "$to"
        fi
    done
}

# changed lists the entries of new.tar that differ from what is there. One that is mounted cannot be replaced.
changed() {
    while read -r path; do
        if ! diff -r --no-dereference "$staging/$path" "$root/$path" >/dev/null 2>&1; then
            if awk -v at="$root/$path" '$5 == at || index($5, at "/") == 1 { found = 1 } END { exit !found }' /proc/self/mountinfo; then
                fail "/$path is a mount, or has one below it: this container cannot be upgraded in place"
            fi
            echo "$path"
        fi
    done <"$staging/.entries"
}

# restore puts everything back that backup kept; it is the same however far an update went.
restore() {
    tar -tf "$1/old.tar" >/dev/null || fail "$1/old.tar cannot be read: nothing was put back"
    echo "$1" >"$half"
    while read -r path; do
        rm -rf "$root/$path"
        grep -qxF "$path" "$1/existing" || rmdir "$root/${path%/*}" 2>/dev/null || true
    done <"$1/entries"
    tar -xpf "$1/old.tar" -C "$root/"
    settle
}

settle() {
    ldconfig 2>/dev/null || true
    sync
    rm -rf "$staging"
    rm -f "$half"
}

supervise() { # start or stop; what is so already, or unknown to this release, is no error
    [ "$1" = stop ] || supervisorctl update || true # of the program files
    # shellcheck disable=SC2086 # a list of names
    supervisorctl "$1" $programs || true
}

case ${1:-} in
print) cat "$0" ;;
dump)
    list=$(mktemp -d)
    trap 'rm -rf "$list"' EXIT
    entries >"$list/.entries"
    tar -cpf - -C "$list" .entries -C "$root/" -T "$list/.entries"
    ;;
backup)
    backup=$2
    [ ! -e "$half" ] || fail "an update from $(cat "$half") is half done: roll that back first"
    umask 077
    chmod 700 "$backup"
    trap 'rm -rf "$staging"' EXIT
    unpack "$backup"
    changed >"$backup/changed"
    while read -r path; do
        if [ -e "$root/$path" ] || [ -L "$root/$path" ]; then echo "$path"; fi
    done <"$backup/changed" >"$backup/existing"
    tar -cpf "$backup/old.tar" -C "$root/" -T "$backup/existing"
    tar -tf "$backup/old.tar" >/dev/null
    sync
    mv "$backup/changed" "$backup/entries"
    ;;
update)
    backup=$2
    [ -e "$backup/entries" ] || fail "there is no whole backup in $backup"
    trap 'rm -rf "$staging"' EXIT
    unpack "$backup"
    trap 'restore "$backup"; supervise start; echo "hot_update.sh: everything is as it was" >&2' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    supervise stop
    echo "$backup" >"$half"
    while read -r path; do
        folder=$root/${path%/*}
        if ! [ -d "$folder" ]; then
            mkdir -p "$folder"
            chown --reference="${folder%/*}" "$folder"
        fi
        rm -rf "$root/$path"
        mv "$staging/$path" "$root/$path"
    done <"$backup/entries"
    trap - EXIT INT TERM HUP
    settle
    rm -f "$backup/new.tar"
    ;;
rollback)
    backup=$2
    [ -e "$backup/entries" ] || fail "there is no whole backup in $backup: nothing was replaced from there"
    supervise stop
    restore "$backup"
    supervise start
    ;;
*) fail "print, dump, backup, update or rollback" ;;
esac
