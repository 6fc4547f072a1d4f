#!/bin/bash
cd /home/ds/cm/package
JAVA_OPTS="-server -Xmx4g -Xms4g -Xmn3g -DSTOP.PORT=8089 -DSTOP.KEY=cm -Dlog4j2.configurationFile=config/log4j2.xml"
/opt/alibaba/java/bin/java $JAVA_OPTS -Djetty.base=/home/ds/cm/package/deployapp org.eclipse.jetty.start.Main
exit $?
