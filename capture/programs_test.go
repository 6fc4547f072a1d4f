package capture_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"omsinit/capture/prove"
	"omsinit/capture/source"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// TestProgramsThatAreIgnored: what omsinit does not run of the old program files is named, with what to do, when the
// installation is read and when it comes as a bundle.
func TestProgramsThatAreIgnored(t *testing.T) {
	const conf = "/etc/supervisor/supervisord.conf"
	files := map[string]string{
		conf: "[supervisord]\n[include]\nfiles = conf.d/a.ini ; of OMS\n    conf.d/b.ini\n",
		"/etc/supervisor/conf.d/a.ini": "[program:oms_console]\ncommand=/bin/console\n" +
			"[eventlistener:oms_watch]\ncommand=python3 watch.py\nevents=PROCESS_STATE_FATAL\n",
		"/etc/supervisor/conf.d/b.ini": "[program:torn]\ncommand=/bin/x \"y\n[fcgi-program:oms_page]\ncommand=/bin/page\nsocket=tcp://localhost:9002\n",
	}
	from := install(t, plainValues(), files)
	var err error
	if from.Programs, err = source.ReadPrograms(from.Tree); err != nil || len(from.Programs.List) != 2 {
		t.Fatalf("%+v, %v", from.Programs, err)
	}
	bundle := filepath.Join(t.TempDir(), "bundle")
	f, err := os.Create(bundle)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := from.Pack(t.Context(), f, nil, nil); err != nil {
		t.Fatal(err)
	}
	unpacked, done, err := source.OpenBundle(t.Context(), bundle)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	for name, i := range map[string]*source.Installation{"read": from, "bundle": unpacked} {
		j := job(t, i, nil)
		r := run(t, j)
		if !r.Verified && name == "read" && len(r.Differences) != 1 { // the torn program
			t.Errorf("%s: %+v", name, r.Differences)
		}
		var b strings.Builder
		if err := r.Print(&b, msg.English); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"/etc/supervisor/conf.d/a.ini:3: [eventlistener:oms_watch]: event listeners and FastCGI programs are not supported; the section is ignored: where its work is needed, make it a [program:oms_watch] that asks supervisorctl status",
			"/etc/supervisor/conf.d/b.ini:3: [fcgi-program:oms_page]: event listeners and FastCGI programs are not supported; the section is ignored: where its work is needed, make it a [program:oms_page] that opens its socket by itself",
			"/etc/supervisor/conf.d/b.ini:2: [program:torn] command: ",
		} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: not in the report: %s\n%s", name, want, b.String())
			}
		}
		p, err := pack.Open(j.Out)
		if err != nil {
			t.Fatal(err)
		}
		faults, err := (&prove.Linter{Pack: p}).Lint()
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		for _, f := range faults {
			said += f.Headline().String() + "\n"
		}
		if !strings.Contains(said, "templates/etc/supervisor/conf.d/a.ini:3: [eventlistener:oms_watch]: ") {
			t.Errorf("%s: lint says\n%s", name, said)
		}
	}
}
