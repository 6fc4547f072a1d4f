package control

import (
	"io"
	"net/http"
	"os"

	"github.com/ochinchina/supervisord/faults"

	"omsinit/supervise/api"
	"omsinit/supervise/engine"
	"omsinit/supervise/program"
)

// stdout and stderr choose between the log files of a program.
func stdout(p program.Program) program.LogFile { return p.Stdout }
func stderr(p program.Program) program.LogFile { return p.Stderr }

// ReadLog reads PID 1's own log.
func (r *rpcService) ReadLog(_ *http.Request, args *rpcRange, reply *rpcString) (err error) {
	reply.Value, err = readLog(r.s.Settings().LogFile, args.Offset, args.Length)
	return err
}

func (r *rpcService) ReadProcessStdoutLog(_ *http.Request, args *rpcNameRange, reply *rpcString) error {
	return r.readProcessLog(args, reply, stdout)
}

func (r *rpcService) ReadProcessStderrLog(_ *http.Request, args *rpcNameRange, reply *rpcString) error {
	return r.readProcessLog(args, reply, stderr)
}

func (r *rpcService) readProcessLog(args *rpcNameRange, reply *rpcString,
	file func(program.Program) program.LogFile) error {
	f, err := r.logFile(args.Name, file)
	if err != nil {
		return err
	}
	reply.Value, err = readLog(f.Path, args.Offset, args.Length)
	return err
}

// logFile returns one of the log files of a program, with all in it that the program has said so far.
func (r *rpcService) logFile(name string, file func(program.Program) program.LogFile) (program.LogFile, error) {
	p, err := r.find(name)
	if err != nil {
		return program.LogFile{}, err
	}
	f := file(p.Definition())
	r.s.DrainLog(f)
	return f, nil
}

// readLog reads as Supervisor's readFile does: a negative offset counts from
// the end and wants length 0; length 0 otherwise is all that follows.
func readLog(path string, offset, length int) (string, error) {
	info, err := os.Stat(path)
	if path == "" || err != nil || !info.Mode().IsRegular() {
		return "", fault(faults.NoFile, path)
	}
	if length < 0 || offset < 0 && length != 0 {
		return "", fault(faults.BadArguments, "")
	}
	from, count := int64(offset), int64(length)
	if offset < 0 {
		from, count = max(info.Size()+int64(offset), 0), int64(-offset)
	}
	if count == 0 {
		count = info.Size()
	}
	data, err := readSection(path, from, count)
	if err != nil {
		return "", fault(faults.Failed, "")
	}
	return program.Printable(string(data)), nil
}

func readSection(path string, from, count int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, from, min(count, api.AnswerLimit)))
}

func (r *rpcService) TailProcessStdoutLog(_ *http.Request, args *rpcNameRange, reply *rpcAny) error {
	return r.tailProcessLog(args, reply, stdout)
}

func (r *rpcService) TailProcessStderrLog(_ *http.Request, args *rpcNameRange, reply *rpcAny) error {
	return r.tailProcessLog(args, reply, stderr)
}

// tailProcessLog answers [text, offset, overflow] as Supervisor's tailFile.
func (r *rpcService) tailProcessLog(args *rpcNameRange, reply *rpcAny,
	file func(program.Program) program.LogFile) error {
	f, err := r.logFile(args.Name, file)
	if err != nil {
		return err
	}
	info, err := os.Stat(f.Path)
	if err != nil || !info.Mode().IsRegular() {
		reply.Value = []any{"", 0, false}
		return nil
	}
	size, offset, length := info.Size(), int64(args.Offset), int64(args.Length)
	overflow := size > offset+length
	if overflow {
		offset = size - 1
	}
	if offset+length > size {
		if offset > size-1 {
			length = 0
		}
		offset = size - length
	}
	offset, length = max(offset, 0), max(length, 0)
	data, err := readSection(f.Path, offset, length)
	if err != nil {
		reply.Value = []any{"", int(offset), false}
		return nil
	}
	reply.Value = []any{program.Printable(string(data)), int(size), overflow}
	return nil
}

func (r *rpcService) ClearProcessLogs(_ *http.Request, args *rpcName, reply *rpcBool) error {
	p, err := r.find(args.Name)
	if err != nil {
		return err
	}
	reply.Value = true
	return r.clear(p)
}

// clear empties the log files of a program.
func (r *rpcService) clear(p *engine.Managed) error {
	def := p.Definition()
	for _, f := range []program.LogFile{def.Stdout, def.Stderr} {
		if err := r.s.ClearLog(f); err != nil {
			return fault(faults.Failed, err.Error())
		}
	}
	return nil
}

func (r *rpcService) ClearAllProcessLogs(_ *http.Request, _ *rpcNothing, reply *rpcResults) error {
	reply.Value = each(r.s.All(), r.clear)
	return nil
}

func (r *rpcService) ClearLog(_ *http.Request, _ *rpcNothing, reply *rpcBool) error {
	if err := os.Truncate(r.s.Settings().LogFile, 0); err != nil {
		return fault(faults.NoFile, "")
	}
	reply.Value = true
	return nil
}
