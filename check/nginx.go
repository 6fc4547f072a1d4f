package check

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"omsinit/internal/atomicfile"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pattern"
)

// strength reports what nginx refuses. How strict it is depends on the OpenSSL that it was built with, so the one of
// this image decides; where there is none, what most refuse is a warning.
func (n *node) strength(ctx context.Context, f *found, chain []certificate) {
	certFile := n.Layout.CertFile()
	weak := weaknesses(chain)
	refusal := n.askNginx(ctx)
	fix := msg.M("have a certificate made for an RSA key of 2048 bits or more, signed with SHA-256 by such an authority")
	for _, m := range weak {
		severity := finding.Warning
		if refusal != "" {
			severity = finding.Error
		}
		f.add(finding.Finding{ID: "https.weak", Severity: severity,
			Message: msg.M("%v, in %s: nginx refuses that unless its OpenSSL is an old or a lenient one", m, certFile),
			Fix:     fix, Facts: []finding.Fact{fact("path", certFile), fact("nginx", refusal)}})
	}
	if refusal != "" && len(weak) == 0 {
		f.error("https.nginx", msg.M("nginx refuses the certificate in %s: %s", certFile, refusal),
			msg.M("have a certificate and a key made that nginx -t accepts"), fact("path", certFile))
	}
}

// sslError is what nginx says of OpenSSL; the path before it is that of a file that is named already.
var sslError = pattern.New(`\[emerg\] \d+#\d+: (.*)`)

// askNginx has nginx load the two files, as it will when it starts, and returns why it refuses them: "" when it takes
// them, when there is no nginx, and when something else is in its way.
func (n *node) askNginx(ctx context.Context) string {
	nginx, err := n.findProgram("nginx")
	certFile, keyFile := n.Layout.CertFile(), n.Layout.KeyFile()
	if err != nil || strings.ContainsAny(certFile, `$"\`) {
		return ""
	}
	dir, err := atomicfile.TempDir("nginx")
	if err != nil {
		return ""
	}
	defer os.RemoveAll(dir)
	text := fmt.Sprintf("pid nginx.pid; error_log stderr; events {} http { access_log off; server {\n"+
		"listen unix:%s/socket ssl; ssl_certificate \"%s\"; ssl_certificate_key \"%s\"; } }\n", dir, certFile, keyFile)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return ""
	}
	cmd := exec.CommandContext(ctx, nginx, "-t", "-q", "-p", dir, "-c", file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without a terminal, where it would ask for a passphrase
	out, err := cmd.CombinedOutput()
	if err == nil {
		return ""
	}
	m := sslError().FindSubmatch(out)
	if m == nil || !strings.Contains(string(m[1]), "SSL") {
		return ""
	}
	return string(m[1])
}
