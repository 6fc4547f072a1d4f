package control

import (
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/ochinchina/supervisord/faults"

	"omsinit/supervise/program"
)

// method is one method of Supervisor's interface.
type method struct {
	signature string // the result's type and those of the arguments, as call.fit reads it
	help      string
	do        func(c call) (any, error)
}

// The versions that Supervisor 4.2.5 reports; supervisorctl refuses to talk to another API version.
const (
	rpcAPIVersion        = "3.0"
	rpcSupervisorVersion = "4.2.5"
)

// table returns the methods by their names, those of Supervisor 4.2.5.
func (r *rpcService) table() map[string]method {
	all := map[string]method{}
	add := func(names, signature, help string, do func(c call) (any, error)) {
		for _, name := range strings.Fields(names) {
			all[name] = method{signature, help, do}
		}
	}
	constant := func(value any) func(call) (any, error) {
		return func(call) (any, error) { return value, nil }
	}

	add("system.listMethods", "array", "List the methods.", func(call) (any, error) {
		return slices.Sorted(maps.Keys(r.methods)), nil
	})
	add("system.methodHelp", "string string", "Say what a method does.", func(c call) (any, error) {
		m, ok := r.methods[c.text(0)]
		if !ok {
			return nil, fault(signatureUnsupported, "")
		}
		return m.help, nil
	})
	add("system.methodSignature", "array string", "List the types of a method's result and arguments.",
		func(c call) (any, error) {
			m, ok := r.methods[c.text(0)]
			if !ok {
				return nil, fault(signatureUnsupported, "")
			}
			return strings.Fields(strings.TrimSuffix(m.signature, "?")), nil
		})
	add("system.multicall", "array array", "Carry out several calls, each {methodName, params}.", r.multicall)

	add("supervisor.getAPIVersion supervisor.getVersion", "string", "Return the version of this interface.",
		constant(rpcAPIVersion))
	add("supervisor.getSupervisorVersion", "string", "Return the version of Supervisor that is spoken.",
		constant(rpcSupervisorVersion))
	add("supervisor.getIdentification", "string", "Return the identifier of [supervisord].", func(call) (any, error) {
		if d := r.s.LatestDefinitions(); d != nil {
			return d.Identifier, nil
		}
		return "supervisor", nil
	})
	add("supervisor.getState", "struct", "Return the state of the supervisor: statecode and statename.",
		constant(map[string]any{"statecode": 1, "statename": "RUNNING"}))
	add("supervisor.getPID", "int", "Return the process id of the supervisor.", constant(os.Getpid()))
	add("supervisor.shutdown", "boolean", "Stop everything, and end.", func(call) (any, error) {
		r.s.Terminate()
		return true, nil
	})
	add("supervisor.restart", "boolean", "Stop everything, read the program files, and start again.",
		func(call) (any, error) {
			if _, err := program.Load(r.s.Settings().ConfPath, r.s.Settings().Env...); err != nil {
				return nil, fault(faults.CantReRead, err.Error())
			}
			go r.s.RestartAll()
			return true, nil
		})

	add("supervisor.reloadConfig", "array", "Read the program files: [[added, changed, removed groups]].",
		func(call) (any, error) {
			d, err := r.s.Read()
			if err != nil {
				return nil, fault(faults.CantReRead, err.Error())
			}
			added, changed, removed := r.s.GroupChanges(d)
			return [][][]string{{added, changed, removed}}, nil
		})
	add("supervisor.addProcessGroup", "boolean string", "Supervise a group of the program files.",
		func(c call) (any, error) {
			switch found, added := r.s.AddGroup(c.text(0)); {
			case !found:
				return nil, fault(faults.BadName, c.text(0))
			case !added:
				return nil, fault(faults.AlreadyAdded, c.text(0))
			}
			return true, nil
		})
	add("supervisor.removeProcessGroup", "boolean string", "Forget a group that is stopped.", r.removeGroup)

	// several adds the three methods of a command: for one program, for a group and for all.
	several := func(verb, argument, what string, do func(c call, last any) command) {
		add("supervisor."+verb+"Process", "boolean string "+argument, what+" a program, or those of GROUP:*.",
			func(c call) (any, error) { return r.one(do(c, c.args[1]), c.text(0)) })
		add("supervisor."+verb+"ProcessGroup", "array string "+argument, what+" the programs of a group.",
			func(c call) (any, error) { return r.group(do(c, c.args[1]), c.text(0)) })
		add("supervisor."+verb+"AllProcesses", "array "+argument, what+" all programs.",
			func(c call) (any, error) { return do(c, c.args[0]).results(r.s.All()), nil })
	}
	several("start", "boolean?", "Start", r.start)
	several("stop", "boolean?", "Stop", r.stop)
	several("signal", "string", "Send a signal to", r.signal)

	add("supervisor.getProcessInfo", "struct string", "Describe a program.", r.getProcessInfo)
	add("supervisor.getAllProcessInfo", "array", "Describe all programs.", r.getAllProcessInfo)
	add("supervisor.getAllConfigInfo", "array", "List what the program files define.", r.getAllConfigInfo)
	add("supervisor.sendProcessStdin", "boolean string string", "Write to the standard input of a program.",
		r.sendProcessStdin)
	add("supervisor.sendRemoteCommEvent", "boolean string string", "Do nothing: there are no event listeners.",
		constant(true))

	add("supervisor.readLog supervisor.readMainLog", "string int int",
		"Read the log of the supervisor from an offset, a length of bytes.", r.readMainLog)
	add("supervisor.clearLog", "boolean", "Empty the log of the supervisor.", r.clearMainLog)
	for _, stream := range []logStream{{"Stdout", stdout}, {"", stdout}, {"Stderr", stderr}} {
		add("supervisor.readProcess"+stream.name+"Log", "string string int int",
			"Read a program's log from an offset, a length of bytes.", r.readProcessLog(stream))
		add("supervisor.tailProcess"+stream.name+"Log", "array string int int",
			"Read the end of a program's log: [text, offset, overflow].", r.tailProcessLog(stream))
	}
	add("supervisor.clearProcessLogs supervisor.clearProcessLog", "boolean string", "Empty the logs of a program.",
		func(c call) (any, error) {
			p, err := r.find(c.text(0))
			if err != nil {
				return nil, err
			}
			return true, r.clear(p)
		})
	add("supervisor.clearAllProcessLogs", "array", "Empty the logs of all programs.", func(call) (any, error) {
		return command{begin: r.clear}.results(r.s.All()), nil
	})
	return all
}
