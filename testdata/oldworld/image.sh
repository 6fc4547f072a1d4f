#!/bin/sh
# Lay out, under a folder, what the image of this old world ships. An empty ROOT
# is the image itself.
#
#   image.sh ROOT [whole|each]
#
# /u01/ds is the real folder; /home/ds is a link to it, or each folder in it is.
set -eu
root=$1
links=${2-whole}
here=$(cd "$(dirname "$0")" && pwd)
for dir in home/admin/conf/command home/admin/logs u01/ds/ghana/config u01/ds/ghana/resources u01/ds/cm/package/config/plugins \
    u01/ds/supervisor/config u01/ds/store u01/ds/run etc/supervisor/conf.d root tmp var/lib/nginx; do
    mkdir -p "$root/$dir"
done
case $links in
whole)
    rm -rf "$root/home/ds" # the packages of the image have it
    ln -s "$root/u01/ds" "$root/home/ds"
    ;;
each)
    mkdir -p "$root/home/ds"
    for dir in ghana cm supervisor store run; do ln -s "$root/u01/ds/$dir" "$root/home/ds/$dir"; done
    ;;
esac
cp "$here/component.py" "$here/old_init.py" "$here/schema.sql" "$here/old_init.sh" "$root/root/"
chmod 755 "$root/root/old_init.sh"

# Start scripts do not know config.yaml: they are the same in every container.
# They do not exec: the program is a shell, and the listener its child.
for role in console cm agent; do
    printf '#!/bin/bash\n/usr/bin/env python3 "%s/root/component.py" %s "%s"\nexit $?\n' "$root" $role "$root" >"$root/home/admin/conf/command/start_$role.sh"
done
cat >"$root/home/admin/conf/command/start_nginx.sh" <<EOF
#!/bin/sh
PATH=\$PATH:/usr/sbin
exec nginx -p "$root/var/lib/nginx" -c "$root/home/ds/ghana/config/tengine.conf" -g 'daemon off;'
EOF

cat >"$root/etc/supervisor/supervisord.conf" <<EOF
[unix_http_server]
file = $root/tmp/supervisor.sock

[supervisord]
logfile = $root/home/admin/logs/supervisord.log
pidfile = $root/tmp/supervisord.pid
nodaemon = true

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl = unix://$root/tmp/supervisor.sock

[include]
files = $root/etc/supervisor/conf.d/*.ini
EOF
program() {
    cat >"$root/etc/supervisor/conf.d/$2.ini" <<EOF
[program:$1]
command = bash $root/home/admin/conf/command/$3
autostart = false
startsecs = 1
startretries = 0
stopasgroup = true
killasgroup = true
stdout_logfile = $root/home/admin/logs/$1_stdout.log
stderr_logfile = $root/home/admin/logs/$1_stderr.log
EOF
}
program oms_drc_cm cm start_cm.sh
program oms_console console start_console.sh
program oms_drc_supervisor agent start_agent.sh
program nginx web start_nginx.sh
