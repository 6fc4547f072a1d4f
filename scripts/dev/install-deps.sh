#!/bin/sh
# Install what the tests and the demo need from the distribution.
#
#   scripts/dev/install-deps.sh [--docker] [--bench]
#
# Says nothing when everything is there. Starts no service that a package
# brings. Works as root or through sudo. With --docker, a Docker engine is
# installed too where there is none; with --bench,
# what only benchmarks are measured against.
set -eu
PATH=$PATH:/usr/sbin:/sbin

# package:what it is needed for, a command or a file. mariadb, influxdb, nginx, cron, sshd, chromium
# and supervisorctl are what the tests run for real; gcc and libc6-dev are for
# the race detector, and gcc for the payload of the benchmarks, where s6 and
# runit are measured too; zsh completes commands; debootstrap and unshare make the reference image;
# docker-compose runs the cluster of deploy/compose; qemu-user starts a release's
# arm64 binary, minisign verifies its signature; promtool checks the rules for alerts,
# systemd-analyze the units of deploy; systemd starts them, and the podman of server-root.sh wants
# runc and catatonit.
needs="
    mariadb-server:mariadbd
    mariadb-client:mariadb
    nginx-light:nginx
    cron:cron
    openssh-server:sshd
    openssh-client:ssh-keygen
    supervisor:supervisorctl
    s6:s6-svscan
    runit:runsvdir
    influxdb:influxd
    debootstrap:debootstrap
    docker-compose:docker-compose
    util-linux:unshare
    iproute2:ss
    procps:ps
    zsh:zsh
    curl:curl
    chromium-headless-shell:chromium-headless-shell
    openssl:openssl
    qemu-user:qemu-aarch64
    minisign:minisign
    prometheus:promtool
    systemd:systemd-analyze
    runc:runc
    catatonit:catatonit
    gcc:gcc
    git:git
    make:make
    libc6-dev:/usr/include/stdlib.h
    tzdata:/usr/share/zoneinfo/Asia/Shanghai
    ca-certificates:/etc/ssl/certs
"
for arg; do
    case $arg in
    --docker) needs="$needs docker.io:docker" ;;
    --bench) needs="$needs mydumper:mydumper" ;;
    *)
        echo "usage: $0 [--docker] [--bench]" >&2
        exit 64
        ;;
    esac
done

say() { echo "install-deps: $*" >&2; }

have() {
    case $1 in
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

missing=
for need in $needs; do
    have "${need#*:}" || missing="$missing ${need%%:*}"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    say "there is no apt-get: install by hand what these Debian packages hold:$missing"
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    by_hand="run as root: apt-get install -y --no-install-recommends$missing"
    if ! command -v sudo >/dev/null; then
        say "packages are missing, and there is no sudo; $by_hand"
        exit 1
    fi
    if ! [ -t 0 ] && ! sudo -n true 2>/dev/null; then
        say "packages are missing, sudo wants a password, and there is no terminal; $by_hand"
        exit 1
    fi
    exec sudo "$0" "$@"
fi

# What starts services after an installation asks this program first; 101 is no.
policy=/usr/sbin/policy-rc.d
kept=$policy.kept-by-omsinit
mark='# omsinit install-deps: no service is to be started now'
log=$(mktemp)
restore() {
    if [ -e "$kept" ] || [ -h "$kept" ]; then
        mv -f "$kept" "$policy"
    elif grep -qxF "$mark" "$policy" 2>/dev/null; then
        rm -f "$policy"
    fi
}
trap 'restore; rm -f "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
restore # what a run that was killed has left
if [ -e "$policy" ] || [ -h "$policy" ]; then
    mv -f "$policy" "$kept"
fi
printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
chmod 755 "$policy"

say "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of names
if ! apt-get -q update >"$log" 2>&1 ||
    ! apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends install $missing >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    say "apt-get could not install them; the end of its output is above"
    exit 1
fi
