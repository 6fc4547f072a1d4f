// Package xmlrpc reads and writes the messages of Supervisor's XML-RPC, for our server and for our client of a Python
// supervisord. Values are string, int, bool, []any and map[string]any; what is written may also be another slice, or a
// struct whose fields have the names of their json tags and keep their order.
package xmlrpc

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Fault is a refusal by the other side, with a code and a text of Supervisor.
type Fault struct {
	Code int    `json:"faultCode"`
	Text string `json:"faultString"`
}

func (f Fault) Error() string { return f.Text }

// Call returns a call of a method.
func Call(method string, args ...any) []byte {
	var b bytes.Buffer
	b.WriteString("<?xml version='1.0'?>\n<methodCall><methodName>")
	_ = xml.EscapeText(&b, []byte(method)) // a buffer takes everything
	b.WriteString("</methodName><params>")
	for _, arg := range args {
		b.WriteString("<param>")
		write(&b, reflect.ValueOf(arg))
		b.WriteString("</param>")
	}
	b.WriteString("</params></methodCall>\n")
	return b.Bytes()
}

// Response returns the answer to a call: a value, or a Fault. It panics on what is no value, as the caller's types are
// known when it is written.
func Response(value any) []byte {
	var b bytes.Buffer
	before, after := "<params><param>", "</param></params>"
	if _, ok := value.(Fault); ok {
		before, after = "<fault>", "</fault>"
	}
	b.WriteString("<?xml version='1.0'?>\n<methodResponse>" + before)
	write(&b, reflect.ValueOf(value))
	b.WriteString(after + "</methodResponse>\n")
	return b.Bytes()
}

func write(b *bytes.Buffer, v reflect.Value) {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	b.WriteString("<value>")
	switch v.Kind() {
	case reflect.String:
		b.WriteString("<string>")
		_ = xml.EscapeText(b, []byte(v.String()))
		b.WriteString("</string>")
	case reflect.Int:
		fmt.Fprintf(b, "<int>%d</int>", v.Int())
	case reflect.Bool:
		bit := 0
		if v.Bool() {
			bit = 1
		}
		fmt.Fprintf(b, "<boolean>%d</boolean>", bit)
	case reflect.Slice:
		b.WriteString("<array><data>")
		for i := range v.Len() {
			write(b, v.Index(i))
		}
		b.WriteString("</data></array>")
	case reflect.Map:
		b.WriteString("<struct>")
		members := v.Interface().(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(members)) {
			writeMember(b, name, reflect.ValueOf(members[name]))
		}
		b.WriteString("</struct>")
	case reflect.Struct:
		b.WriteString("<struct>")
		for i := range v.NumField() {
			writeMember(b, v.Type().Field(i).Tag.Get("json"), v.Field(i))
		}
		b.WriteString("</struct>")
	default:
		panic(fmt.Sprintf("XML-RPC has no value for a %s", v.Kind()))
	}
	b.WriteString("</value>")
}

func writeMember(b *bytes.Buffer, name string, v reflect.Value) {
	b.WriteString("<member><name>")
	_ = xml.EscapeText(b, []byte(name))
	b.WriteString("</name>")
	write(b, v)
	b.WriteString("</member>")
}

// ParseCall reads a call. A number that is none is an error among its arguments.
func ParseCall(data []byte) (method string, args []any, err error) {
	var call struct {
		XMLName xml.Name `xml:"methodCall"`
		Method  string   `xml:"methodName"`
		Params  []value  `xml:"params>param>value"`
	}
	if err := xml.Unmarshal(data, &call); err != nil {
		return "", nil, err
	}
	return call.Method, values(call.Params), nil
}

// ParseResponse reads an answer. A refusal is an error, a Fault.
func ParseResponse(data []byte) (any, error) {
	var response struct {
		XMLName xml.Name `xml:"methodResponse"`
		Params  []value  `xml:"params>param>value"`
		Fault   *value   `xml:"fault>value"`
	}
	if err := xml.Unmarshal(data, &response); err != nil {
		return nil, err
	}
	if response.Fault != nil {
		fields, _ := response.Fault.value().(map[string]any)
		code, isCode := fields["faultCode"].(int)
		text, isText := fields["faultString"].(string)
		if !isCode || !isText {
			return nil, errors.New("a fault without a code or a text")
		}
		return nil, Fault{code, text}
	}
	if len(response.Params) != 1 {
		return nil, fmt.Errorf("%d values instead of one", len(response.Params))
	}
	answer := response.Params[0].value()
	if err, ok := answer.(error); ok {
		return nil, err
	}
	return answer, nil
}

// value is a <value>.
type value struct {
	String  *string `xml:"string"`
	Int     *string `xml:"int"`
	I4      *string `xml:"i4"`
	Boolean *string `xml:"boolean"`
	Array   *struct {
		Values []value `xml:"data>value"`
	} `xml:"array"`
	Struct *struct {
		Members []struct {
			Name  string `xml:"name"`
			Value value  `xml:"value"`
		} `xml:"member"`
	} `xml:"struct"`
	Text string `xml:",chardata"` // a value without a type is a string
}

// value returns a string, an int, a bool, a []any or a map, or an error for a number that is none.
func (v *value) value() any {
	switch {
	case v.String != nil:
		return *v.String
	case v.Int != nil:
		return integer(*v.Int)
	case v.I4 != nil:
		return integer(*v.I4)
	case v.Boolean != nil:
		return strings.TrimSpace(*v.Boolean) == "1"
	case v.Array != nil:
		return values(v.Array.Values)
	case v.Struct != nil:
		members := map[string]any{}
		for _, m := range v.Struct.Members {
			members[m.Name] = m.Value.value()
		}
		return members
	}
	return v.Text
}

func values(list []value) []any {
	out := make([]any, len(list))
	for i := range list {
		out[i] = list[i].value()
	}
	return out
}

func integer(text string) any {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return err
	}
	return n
}
