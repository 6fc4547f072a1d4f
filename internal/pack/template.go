package pack

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"

	"omsinit/internal/config"
	"omsinit/internal/msg"
)

const escaperName = "omsinit_escape"

// keys are the names a template may use.
type keys struct {
	names  map[string]bool
	secret map[string]bool
}

// parseTemplate reads one template, refuses names that nobody will fill in,
// and appends the format's escaper to every action, as html/template does: so
// no template can forget it. place is its file, for messages. secret reports
// whether it uses a secret.
func parseTemplate(place, body string, format Format, spelling Spelling, k keys) (
	t *template.Template, secret bool, err error,
) {
	return parseIn(newTemplate(place, placeholders(), escaperOf(format, spelling, body)), body, k)
}

// escaperOf returns what escapes the values in a text of a format.
func escaperOf(format Format, spelling Spelling, body string) func(string) (string, error) {
	if format == Nginx && spelling == Standard {
		return escapeNginx(setsDollar(body))
	}
	escape, _ := spelledEscaper(format, spelling)
	return escape
}

// setsDollar reports whether a text of nginx says how a dollar is written.
func setsDollar(body string) bool { return strings.Contains(body, "geo $dollar") }

// newTemplate returns an empty template with functions, and an escaper beside them.
func newTemplate(place string, funcs template.FuncMap, escape func(string) (string, error)) *template.Template {
	return template.New(place).Option("missingkey=error").Funcs(funcs).
		Funcs(template.FuncMap{escaperName: newEscaper(escape)})
}

// parseIn parses a text into an empty template.
func parseIn(empty *template.Template, body string, k keys) (t *template.Template, secret bool, err error) {
	place := empty.Name()
	t, err = empty.Parse(body)
	if err != nil {
		return nil, false, templateError(err)
	}
	w := walker{tree: t.Tree, place: place, keys: k}
	if len(t.Templates()) > 1 {
		return nil, false, msg.Errorf("%s: {{define}} and {{block}} are not supported; write the text where it belongs",
			place)
	}
	if t.Tree == nil {
		return t, false, nil
	}
	w.node(t.Tree.Root, true)
	return t, w.secret, w.err
}

// templateError takes text/template's own prefix away: the name of the
// template is the file already, with its line.
func templateError(err error) error {
	return msg.Errorf("%v", msg.Foreign(strings.TrimPrefix(err.Error(), "template: ")))
}

// walker goes through a template. atRoot says whether the dot is the set of
// all values; inside {{range}} and {{with}} it is not.
type walker struct {
	tree   *parse.Tree
	place  string
	keys   keys
	secret bool
	err    error
}

func (w *walker) node(n parse.Node, atRoot bool) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil { // no {{else}}
			return
		}
		for _, child := range n.Nodes {
			w.node(child, atRoot)
		}
	case *parse.ActionNode:
		used := w.pipe(n.Pipe, atRoot)
		if len(n.Pipe.Decl) == 0 {
			w.escape(n.Pipe, used)
		}
	case *parse.IfNode:
		w.pipe(n.Pipe, atRoot)
		w.node(n.List, atRoot)
		w.node(n.ElseList, atRoot)
	case *parse.RangeNode:
		w.pipe(n.Pipe, atRoot)
		w.node(n.List, false)
		w.node(n.ElseList, atRoot)
	case *parse.WithNode:
		w.pipe(n.Pipe, atRoot)
		w.node(n.List, false)
		w.node(n.ElseList, atRoot)
	case *parse.TemplateNode:
		w.fail(n, msg.M("{{template}} is not supported; write the text where it belongs"))
	}
}

// pipe checks the names in a pipeline and returns them.
func (w *walker) pipe(p *parse.PipeNode, atRoot bool) []string {
	var used []string
	for _, cmd := range p.Cmds {
		used = append(used, w.setting(cmd)...)
		for _, arg := range cmd.Args {
			used = append(used, w.arg(arg, atRoot)...)
		}
	}
	return used
}

// setting is the name of a key that only some files have, as the function of
// that name is given it. One that sounds like a secret counts as one.
func (w *walker) setting(cmd *parse.CommandNode) []string {
	function, ok := cmd.Args[0].(*parse.IdentifierNode)
	if !ok || function.Ident != "setting" || len(cmd.Args) < 2 {
		return nil
	}
	name, ok := cmd.Args[1].(*parse.StringNode)
	if !ok {
		w.fail(cmd, msg.M("setting needs the name of a key in quotes"))
		return nil
	}
	w.secret = w.secret || config.SoundsSecret(name.Text)
	return []string{name.Text}
}

func (w *walker) arg(n parse.Node, atRoot bool) []string {
	switch n := n.(type) {
	case *parse.PipeNode:
		return w.pipe(n, atRoot)
	case *parse.ChainNode:
		return w.arg(n.Node, atRoot)
	case *parse.FieldNode:
		if atRoot {
			return w.name(n, n.Ident)
		}
	case *parse.VariableNode:
		if n.Ident[0] == "$" && len(n.Ident) > 1 {
			return w.name(n, n.Ident[1:])
		}
		if n.Ident[0] == "$" {
			w.everything(n)
		}
	case *parse.DotNode:
		if atRoot {
			w.everything(n)
		}
	}
	return nil
}

// everything refuses to hand all values on at once: nobody could tell then
// which of them are used, secrets among them.
func (w *walker) everything(n parse.Node) {
	w.fail(n, msg.M("%s stands for all values at once; name the one that is needed", n.String()))
}

func (w *walker) name(n parse.Node, ident []string) []string {
	switch {
	case !w.keys.names[ident[0]]:
		w.fail(n, msg.M("there is no value %q; the names are the keys of config.yaml and %s", ident[0],
			msg.List(derived)))
	case len(ident) > 1:
		w.fail(n, msg.M("%q has no part %q", ident[0], ident[1]))
	}
	w.secret = w.secret || w.keys.secret[ident[0]]
	return ident[:1]
}

// escape appends the escaper, with the names that go into the value, so that
// a refused value can be found in config.yaml.
func (w *walker) escape(p *parse.PipeNode, used []string) {
	names := strings.Join(slices.Compact(used), ", ")
	if names == "" {
		names = p.String()
	}
	p.Cmds = append(p.Cmds, &parse.CommandNode{
		NodeType: parse.NodeCommand, Pos: p.Pos,
		Args: []parse.Node{
			parse.NewIdentifier(escaperName).SetTree(w.tree).SetPos(p.Pos),
			&parse.StringNode{NodeType: parse.NodeString, Pos: p.Pos, Quoted: strconv.Quote(names), Text: names},
		},
	})
}

// fail keeps the first fault, with its line.
func (w *walker) fail(n parse.Node, what msg.Message) {
	if w.err != nil {
		return
	}
	location, _ := w.tree.ErrorContext(n) // name:line:column
	w.err = msg.Errorf("%s: %v", location, what)
}

// render fills in one template.
func render(t *template.Template, d Data, release string, values []string) (string, error) {
	filled, err := d.values(release, values)
	if err != nil {
		return "", err
	}
	t, err = t.Clone()
	if err != nil {
		return "", fmt.Errorf("cannot copy the template %s: %w", t.Name(), err)
	}
	return execute(t.Funcs(functions(d)), filled)
}

func execute(t *template.Template, values map[string]any) (string, error) {
	var b strings.Builder
	err := t.Execute(&b, values)
	var bad *valueError
	if errors.As(err, &bad) {
		return "", msg.Errorf("cannot write the value of %s: %v", bad.keys, bad.why)
	}
	if err != nil {
		return "", templateError(err)
	}
	return b.String(), nil
}
