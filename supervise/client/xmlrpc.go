package client

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
)

// The calling side of XML-RPC, as far as Supervisor's interface needs it.
// ochinchina's xmlrpcclient has fixed structures, panics in GetVersion and
// cannot add or remove groups, so it serves the tests only.

// rpcFault is a refusal by the other side.
type rpcFault struct {
	Code int
	Text string
}

func (f *rpcFault) Error() string { return f.Text }

// rpc calls one XML-RPC method. Arguments are strings, whole numbers and
// truth values; answers are those, []any and rpcStruct.
func (e *endpoint) rpc(ctx context.Context, method string, args ...any) (any, error) {
	var body bytes.Buffer
	body.WriteString("<?xml version='1.0'?><methodCall><methodName>" + method + "</methodName><params>")
	for _, arg := range args {
		body.WriteString("<param><value>")
		switch v := arg.(type) {
		case bool:
			body.WriteString("<boolean>" + map[bool]string{false: "0", true: "1"}[v] + "</boolean>")
		case int:
			body.WriteString("<int>" + strconv.Itoa(v) + "</int>")
		default:
			body.WriteString("<string>")
			_ = xml.EscapeText(&body, []byte(fmt.Sprint(v)))
			body.WriteString("</string>")
		}
		body.WriteString("</value></param>")
	}
	body.WriteString("</params></methodCall>")
	resp, err := e.do(ctx, http.MethodPost, "/RPC2", "text/xml", &body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized {
		return nil, msg.Errorf("the supervisor on %s refuses the user name and password of [supervisorctl]", e.address)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, msg.Errorf("the supervisor on %s answered %s; it is not omsinit run, or another version", e.address, resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, 2*api.AnswerLimit))
	if err != nil {
		return nil, e.explain(ctx, err)
	}
	value, err := parseAnswer(data)
	if fault := (*rpcFault)(nil); err != nil && !errors.As(err, &fault) {
		return nil, msg.Errorf("the supervisor's answer is not understood: %v", err)
	}
	return value, err
}

// parseAnswer reads a methodResponse. The error is an rpcFault when it is one.
func parseAnswer(data []byte) (any, error) {
	// Supervisor sends the control bytes of a log as they are.
	data = bytes.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' && r != '\r' {
			return '?'
		}
		return r
	}, bytes.ToValidUTF8(data, []byte("?")))
	var answer struct {
		XMLName xml.Name       `xml:"methodResponse"`
		Values  []api.XMLValue `xml:"params>param>value"`
		Fault   *api.XMLValue  `xml:"fault>value"`
	}
	switch err := xml.Unmarshal(data, &answer); {
	case err != nil:
		return nil, err
	case answer.Fault != nil:
		f, _ := answer.Fault.Value().(api.Struct)
		return nil, &rpcFault{Code: f.Number("faultCode"), Text: f.Text("faultString")}
	case len(answer.Values) != 1:
		return nil, fmt.Errorf("%d values", len(answer.Values))
	}
	return answer.Values[0].Value(), nil
}
