package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"omsinit/init/dialogue"
	"omsinit/internal/msg"
)

// agreeing answers yes or no; nobody: there is no terminal.
type agreeing struct {
	dialogue.Asker
	yes, nobody bool
	asked       int
}

func (a *agreeing) Confirm(string, msg.Message, bool) (bool, error) { a.asked++; return a.yes, nil }

func (a *agreeing) Again() bool { return !a.nobody }

// TestConfigNewReplaces: a file with other contents is replaced only when somebody agrees; the same is no question.
func TestConfigNewReplaces(t *testing.T) {
	for name, tc := range map[string]struct {
		asker      agreeing
		old        string
		force      bool
		asked      int
		want, more string // what the file has then, and whether the other one is there
	}{
		"agreed":            {agreeing{yes: true}, "old", false, 1, "new", "new"},
		"refused":           {agreeing{}, "old", false, 1, "old", ""},
		"nobody to ask":     {agreeing{nobody: true}, "old", false, 0, "old", ""},
		"forced":            {agreeing{}, "old", true, 0, "new", "new"},
		"the same contents": {agreeing{}, "new", false, 0, "new", "new"},
	} {
		t.Run(name, func(t *testing.T) {
			c := configNew{Folder: t.TempDir(), Force: tc.force}
			path, other := filepath.Join(c.Folder, "config.yaml"), filepath.Join(c.Folder, "docker-run-10.0.0.1.sh")
			if err := os.WriteFile(path, []byte(tc.old), 0o600); err != nil {
				t.Fatal(err)
			}
			err := c.write(&tc.asker, []dialogue.File{{Name: "config.yaml", Data: []byte("new"), Secret: true},
				{Name: filepath.Base(other), Data: []byte("new")}})
			got, _ := os.ReadFile(path)
			more, _ := os.ReadFile(other)
			if string(got) != tc.want || string(more) != tc.more || tc.asker.asked != tc.asked ||
				(err == nil) != (tc.more != "") {
				t.Errorf("%q, %q, asked %d, %v", got, more, tc.asker.asked, err)
			}
		})
	}
}

// TestConfigNewFromArguments: what is given on the command line goes before the file of answers; nothing is asked, and
// a password is never an argument.
func TestConfigNewFromArguments(t *testing.T) {
	password := filepath.Join(t.TempDir(), "answers.yaml")
	if err := os.WriteFile(password, []byte("oms_meta_password: 'it''s'\noms_meta_port: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := []string{"config", "new", "--no-try", "--answers", password, "oms_meta_host=10.0.0.9", "oms_meta_port=2881",
		"oms_meta_user=u@t",
		"cm_nodes=10.0.0.1", "image=oms:1"}
	folder := t.TempDir()
	if stdout, stderr, status := call(t, append(good, "--out", folder)...); status != 0 ||
		!strings.Contains(stdout, "OMS_HOST_IP=10.0.0.1") {
		t.Fatalf("%d\n%s%s", status, stdout, stderr)
	}
	text, err := os.ReadFile(filepath.Join(folder, "config.yaml"))
	if err != nil || !strings.Contains(string(text), "oms_meta_port: 2881\n") ||
		!strings.Contains(string(text), "oms_meta_password: 'it''s'\n") {
		t.Errorf("%v\n%s", err, text)
	}
	for argument, want := range map[string]string{
		"oms_meta_password=secret": "everybody on this host can see the arguments",
		"oms_meta_hots=x":          "did you mean oms_meta_host?",
		"cm_location=200":          "cm_location: the value must be a whole number from 0 to 127",
		"oms_meta_host=10.0.0.8":   "oms_meta_host is given twice",
		"--host-ip=10.0.0":         "--host-ip: ",
	} {
		folder := filepath.Join(t.TempDir(), "none")
		_, stderr, status := call(t, append(good, argument, "--out", folder)...)
		if status == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: %d\n%s", argument, status, stderr)
		}
		if _, err := os.Stat(folder); err == nil {
			t.Errorf("%s: something was written", argument)
		}
	}
}
