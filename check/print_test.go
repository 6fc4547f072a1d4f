package check

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

func itoa(n int) string { return strconv.Itoa(n) }

// sampleReport has every status and every kind of finding.
func sampleReport() Report {
	report := Report{ConfigFile: "/home/admin/conf/config.yaml", Release: "4.2.3-CE", Results: []Result{
		{ID: "config.file", Title: msg.M("Check the validity of config.yaml format.")},
		{ID: "host.ip", Title: msg.M("Check the IP address of this node (OMS_HOST_IP)."),
			Findings: []finding.Finding{{ID: "host.ip", Severity: finding.Warning,
				Message: msg.M("OMS_HOST_IP is not set; the only entry of cm_nodes, %s, is used", "10.0.0.1"),
				Fix:     msg.M("start the container with -e OMS_HOST_IP=%s", "10.0.0.1"),
				Facts:   []finding.Fact{fact("cm_nodes", []string{"10.0.0.1"})}}}},
		{ID: "port.free", Title: msg.M("Check that the ports of the components are free."),
			Findings: []finding.Finding{{ID: "port.in-use", Severity: finding.Error,
				Message: msg.M("%s: port %d is already in use by process %d (%s)", "cm_server_port", 8088,
					4711, "java"),
				Fix:   msg.M("stop what holds the port, or set another %s in config.yaml", "cm_server_port"),
				Facts: []finding.Fact{fact("port", 8088), fact("pid", 4711)}}}},
		{ID: "metadb.clock", Title: msg.M("Check the synchronization between the MetaDB clock and the machine clock."),
			Facts: []finding.Fact{fact("offset_seconds", -6.5)}, Findings: []finding.Finding{
				{ID: "metadb.clock", Severity: finding.Error,
					Message: msg.M("the clock of the MetaDB is %s behind that of this host", "6.5s"),
					Fix:     msg.M("synchronise the clocks of the MetaDB's host and of all OMS nodes with NTP")}}},
		{ID: "tsdb.connect", Title: msg.M("Check the time-series database."),
			Findings: []finding.Finding{{ID: "tsdb.connect", Severity: finding.Error, Transient: true,
				Message: msg.M("%s", "a&b <c>")}}},
		{ID: "tsdb.write", Title: msg.M("Check that the time-series database takes data."),
			SkippedBecause: []string{"tsdb.connect"}},
	}}
	report.judge(Ignored{"metadb.clock"})
	return report
}

func TestPrint(t *testing.T) {
	report := sampleReport()
	for _, lang := range []msg.Lang{msg.English, msg.Chinese} {
		var text, colored, data bytes.Buffer
		report.Print(&text, lang)
		report.Print(terminal{&colored}, lang)
		encoder := json.NewEncoder(&data)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(report.JSON(lang)); err != nil {
			t.Fatal(err)
		}
		golden(t, "report."+string(lang)+".txt", text.Bytes())
		golden(t, "report."+string(lang)+".ansi", colored.Bytes())
		golden(t, "report."+string(lang)+".json", data.Bytes())
		if !json.Valid(data.Bytes()) {
			t.Errorf("not JSON: %s", data.Bytes())
		}
	}
}

// TestPrintNarrow: on a narrow terminal no line is wider than it, and no word is cut.
func TestPrintNarrow(t *testing.T) {
	report := sampleReport()
	for _, lang := range []msg.Lang{msg.English, msg.Chinese} {
		const columns = 44
		var wide, narrow bytes.Buffer
		report.Print(&wide, lang)
		report.Print(narrowTerminal{terminal{&narrow}, columns}, lang)
		for _, line := range strings.Split(style.Strip(narrow.String()), "\n") {
			if runewidth.StringWidth(line) > columns && !strings.HasPrefix(line, "[CHECK]") {
				t.Errorf("too wide: %q", line)
			}
		}
		words := func(text string) string {
			return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == '-' }),
				"")
		}
		if want, got := words(wide.String()), words(style.Strip(narrow.String())); want != got {
			t.Errorf("not the same text:\n%s", cmp.Diff(want, got))
		}
	}
}

type narrowTerminal struct {
	terminal
	columns int
}

func (n narrowTerminal) Columns() int { return n.columns }

// terminal is a terminal that shows colours.
type terminal struct{ io.Writer }

func (terminal) Colored() bool { return true }

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestEveryFindingIsExplained reads the source for the IDs that findings have,
// and holds the explanations against them.
func TestEveryFindingIsExplained(t *testing.T) {
	used := map[string]bool{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	// These are found elsewhere, and handed in.
	files = append(files, "../init/upgrade/objection.go", "../init/metadb/backup/probe.go", "../init/flow/upgrade.go",
		"../internal/registry/rules.go", "../internal/config/findings.go")
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") || path == "ignore.go" || path == "checks.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		categories := map[string]bool{}
		for _, c := range append(checks(), clusterChecks()...) {
			categories[Result{ID: c.id}.Category()] = true
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, _ := strconv.Unquote(lit.Value)
				category, name, dotted := strings.Cut(text, ".")
				if dotted && (categories[category] || category == "regions" || category == "check" ||
					category == "backup") && !strings.ContainsAny(name, " %/.") && name != "yaml" {
					used[text] = true
				}
			}
			return true
		})
	}
	seen := map[string]bool{}
	for _, e := range explanations() {
		if seen[e.ID] || e.Cause.IsZero() || e.Help.IsZero() {
			t.Errorf("%s: twice, or incomplete", e.ID)
		}
		seen[e.ID] = true
		if !used[e.ID] {
			t.Errorf("%s is explained, and no finding has this id", e.ID)
		}
		for _, lang := range []msg.Lang{msg.English, msg.Chinese} {
			var b bytes.Buffer
			e.Print(&b, lang)
			if strings.Contains(b.String(), "%!") || !strings.HasPrefix(b.String(), e.ID+"\n") {
				t.Errorf("%s: %s", e.ID, b.String())
			}
		}
	}
	for id := range used {
		if !seen[id] {
			t.Errorf("%s has no explanation", id)
		}
	}
	if len(seen) < 40 {
		t.Errorf("only %d explanations: the search is broken", len(seen))
	}
}

// TestDocumented: the tables of docs/check.md name every finding, and which of
// them cannot be ignored.
func TestDocumented(t *testing.T) {
	for _, page := range []string{"check.md", "check.zh.md"} {
		data, err := os.ReadFile(filepath.Join("..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		var got, want []string
		for line := range strings.Lines(string(data)) {
			cells := strings.Split(line, " | ")
			if id, ok := strings.CutPrefix(cells[0], "| `"); ok && len(cells) == 3 &&
				strings.Trim(cells[1], "EW! ") == "" {
				got = append(got, strings.Trim(id, "`")+" "+strconv.FormatBool(strings.Contains(cells[1], "!")))
			}
		}
		for _, e := range explanations() {
			want = append(want, e.ID+" "+strconv.FormatBool(e.Mandatory))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", page, diff)
		}
	}
}
