#!/bin/sh
# omsinit, as docker exec and shells find it. The program needs threads before it can say a word: where the container may
# have hardly any more, this says so instead, with builtins alone, as no other process can be started either. The entry
# point and the scripts run the program itself, /usr/local/bin/omsinit. OMSINIT_THREADS_ROOT is for tests.
root=${OMSINIT_THREADS_ROOT-}
free=
for group in "$root/sys/fs/cgroup" "$root/sys/fs/cgroup/pids"; do
    { read -r most <"$group/pids.max" && read -r used <"$group/pids.current"; } 2>/dev/null || continue
    case $most$used in *[!0-9]* | '') continue ;; esac # max: no limit
    free=$((most - used))
done
# With one processor the program needs up to 8 besides this process, which becomes it.
if [ "${free:-16}" -lt 16 ]; then
    export GOMAXPROCS=1
fi
if [ "${free:-8}" -ge 8 ]; then
    exec "$root/usr/local/bin/omsinit" "$@"
fi

lang=${OMS_LANG:-${LC_ALL:-${LC_MESSAGES:-${LANG-}}}} last=
for word; do
    case $last in --lang) lang=$word ;; esac
    case $word in --lang=*) lang=${word#--lang=} ;; esac
    last=$word
done
# Who has them: threads by the names of the processes, which become the arguments. What PID 1 keeps for itself is not
# what is too many.
set --
for status in "$root"/proc/[0-9]*/status; do
    case $status in */proc/1/status) continue ;; esac
    name='' threads=0
    while read -r key value; do
        case $key in Name:) name=$value ;; Threads:) threads=$value ;; esac
    done <"$status"
    i=1
    for seen; do
        [ "$seen" != "$name" ] || break
        i=$((i + 1))
    done
    if [ $i -gt $# ]; then
        set -- "$@" "$name"
        eval "of_$i=0"
    fi
    eval "of_$i=\$((of_$i + threads))"
done 2>/dev/null
i=1 largest=0 whose=
for name; do
    eval "n=\$of_$i"
    if [ "$n" -gt "$largest" ]; then largest=$n whose=$name; fi
    i=$((i + 1))
done
case $lang in
zh* | ZH* | Zh*)
    echo "omsinit：容器的进程和线程数为 $used，上限为 $most（docker run --pids-limit；Kubernetes 为 podPidsLimit），omsinit 无法启动。" \
        "除 PID 1 外，最多的是 $whose：$largest 个。请停止占用过多的程序（supervisorctl stop），或在主机上执行 docker update --pids-limit -1 容器，不会重启容器。" ;;
*)
    echo "omsinit: the container has $used processes and threads, of $most that it may have (docker run --pids-limit," \
        "podPidsLimit in Kubernetes), and omsinit cannot start. Most of them, PID 1 apart, are $whose: $largest. Stop what has too many" \
        "(supervisorctl stop), or, on the host: docker update --pids-limit -1 CONTAINER, which restarts nothing" ;;
esac >&2
exit 1
