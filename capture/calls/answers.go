package calls

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"omsinit/capture/match"
	"omsinit/capture/source"
	"omsinit/internal/pack"
	"omsinit/internal/pattern"
)

// verdict is what the CM says of a call (oms-facts §5).
type verdict struct {
	IsSuccess *bool           `json:"isSuccess"`
	ErrCode   json.RawMessage `json:"errCode"`
}

// saysSuccess reports whether an answer says whether the call succeeded. One that was not recorded does.
func saysSuccess(answer []byte) bool {
	var v verdict
	return answer == nil || json.Unmarshal(answer, &v) == nil && v.IsSuccess != nil
}

func refused(answer []byte) bool {
	var v verdict
	return json.Unmarshal(answer, &v) == nil && v.IsSuccess != nil && !*v.IsSuccess
}

// done are the codes that count as success: the documented one, and the one
// that this call was answered with although the old step went on.
func done(e source.Exchange) []int {
	codes := []int{alreadyExists}
	var v verdict
	if refused(e.Answer) && json.Unmarshal(e.Answer, &v) == nil {
		if n, err := strconv.Atoi(strings.Trim(string(v.ErrCode), `"`)); err == nil && n != alreadyExists {
			codes = append(codes, n)
		}
	}
	return codes
}

// answered are the texts that the CM has answered with, and to what, but for those that it was told before.
type answered map[string]string

const (
	// shortestToken is the length from which on a text of an answer is told from a word, and shortestPart that from
	// which on it counts within another text, too.
	shortestToken = 8
	shortestPart  = 16
	// longestAnswer is that of an answer that is nothing but an id.
	longestAnswer = 64
)

func (a answered) add(e source.Exchange) {
	from := e.Method + " " + e.Path
	sent := e.Path + "\n" + e.Query.Encode() + "\n" + e.Form.Encode() + "\n" + string(e.Body)
	token := func(key, text string) {
		told := slices.Contains(tokens().FindAllString(sent, -1), text)
		if isID(key) && !told && !usualAnswer(text) && tokens().FindString(text) == text {
			a[idMark+text] = from
		}
		told = strings.Contains(sent, text) || strings.Contains(sent, url.QueryEscape(text))
		if len(text) >= shortestToken && !told {
			a[text] = from
		}
	}
	var value any
	if json.Unmarshal(e.Answer, &value) != nil {
		if text := strings.TrimSpace(string(e.Answer)); len(text) <= longestAnswer {
			token("id", text)
		}
		return
	}
	var look func(string, any)
	look = func(key string, value any) {
		switch v := value.(type) {
		case float64:
			if isID(key) {
				token(key, strconv.FormatFloat(v, 'f', -1, 64))
			}
		case string:
			token(key, v)
		case []any:
			for _, x := range v {
				look(key, x)
			}
		case map[string]any:
			for name, x := range v {
				look(name, x)
			}
		}
	}
	look("id", value)
}

// usualAnswer reports whether an answer is a word that says how a call went.
func usualAnswer(text string) bool {
	return slices.Contains([]string{"", "ok", "success", "created", "true", "false", "done"}, strings.ToLower(text))
}

// idMark marks ids, which may be short, among other texts.
const idMark = "\x00"

var (
	// tokens are what ids are made of.
	tokens = pattern.New(`[\w.-]+`)
	// idMember is a member of a JSON object with a text, a number, or a list of those; idField is a field of a form.
	idMember = pattern.New(`"(\w+)"\s*:\s*("[^"]*"|\[[^\[\]{}]*\]|[\w.-]+)`)
	idField  = pattern.New(`(?:^|[?&])([\w.-]+)=([^&]*)`)
)

// isID reports whether a field is named like the id of something that the CM has made.
func isID(key string) bool {
	key = strings.ToLower(key)
	return key == "data" || strings.HasSuffix(key, "id") || strings.HasSuffix(key, "ids")
}

// isIDOf reports whether a field is named like an id, or like what a call made: group, for what /resource/group/create
// has answered.
func isIDOf(key, from string) bool {
	return isID(key) || slices.Contains(match.Words(from), strings.ToLower(key))
}

// within are the fields of a call that have an answer as their value, with what it was the answer to.
func (a answered) within(c pack.Call) map[string]string {
	out := map[string]string{}
	path, query, _ := strings.Cut(c.Path, "?")
	for text, from := range a {
		text, id := strings.CutPrefix(text, idMark)
		is := func(key, value string) {
			literal := expression().ReplaceAllString(value, "")
			if id && isIDOf(key, from) && slices.Contains(tokens().FindAllString(literal, -1), text) {
				out[key] = from
			}
		}
		long := len(text) >= shortestPart
		for _, fields := range []map[string]string{c.Query, c.Form, c.Header} {
			for key, value := range fields {
				is(key, value)
				if !id && (strings.HasSuffix(value, text) || long && strings.Contains(value, text)) {
					out[key] = from
				}
			}
		}
		for _, m := range idMember().FindAllStringSubmatch(c.Body, -1) {
			is(m[1], m[2])
		}
		for _, fields := range []string{query, c.Body} {
			for _, m := range idField().FindAllStringSubmatch(fields, -1) {
				is(m[1], m[2])
			}
		}
		if slices.Contains(strings.Split(path, "/"), url.PathEscape(text)) || !id && path == text {
			out["path"] = from
		}
		if !id && (strings.Contains(c.Body, `"`+text+`"`) || strings.Contains(c.Body, "="+url.QueryEscape(text)) ||
			long && strings.Contains(c.Body, text)) {
			out["body"] = from
		}
	}
	return out
}
