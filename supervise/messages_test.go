package supervise

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var verbs = regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z%]`)

// Every text for people exists in Chinese, with the same verbs.
func TestMessagesHaveChinese(t *testing.T) {
	files := token.NewFileSet()
	english, chinese := map[string]token.Pos{}, map[string]string{}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"Errorf", "M", "Sprintf"}, f.Sel.Name) {
					if x, ok := f.X.(*ast.Ident); ok && x.Name != "fmt" {
						if text, ok := literal(n.Args[0]); ok {
							english[text] = n.Pos()
						}
					}
				}
			case *ast.KeyValueExpr:
				key, ok1 := literal(n.Key)
				value, ok2 := literal(n.Value)
				if ok1 && ok2 && strings.HasSuffix(name, "_zh.go") {
					chinese[key] = value
				}
			}
			return true
		})
	}
	for text, pos := range english {
		zh, ok := chinese[text]
		if !ok {
			t.Errorf("%s: no Chinese for %q", files.Position(pos), text)
		} else if !slices.Equal(verbs.FindAllString(text, -1), verbs.FindAllString(zh, -1)) {
			t.Errorf("%q and %q have different verbs", text, zh)
		}
	}
	for text := range chinese {
		if _, ok := english[text]; !ok {
			t.Errorf("%q is not used any more", text)
		}
	}
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}
