package capture

import (
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"omsinit/capture/match"
	"omsinit/capture/source"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// call is one entry of calls in pack.yaml.
type call struct {
	Name   string            `yaml:"name"`
	Method string            `yaml:"method"`
	Path   string            `yaml:"path"`
	Form   map[string]string `yaml:"form,omitempty"`
	Done   []int             `yaml:"done,flow,omitempty"`
}

// alreadyExists is the CM's code for work that was done before (oms-facts §5).
const alreadyExists = 302

// calls turns what was recorded into the calls of the pack. Questions that only
// ask whether the CM is there are left out.
func (j *Job) calls() []call {
	var out []call
	names := map[string]int{}
	for i, e := range j.Calls {
		if e.Method == "GET" && strings.Trim(e.Path, "/") == "" {
			continue
		}
		place := e.Method + " " + e.Path
		if e.Method != "GET" && e.Method != "POST" {
			j.note(Finding{Kind: "call", Path: place, Text: msg.M("only GET and POST can be sent again, so it is left out")})
			continue
		}
		form := e.Form
		switch {
		case e.Method == "GET":
			form = e.Query
		case len(e.Query) > 0:
			j.note(Finding{Kind: "call", Path: place, Text: msg.M("it has values in its address too, which are sent in the form")})
			form = merged(e.Form, e.Query)
		case len(e.Form) == 0 && e.ContentType != "" && !strings.Contains(e.ContentType, "form"):
			j.note(Finding{Kind: "call", Path: place, Text: msg.M("its body is no form (%s) and cannot be sent again, so it is left out", e.ContentType)})
			continue
		}
		c := call{Method: e.Method, Path: e.Path, Done: done(e)}
		c.Name = strings.Trim(wordBreak().ReplaceAllString(e.Path, "-"), "-")
		if names[c.Name]++; names[c.Name] > 1 {
			c.Name += "-" + strconv.Itoa(names[c.Name])
		}
		if len(form) > 0 {
			c.Form = map[string]string{}
		}
		for _, key := range slices.Sorted(maps.Keys(form)) {
			if len(form[key]) > 1 {
				j.note(Finding{Kind: "call", Path: place, Key: key, Text: msg.M("%s was sent %d times; the last one is kept", key, len(form[key]))})
			}
			c.Form[key] = j.formValue(e.Path, key, form[key][len(form[key])-1], j.secondValue(i, key))
		}
		out = append(out, c)
	}
	return out
}

var wordBreak = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^A-Za-z0-9]+`) })

func merged(a, b url.Values) url.Values {
	out := maps.Clone(a)
	if out == nil {
		out = url.Values{}
	}
	for k, v := range b {
		if _, ok := out[k]; !ok {
			out[k] = v
		}
	}
	return out
}

// done are the codes that count as success: the documented one, and the one
// that this call was answered with although the old step went on.
func done(e source.Exchange) []int {
	var answer struct {
		IsSuccess *bool           `json:"isSuccess"`
		ErrCode   json.RawMessage `json:"errCode"`
	}
	codes := []int{alreadyExists}
	if json.Unmarshal(e.Answer, &answer) == nil && answer.IsSuccess != nil && !*answer.IsSuccess {
		if n, err := strconv.Atoi(strings.Trim(string(answer.ErrCode), `"`)); err == nil && n != alreadyExists {
			codes = append(codes, n)
		}
	}
	return codes
}

// secondValue is what the same call of the second installation had in a form; nil
// when it was not recorded.
func (j *Job) secondValue(i int, key string) *string {
	count := 0
	for _, e := range j.Calls[:i] {
		if e.Method == j.Calls[i].Method && e.Path == j.Calls[i].Path {
			count++
		}
	}
	for _, e := range j.SecondCalls {
		if e.Method != j.Calls[i].Method || e.Path != j.Calls[i].Path {
			continue
		}
		if count > 0 {
			count--
			continue
		}
		if v, ok := merged(e.Form, e.Query)[key]; ok && len(v) > 0 {
			return &v[len(v)-1]
		}
	}
	return nil
}

// formValue turns one value of a form into a template.
func (j *Job) formValue(path, key, text string, second *string) string {
	values := j.words.Known(pack.Plain, pack.Standard)
	l := match.Line{A: text, Parent: strings.ReplaceAll(path, "/", " "),
		Spans: []match.Span{{Key: key, Start: 0, End: len(text)}}}
	if second != nil {
		l.B = *second
	}
	segments, _, ok := match.NewMatcher(values, second != nil, "").Explain(l)
	if !ok {
		j.note(Finding{Kind: "differs", Path: path, Key: key, Text: msg.M("the value is kept as it is in the first installation")})
		segments, _, _ = match.NewMatcher(values, false, "").Explain(l)
	}
	out := string(match.Explained{Lines: [][]match.Segment{segments}}.Template())
	note := func(kind string, others []string) {
		if len(others) > 0 {
			j.note(Finding{Kind: kind, Path: path, Key: key, Candidates: others,
				Text: msg.M("%s of the call may come from %s", key, strings.Join(others, ", "))})
		}
	}
	for _, s := range segments {
		switch {
		case len(s.Unsure) > 0:
			note("text", expressionsOf(s.Unsure))
		case s.Value != nil:
			note("likely", relevant(s))
		case second == nil && s.Text == text:
			note("text", wholeValues(values, text))
		}
	}
	if config.SoundsSecret(key) && match.LooksLikeSecret(out) && !slices.Contains(j.Keep, path+":"+key) {
		j.note(Finding{Kind: "secret", Path: path, Key: key, Text: msg.M("%s is named like a secret, and its value does not come from config.yaml", key)})
	}
	return out
}

// wholeValues are the keys whose value a text is.
func wholeValues(values []match.Value, text string) []string {
	var out []*match.Value
	for i := range values {
		if v := &values[i]; v.A == text && v.Tier == 0 && !v.Secret {
			out = append(out, v)
		}
	}
	return expressionsOf(out)
}

// documentedColumns are what step 5 writes by itself (oms-facts §6), as far as
// it names columns.
var documentedColumns = map[string][]string{
	"rm.cluster_info":      {"region", "region_cn", "cm_url", "code", "is_default_cm"},
	"rm.oms_normal_config": {"cfg_name", "cfg_value"},
	"cm.resource_group":    {"id", "name"},
	"cm.location_cm":       {"location", "region", "cm_url"},
	"cm.host":              {"resource_group_id", "ip", "host_status"},
}

// register decides who registers regions and nodes: the calls, when they were
// recorded; omsinit itself, when the tables are as it knows them.
func (j *Job) register(t tree, calls []call) string {
	if len(calls) > 0 {
		return string(pack.ByCalls)
	}
	if j.DB == nil {
		return ""
	}
	for _, place := range slices.Sorted(maps.Keys(documentedColumns)) {
		role, table, _ := strings.Cut(place, ".")
		if missing := t.lacks(config.Role(role), table, documentedColumns[place]...); missing != "" {
			j.note(Finding{Kind: "register", Path: place, Key: missing,
				Text: msg.M("the table or its column %s is not as documented, so step 5 registers nothing by itself; record the calls of the old step 5 with --record", missing)})
			return string(pack.ByCalls)
		}
	}
	j.note(Finding{Kind: "register", Path: "calls", Text: msg.M("no call to the CM was recorded (--record): step 5 writes the documented tables itself, and sends nothing")})
	return ""
}

// lacks returns the first column that a table of the captured schema does not have,
// the table when it is not there, and "" when nothing is missing.
func (t tree) lacks(role config.Role, table string, columns ...string) string {
	file := ""
	for name, data := range t {
		if strings.HasPrefix(name, "schema/"+string(role)+"/") {
			file += string(data)
		}
	}
	_, text, found := strings.Cut(file, "CREATE TABLE IF NOT EXISTS `"+table+"` (")
	if !found {
		return table
	}
	text, _, _ = strings.Cut(text, "\n)")
	for _, column := range columns {
		if column != "" && !strings.Contains(text, "`"+column+"` ") {
			return column
		}
	}
	return ""
}
