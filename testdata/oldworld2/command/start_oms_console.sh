#!/bin/bash
JAVA_OPTS="-server -Xms1g -Xmx2g"
/opt/alibaba/java/bin/java -Dspring.config.location=/home/ds/ghana/config/application-oms.properties $JAVA_OPTS \
    -jar /home/ds/ghana/boot/Ghana-endpoint-1.0.0-executable.jar
exit $?
