package config

import "testing"

func TestSuggest(t *testing.T) {
	for name, want := range map[string]string{
		"oms_meta_hsot":                "oms_meta_host", // two letters in the wrong order
		"oms_meta_pasword":             "oms_meta_password",
		"OMS-Meta.Port":                "oms_meta_port",
		"ssh_server_port":              "sshd_server_port",
		"cm_ur":                        "cm_url",
		"apsara_audit_sls_acess_secrt": "apsara_audit_sls_access_secret",
		"my_key":                       "",
		"url":                          "",
		"":                             "",
		"用户":                           "",
	} {
		got, ok := suggest(name)
		if ok != (want != "") || ok && got.Name != want {
			t.Errorf("%q: got %v, want %q", name, got, want)
		}
	}
}
