#!/bin/sh
# Starts the cluster of docker-compose.yml, waits until every node is up, and shows it.
#
#   deploy/compose/demo.sh          start, and show
#   deploy/compose/demo.sh down     remove everything, data included
set -eu
cd "$(dirname "$0")"

if docker compose version >/dev/null 2>&1; then
    compose="docker compose"
elif command -v docker-compose >/dev/null; then
    compose=docker-compose
else
    echo "cluster-demo: there is neither docker compose nor docker-compose: run scripts/dev/install-deps.sh" >&2
    exit 1
fi

case ${1:-up} in
up) ;;
down) exec $compose down -v --remove-orphans ;;
*)
    echo "usage: $0 [down]" >&2
    exit 64
    ;;
esac

omsinit() { $compose exec -T node-1-1 omsinit "$@"; }

$compose up -d
echo "waiting for six nodes in three regions"
end=$(($(date +%s) + 300))
until report=$(omsinit cluster check 2>&1); do
    if [ "$(date +%s)" -gt $end ]; then
        echo "$report" >&2
        echo "cluster-demo: the cluster is not whole after 5 minutes; look with: cd $PWD; $compose logs node-1-1" >&2
        exit 1
    fi
    sleep 1
done
omsinit cluster show
cat <<TEXT

consoles: http://10.213.1.100:8089 http://10.213.2.100:8089 http://10.213.3.100:8089 (played by a stand-in)
try:      cd $PWD
          $compose exec node-2-1 omsinit cluster check
          $compose kill node-1-1; $compose exec node-1-2 omsinit cluster show --heartbeat-age 10s
          $compose exec node-3-1 omsinit ha on
stop:     make cluster-demo-down
TEXT
