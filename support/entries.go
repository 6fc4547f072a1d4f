package support

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"omsinit/doctor"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/mask"
	"omsinit/internal/msg"
)

// reports are the texts about the node, made from one look at it.
func (b *Bundle) reports() []Entry {
	var first sync.Once
	var all *collected
	once := func(ctx context.Context) *collected {
		first.Do(func() { all = b.collect(ctx) })
		return all
	}
	list := []Entry{
		{Name: "README.txt", make: b.readme},
		{Name: "report.html", make: func(ctx context.Context) ([]byte, error) { return once(ctx).html(b.in), nil }},
		{Name: "report.json", make: func(ctx context.Context) ([]byte, error) { return once(ctx).json(b.in) }},
	}
	for _, lang := range []msg.Lang{msg.English, msg.Chinese} {
		list = append(list, Entry{Name: "doctor." + string(lang) + ".txt",
			make: func(ctx context.Context) ([]byte, error) {
				var out strings.Builder
				err := once(ctx).Diagnosis.Print(&out, lang)
				return []byte(out.String()), err
			}})
	}
	names := make([]string, 0, len(b.in.More))
	for name := range b.in.More {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		list = append(list, Entry{Name: name, make: func(ctx context.Context) ([]byte, error) {
			ctx, cancel := context.WithTimeout(ctx, pastTime)
			defer cancel()
			return b.in.More[name](ctx)
		}})
	}
	return list
}

// pastTime bounds each question about the past.
const pastTime = 5 * time.Second

// collected is what the reports are made from.
type collected struct {
	doctor.Diagnosis
	Events     []Event
	Memory     past
	Heartbeats past
	Processes  []Process
}

// past is a series, or why there is none.
type past struct {
	Samples []Sample
	Err     error
}

func (b *Bundle) collect(ctx context.Context) *collected {
	c := &collected{Events: b.in.events(), Processes: b.in.processes()}
	var wg sync.WaitGroup
	ask := func(to *past, question func(context.Context) ([]Sample, error)) {
		if question == nil {
			to.Err = msg.Errorf("config.yaml cannot be used")
			return
		}
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, pastTime)
			defer cancel()
			to.Samples, to.Err = question(ctx)
		})
	}
	ask(&c.Memory, b.in.Memory)
	ask(&c.Heartbeats, b.in.Heartbeats)
	wg.Go(func() { c.Diagnosis = b.in.Diagnose(ctx) })
	wg.Wait()
	return c
}

func (c *collected) json(in Input) ([]byte, error) {
	why := func(p past) string { return msg.English.Text(p.Err) }
	return json.MarshalIndent(struct {
		Version        int       `json:"version"`
		Diagnosis      any       `json:"diagnosis"`
		Events         []Event   `json:"events"`
		Processes      []Process `json:"processes"`
		Memory         []Sample  `json:"memory_bytes"`
		NoMemory       string    `json:"no_memory,omitempty"`
		Heartbeats     []Sample  `json:"heartbeats"`
		NoHeartbeats   string    `json:"no_heartbeats,omitempty"`
		SinceSeconds   float64   `json:"since_seconds"`
		OmsinitVersion string    `json:"omsinit"`
	}{1, c.Diagnosis.JSON(msg.English), c.Events, c.Processes, c.Memory.Samples, why(c.Memory), c.Heartbeats.Samples,
		why(c.Heartbeats), in.Since.Seconds(), in.Build}, "", "  ")
}

// maskJSON masks the strings of a JSON text, so that it stays one.
func maskJSON(text string, m *mask.Masker) string {
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return m.Text(text)
	}
	data, err := json.MarshalIndent(maskValue("", v, m), "", "  ")
	if err != nil {
		return m.Text(text)
	}
	return string(data) + "\n"
}

func maskValue(key string, v any, m *mask.Masker) any {
	switch v := v.(type) {
	case string:
		if config.SoundsSecret(key) && v != "" && !mask.Harmless(v) {
			return finding.Masked
		}
		return m.Text(v)
	case json.Number:
		if config.SoundsSecret(key) {
			return finding.Masked
		}
		if text := m.Text(`"` + v.String() + `"`); text != `"`+v.String()+`"` { // a secret of digits
			return finding.Masked
		}
	case []any:
		for i := range v {
			v[i] = maskValue(key, v[i], m)
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, value := range v {
			out[m.Text(k)] = maskValue(k, value, m)
		}
		return out
	}
	return v
}

// files are the configuration: config.yaml and what is made from it.
func (b *Bundle) files() (list []Entry) {
	for _, file := range b.in.Files {
		info, err := os.Stat(file)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		list = append(list, b.file("files"+b.inside(file), file, info, mostFile))
	}
	return list
}

// inside returns a path of this host as one of the container.
func (b *Bundle) inside(file string) string {
	if rest, ok := strings.CutPrefix(file, b.in.Layout.Root()+"/"); ok {
		return "/" + rest
	}
	return path.Clean("/" + file)
}

func (b *Bundle) file(name, from string, info fs.FileInfo, most int64) Entry {
	return Entry{
		Name: name, From: from, Bytes: min(info.Size(), most), Cut: info.Size() > most, at: info.ModTime(),
		make: func(context.Context) ([]byte, error) { return b.end(from, most) },
	}
}

// logs are the ends of those that were written to lately, the newest first as long as there is room.
func (b *Bundle) logs() (list []Entry) {
	type log struct {
		path string
		info fs.FileInfo
	}
	var found []log
	add := func(path string) {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || info.Size() == 0 || packed(path) ||
			info.ModTime().Before(b.in.Now().Add(-b.in.Since)) ||
			slices.ContainsFunc(found, func(l log) bool { return os.SameFile(l.info, info) }) {
			return
		}
		found = append(found, log{path, info})
	}
	_ = filepath.WalkDir(b.in.Layout.LogDir(), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && len(found) < 10*mostCount {
			add(path)
		}
		return nil
	})
	if b.in.Logs != nil {
		for _, l := range b.in.Logs.Logs {
			for _, pattern := range l.Files {
				matches, _ := filepath.Glob(b.in.Layout.Path(pattern))
				for _, path := range matches {
					add(path)
				}
			}
		}
	}
	sort.Slice(found, func(i, j int) bool {
		x, y := found[i], found[j]
		return cmp.Or(y.info.ModTime().Compare(x.info.ModTime()), cmp.Compare(x.path, y.path)) < 0
	})
	room := int64(mostLogs)
	for _, l := range found[:min(len(found), mostCount)] {
		if room <= 0 {
			break
		}
		e := b.file("logs"+b.inside(l.path), l.path, l.info, min(mostLog, room))
		room -= e.Bytes
		list = append(list, e)
	}
	return list
}

// packed reports whether a file is compressed: nobody can look for secrets in it.
func packed(path string) bool {
	return slices.Contains([]string{".gz", ".zip", ".bz2", ".xz", ".zst", ".tgz", ".hprof"}, filepath.Ext(path))
}

// end returns the end of a file without secrets, also without one that was cut: what is before is read, masked, and
// left out then. A pipe that has taken the place of the file is not waited for.
func (b *Bundle) end(path string, most int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, msg.Errorf("%s is not a regular file", path)
	}
	before := int64(b.in.Mask.Longest())
	from := max(0, info.Size()-most-before)
	data, err := io.ReadAll(io.NewSectionReader(f, from, most+before))
	if err != nil || from == 0 {
		return data, err
	}
	text := b.in.Mask.Text(string(data))
	if _, rest, ok := strings.Cut(text, "\n"); ok {
		return []byte(rest), nil
	}
	return []byte(text[min(len(text), int(before)):]), nil
}
