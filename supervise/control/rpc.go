package control

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gorilla/rpc"
	xmlrpc "github.com/ochinchina/gorilla-xmlrpc/xml"
	"github.com/ochinchina/supervisord/faults"

	"omsinit/supervise/api"
	"omsinit/supervise/engine"
	"omsinit/supervise/program"
)

// rpcMethods are the XML-RPC methods of Supervisor that supervisorctl 4.2.5
// and ochinchina's client call, and the methods of rpcService behind them.
var rpcMethods = map[string]string{
	"getAPIVersion": "GetAPIVersion", "getVersion": "GetAPIVersion",
	"getSupervisorVersion": "GetSupervisorVersion", "getIdentification": "GetIdentification",
	"getState": "GetState", "getPID": "GetPID",
	"readLog": "ReadLog", "readMainLog": "ReadLog", "clearLog": "ClearLog",
	"shutdown": "Shutdown", "restart": "Restart",
	"reloadConfig": "ReloadConfig", "addProcessGroup": "AddProcessGroup", "removeProcessGroup": "RemoveProcessGroup",
	"startProcess": "StartProcess", "startProcessGroup": "StartProcessGroup", "startAllProcesses": "StartAllProcesses",
	"stopProcess": "StopProcess", "stopProcessGroup": "StopProcessGroup", "stopAllProcesses": "StopAllProcesses",
	"signalProcess": "SignalProcess", "signalProcessGroup": "SignalProcessGroup", "signalAllProcesses": "SignalAllProcesses",
	"getProcessInfo": "GetProcessInfo", "getAllProcessInfo": "GetAllProcessInfo", "getAllConfigInfo": "GetAllConfigInfo",
	"readProcessStdoutLog": "ReadProcessStdoutLog", "readProcessLog": "ReadProcessStdoutLog",
	"readProcessStderrLog": "ReadProcessStderrLog",
	"tailProcessStdoutLog": "TailProcessStdoutLog", "tailProcessLog": "TailProcessStdoutLog",
	"tailProcessStderrLog": "TailProcessStderrLog",
	"clearProcessLogs":     "ClearProcessLogs", "clearProcessLog": "ClearProcessLogs", "clearAllProcessLogs": "ClearAllProcessLogs",
	"listMethods": "ListMethods", "sendProcessStdin": "SendProcessStdin",
}

// rpcHandler puts a fence around gorilla/rpc and ochinchina's codec, which
// calls the method although its arguments could not be read, answers plain
// HTTP errors where a client expects faults, and panics on some input.
type rpcHandler struct {
	server *rpc.Server
	log    *slog.Logger
}

func newRPCHandler(s *engine.Supervisor) *rpcHandler {
	codec := xmlrpc.NewCodec()
	for name, method := range rpcMethods {
		codec.RegisterAlias("supervisor."+name, "RPC."+method)
		codec.RegisterAlias("system."+name, "RPC."+method)
	}
	h := &rpcHandler{server: rpc.NewServer(), log: s.Logger()}
	h.server.RegisterCodec(strictCodec{codec}, "text/xml")
	if err := h.server.RegisterService(&rpcService{s}, "RPC"); err != nil {
		panic(err) // a method with a wrong signature
	}
	return h
}

// strictCodec makes unreadable arguments an error instead of zero values.
type strictCodec struct{ codec *xmlrpc.Codec }

type strictRequest struct{ rpc.CodecRequest }

func (c strictCodec) NewRequest(r *http.Request) rpc.CodecRequest {
	return strictRequest{c.codec.NewRequest(r)}
}

func (r strictRequest) ReadRequest(args any) error {
	if err := r.CodecRequest.ReadRequest(args); err != nil {
		return err
	}
	_, err := r.Method() // where the codec keeps the error
	return err
}

// ServeHTTP answers one call; every failure is a fault.
func (h *rpcHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := &rpcAnswer{header: http.Header{}, status: http.StatusOK}
	h.call(answer, r)
	for key, values := range answer.header {
		w.Header()[key] = values
	}
	w.Header().Set("Content-Length", fmt.Sprint(answer.body.Len()))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(api.IoTimeout))
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body.Bytes())
}

func (h *rpcHandler) call(w *rpcAnswer, r *http.Request) {
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("an XML-RPC call panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			w.fault(fault(faults.Failed, fmt.Sprint(p)))
		}
	}()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.fault(fault(faults.IncorrectParameters, err.Error()))
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	var call struct {
		XMLName xml.Name `xml:"methodCall"`
		Method  string   `xml:"methodName"`
	}
	if err := xml.Unmarshal(body, &call); err != nil {
		w.fault(fault(faults.IncorrectParameters, err.Error()))
		return
	}
	if err := boundedNesting(body); err != nil {
		w.fault(fault(faults.IncorrectParameters, err.Error()))
		return
	}
	if call.Method == "system.multicall" {
		h.multicall(w, r, body)
		return
	}
	h.one(w, r, call.Method, body)
}

// deepest is how deep an argument may be nested. The codec keeps the text of
// every level, so that depth times size is what a request costs.
const deepest = 32

func boundedNesting(body []byte) error {
	depth := 0
	for decoder := xml.NewDecoder(bytes.NewReader(body)); ; {
		token, err := decoder.RawToken()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch token.(type) {
		case xml.StartElement:
			if depth++; depth > deepest {
				return fmt.Errorf("the arguments are nested deeper than %d levels", deepest)
			}
		case xml.EndElement:
			depth--
		}
	}
}

// one answers a call of one method.
func (h *rpcHandler) one(w *rpcAnswer, r *http.Request, method string, body []byte) {
	space, name, _ := strings.Cut(method, ".")
	if _, known := rpcMethods[name]; !known || space != "supervisor" && space != "system" {
		w.fault(fault(faults.UnknownMethod, ""))
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Header.Set("Content-Type", "text/xml")
	h.server.ServeHTTP(w, r)
	if w.status != http.StatusOK {
		w.fault(fault(faults.IncorrectParameters, w.body.String()))
	}
}

// rpcAnswer keeps an answer back until it is complete.
type rpcAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *rpcAnswer) Header() http.Header         { return w.header }
func (w *rpcAnswer) WriteHeader(status int)      { w.status = status }
func (w *rpcAnswer) Write(p []byte) (int, error) { return w.body.Write(p) }

func (w *rpcAnswer) fault(f xmlrpc.Fault) {
	w.body.Reset()
	w.header, w.status = http.Header{}, http.StatusOK
	_ = new(xmlrpc.CodecRequest).WriteResponse(w, nil, f)
}

// faultNames are the texts of Supervisor's faults (its xmlrpc.Faults).
var faultNames = map[int]string{
	faults.UnknownMethod: "UNKNOWN_METHOD", faults.IncorrectParameters: "INCORRECT_PARAMETERS",
	faults.BadArguments: "BAD_ARGUMENTS", faults.ShutdownState: "SHUTDOWN_STATE", faults.BadName: "BAD_NAME",
	faults.BadSignal: "BAD_SIGNAL", faults.NoFile: "NO_FILE", faults.NotExecutable: "NOT_EXECUTABLE",
	faults.Failed: "FAILED", faults.AbnormalTermination: "ABNORMAL_TERMINATION", faults.SpawnError: "SPAWN_ERROR",
	faults.AlreadyStated: "ALREADY_STARTED", faults.NotRunning: "NOT_RUNNING", faults.Success: "SUCCESS",
	faults.AlreadyAdded: "ALREADY_ADDED", faults.StillRunning: "STILL_RUNNING", faults.CantReRead: "CANT_REREAD",
}

// fault is a value and not faults.NewFault's pointer, which the codec does
// not recognise and would send as an application error.
func fault(code int, extra string) xmlrpc.Fault {
	f := xmlrpc.Fault{Code: code, String: faultNames[code]}
	if extra != "" {
		f.String += ": " + program.Printable(extra)
	}
	return f
}
