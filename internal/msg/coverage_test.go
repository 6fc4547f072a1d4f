package msg_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var verb = regexp.MustCompile(`%[-+# 0]*(?:\[(\d+)\])?[-+# 0-9.*]*([a-zA-Z%])`)

// TestEveryTextHasChinese reads the source of the whole module: each literal
// that goes to a person is in the catalogue, with the same verbs.
func TestEveryTextHasChinese(t *testing.T) {
	chinese := map[string]string{}
	for _, m := range readCatalogue(t).Messages {
		chinese[m.MsgId] = m.MsgStr
	}
	texts := readSource(t).texts
	if len(texts) < 1000 {
		t.Fatalf("found only %d texts: the search is broken", len(texts))
	}
	for _, text := range texts {
		if !strings.ContainsFunc(verb.ReplaceAllString(text.format, ""), isLetter) {
			continue // nothing but verbs and punctuation
		}
		zh, ok := chinese[text.format]
		switch {
		case !ok:
			t.Errorf("%s: no Chinese for %q in zh.po", text.at, text.format)
		case !slices.Equal(verbs(text.format), verbs(zh)):
			t.Errorf("%s: the verbs of %q and %q differ", text.at, text.format, zh)
		}
	}
}

// TestEveryEntryIsUsed reads the source for what nobody says any more.
func TestEveryEntryIsUsed(t *testing.T) {
	used := readSource(t).literals
	for _, m := range readCatalogue(t).Messages {
		if !used[m.MsgId] {
			t.Errorf("zh.po: no Go file has the text %q: remove the entry, or change its msgid with the text", m.MsgId)
		}
	}
}

// TestListsAreLists: what is joined with commas is a msg.List, which has the commas of each language. SQL to paste is
// no enumeration.
func TestListsAreLists(t *testing.T) {
	for _, text := range readSource(t).texts {
		if text.joined && !strings.Contains(text.format, "GRANT ") {
			t.Errorf("%s: give msg.List to %q in place of strings.Join", text.at, text.format)
		}
	}
}

// TestEnglishBelowIsKnown: an error that is made in English is in the list of foreign texts, for it may be the reason
// in a text for people.
func TestEnglishBelowIsKnown(t *testing.T) {
	known := map[string]bool{}
	for _, m := range readCatalogue(t).Messages {
		known[m.MsgId] = true
	}
	unseen := map[string]bool{"failed": true, "there is something to do": true, "there are findings": true,
		"contained": true}
	plain := readSource(t).plain
	if len(plain) < 20 {
		t.Fatalf("found only %d errors: the search is broken", len(plain))
	}
	for _, text := range plain {
		for _, part := range strings.Split(verb.ReplaceAllString(text.format, "%s"), ": ") {
			words := strings.Fields(strings.ReplaceAll(part, "%s", ""))
			if len(words) > 1 && !known[part] && !unseen[part] {
				t.Errorf("%s: %q is in English only: use msg.Errorf, or name it in foreign_texts.go", text.at, part)
			}
		}
	}
}

// text is a format that goes to a person.
type text struct {
	format string
	at     token.Position
	joined bool // one of its arguments is joined with ", "
}

// source is what the Go files of the module say, tests left out.
type source struct {
	texts    []text
	plain    []text // of errors.New and fmt.Errorf
	literals map[string]bool
}

func readSource(t *testing.T) source {
	t.Helper()
	root := moduleRoot(t)
	found := source{literals: map[string]bool{}}
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, filepath.Join("check", "explain.txt")) {
			return found.readExplanations(path)
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			return err
		}
		joined := map[string]bool{} // variables of the function that is read
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				clear(joined)
			case *ast.AssignStmt:
				if name, ok := n.Lhs[0].(*ast.Ident); ok && slices.ContainsFunc(n.Rhs, joins) {
					joined[name.Name] = true
				}
			}
			if e, ok := n.(ast.Expr); ok {
				if s, ok := literal(e); ok {
					found.literals[s] = true
				}
			}
			if call, ok := n.(*ast.CallExpr); ok && len(call.Args) > 0 && makesError(call) &&
				!ofTools.MatchString(strings.TrimPrefix(path, root)) {
				if format, ok := literal(call.Args[0]); ok {
					found.plain = append(found.plain, text{format: format, at: fset.Position(call.Pos())})
				}
			}
			if call, ok := n.(*ast.CallExpr); ok && len(call.Args) > 0 && speaksToPeople(call) {
				if format, ok := literal(call.Args[0]); ok {
					list := slices.ContainsFunc(call.Args[1:], func(e ast.Expr) bool {
						name, ok := e.(*ast.Ident)
						return joins(e) || ok && joined[name.Name]
					})
					found.texts = append(found.texts, text{format, fset.Position(call.Pos()), list})
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// readExplanations reads the long help of findings: blocks of an id, a cause and a help, each in a line of its own.
func (s *source) readExplanations(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	id := true
	for i, line := range strings.Split(string(data), "\n") {
		if !id && line != "" {
			s.literals[line] = true
			s.texts = append(s.texts, text{format: line, at: token.Position{Filename: path, Line: i + 1}})
		}
		id = line == ""
	}
	return nil
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// ofTools are programs that are not part of omsinit.
var ofTools = regexp.MustCompile(`/(?:testdata|scripts|bench|e2e|deploy)/|/internal/msg/`)

// makesError reports whether a call is errors.New or fmt.Errorf.
func makesError(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, _ := sel.X.(*ast.Ident)
	return x != nil && (x.Name == "errors" && sel.Sel.Name == "New" || x.Name == "fmt" && sel.Sel.Name == "Errorf")
}

// speaksToPeople reports whether a call takes the format of a text: msg.Errorf,
// msg.M, Sprintf of a language, and t, which is short for that in long tables.
func speaksToPeople(call *ast.CallExpr) bool {
	if f, ok := call.Fun.(*ast.Ident); ok {
		return f.Name == "t"
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, _ := sel.X.(*ast.Ident)
	if x != nil && x.Name == "msg" {
		return sel.Sel.Name == "Errorf" || sel.Sel.Name == "M"
	}
	return sel.Sel.Name == "Sprintf" && (x == nil || x.Name != "fmt")
}

// joins reports whether an expression is strings.Join(…, ", "), or adds to one.
func joins(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return joins(e.X) || joins(e.Y)
	case *ast.CallExpr:
		sel, ok := e.Fun.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "Join" || len(e.Args) != 2 {
			return false
		}
		comma, _ := literal(e.Args[1])
		return comma == ", "
	}
	return false
}

// literal reads a string constant, also one that is joined with +.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		a, okA := literal(e.X)
		b, okB := literal(e.Y)
		return a + b, okA && okB && e.Op == token.ADD
	}
	return "", false
}

// verbs lists the verbs in argument order.
func verbs(format string) []string {
	var out []string
	next := 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[2] == "%" {
			continue
		}
		index := next
		if m[1] != "" {
			index, _ = strconv.Atoi(m[1])
		}
		next = index + 1
		for len(out) < index {
			out = append(out, "")
		}
		out[index-1] = strings.ReplaceAll(m[2], "w", "v")
	}
	return out
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = parent
	}
}
