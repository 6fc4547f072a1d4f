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
# The language of this host, when the image is to speak it, too; otherwise the image knows its own.
lang=${OMS_LANG:-}
case ${OMS_LANG:-${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}} in zh*) lang=zh ;; esac
both() { # ENGLISH CHINESE
    if [ "$lang" = zh ]; then printf '%s' "$2"; else printf '%s' "$1"; fi
}
say() { echo "$name: $(both "$1" "$2")" >&2; }
usage() {
    given='[-c CONFIG_YAML]'
    [ -z "$upgrade" ] || given='-c CONFIG_YAML'
    echo "$(both usage 用法): sh $name -o FOLDER $given [-i IP_OF_THIS_HOST] -d IMAGE" >&2
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
if [ -n "$config" ]; then
    if ! [ -f "$config" ] || ! [ -r "$config" ]; then
        say "cannot read $config" "无法读取 $config"
        exit 1
    fi
    config=$(cd "$(dirname "$config")" && pwd)/$(basename "$config")
fi
USESUDO=
docker ps >/dev/null 2>&1 || USESUDO=sudo

# A conversation that is broken off leaves nothing.
made='' copied=''
undo() {
    [ -z "$copied" ] || rm -f "$copied"
    [ -z "$made" ] || rmdir "$folder" 2>/dev/null || true
}
trap undo EXIT
trap 'exit 130' INT TERM
[ -d "$folder" ] || made=yes
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

if [ -n "$upgrade" ]; then
    running=$($USESUDO docker ps -q | while read -r id; do
        $USESUDO docker inspect -f '{{.Name}} {{range .Mounts}}{{.Source}}/ {{end}}' "$id"
    done | grep -F " $folder/" | cut -d ' ' -f 1 | tr -d / | tr '\n' ' ') || true
    if [ -n "$running" ]; then
        say "a container that uses $folder still runs: docker stop $running" "使用 $folder 的容器仍在运行：docker stop $running"
        exit 1
    fi
    copy=$folder/config_copy.yaml
    [ -e "$copy" ] || copied=$copy
    [ "$config" = "$copy" ] || cp "$config" "$copy"
    config=$copy
fi
terminal=
[ ! -t 0 ] || terminal=-t
set -- "$image" omsinit config new --out "$folder" --image "$image" --host-ip "$ip" --mount "$folder"
[ -z "$upgrade" ] || set -- "$@" --upgrade --force
[ -z "$config" ] || set -- -v "$config:/tmp/start.yaml:ro" "$@" --start /tmp/start.yaml
[ -z "$lang" ] || set -- -e "OMS_LANG=$lang" "$@"
# shellcheck disable=SC2086 # none, or one word
$USESUDO docker run --rm -i $terminal --net host -v "$folder:$folder" "$@"
trap - EXIT

run=$folder/docker-run-$(echo "$ip" | tr : -).sh
if [ -z "$ip" ]; then
    set -- "$folder"/docker-run-*.sh
    [ $# = 1 ] || exit 0 # which of them this host is, nobody has said
    run=$1
fi
if ! [ -e "$run" ]; then
    say "this host $ip is not among the nodes: run the lines above on theirs" "本机 $ip 不在节点之中：请在各节点所在的主机上运行以上命令"
    exit 0
fi
printf '%s: %s [y/N] ' "$name" "$(both 'start the container of this host now?' '现在启动本机的容器吗？')" >&2
read -r answer || answer=n
case $answer in
y | Y | yes | 是)
    $USESUDO sh "$run" || {
        status=$?
        new=$($USESUDO sed -n 's/.*--name \([^ ]*\).*/\1/p' "$run")
        [ -z "$upgrade" ] || say "do not remove the old container, it is the way back; if it has the name: docker rename $new $new-old; then: sh $run" \
            "请勿删除旧容器，回退时需要它；如果名称已被占用：docker rename $new $new-old；然后：sh $run"
        exit $status
    }
    ;;
*) say "not started; later: sh $run" "未启动；以后可运行：sh $run" ;;
esac
