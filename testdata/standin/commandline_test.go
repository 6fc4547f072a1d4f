package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseCommandLine(t *testing.T) {
	tests := []struct {
		name string
		args string
		want commandLine
	}{
		{"own words", "cm", commandLine{role: roleCM}},
		{"own words, property", "supervisor -DconfigDir=/x",
			commandLine{role: roleAgent, properties: map[string]string{"configDir": "/x"}}},
		{"install", "install /x", commandLine{role: roleInstall, dir: "/x"}},
		{"install, options", "install --whole-link --programs /x",
			commandLine{role: roleInstall, dir: "/x", install: installOptions{wholeLink: true, programs: true}}},
		{
			"documented console",
			"-Dspring.config.location=/home/ds/ghana/config/application-oms.properties -server -Xms1g -Xmx2g -jar /home/ds/ghana/boot/Ghana-endpoint-1.0.0-executable.jar",
			commandLine{
				role: roleConsole, jar: "/home/ds/ghana/boot/Ghana-endpoint-1.0.0-executable.jar",
				properties: map[string]string{"spring.config.location": "/home/ds/ghana/config/application-oms.properties"},
			},
		},
		{
			"documented CM",
			"-Xmx4g -Xms4g -Xmn3g -DSTOP.PORT=8089 -DSTOP.KEY=cm -Djetty.base=/home/ds/cm/package/deployapp org.eclipse.jetty.start.Main",
			commandLine{
				role: roleCM,
				properties: map[string]string{"STOP.PORT": "8089", "STOP.KEY": "cm",
					"jetty.base": "/home/ds/cm/package/deployapp"},
			},
		},
		{
			"documented agent",
			"-Xms1g -Xmx1g -Xmn512m -Dserver.port=9000 -DconfigDir=/u01/ds/supervisor/config/ -jar ./bin/oms-supervisor.jar",
			commandLine{
				role: roleAgent, jar: "./bin/oms-supervisor.jar",
				properties: map[string]string{"server.port": "9000", "configDir": "/u01/ds/supervisor/config/"},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseCommandLine(strings.Fields(tt.args))
			if err != nil {
				t.Fatal(err)
			}
			if tt.want.properties == nil {
				tt.want.properties = map[string]string{}
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(commandLine{}, installOptions{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseCommandLineRefuses(t *testing.T) {
	for _, args := range []string{"", "-Xmx1g", "-jar other.jar", "cm cm", "console --help", "install", "install a b",
		"install --other a"} {
		if cl, err := parseCommandLine(strings.Fields(args)); err == nil {
			t.Errorf("%q is taken as %+v", args, cl)
		}
	}
}
