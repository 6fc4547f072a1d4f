package xmlrpc

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestParseCall(t *testing.T) {
	method, args, err := ParseCall([]byte(`<?xml version='1.0'?>
<methodCall><methodName>a.b</methodName><params>
<param><value>as it is</value></param>
<param><value><string> &lt;&#228;<![CDATA[<]]></string></value></param>
<param><value><int> -3 </int></value></param><param><value><i4>4</i4></value></param>
<param><value><boolean>1</boolean></value></param>
<param><value><array><data><value><array><data/></array></value><value><int>1</int></value></data></array></value></param>
<param><value><struct><member><name>n</name><value><string/></value></member></struct></value></param>
</params></methodCall>`))
	want := []any{"as it is", " <ä<", -3, 4, true, []any{[]any{}, 1}, map[string]any{"n": ""}}
	if err != nil || method != "a.b" || !reflect.DeepEqual(args, want) {
		t.Errorf("%q, %#v, %v; want %#v", method, args, err, want)
	}
	for _, bad := range []string{"", "text", "<methodCall>", "<html/>", "<methodResponse/>"} {
		if _, _, err := ParseCall([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	if _, args, err := ParseCall([]byte(
		"<methodCall><params><param><value><int>x</int></value></param></params></methodCall>")); err != nil {
		t.Error(err)
	} else if _, ok := args[0].(error); !ok {
		t.Errorf("%#v instead of an error", args[0])
	}
}

// TestRoundTrip writes and reads what a program's name and log may hold.
func TestRoundTrip(t *testing.T) {
	type pair struct {
		Last  string `json:"last"`
		First int    `json:"first"`
	}
	written := []any{"a<b>&\"' \n\tä\x00", 0, -7, false, []any{}, []pair{{"l", 1}}, map[string]any{"x&": []string{"y"}}}
	want := []any{"a<b>&\"' \n\tä\uFFFD", 0, -7, false, []any{}, []any{map[string]any{"last": "l", "first": 1}},
		map[string]any{"x&": []any{"y"}}}
	if _, args, err := ParseCall(Call("m", written...)); err != nil || !reflect.DeepEqual(args, want) {
		t.Errorf("%#v, %v; want %#v", args, err, want)
	}
	for i, v := range written {
		if got, err := ParseResponse(Response(v)); err != nil || !reflect.DeepEqual(got, want[i]) {
			t.Errorf("%#v, %v; want %#v", got, err, want[i])
		}
	}
	if text := string(Response([]pair{{"l", 1}})); strings.Index(text, "last") > strings.Index(text, "first") {
		t.Errorf("the members lost their order: %s", text)
	}
}

func TestFault(t *testing.T) {
	_, err := ParseResponse(Response(Fault{10, "BAD_NAME: a<b"}))
	if f, ok := errors.AsType[Fault](err); !ok || f != (Fault{10, "BAD_NAME: a<b"}) {
		t.Errorf("%#v", err)
	}
	for _, bad := range []string{"", "<html/>", "<methodResponse/>",
		"<methodResponse><fault><value>x</value></fault></methodResponse>",
		"<methodResponse><params><param><value><int>x</int></value></param></params></methodResponse>"} {
		if _, err := ParseResponse([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		} else if _, ok := errors.AsType[Fault](err); ok {
			t.Errorf("%q was a refusal", bad)
		}
	}
}
