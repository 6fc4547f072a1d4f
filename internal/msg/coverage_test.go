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

// text is a format that goes to a person.
type text struct {
	format string
	at     token.Position
}

// source is what the Go files of the module say, tests left out.
type source struct {
	texts    []text
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
		ast.Inspect(file, func(n ast.Node) bool {
			if e, ok := n.(ast.Expr); ok {
				if s, ok := literal(e); ok {
					found.literals[s] = true
				}
			}
			if call, ok := n.(*ast.CallExpr); ok && len(call.Args) > 0 && speaksToPeople(call) {
				if format, ok := literal(call.Args[0]); ok {
					found.texts = append(found.texts, text{format, fset.Position(call.Pos())})
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
			s.texts = append(s.texts, text{line, token.Position{Filename: path, Line: i + 1}})
		}
		id = line == ""
	}
	return nil
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

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
