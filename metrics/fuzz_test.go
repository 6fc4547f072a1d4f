package metrics

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"omsinit/internal/config"
)

// answers is a TSDB that always answers the same.
type answers struct {
	status          int
	version, answer string
}

func (a answers) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Body: io.NopCloser(strings.NewReader(a.answer)),
		Header: http.Header{"X-Influxdb-Version": {a.version}, "Location": {a.version}}}, nil
}

// FuzzTSDB: whatever answers in the place of the TSDB, it is understood or refused in one line without the password.
func FuzzTSDB(f *testing.F) {
	for _, text := range []string{
		`{"results":[{"series":[{"name":"databases","columns":["name"],"values":[["_internal"],["oms"]]}]}]}`,
		`{"results":[{"series":[{"values":[[],[1],[null],[{"a":1}]]}]}]}`,
		`{"results":[{"error":"database not found"}]}`,
		`{"error":"authorization failed"}`, `{"code":"unauthorized","message":"x"}`, "<html>", "<!DOCTYPE html>", "",
		"null", "[]", `{"results":[{"series":[`, `{"results":[null]}`, "\x00\xff", `{"error":"a\nb"}`,
	} {
		for _, status := range []int{200, 204, 302, 401, 404, 503} {
			f.Add(status, "1.8.10", text)
		}
		f.Add(200, "v2.7", text)
		f.Add(200, "", text)
	}
	f.Fuzz(func(t *testing.T, status int, version, text string) {
		s, err := dial(&config.Config{TSDBURL: "127.0.0.1:8086", TSDBUsername: "u",
			TSDBPassword: config.Secret("pa55word!")})
		if err != nil {
			t.Fatal(err)
		}
		s.http.Transport = answers{100 + (status%500+500)%500, version, text}
		resp, err := s.query(t.Context(), "SHOW DATABASES")
		if err == nil {
			names(resp)
		}
		_, err2 := s.ping(t.Context())
		err3 := s.write(t.Context(), place{"a", "b"}, bytes.Repeat([]byte("x"), 3), "")
		for _, err := range []error{err, err2, err3} {
			if err == nil {
				continue
			}
			if strings.ContainsAny(err.Error(), "\n\r\x00") || strings.Contains(err.Error(), "pa55word!") &&
				!strings.Contains(version+text, "pa55word!") {
				t.Fatalf("the error: %q", err)
			}
		}
	})
}
