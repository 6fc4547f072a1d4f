#!/bin/sh
# Make a small root file system with a server or a tool of another Debian suite, for the tests.
#
#   scripts/dev/server-root.sh mysql         MySQL 9 from Debian's unstable suite
#   scripts/dev/server-root.sh mariadb-11.8  MariaDB 11.8 from Debian 13
#   scripts/dev/server-root.sh podman        podman and quadlet from Debian 13
#
# Prints the folder. Its bin/ has the server and its client tools, which run with the libraries of their own suite
# beside them: nothing is installed into this system, and neither root nor a chroot is needed. What was made once is
# kept in the user's cache; remove the folder to have a newer one made. Several may ask at once.
#
# Environment: DEBIAN_MIRROR overrides the mirror, OMSINIT_SERVER_ROOTS the folder of the cache.
set -eu

say() { echo "server-root: $*" >&2; }

kind=${1:-}
case $kind in
mysql) suite=sid packages="mysql-server-core mysql-client-core" programs="mysqld mysql mysqldump mysqladmin" ;;
mariadb-11.8) suite=trixie packages="mariadb-server-core mariadb-client" \
    programs="mariadbd mariadb mariadb-dump mariadb-admin" ;;
podman) suite=trixie packages="podman" programs="podman quadlet" ;;
*)
    echo "usage: $0 mysql|mariadb-11.8|podman" >&2
    exit 64
    ;;
esac

cache=${OMSINIT_SERVER_ROOTS:-${XDG_CACHE_HOME:-$HOME/.cache}/omsinit-server-roots}
# Another way of making it is another root.
root=$cache/$kind-$(sha256sum "$0" | cut -c1-12)
if [ -e "$root" ]; then
    echo "$root"
    exit 0
fi
mkdir -p "$cache"
exec 9>"$root.lock"
flock 9
if [ -e "$root" ]; then # somebody else was first
    echo "$root"
    exit 0
fi

mirror=${DEBIAN_MIRROR:-}
if [ -z "$mirror" ]; then
    # shellcheck disable=SC2016 # apt's own names
    mirror=$(apt-get indextargets --format '$(RELEASE)|$(CODENAME)|$(ORIGIN)|$(REPO_URI)' \
        'Created-By: Packages' 'Component: main' | awk -F '|' '$3 == "Debian" && $1 !~ /-/ { print $NF; exit }')
fi
[ -n "$mirror" ] || {
    say "apt names no Debian mirror: set DEBIAN_MIRROR"
    exit 1
}

new=$root.new
rm -rf "$new" # a run that was killed
trap 'rm -rf "$new"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir -p "$new/apt/state/lists/partial" "$new/apt/cache/archives/partial" "$new/tree" "$new/bin"
: >"$new/apt/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$new/apt/sources.list"
apt() {
    apt-get -q -y -o Dir::State="$new/apt/state" -o Dir::State::status="$new/apt/status" -o Dir::Cache="$new/apt/cache" \
        -o Dir::Etc::sourcelist="$new/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root "$@"
}
log=$new/log
say "making $kind from $suite"
# shellcheck disable=SC2086 # a list of names
if ! { apt update && apt --no-install-recommends --download-only install $packages &&
    for deb in "$new"/apt/cache/archives/*.deb; do dpkg-deb -x "$deb" "$new/tree"; done; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    say "cannot make $kind; the end of what apt said is above"
    exit 1
fi
rm -rf "$new/apt" "$log" "$new"/tree/usr/share/doc "$new"/tree/usr/share/man "$new"/tree/usr/share/locale

# The loader of the tree runs its programs, and finds its libraries.
loader=tree/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
for program in $programs; do
    file=
    for dir in usr/sbin usr/bin usr/libexec/podman; do
        [ ! -e "$new/tree/$dir/$program" ] || file=tree/$dir/$program
    done
    [ -n "$file" ] || {
        say "$kind has no $program"
        exit 1
    }
    if head -c 2 "$new/$file" | grep -q '#!'; then
        run='exec "$root"/'$file
    else
        # The libraries of packages that keep them in a folder of their own follow the common one.
        run='exec "$root"/'$loader' --argv0 "$root"/'$file' --library-path "$root"/tree/usr/lib/x86_64-linux-gnu:"$root"/tree/usr/lib/x86_64-linux-gnu/private "$root"/'$file
    fi
    printf '#!/bin/sh\nroot=%s\n%s "$@"\n' "'$root'" "$run" >"$new/bin/$program"
    chmod 755 "$new/bin/$program"
done
chmod 755 "$new"
mv "$new" "$root"
echo "$root"
