#!/bin/sh
# Start script of sshd: the generated configuration, in the foreground, with
# the options of the program file, which holds the port. An
# image carries no host keys; those the configuration names are made here once.
set -eu
root=${OMSINIT_ROOT:-}
PATH=$PATH:/usr/sbin:/sbin
conf=$root/etc/ssh/oms_sshd_config

make_key() {
    [ ! -s "$1" ] || return 0
    case $1 in
    *rsa*) kind=rsa ;;
    *ecdsa*) kind=ecdsa ;;
    *) kind=ed25519 ;;
    esac
    # Made under another name, so that a stop half-way leaves no half a key.
    rm -f "$1.new" "$1.new.pub"
    ssh-keygen -q -t "$kind" -N '' -C '' -f "$1.new" </dev/null
    mv -f "$1.new.pub" "$1.pub"
    mv -f "$1.new" "$1"
}

sed -n 's/^[[:space:]]*[Hh][Oo][Ss][Tt][Kk][Ee][Yy][[:space:]][[:space:]]*"\{0,1\}\([^"]*\)"\{0,1\}[[:space:]]*$/\1/p' "$conf" |
    while IFS= read -r key; do make_key "$key"; done

# sshd run by root wants its empty folder, which is not part of the image
# where /run is made new at every start.
if [ "$(id -u)" = 0 ]; then
    mkdir -p /run/sshd
fi
# sshd starts itself again for every connection and so needs its full name.
exec "$(command -v sshd)" -D -e -f "$conf" "$@"
