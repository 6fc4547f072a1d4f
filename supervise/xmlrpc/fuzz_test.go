package xmlrpc

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"unicode/utf8"
)

// FuzzParse: whatever a client or a supervisor sends, it is refused, or means the same when it is sent again.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "<", "<methodCall>", "<methodCall><methodName>a.b</methodName></methodCall>",
		"<?xml version='1.0'?>\n<methodCall>\n<methodName>supervisor.stop</methodName>\n<params>\n<param>\n<value><string>a</string></value>\n</param>\n</params>\n</methodCall>\n",
		"<methodCall><methodName>a</methodName><params><param><value>text</value></param><param><value><int>7</int></value></param><param><value><boolean>1</boolean></value></param></params></methodCall>",
		"<methodResponse><params><param><value><array><data><value><i4>-1</i4></value><value><struct><member><name>a</name><value><double>1.5</double></value></member></struct></value></data></array></value></param></params></methodResponse>",
		"<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>10</int></value></member><member><name>faultString</name><value><string>BAD_NAME</string></value></member></struct></value></fault></methodResponse>",
		"<methodResponse><params><param><value><base64>QQ==</base64></value></param></params></methodResponse>",
		"<methodResponse><params><param><value><nil/></value></param></params></methodResponse>",
		"<!DOCTYPE a [<!ENTITY b \"bb\">]><methodCall><methodName>&b;</methodName></methodCall>", "<methodCall><methodName>a</methodName><params><param><value><int>99999999999999999999</int></value></param></params></methodCall>",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if name, args, err := ParseCall(data); err == nil && utf8.Valid(data) && sendable(args) {
			again, same, err := ParseCall(Call(name, args...))
			if err != nil || again != name || !reflect.DeepEqual(args, same) && len(args)+len(same) > 0 {
				t.Fatalf("%q: %q %#v was sent as %q %#v: %v", data, name, args, again, same, err)
			}
		}
		if value, err := ParseResponse(data); err == nil && utf8.Valid(data) && sendable(value) {
			if again, err := ParseResponse(Response(value)); err != nil || !reflect.DeepEqual(value, again) {
				t.Fatalf("%q: %#v was sent as %#v: %v", data, value, again, err)
			}
		}
	})
}

// sendable reports whether a value may be sent: numbers that are none are read as errors.
func sendable(value any) bool {
	switch v := value.(type) {
	case string, int, bool:
		return true
	case []any:
		return !slices.ContainsFunc(v, func(item any) bool { return !sendable(item) })
	case map[string]any:
		return sendable(slices.Collect(maps.Values(v)))
	}
	return false
}
