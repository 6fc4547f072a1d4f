package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/xmlrpc"
)

// isFault reports whether an error is a refusal with one of these codes.
func isFault(err error, codes ...int) bool {
	fault, ok := errors.AsType[xmlrpc.Fault](err)
	return ok && slices.Contains(codes, fault.Code)
}

// rpc calls one method of Supervisor's interface. into points to what its answer is read into, nil for nothing.
func (e *endpoint) rpc(ctx context.Context, into any, method string, args ...any) error {
	call := xmlrpc.Call("supervisor."+method, args...)
	resp, err := e.do(ctx, http.MethodPost, "/RPC2", "text/xml", bytes.NewReader(call))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized {
		return msg.Errorf("the supervisor on %s refuses the user name and password of [supervisorctl]", e.address)
	}
	if resp.StatusCode != http.StatusOK {
		return e.foreign(resp)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, 2*api.AnswerLimit))
	if err != nil {
		return e.explain(ctx, err)
	}
	// Supervisor sends the control bytes of a log as they are.
	answer, err := xmlrpc.ParseResponse(bytes.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' && r != '\r' {
			return '?'
		}
		return r
	}, bytes.ToValidUTF8(data, []byte("?"))))
	if whatever, ok := into.(*any); ok {
		*whatever = answer
	} else if err == nil && into != nil {
		// The values are those of JSON, whose decoder fills any type.
		var text []byte
		if text, err = json.Marshal(answer); err == nil {
			err = json.Unmarshal(text, into)
		}
	}
	if _, ok := errors.AsType[xmlrpc.Fault](err); err != nil && !ok {
		return msg.Errorf("the supervisor's answer is not understood: %v", err)
	}
	return err
}
