package check

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"omsinit/internal/finding"
	"omsinit/internal/layout"
)

// makeCertificates makes, in one folder, what the table of TestAsNginx is about: NAME.crt and NAME.key. The shell is
// the one of the openssl examples that people follow.
const makeCertificates = `
selfSigned() { name=$1; shift; openssl req -x509 -nodes -days 90 -subj /CN=oms -addext subjectAltName=IP:10.0.0.1 -keyout $name.key -out $name.crt "$@"; }
signed() { name=$1 by=$2; shift 2; openssl req -new -key rsa.key -subj /CN=leaf -addext subjectAltName=IP:10.0.0.1 -out csr
	openssl x509 -req -in csr -copy_extensions copyall -CA $by.crt -CAkey $by.key -CAcreateserial -days 90 -out $name.crt "$@"; cp rsa.key $name.key; }
put() { cat > $1.$2; [ -e $1.crt ] || cp rsa.crt $1.crt; [ -e $1.key ] || cp rsa.key $1.key; }
bom() { printf '\357\273\277'; cat $1; }
selfSigned rsa -newkey rsa:2048
selfSigned rsa1024 -newkey rsa:1024
selfSigned self-sha1 -key rsa.key -sha1; cp rsa.key self-sha1.key
selfSigned self-md5 -key rsa.key -md5; cp rsa.key self-md5.key
for curve in prime256v1 secp384r1 secp521r1 secp224r1 prime192v1 secp256k1; do selfSigned $curve -newkey ec -pkeyopt ec_paramgen_curve:$curve; done
selfSigned ed25519 -newkey ed25519
selfSigned pss -newkey rsa-pss
openssl dsaparam -genkey -noout -out dsa1024.key 1024; openssl req -x509 -days 90 -subj /CN=oms -key dsa1024.key -out dsa1024.crt
selfSigned ca -newkey rsa:2048
signed leaf ca
signed leaf-sha1 ca -sha1
signed leaf-md5 ca -md5
signed by-small rsa1024
cat leaf.crt ca.crt | put chain crt
cat ca.crt leaf.crt | put chain-reversed crt
cat by-small.crt rsa1024.crt | put chain-small crt
cat leaf.crt leaf-sha1.crt | put chain-sha1 crt
cat leaf.crt self-sha1.crt | put chain-self-sha1 crt
(cat leaf.crt; printf '%s\nAAAA\n%s\n' '-----BEGIN CERTIFICATE-----' '-----END CERTIFICATE-----') | put chain-damaged crt
put pair crt < ca.crt
openssl x509 -in rsa.crt -trustout -addtrust serverAuth | put trusted crt
openssl x509 -in rsa.crt -trustout -addreject serverAuth | put trusted-rejects crt
(cat leaf.crt; openssl x509 -in rsa1024.crt -trustout) | put trusted-second crt
sed 's/CERTIFICATE/X509 CERTIFICATE/' rsa.crt | put x509 crt
bom rsa.crt | put bom-crt crt
bom rsa.key | put bom-key key
sed 's/$/\r/' rsa.crt | put crlf crt
sed 's/$/  /' rsa.crt | put trailing-spaces crt
sed 's/^/  /' rsa.crt | put indented crt
sed 's/^/  /' rsa.key | put indented-key key
tr -d '\n' < rsa.crt | put one-line crt
openssl x509 -in rsa.crt -text | put with-text crt
openssl x509 -in rsa.crt -outform der | put der crt
cat rsa.key rsa.crt | put key-before crt
cat rsa.crt rsa.key | put key-after-certificate key
cat rsa1024.key rsa.key | put another-key-first key
openssl rsa -in rsa.key -traditional | put pkcs1 key
openssl ec -in prime256v1.key | put sec1 key; cp prime256v1.crt sec1.crt
(openssl ecparam -name prime256v1; openssl ec -in prime256v1.key) | put parameters-before key; cp prime256v1.crt parameters-before.crt
openssl rsa -in rsa.key -traditional -aes128 -passout pass:secret | put encrypted key
openssl pkcs8 -topk8 -in rsa.key -passout pass:secret | put encrypted-pkcs8 key
openssl rsa -in rsa.key -pubout | put public-half key
head -c 400 rsa.key | put cut key
: | put empty crt
: | put empty-key key
`

// TestAsNginx compares what the check says with what nginx -t says.
func TestAsNginx(t *testing.T) {
	nginx, err := layout.FindProgram("nginx")
	if err != nil {
		t.Fatalf("this test needs nginx: run make deps (%v)", err)
	}
	dir := t.TempDir()
	sh := exec.Command("sh", "-eu", "-c", makeCertificates)
	sh.Dir = dir
	if out, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.crt"))
	if err != nil || len(files) < 45 {
		t.Fatalf("%d certificates, %v", len(files), err)
	}
	// Kinds of keys that Go does not know, or has given up: nginx alone judges them.
	unseen := []string{"prime192v1", "dsa1024"}
	refused := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".crt")
		t.Run(name, func(t *testing.T) {
			l := layout.New(t.TempDir())
			if err := os.MkdirAll(filepath.Dir(l.CertFile()), 0o755); err != nil {
				t.Fatal(err)
			}
			for to, from := range map[string]string{l.CertFile(): file,
				l.KeyFile(): strings.TrimSuffix(file, ".crt") + ".key"} {
				data, err := os.ReadFile(from)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(to, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			said, accepts := nginxSays(t, nginx, l)
			if !accepts {
				refused++
			}
			in := Input{Layout: l, HostIP: "10.0.0.1"}
			with := outcome(t, in, load(t, valid), httpsCertificate)
			if findsRefusal(with.Findings, finding.Error) == accepts {
				t.Errorf("nginx says %q, the check %s", said, ids(with))
			}
			in.findProgram = func(string) (string, error) { return "", errors.New("no nginx here") }
			without := outcome(t, in, load(t, valid), httpsCertificate)
			if got := findsRefusal(without.Findings, finding.Warning); got == accepts &&
				!slices.Contains(unseen, name) {
				t.Errorf("nginx says %q, the check without nginx %s", said, ids(without))
			}
			for _, f := range append(with.Findings, without.Findings...) {
				if strings.Contains(f.Message.String()+f.Fix.String(), "PRIVATE KEY-----") {
					t.Errorf("the key is shown: %s", f.Message)
				}
			}
		})
	}
	if refused < 15 || len(files)-refused < 15 {
		t.Errorf("nginx refuses %d of %d", refused, len(files))
	}
}

// findsRefusal reports whether a finding of at least this severity means that nginx does not start.
func findsRefusal(list []finding.Finding, least finding.Severity) bool {
	return slices.ContainsFunc(list, func(f finding.Finding) bool {
		ends := slices.Contains([]string{"https.file", "https.pair", "https.chain", "https.weak", "https.nginx"}, f.ID)
		return ends && (f.Severity == finding.Error || least == finding.Warning && f.ID == "https.weak")
	})
}

// nginxSays has nginx test a configuration like the one of the console.
func nginxSays(t *testing.T, nginx string, l layout.Layout) (string, bool) {
	t.Helper()
	dir := t.TempDir()
	conf := "pid nginx.pid; error_log stderr;\nevents {}\nhttp { access_log off; server { listen unix:nginx.sock ssl;\n" +
		"ssl_certificate " + l.CertFile() + ";\nssl_certificate_key " + l.KeyFile() + ";\n} }\n"
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("setsid", "--wait", nginx, "-t", "-p", dir, "-c", file)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}
