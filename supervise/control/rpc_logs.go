package control

import (
	"errors"
	"io"
	"os"

	"github.com/ochinchina/supervisord/faults"

	"omsinit/supervise/api"
	"omsinit/supervise/engine"
	"omsinit/supervise/program"
)

// logStream is one of the two log files of a program.
type logStream struct {
	name string
	file func(program.Program) program.LogFile
}

func stdout(p program.Program) program.LogFile { return p.Stdout }
func stderr(p program.Program) program.LogFile { return p.Stderr }

// logFile returns a log file of a program, with all in it that the program has said so far.
func (r *rpcService) logFile(name string, stream logStream) (program.LogFile, error) {
	p, err := r.find(name)
	if err != nil {
		return program.LogFile{}, err
	}
	f := stream.file(p.Definition())
	r.s.DrainLog(f)
	return f, nil
}

// readMainLog reads PID 1's own log.
func (r *rpcService) readMainLog(c call) (any, error) {
	return readLog(program.LogFile{Path: r.s.Settings().LogFile}, c.number(0), c.number(1))
}

func (r *rpcService) clearMainLog(call) (any, error) {
	if err := os.Truncate(r.s.Settings().LogFile, 0); err != nil {
		return nil, fault(faults.NoFile, "")
	}
	return true, nil
}

func (r *rpcService) readProcessLog(stream logStream) func(c call) (any, error) {
	return func(c call) (any, error) {
		f, err := r.logFile(c.text(0), stream)
		if err != nil {
			return nil, err
		}
		return readLog(f, c.number(1), c.number(2))
	}
}

// readLog reads as Supervisor's readFile does: a negative offset counts from the end and wants length 0; length 0
// otherwise is all that follows. Supervisor makes a file of its own choosing before the program starts: it is empty.
func readLog(f program.LogFile, offset, length int) (any, error) {
	info, err := os.Stat(f.Path)
	absent := f.Auto && errors.Is(err, os.ErrNotExist)
	switch {
	case !absent && (f.Path == "" || err != nil || !info.Mode().IsRegular()):
		return nil, fault(faults.NoFile, f.Path)
	case length < 0 || offset < 0 && length != 0:
		return nil, fault(faults.BadArguments, "")
	case absent:
		return "", nil
	}
	from, count := int64(offset), int64(length)
	if offset < 0 {
		from, count = max(info.Size()+int64(offset), 0), int64(-offset)
	}
	if count == 0 {
		count = info.Size()
	}
	data, err := readSection(f.Path, from, count)
	if err != nil {
		return nil, err
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

// tailProcessLog answers [text, offset, overflow] as Supervisor's tailFile.
func (r *rpcService) tailProcessLog(stream logStream) func(c call) (any, error) {
	return func(c call) (any, error) {
		f, err := r.logFile(c.text(0), stream)
		if err != nil {
			return nil, err
		}
		return tailLog(f.Path, int64(c.number(1)), int64(c.number(2))), nil
	}
}

func tailLog(path string, offset, length int64) []any {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return []any{"", 0, false}
	}
	size := info.Size()
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
	data, err := readSection(path, offset, length)
	if err != nil {
		return []any{"", int(offset), false}
	}
	return []any{program.Printable(string(data)), int(size), overflow}
}

// clear empties the log files of a program.
func (r *rpcService) clear(p *engine.Process) error {
	def := p.Definition()
	for _, f := range []program.LogFile{def.Stdout, def.Stderr} {
		if err := r.s.ClearLog(f); err != nil {
			return err
		}
	}
	return nil
}
