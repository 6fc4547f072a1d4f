package resource

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// FuzzJudge: whatever answers in the CM's place, only what says that it was done counts as done.
func FuzzJudge(f *testing.F) {
	for _, text := range []string{
		`{"isSuccess": true}`, `{"isSuccess": false, "errCode": 302, "errMsg": "exists"}`,
		`{"isSuccess": false, "errCode": "302"}`, `{"isSuccess": null}`, `{"isSuccess": "true"}`,
		`{"isSuccess": false, "errCode": {"a": []}}`,
		`{"isSuccess": false, "errCode": 1e400, "errMsg": "a\nb\u0000"}`, "", "null", "[]",
		"<html><title>\n x </title>", "<title", "{\"isSuccess\": tr", "\xff\xfe", `{"isSuccess": true} trailing`,
	} {
		f.Add("text/html", []byte(text))
		f.Add("application/json", []byte(text))
	}
	f.Fuzz(func(t *testing.T, kind string, text []byte) {
		resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {kind}, "Server": {kind}}}
		isNew, err := judge(resp, text, []int{302})
		var said struct {
			IsSuccess bool            `json:"isSuccess"`
			ErrCode   json.RawMessage `json:"errCode"`
		}
		understood := json.Unmarshal(text, &said) == nil
		code := strings.Trim(string(said.ErrCode), `"`)
		switch {
		case err == nil && (!understood || !said.IsSuccess && strings.TrimLeft(code, "+0") != "302" ||
			isNew != said.IsSuccess):
			t.Fatalf("%q counts as done, new %v", text, isNew)
		case err != nil && strings.ContainsAny(err.Error(), "\n\r\x00"):
			t.Fatalf("the error is not one line: %q", err)
		}
	})
}
