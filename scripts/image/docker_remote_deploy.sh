#!/bin/sh
# The documented deployment tool, run on the host. It asks for the settings in a throw-away container (omsinit config new),
# writes config.yaml and the docker run lines into a folder, and starts this host's container. The lines for other hosts
# are printed, to be run there: nothing connects to them.
#   sh docker_remote_deploy.sh -o FOLDER [-c CONFIG_YAML] [-i IP_OF_THIS_HOST] -d IMAGE
#
# Under its other documented name it upgrades OMS 4.1.0: -o is the mount folder and -c the config.yaml of the old
# container, which must be stopped. config_copy.yaml in the folder is a copy of that file.
#   sh docker_remote_deploy_410_up_423_version.sh -o FOLDER -c CONFIG_YAML [-i IP_OF_THIS_HOST] -d IMAGE
set -eu
umask 077 # the files hold passwords
name=$(basename "$0")
upgrade=
case $name in *410_up_423*) upgrade=yes ;; esac
say() { echo "$name: $*" >&2; }
usage() {
    if [ -n "$upgrade" ]; then
        echo "usage: sh $name -o FOLDER -c CONFIG_YAML [-i IP_OF_THIS_HOST] -d IMAGE" >&2
    else
        echo "usage: sh $name -o FOLDER [-c CONFIG_YAML] [-i IP_OF_THIS_HOST] -d IMAGE" >&2
    fi
    exit 64
}
folder='' config='' ip='' image=''
while getopts o:c:i:d: option; do
    case $option in
    o) folder=$OPTARG ;;
    c) config=$OPTARG ;;
    i) ip=$OPTARG ;;
    d) image=$OPTARG ;;
    *) usage ;;
    esac
done
shift $((OPTIND - 1))
[ $# = 0 ] && [ -n "$folder" ] && [ -n "$image" ] || usage
[ -z "$upgrade" ] || [ -n "$config" ] || usage
if [ -n "$config" ] && ! [ -r "$config" ]; then
    say "cannot read $config"
    exit 1
fi
USESUDO=
docker ps >/dev/null 2>&1 || USESUDO=sudo
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

if [ -n "$upgrade" ]; then
    running=$($USESUDO docker ps -q | while read -r id; do
        $USESUDO docker inspect -f '{{.Name}} {{range .Mounts}}{{.Source}} {{end}}' "$id"
    done | grep -F " $folder/" | cut -d ' ' -f 1 | tr -d / | tr '\n' ' ') || true
    if [ -n "$running" ]; then
        say "a container that uses $folder still runs: docker stop $running"
        exit 1
    fi
    cp "$config" "$folder/config_copy.yaml"
    config=$folder/config_copy.yaml
fi
terminal=
[ ! -t 0 ] || terminal=-t
set -- "$image" omsinit config new --out "$folder" --image "$image" --host-ip "$ip" --mount "$folder"
[ -z "$upgrade" ] || set -- "$@" --upgrade --force
if [ -n "$config" ]; then
    config=$(cd "$(dirname "$config")" && pwd)/$(basename "$config")
    set -- -v "$config:/tmp/start.yaml:ro" "$@" --start /tmp/start.yaml
fi
# shellcheck disable=SC2086 # none, or one word
$USESUDO docker run --rm -i $terminal --net host -e "OMS_LANG=${OMS_LANG:-}" -v "$folder:$folder" "$@"

run=$folder/docker-run-$(echo "$ip" | tr : -).sh
if [ -z "$ip" ]; then
    set -- "$folder"/docker-run-*.sh
    [ $# = 1 ] || exit 0 # which of them this host is, nobody has said
    run=$1
fi
if ! [ -e "$run" ]; then
    say "this host $ip is not among the nodes: run the lines above on theirs"
    exit 0
fi
printf '%s: start the container of this host now? [y/N] ' "$name" >&2
read -r answer || answer=n
case $answer in
y | Y | yes) $USESUDO sh "$run" ;;
*) say "not started; later: sh $run" ;;
esac
