package control

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/ochinchina/supervisord/faults"

	"omsinit/supervise/api"
)

// rawValue is a <value> that is handed on as it stands.
type rawValue struct {
	XML string `xml:",innerxml"`
}

type rawMember struct {
	Name  string   `xml:"name"`
	Value rawValue `xml:"value"`
}

// multicall answers system.multicall: an array of {methodName, params}, and
// for each its value or {faultCode, faultString}. As in Supervisor, and unlike
// the specification, a value is not wrapped in an array.
func (h *rpcHandler) multicall(w *rpcAnswer, r *http.Request, body []byte) {
	var request struct {
		Calls []struct {
			Members []rawMember `xml:"struct>member"`
		} `xml:"params>param>value>array>data>value"`
	}
	if err := xml.Unmarshal(body, &request); err != nil {
		w.fault(fault(faults.IncorrectParameters, err.Error()))
		return
	}
	var results bytes.Buffer
	for _, c := range request.Calls {
		method, params := "", ""
		for _, m := range c.Members {
			switch m.Name {
			case "methodName":
				method = valueText(m.Value)
			case "params":
				var list struct {
					Values []rawValue `xml:"array>data>value"`
				}
				if err := xml.Unmarshal([]byte("<value>"+m.Value.XML+"</value>"), &list); err == nil {
					for _, v := range list.Values {
						params += "<param><value>" + v.XML + "</value></param>"
					}
				}
			}
		}
		one := &rpcAnswer{header: http.Header{}, status: http.StatusOK}
		switch method {
		case "":
			one.fault(fault(faults.IncorrectParameters, "No methodName"))
		case "system.multicall":
			one.fault(fault(faults.IncorrectParameters, "Recursive system.multicall forbidden"))
		default:
			h.one(one, r, method, []byte("<methodCall><methodName>"+method+"</methodName><params>"+params+"</params></methodCall>"))
		}
		results.WriteString("<value>" + one.inner() + "</value>")
	}
	w.header.Set("Content-Type", "text/xml")
	w.body.WriteString("<methodResponse><params><param><value><array><data>" + results.String() +
		"</data></array></value></param></params></methodResponse>")
}

// valueText is a value that is a string, with or without its type.
func valueText(v rawValue) string {
	var value api.XMLValue
	if err := xml.Unmarshal([]byte("<value>"+v.XML+"</value>"), &value); err != nil {
		return ""
	}
	text, _ := value.Value().(string)
	return strings.TrimSpace(text)
}

// inner is the value of an answer, or the structure of its fault.
func (w *rpcAnswer) inner() string {
	var answer struct {
		Value *rawValue `xml:"params>param>value"`
		Fault *rawValue `xml:"fault>value"`
	}
	err := xml.Unmarshal(w.body.Bytes(), &answer)
	switch {
	case err == nil && answer.Value != nil:
		return answer.Value.XML
	case err == nil && answer.Fault != nil:
		return answer.Fault.XML
	}
	return "<nil/>"
}
