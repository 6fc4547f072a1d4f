package cli

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"omsinit/internal/layout"
	"omsinit/internal/msg"
)

// completed returns what the last of the words may be.
func completed(t *testing.T, words ...string) (list []string) {
	t.Helper()
	out, errOut, status := call(t, append([]string{"completion", "words", "--"}, words...)...)
	if status != 0 || errOut != "" {
		t.Fatalf("%q: status %d, %s", words, status, errOut)
	}
	for line := range strings.Lines(out) {
		word, _, ok := strings.Cut(line, "\t")
		if !ok {
			t.Errorf("%q: no tab in %q", words, line)
		}
		list = append(list, word)
	}
	return list
}

func TestCompletion(t *testing.T) {
	for words, want := range map[string]string{
		"compl": "completion", "config res": "restore", "help config hist": "history",
		"--lang zh metadb mig": "migrate",
		"init --only":          "--only", "init --only met": "metadb", "init --skip check,met": "check,metadb",
		"init --only=met": "--only=metadb", "check --output ": "text json",
		"check --explain metadb.clo": "metadb.clock", "--root /x config set cm_ser": "cm_server_port=",
		"config set cm_location=1 oms_meta_pas": "oms_meta_password", "tail nginx st": "stdout stderr",
		"config new cm_ser": "cm_server_port=", "config new https": "https_crt= https_key=", "config set https": "",
		"config new mode=": "mode=single mode=nodes mode=regions", "config new cm_nodes=1 mode=n": "mode=nodes",
		"config set cm_server_port=": "",
		"tail nginx stdout ":         "", "completion ": "bash zsh", "run bash ": "", "check -- ": "", "nothing ": "",
		"config restore la": "last", "signal HU": "HUP", "upgrade apply --prove f": "full", "start --timeout ": "",
	} {
		if got := completed(t, strings.Split(words, " ")...); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%q: %q; want %q", words, got, want)
		}
	}
	if got := completed(t); !slices.Contains(got, "status") {
		t.Errorf("without a word: %q", got)
	}
	if _, _, status := call(t, "completion", "tcsh"); status != 64 {
		t.Errorf("a shell that is not known: status %d", status)
	}
}

// TestCompletionOfPrograms: the names come from PID 1; where none runs, the shell completes files.
func TestCompletionOfPrograms(t *testing.T) {
	if got := completed(t, "stop", ""); len(got) > 0 {
		t.Errorf("without PID 1: %q", got)
	}
	root := t.TempDir()
	socket := layout.New(root).ControlSocket()
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"version": 1, "programs": [{"name": "nginx", "state": "RUNNING"}, {"name": "oms_console"}]}`))
	}))
	if got := completed(t, "--root", root, "stop", "nginx", "o"); !slices.Equal(got, []string{"oms_console"}) {
		t.Errorf("%q", got)
	}
}

// TestCompletionScripts: the shells hand the words on, and take what comes back.
func TestCompletionScripts(t *testing.T) {
	for _, tc := range []struct{ shell, run, want string }{
		{"bash", `COMP_WORDS=(omsinit config 'res'); COMP_CWORD=2; _omsinit; echo "${COMPREPLY[@]}"`, "restore"},
		{"bash", `COMP_WORDS=(omsinit init --only = 'met'); COMP_CWORD=4; _omsinit; echo "${COMPREPLY[@]}"`, "metadb"},
		{"bash", `COMP_WORDS=(omsinit config new mode =); COMP_CWORD=4; _omsinit; echo "${COMPREPLY[@]}"`,
			"single nodes regions"},
		{"bash", `COMP_WORDS=(omsinit init --only =); COMP_CWORD=3; _omsinit; echo "${COMPREPLY[@]}"`,
			"check metadb component restart resource"},
		{"bash", `COMP_WORDS=(omsinit config set cm_server_port =); COMP_CWORD=4; _omsinit; echo "${COMPREPLY[@]}"`, ""},
		{"zsh", `words=(omsinit config res); CURRENT=3; _omsinit`, "restore"},
		{"zsh", `words=(omsinit init --only=met); CURRENT=3; _omsinit`, "--only=metadb"},
		{"zsh", `words=(omsinit tail nginx stdout ''); CURRENT=5; _omsinit`, "files"},
	} {
		dir := t.TempDir()
		self, err := os.Executable()
		if err == nil {
			err = os.Symlink(self, filepath.Join(dir, "omsinit"))
		}
		if err != nil {
			t.Fatal(err)
		}
		script := tc.run
		if tc.shell == "zsh" { // what the shell has only where a person types
			script = `compdef() {}; _files() { print files }; compadd() { print -r -- $words_of_it }; ` +
				`. <(omsinit completion zsh); ` + script
		} else {
			script = `. <(omsinit completion bash); ` + script
		}
		c := exec.Command(tc.shell, "-c", script)
		c.Env = append(os.Environ(), "OMSINIT_TEST_MAIN=1", "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := c.CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != tc.want {
			t.Errorf("%s: %s: %v, %q; want %q", tc.shell, tc.run, err, out, tc.want)
		}
	}
}

// TestManual: every command and option is in the manual page, and man has nothing to say against it.
func TestManual(t *testing.T) {
	for _, lang := range []msg.Lang{msg.English, msg.Chinese} {
		page, _, status := callIn(t, lang, "help", "--man")
		if status != 0 {
			t.Fatalf("status %d", status)
		}
		if !strings.Contains(page, "\n.nh\n") || !strings.Contains(page, "(.g .warn 0\n") {
			t.Error("paths are hyphenated, or Chinese lines bring warnings of groff")
		}
		plain := strings.NewReplacer(`\-`, "-", `\(dq`, `"`, `\e`, `\`).Replace(page)
		for _, l := range leaves(&app{lang: lang}) {
			if !strings.Contains(plain, ".SS \""+strings.TrimSpace(l.UsageText)) {
				t.Errorf("no section for %q", l.path)
			}
			for _, f := range l.Flags {
				if !strings.Contains(plain, ".B --"+f.Names()[0]) {
					t.Errorf("%q: no option %s", l.path, f.Names()[0])
				}
			}
		}
		for i, line := range strings.Split(page, "\n") {
			request, _, _ := strings.Cut(line, " ")
			if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") &&
				!slices.Contains([]string{".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".ad", ".nh", ".if"}, request) {
				t.Errorf("line %d is no text: %q", i+1, line)
			}
		}
	}
}
