package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
	urfave "github.com/urfave/cli/v2"

	"omsinit/internal/helppage"
	"omsinit/internal/msg"
)

// TestMain lets a test start this program as omsinit.
func TestMain(m *testing.M) {
	if os.Getenv("OMSINIT_TEST_MAIN") != "" {
		os.Exit(Main(os.Args))
	}
	os.Exit(m.Run())
}

// call runs a command in English.
func call(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	return callIn(t, msg.English, args...)
}

func callIn(t *testing.T, lang msg.Lang, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	empty, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	var out, errOut bytes.Buffer
	a := &app{lang: lang, stdin: empty, stdout: &out, stderr: &errOut, root: t.TempDir()}
	status = a.main(t.Context(), args)
	return out.String(), errOut.String(), status
}

func document(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// leaf is a command that does something.
type leaf struct {
	path []string
	*urfave.Command
}

func leaves(a *app) []leaf {
	var list []leaf
	for _, c := range a.application().Commands {
		if len(c.Subcommands) == 0 {
			list = append(list, leaf{[]string{c.Name}, c})
		}
		for _, below := range c.Subcommands {
			list = append(list, leaf{[]string{c.Name, below.Name}, below})
		}
	}
	return list
}

func TestHelpPages(t *testing.T) {
	for _, lang := range []msg.Lang{msg.English, msg.Chinese} {
		root, _, status := callIn(t, lang, "help")
		if bare, _, _ := callIn(t, lang); status != 0 || bare != root {
			t.Errorf("omsinit alone is not the help page:\n%s", bare)
		}
		for _, l := range leaves(&app{lang: lang}) {
			if !strings.Contains(root, "   "+l.path[0]) {
				t.Errorf("the help page has no %s", l.path[0])
			}
			if l.Name == "help" { // it has that page
				continue
			}
			page, errOut, status := callIn(t, lang, append([]string{"help"}, l.path...)...)
			again, _, _ := callIn(t, lang, append(slices.Clone(l.path), "--help")...)
			if status != 0 || errOut != "" || again != page {
				t.Errorf("help %v: status %d, %s\n%s\n%s", l.path, status, errOut, page, again)
			}
			for line := range strings.Lines(page) {
				if w := runewidth.StringWidth(strings.TrimRight(line, "\n")); w > 80 && len(strings.Fields(line)) > 3 {
					t.Errorf("help %v: a line of %d columns: %s", l.path, w, line)
				}
			}
			flat := func(text string) string { return strings.Join(strings.Fields(text), "") }
			for _, want := range append(l.path, "omsinit "+strings.Join(l.path, " "), l.Usage,
				helppage.Arguments(lang, l.ArgsUsage)) {
				if !strings.Contains(flat(page), flat(want)) {
					t.Errorf("help %v: no %q in\n%s", l.path, want, page)
				}
			}
			for _, f := range l.VisibleFlags() {
				if !strings.Contains(page, "--"+f.Names()[0]) {
					t.Errorf("help %v: no --%s", l.path, f.Names()[0])
				}
				if f.(urfave.DocGenerationFlag).TakesValue() && helppage.Value(lang, f) == "" {
					t.Errorf("help %v: nothing says what --%s takes", l.path, f.Names()[0])
				}
			}
		}
	}
}

// TestHelpInChinese: no text of a help page was left in English.
func TestHelpInChinese(t *testing.T) {
	texts := func(lang msg.Lang) (list []string) {
		for _, l := range leaves(&app{lang: lang}) {
			list = append(list, l.Usage, l.Description)
			for _, f := range l.Flags {
				list = append(list, f.(urfave.DocGenerationFlag).GetUsage())
			}
		}
		return list
	}
	english, chinese := texts(msg.English), texts(msg.Chinese)
	for i, text := range english {
		if text != "" && text == chinese[i] {
			t.Errorf("%q has no Chinese", text)
		}
	}
}

func TestBadCommandLines(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"nonsense"}, `no command "nonsense"`},
		{[]string{"nonsense", "status"}, `no command "nonsense"`},
		{[]string{"nonsense", "--help"}, `no command "nonsense"`},
		{[]string{"help", "nonsense"}, `no command "nonsense"`},
		{[]string{"config", "nonsense"}, `no command "config nonsense"`},
		{[]string{"config", "nonsense", "show"}, `no command "config nonsense"`},
		{[]string{"config", "show", "--nonsense"}, "there is no option --nonsense; see `omsinit help config show`"},
		{[]string{"config", "show", "--pak", "x"}, "there is no option --pak; did you mean --pack?"},
		{[]string{"--rot", "x", "status"}, "did you mean --root?"},
		{[]string{"statsu"}, "did you mean `omsinit status`?"},
		{[]string{"upgrade", "aply"}, "did you mean `omsinit upgrade apply`?"},
		{[]string{"check", "--deadline"}, "the option --deadline needs a value"},
		{[]string{"check", "--deadline", "5"}, "--deadline is a time such as 90s or 5m, not \"5\""},
		{[]string{"logs", "-n", "x"}, "-n is a number, not \"x\""},
		{[]string{"check", "--offline=maybe"}, "--offline is true or false, not \"maybe\""},
		{[]string{"check", "---offline"}, "\"---offline\" is no option"},
		{[]string{"config", "show", "a", "b"}, `takes no argument "b"`},
		{[]string{"status", "everything"}, `takes no argument "everything"`},
		{[]string{"check", "--output", "xml"}, "--output is text or json"},
		{[]string{"metrics", "show", "--output=xml"}, "--output is text, json or prometheus"},
		{[]string{"check", "--deadline", "-1s"}, "--deadline must be longer than 0"},
		{[]string{"cluster", "show", "--heartbeat-age", "0s"}, "--heartbeat-age must be longer than 0"},
		{[]string{"metadb", "backup", "--prove=half", "/x"}, "full or sample"},
		{[]string{"status", "--lang", "fr"}, "--lang is en or zh"},
		{[]string{"--lang", "fr", "status"}, "--lang is en or zh"},
		{[]string{"status", "--pack", "/no/such/folder"}, "--pack"},
		{[]string{"status", "--watch", "--output", "json"}, "--watch"},
		{[]string{"start"}, "programs"},
		{[]string{"signal", "HUP"}, "signal"},
		{[]string{"tail"}, "stdout or stderr"},
		{[]string{"tail", "nginx", "both"}, "stdout or stderr"},
		{[]string{"logs", "-n", "0"}, "--lines"},
		{[]string{"config", "set"}, "KEY=VALUE"},
		{[]string{"config", "set", "oms_meta_password=x"}, "arguments"},
		{[]string{"config", "set", "cm_location=1", "cm_location=2"}, "twice"},
		{[]string{"config", "ports", "cm_location=1"}, "nginx_server_port"},
		{[]string{"config", "restore"}, "version"},
		{[]string{"pack", "show"}, "pack list"},
		{[]string{"pack", "export"}, "folder"},
		{[]string{"pack", "diff", "-"}, "folder of the pack"},
		{[]string{"pack", "lint", "/no/such/folder"}, "/no/such/folder"},
		{[]string{"pack", "capture"}, "--out"},
		{[]string{"metadb", "backup"}, "folder of the backup"},
		{[]string{"upgrade", "verify"}, "folder of the backup"},
		{[]string{"run", "--on-fatal", "restart"}, "--on-fatal"},
		{[]string{"run", "--metrics-port", "70000"}, "--metrics-port"},
		{[]string{"run", "--page", "maybe"}, "--page"},
		{[]string{"init", "--only", "check", "--skip", "metadb"}, "--only"},
		{[]string{"init", "--prefer", "mine"}, "--prefer"},
		{[]string{"check", "--explain", "no.such"}, "no.such"},
	} {
		out, errOut, status := call(t, tc.args...)
		if status != 64 || out != "" || !strings.Contains(errOut, tc.want) || !strings.HasPrefix(errOut, "omsinit: ") {
			t.Errorf("%v: status %d, want %q in %s%s", tc.args, status, tc.want, out, errOut)
		}
		_, chinese, _ := callIn(t, msg.Chinese, tc.args...)
		if strings.TrimPrefix(chinese, "omsinit：") == strings.TrimPrefix(errOut, "omsinit: ") {
			t.Errorf("%v: no Chinese for %s", tc.args, chinese)
		}
	}
}

func TestBadEnvironment(t *testing.T) {
	for name, args := range map[string][]string{
		"OMSINIT_TSDB_OPTIONAL": {"status"}, "OMSINIT_STOP_TIMEOUT": {"run"},
		"OMSINIT_ON_FATAL": {"run"}, "OMSINIT_METRICS_PORT": {"run"}, "OMSINIT_PAGE": {"run"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "maybe")
			if _, errOut, status := call(t, args...); status != 64 || !strings.Contains(errOut, "maybe") {
				t.Errorf("status %d, %s", status, errOut)
			}
		})
	}
}

// TestMissingCommandOfRun: a command that cannot be run has the exit status that a shell gives it.
func TestMissingCommandOfRun(t *testing.T) {
	_, errOut, status := call(t, "run", "/no/such/program", "--root", "x")
	if status != 127 || !strings.Contains(errOut, "/no/such/program") {
		t.Errorf("status %d, %s", status, errOut)
	}
}

func TestFormats(t *testing.T) {
	sample := filepath.Join("..", "..", "testdata", "config", "obd.yaml")
	text, _, status := call(t, "config", "show", sample)
	if status != 0 || !strings.Contains(text, "oms_meta_host") || strings.Contains(text, `"key"`) {
		t.Errorf("status %d, %s", status, text)
	}
	for _, f := range formats {
		out, errOut, status := call(t, "config", "show", sample, "--output", f.name)
		if status != 0 || !strings.Contains(out, "oms_meta_host") {
			t.Errorf("%s: status %d, %s%s", f.name, status, out, errOut)
		}
	}
}

// TestPackListEvidence: people and scripts see how each file, call and port is known.
func TestPackListEvidence(t *testing.T) {
	var list struct {
		Files []struct {
			Name     string
			Evidence map[string]string
		}
		Calls, Ports []struct{ Name, Key, Evidence string }
	}
	out, errOut, status := call(t, "pack", "list", "--output", "json")
	if err := json.Unmarshal([]byte(out), &list); err != nil || status != 0 {
		t.Fatalf("status %d, %v\n%s", status, err, errOut)
	}
	got := map[string]string{}
	for _, f := range list.Files {
		got[f.Name] = f.Evidence["path"] + " " + f.Evidence["template"]
	}
	for _, x := range append(list.Calls, list.Ports...) {
		got[x.Name+x.Key] = x.Evidence
	}
	for name, want := range map[string]string{
		"templates/supervisor.json": "documented documented", "templates/http.ini": "guess guess",
		"create-consumer":                      "guess",
		"templates/application-oms.properties": "observed guess", "nginx_server_port": "documented",
		"cm_server_port": "guess",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	out, _, _ = callIn(t, msg.Chinese, "pack", "list")
	for _, want := range []string{"templates/http.ini", "推测", "有文档", "实际观察"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

func TestTargetIsComplete(t *testing.T) {
	t.Setenv("OMS_HOST_IP", "10.0.0.1")
	t.Setenv("IS_UPGRADE", "true")
	t.Setenv(tsdbOptionalEnv, "true")
	t.Setenv("OMSINIT_ROOT", "/environment")
	read := func(args ...string) target {
		t.Helper()
		a := &app{lang: msg.English, stdout: new(bytes.Buffer), stderr: new(bytes.Buffer)}
		a.readEnvironment()
		c := &probe{}
		u := a.application()
		u.Commands = []*urfave.Command{a.command("probe", "", c)}
		a.complete(u.Commands[0], "probe", a.commonFlags())
		arranged := append([]string{"omsinit"}, arrange(u.Flags, u.Commands, args)...)
		if err := u.RunContext(context.Background(), arranged); err != nil {
			t.Fatal(err)
		}
		return c.target
	}
	o := read("probe")
	n := o.node
	if n.Layout.Root() != "/environment" || n.ConfigFile != "/environment/home/admin/conf/config.yaml" ||
		n.HostIP != "10.0.0.1" || n.IsUpgrade != "true" || !o.TSDBOptional || n.Build != version ||
		n.Lang != msg.English || n.Out == nil || n.Err == nil {
		t.Errorf("%+v", o)
	}
	o = read("--root", "/before", "--config", "/x", "probe", "--root", "/after", "--tsdb-optional=false")
	if o.node.Layout.Root() != "/after" || o.node.ConfigFile != "/x" || o.TSDBOptional {
		t.Errorf("%+v", o)
	}
}

// probe is a command that does nothing.
type probe struct{ target }

func (c *probe) flags(t translate) flags { return flags{tsdbOptionalFlag(t, &c.TSDBOptional)} }

func (c *probe) Run(context.Context, *app) error { return nil }
