package diagnose

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"omsinit/init/component"
	"omsinit/init/flow"
	"omsinit/internal/layout"
	"omsinit/internal/node"
)

const text = `oms_meta_host: 127.0.0.1
oms_meta_port: 1
oms_meta_user: root
oms_meta_password: Now-Secret
drc_rm_db: rm
drc_cm_db: cm
drc_cm_heartbeat_db: hb
cm_url: http://127.0.0.1:8088
cm_location: 1
cm_nodes: [127.0.0.1]
`

func patient(t *testing.T, config string) *Patient {
	t.Helper()
	root, err := os.MkdirTemp("", "diag-") // a socket path must fit into 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	l := layout.New(root)
	for _, dir := range []string{filepath.Dir(l.ConfigFile()), l.RunDir(), l.LogDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(l.ConfigFile(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return New(node.New(node.Given{Layout: l, HostIP: "127.0.0.1", Build: "1"}), flow.Options{})
}

// TestMasker: secrets of config.yaml, of what it was before, and of a file that cannot be used are known.
func TestMasker(t *testing.T) {
	p := patient(t, text)
	earlier := strings.Replace(text, "Now-Secret", "History-Secret", 1)
	_, err := component.NewHistory(p.Layout).Keep(component.Version{Time: time.Now(), Reason: "test",
		Files: []component.Earlier{{Path: component.ConfigPath, Mode: 0o600, Data: []byte(earlier)}}})
	if err != nil {
		t.Fatal(err)
	}
	backup := strings.Replace(text, "Now-Secret", "Backup-Secret", 1)
	if err := os.WriteFile(p.ConfigFile+flow.BackupSuffix, []byte(backup), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MY_PASSWORD", "Environment-Secret")
	got := p.masker().Text("Now-Secret History-Secret Backup-Secret Environment-Secret other")
	if got != "****** ****** ****** ****** other" {
		t.Error(got)
	}
	if got := patient(t, "no: [yaml\noms_meta_password: Broken-Secret\n").masker().Text(
		"a Broken-Secret b"); got != "a ****** b" {
		t.Errorf("a file that cannot be used: %s", got)
	}
}

// TestDoctorOfNothing: a node where nothing runs gets an answer, with what comes first in front.
func TestDoctorOfNothing(t *testing.T) {
	for config, want := range map[string]string{text: "pid1.silent", "no: [yaml\n": "pid1.silent"} {
		d, err := patient(t, config).Doctor(t.Context(), time.Hour)
		if err != nil || !d.Failed() || d.Causes[0].ID != want {
			t.Errorf("%v %+v", err, d.Causes)
		}
	}
}

// TestSupportOfNothing: so does whoever asks for a bundle.
func TestSupportOfNothing(t *testing.T) {
	p := patient(t, text)
	var out bytes.Buffer
	listed, err := p.Support(t.Context(), SupportOptions{Since: time.Hour, Stream: &out})
	if err != nil || out.Len() == 0 || len(listed.Entries) < 10 {
		t.Errorf("%d bytes, %v, %v", out.Len(), listed, err)
	}
	if listed, err = p.Support(t.Context(), SupportOptions{Since: time.Hour, DryRun: true}); err != nil ||
		listed.File != "" {
		t.Errorf("dry run: %v, %v", listed, err)
	}
}

// TestSilentFile: a config.yaml that gives no answer, as on a network file system whose server is away, holds up neither,
// and neither does a signal have to wait for it.
func TestSilentFile(t *testing.T) {
	p := patient(t, text)
	os.Remove(p.ConfigFile)
	if err := syscall.Mkfifo(p.ConfigFile, 0o600); err != nil {
		t.Fatal(err)
	}
	defer func(d time.Duration) { patience = d }(patience)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := p.Doctor(stopped, time.Hour); err == nil || err.Error() != "the check was interrupted" {
		t.Errorf("interrupted: %v", err)
	}
	patience = 10 * time.Millisecond
	if _, err := p.Doctor(t.Context(), time.Hour); err == nil || !strings.Contains(err.Error(), p.ConfigFile) {
		t.Errorf("doctor: %v", err)
	}
	var out bytes.Buffer
	if _, err := p.Support(t.Context(), SupportOptions{Since: time.Hour, Stream: &out}); err == nil || out.Len() > 0 {
		t.Errorf("support: %v", err)
	}
	w, err := os.OpenFile(p.ConfigFile, os.O_RDWR, 0) // lets the reader go
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
}
