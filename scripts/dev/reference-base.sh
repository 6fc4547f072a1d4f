#!/bin/sh
# Make omsinit/reference-base: what an OMS image has around omsinit, with the
# stand-in for OMS's closed components, for machines without a registry.
#
#   scripts/dev/reference-base.sh [STANDIN]     (default bin/oms-standin)
#   scripts/dev/reference-base.sh --os          the first of the two images only
#
# Two images, because the first one changes seldom and takes a minute:
#   omsinit/reference-os     Debian and its packages, by debootstrap from the
#                            mirror in this machine's apt sources
#   omsinit/reference-base   the stand-in installed into it
# The first one is made again when this script changes (a label holds its hash).
#
# Environment: DEBIAN_MIRROR overrides the mirror, DOCKER the docker command.
# Needs root, or sudo, for debootstrap only.
set -eu
self=$(realpath "$0")
cd "$(dirname "$self")/../.."
PATH=$PATH:/usr/sbin:/sbin

suite=bookworm
# supervisor brings supervisorctl, which OMS's documents tell people to use in
# the container; with its Python it is 25 MB of the image.
packages="ca-certificates cron mariadb-client mariadb-server nginx-light
    openssh-client openssh-server procps supervisor tzdata"
label=omsinit.inputs
docker=${DOCKER:-docker}

say() { echo "reference-base: $*" >&2; }

# mirror_of SUITE: apt tells where a suite comes from, whatever the form of its
# sources.
mirror_of() {
    sources | awk -F '|' -v suite="$1" '$1 == suite || $2 == suite { print $NF; exit }'
}

# any_mirror: a mirror has every suite, so another release's line will do.
any_mirror() {
    sources | awk -F '|' '$3 == "Debian" && $1 !~ /-/ { print $NF; exit }'
}

sources() {
    command -v apt-get >/dev/null || return 0
    # shellcheck disable=SC2016 # apt's own names
    apt-get indextargets --format '$(RELEASE)|$(CODENAME)|$(ORIGIN)|$(REPO_URI)' 'Created-By: Packages' 'Component: main'
}

in_tree() { # runs a command in the new system, with nothing of ours in its environment
    chroot "$tree" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive ${http_proxy:+"http_proxy=$http_proxy"} "$@"
}

# build_tree fills the folder. It runs in namespaces of its own: mounts and
# stray daemons of package scripts end with it, however it ends.
build_tree() {
    tree=$1 mirror=$2 security=$3
    mount -t proc proc /proc
    debootstrap --variant=minbase "$suite" "$tree" "$mirror"
    mount -t proc proc "$tree/proc"
    {
        echo "deb $mirror $suite main"
        [ -z "$security" ] || echo "deb $security $suite-security main"
    } >"$tree/etc/apt/sources.list"
    printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
    chmod 755 "$tree/usr/sbin/policy-rc.d"
    printf 'path-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\npath-exclude=/usr/share/locale/*\n' \
        >"$tree/etc/dpkg/dpkg.cfg.d/omsinit-small"
    in_tree apt-get -q update
    in_tree apt-get -q -y upgrade
    # shellcheck disable=SC2086 # a list of names
    in_tree apt-get -q -y --no-install-recommends install $packages

    # Users of the OMS documents: ds owns /home/ds, admin has the logs.
    in_tree useradd --uid 1000 --user-group --no-create-home --home-dir /home/ds --shell /bin/bash ds
    in_tree useradd --uid 1001 --user-group --no-create-home --home-dir /home/admin --shell /bin/bash admin
    in_tree install -d -o ds -g ds /home/ds
    in_tree install -d /home/admin

    # What must not be the same in every container, what the pack brings, and
    # what only takes room. Trial mode makes a MetaDB of its own.
    in_tree apt-get clean
    rm -rf "$tree"/etc/ssh/ssh_host_* "$tree"/etc/supervisor "$tree"/var/lib/mysql/* "$tree"/var/lib/apt/lists/* \
        "$tree"/var/cache/debconf/*-old "$tree"/var/log/*.log "$tree"/var/log/apt/* \
        "$tree"/usr/share/doc/* "$tree"/usr/share/man/* "$tree"/usr/share/locale/* \
        "$tree"/usr/sbin/policy-rc.d "$tree"/etc/resolv.conf "$tree"/etc/hostname
    find "$tree/usr/lib" -name __pycache__ -prune -exec rm -rf {} +
    : >"$tree/etc/machine-id"
    umount "$tree/proc"
}

make_os() {
    command -v debootstrap >/dev/null || {
        say "there is no debootstrap: run scripts/dev/install-deps.sh first"
        exit 1
    }
    mirror=${DEBIAN_MIRROR:-$(mirror_of "$suite")}
    mirror=${mirror:-$(any_mirror)}
    security=$(mirror_of "$suite-security")
    if [ -z "$mirror" ]; then
        say "cannot find a Debian mirror with $suite in apt's sources: set DEBIAN_MIRROR to the address of one"
        exit 1
    fi
    as_root=
    [ "$(id -u)" = 0 ] || as_root="sudo --preserve-env=http_proxy"

    # One at a time, so that what an earlier run left is known to be nobody's.
    place=/var/tmp/omsinit-reference-os-$(id -u)
    exec 9>"$place.lock"
    flock 9
    ! current || return 0
    $as_root rm -rf --one-file-system "$place".tmp.*
    work=$(mktemp -d "$place.tmp.XXXXXX")
    trap '$as_root rm -rf --one-file-system "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    say "making omsinit/reference-os ($suite); this takes a minute"
    if ! $as_root unshare --mount --pid --fork --kill-child sh "$self" --build-tree "$work/tree" "$mirror" "$security" >"$work/log" 2>&1; then
        tail -n 20 "$work/log" >&2
        say "cannot make the system; the end of the log is above"
        exit 1
    fi
    $as_root tar -C "$work/tree" --numeric-owner --one-file-system -cf "$work/tree.tar" .
    # The image gets its name when it is complete.
    $docker import --change "LABEL $label=$inputs" --change 'ENV LANG=C.UTF-8' --change 'WORKDIR /root' \
        --change 'CMD ["bash"]' "$work/tree.tar" omsinit/reference-os:latest >/dev/null
}

current() {
    [ "$($docker image inspect --format "{{index .Config.Labels \"$label\"}}" omsinit/reference-os:latest 2>/dev/null)" = "$inputs" ]
}

if [ "${1:-}" = --build-tree ]; then
    shift
    build_tree "$@"
    exit 0
fi

inputs=$(sha256sum "$self" | cut -d ' ' -f 1)
if [ "${1:-}" = --os ]; then
    current || make_os
    exit 0
fi

standin=${1:-bin/oms-standin}
if ! [ -x "$standin" ]; then
    say "there is no $standin: run make first"
    exit 1
fi
current || (make_os)

# The stand-in lays its tree out by itself. The engine's cache makes this a
# no-op when the program has not changed.
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
cp "$standin" "$context/oms-standin"
cat >"$context/Dockerfile" <<'DOCKERFILE'
FROM omsinit/reference-os:latest
COPY oms-standin /usr/local/bin/oms-standin
RUN ["/usr/local/bin/oms-standin", "install", "/"]
DOCKERFILE
$docker build -q -t omsinit/reference-base:latest "$context" 2>"$context.log" >/dev/null || {
    cat "$context.log" >&2
    rm -f "$context.log"
    say "docker build failed"
    exit 1
}
rm -f "$context.log"
