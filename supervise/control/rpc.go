package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/ochinchina/supervisord/faults"

	"omsinit/supervise/api"
	"omsinit/supervise/engine"
	"omsinit/supervise/program"
	"omsinit/supervise/xmlrpc"
)

// rpcService answers Supervisor's XML-RPC, as supervisorctl 4.2.5 and others call it. Every failure is a fault.
type rpcService struct {
	s       *engine.Supervisor
	methods map[string]method
}

func newRPCService(s *engine.Supervisor) *rpcService {
	r := &rpcService{s: s}
	r.methods = r.table()
	return r
}

// signatureUnsupported is a code that the library does not have.
const signatureUnsupported = 4

// faultNames are the texts of Supervisor's faults (its xmlrpc.Faults).
var faultNames = map[int]string{
	faults.UnknownMethod: "UNKNOWN_METHOD", faults.IncorrectParameters: "INCORRECT_PARAMETERS",
	faults.BadArguments: "BAD_ARGUMENTS", signatureUnsupported: "SIGNATURE_UNSUPPORTED",
	faults.ShutdownState: "SHUTDOWN_STATE", faults.BadName: "BAD_NAME",
	faults.BadSignal: "BAD_SIGNAL", faults.NoFile: "NO_FILE", faults.NotExecutable: "NOT_EXECUTABLE",
	faults.Failed: "FAILED", faults.AbnormalTermination: "ABNORMAL_TERMINATION", faults.SpawnError: "SPAWN_ERROR",
	faults.AlreadyStated: "ALREADY_STARTED", faults.NotRunning: "NOT_RUNNING", faults.Success: "SUCCESS",
	faults.AlreadyAdded: "ALREADY_ADDED", faults.StillRunning: "STILL_RUNNING", faults.CantReRead: "CANT_REREAD",
}

func fault(code int, extra string) error {
	f := xmlrpc.Fault{Code: code, Text: faultNames[code]}
	if extra != "" {
		f.Text += ": " + program.Printable(extra)
	}
	return f
}

// asFault returns the fault of a method; what is none of Supervisor's is FAILED.
func asFault(err error) xmlrpc.Fault {
	f, ok := errors.AsType[xmlrpc.Fault](err)
	if !ok {
		f, _ = fault(faults.Failed, err.Error()).(xmlrpc.Fault)
	}
	return f
}

// ServeHTTP answers one call.
func (r *rpcService) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	value, err := r.read(w, req)
	if err != nil {
		value = asFault(err)
	}
	answer := xmlrpc.Response(value)
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(api.IoTimeout))
	_, _ = w.Write(answer) // a client that went away is no error
}

// read reads a call and carries it out.
func (r *rpcService) read(w http.ResponseWriter, req *http.Request) (any, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, fault(faults.IncorrectParameters, err.Error())
	}
	slow(w)
	name, args, err := xmlrpc.ParseCall(body)
	if err != nil {
		return nil, fault(faults.IncorrectParameters, err.Error())
	}
	return r.call(req.Context(), name, args)
}

// call carries out a method.
func (r *rpcService) call(ctx context.Context, name string, args []any) (value any, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.s.Logger().Error("an XML-RPC call panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fault(faults.Failed, fmt.Sprint(p))
		}
	}()
	m, ok := r.methods[name]
	if !ok {
		return nil, fault(faults.UnknownMethod, "")
	}
	c := call{Context: ctx, args: args}
	if err := c.fit(m.signature); err != nil {
		return nil, err
	}
	if strings.HasPrefix(name, "supervisor.") && r.s.IsClosing() {
		return nil, fault(faults.ShutdownState, "")
	}
	return m.do(c)
}

// call is what a method gets. Its arguments are as the signature has them.
type call struct {
	context.Context
	args []any
}

// fit makes the arguments fit a signature such as "boolean string boolean?", which is the result's type and those of
// the arguments; the last one may be left out where it has a question mark, and is true then. A string may be given as
// a number and a number as a string, as in Python.
func (c *call) fit(signature string) error {
	types := strings.Fields(signature)[1:]
	if n := len(types); len(c.args) == n-1 && strings.HasSuffix(types[n-1], "?") {
		c.args = append(c.args, true)
	}
	if len(c.args) != len(types) {
		return fault(faults.IncorrectParameters, "")
	}
	for i, arg := range c.args {
		fits := false
		switch strings.TrimSuffix(types[i], "?") {
		case "string":
			if n, ok := arg.(int); ok {
				c.args[i] = fmt.Sprint(n)
			}
			_, fits = c.args[i].(string)
		case "int":
			if text, ok := arg.(string); ok {
				if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
					c.args[i] = n
				}
			}
			_, fits = c.args[i].(int)
		case "boolean":
			if n, ok := arg.(int); ok {
				c.args[i] = n != 0
			}
			_, fits = c.args[i].(bool)
		case "array":
			_, fits = arg.([]any)
		}
		if !fits {
			return fault(faults.IncorrectParameters, "")
		}
	}
	return nil
}

func (c call) text(i int) string { return c.args[i].(string) }
func (c call) number(i int) int  { return c.args[i].(int) }

// multicall answers system.multicall: an array of {methodName, params}, and for each its value or {faultCode,
// faultString}. As in Supervisor, and unlike the specification, a value is not wrapped in an array.
func (r *rpcService) multicall(c call) (any, error) {
	results := []any{}
	for _, one := range c.args[0].([]any) {
		fields, _ := one.(map[string]any)
		name, _ := fields["methodName"].(string)
		args, _ := fields["params"].([]any)
		var value any
		var err error
		switch name {
		case "":
			err = fault(faults.IncorrectParameters, "No methodName")
		case "system.multicall":
			err = fault(faults.IncorrectParameters, "Recursive system.multicall forbidden")
		default:
			value, err = r.call(c, strings.TrimSpace(name), args)
		}
		if err != nil {
			value = asFault(err)
		}
		results = append(results, value)
	}
	return results, nil
}
