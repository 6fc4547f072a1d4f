package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// role is the component that is played.
type role string

const (
	roleConsole role = "console"
	roleCM      role = "cm"
	roleAgent   role = "supervisor"
	roleInstall role = "install"
)

func (r role) long() string {
	switch r {
	case roleConsole:
		return "OMS console (Ghana)"
	case roleCM:
		return "OMS cluster manager (CM)"
	}
	return "OMS agent (oms_drc_supervisor)"
}

// commandLine is what was asked for, either in the stand-in's own words or as
// one of the JVM command lines of oms-facts §3.
type commandLine struct {
	role       role
	jar        string            // the -jar file, which java would have to open
	properties map[string]string // -Dname=value
	dir        string            // install's target
	install    installOptions
}

func (c commandLine) property(name, otherwise string) string {
	if v := c.properties[name]; v != "" {
		return v
	}
	return otherwise
}

func parseCommandLine(args []string) (commandLine, error) {
	cl := commandLine{properties: map[string]string{}}
	if len(args) > 0 {
		switch r := role(args[0]); r {
		case roleInstall:
			cl.role = r
			return cl, cl.parseInstall(args[1:])
		case roleConsole, roleCM, roleAgent:
			cl.role = r
			args = args[1:]
		}
	}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case strings.HasPrefix(arg, "-D"):
			name, value, _ := strings.Cut(arg[2:], "=")
			cl.properties[name] = value
		case arg == "-jar" && i+1 < len(args) && cl.role == "":
			i++
			cl.jar = args[i]
			cl.role = roleOfJar(cl.jar)
			if cl.role == "" {
				return cl, fmt.Errorf("no part to play for -jar %s", cl.jar)
			}
		case arg == "org.eclipse.jetty.start.Main" && cl.role == "":
			cl.role = roleCM
		case strings.HasPrefix(arg, "-X"), arg == "-server":
			// Sizes of a heap there is none of.
		default:
			return cl, fmt.Errorf("unknown argument %q", arg)
		}
	}
	if cl.role == "" {
		return cl, errors.New("no component named")
	}
	return cl, nil
}

func (c *commandLine) parseInstall(args []string) error {
	for ; len(args) > 0 && strings.HasPrefix(args[0], "-"); args = args[1:] {
		switch args[0] {
		case "--whole-link":
			c.install.wholeLink = true
		case "--programs":
			c.install.programs = true
		default:
			return fmt.Errorf("unknown option %q", args[0])
		}
	}
	if len(args) != 1 || args[0] == "" {
		return errors.New("install takes one folder")
	}
	c.dir = args[0]
	return nil
}

func roleOfJar(jar string) role {
	switch name := filepath.Base(jar); {
	case strings.HasPrefix(name, "Ghana-endpoint-"):
		return roleConsole
	case strings.HasPrefix(name, "oms-supervisor"):
		return roleAgent
	}
	return ""
}
