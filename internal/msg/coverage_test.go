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
// that goes to a person must stand in a file named *_zh.go with the same verbs.
func TestEveryTextHasChinese(t *testing.T) {
	root := moduleRoot(t)
	chinese := map[string]string{}
	type use struct {
		text string
		at   token.Position
	}
	var uses []use
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, "_zh.go") {
			ast.Inspect(file, func(n ast.Node) bool {
				if kv, ok := n.(*ast.KeyValueExpr); ok {
					key, okKey := literal(kv.Key)
					value, okValue := literal(kv.Value)
					if okKey && okValue {
						if other, ok := chinese[key]; ok && other != value {
							t.Errorf("%s: another Chinese text for %q elsewhere: %q and %q", fset.Position(kv.Pos()), key, value, other)
						}
						chinese[key] = value
					}
				}
				return true
			})
			return nil
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 || !speaksToPeople(call) {
				return true
			}
			if text, ok := literal(call.Args[0]); ok {
				uses = append(uses, use{text, fset.Position(call.Pos())})
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(uses) < 50 {
		t.Fatalf("found only %d texts in %s: the search is broken", len(uses), root)
	}
	for _, u := range uses {
		if verb.ReplaceAllString(u.text, "") == "" || !strings.ContainsFunc(verb.ReplaceAllString(u.text, ""), isLetter) {
			continue // nothing but verbs and punctuation
		}
		zh, ok := chinese[u.text]
		switch {
		case !ok:
			t.Errorf("%s: no Chinese for %q", u.at, u.text)
		case !slices.Equal(verbs(u.text), verbs(zh)):
			t.Errorf("%s: the verbs of %q and %q differ", u.at, u.text, zh)
		}
	}
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// speaksToPeople: msg.Errorf, msg.M, Sprintf of something called lang, and t,
// which is short for that in long tables of texts.
func speaksToPeople(call *ast.CallExpr) bool {
	if f, ok := call.Fun.(*ast.Ident); ok {
		return f.Name == "t"
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	if x, ok := sel.X.(*ast.Ident); ok && x.Name == "msg" {
		return sel.Sel.Name == "Errorf" || sel.Sel.Name == "M"
	}
	if sel.Sel.Name != "Sprintf" {
		return false
	}
	switch x := sel.X.(type) {
	case *ast.Ident:
		return strings.EqualFold(x.Name, "lang")
	case *ast.SelectorExpr:
		return strings.EqualFold(x.Sel.Name, "lang")
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
