#!/bin/sh
# Lay out what the image of this old world ships. It runs while the image is built.
#
#   image.sh whole|each
#
# /u01/ds is the real folder; /home/ds is a link to it, or each folder in it is.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
for dir in ghana/config/conf.d ghana/resources ghana/boot cm/package/config cm/package/deployapp/webapps cm/package/log \
    supervisor/config supervisor/bin supervisor/log store run lib64; do
    mkdir -p "/u01/ds/$dir"
done
case $1 in
whole)
    rm -rf /home/ds
    ln -s /u01/ds /home/ds
    ;;
each)
    mkdir -p /home/ds
    for dir in /u01/ds/*; do ln -s "$dir" "/home/ds/${dir##*/}"; done
    ;;
esac
mkdir -p /home/admin/conf/command /home/admin/logs /opt/alibaba/java/bin /etc/pki/nginx /etc/oms /etc/supervisor/conf.d
cp -R "$here/omsflow" "$here/templates" "$here/schema" /root/
cp "$here/docker_cmd.sh" "$here/docker_init.sh" /root/
cp "$here"/command/start_* "$here/command/routine.sh" /home/admin/conf/command/
cp "$here/command/service.sh" /u01/ds/supervisor/
cp "$here/programs/supervisord.conf" /etc/supervisor/
cp "$here"/programs/*.ini /etc/supervisor/conf.d/
cp "$here/java.py" /opt/alibaba/java/bin/java
chmod 755 /opt/alibaba/java/bin/java /root/*.sh /u01/ds/supervisor/service.sh /home/admin/conf/command/*
ln -sf /usr/bin/python3 /usr/bin/python
for jar in ghana/boot/Ghana-endpoint-1.0.0-executable.jar cm/package/deployapp/webapps/cm.war supervisor/bin/oms-supervisor.jar; do
    echo "not OceanBase's software" >"/u01/ds/$jar"
done
chown -R ds:ds /u01/ds/supervisor /u01/ds/store /u01/ds/run
