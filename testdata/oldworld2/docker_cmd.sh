#!/bin/bash
# What the container starts. Files come before everything else; on the first start the initialisation follows by itself.
cd /root
case " $OLDWORLD_ODD " in
*" keys "*)
    [ -e /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -A
    mkdir -p /run/sshd
    ;;
esac
chown ds:ds /home/ds/store /home/ds/run
python -m omsflow.scripts.units.oms_init_manager --init-config-file || exit 1
if [ "$IS_UPGRADE" = true ]; then
    sed -i 's/autostart = true/autostart = false/g' /etc/supervisor/conf.d/oms_console.ini
fi
/usr/bin/supervisord -c /etc/supervisor/supervisord.conf >/dev/null &
trap 'kill $!; wait; exit' TERM
until [ -S /tmp/supervisor.sock ]; do sleep 0.1; done
log="/home/admin/logs/docker_init.log.$(date +%F.%T)"
if [ -s /root/init_flag.txt ]; then
    echo "OMS service start successfully"
else
    # Not while the programs are on their way.
    while supervisorctl status | grep -q STARTING; do sleep 0.2; done
    if bash docker_init.sh >"$log" 2>&1; then
        echo "OMS service start successfully"
    else
        tail -n 30 "$log"
        supervisorctl status
    fi
fi
wait
