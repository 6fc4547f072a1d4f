package config

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"gopkg.in/yaml.v3"

	"omsinit/internal/msg"
)

// fileSuffix makes the key of a file from the key of a secret: oms_meta_password_file is the path of a file that holds
// the value of oms_meta_password, as Kubernetes and podman mount their secrets. OMS itself has no such keys.
const fileSuffix = "_file"

// longestSecret is far more than a password has; what is longer is another file.
const longestSecret = 4096

// FileKey returns the key that names a file with the value of a secret, and "" for other keys.
func (k *Key) FileKey() string {
	if !k.Secret {
		return ""
	}
	return k.Name + fileSuffix
}

// findFileKey returns the key of the secret whose file a key names.
func findFileKey(name string) (*Key, bool) {
	base, ok := strings.CutSuffix(name, fileSuffix)
	if !ok {
		return nil, false
	}
	k, ok := find(base)
	return k, ok && k.Secret
}

// takeFile takes the value of a secret out of the file that its FileKey names. The path is as this process sees it. It
// is not shown where it may be the secret itself, written into the wrong key.
func (r *reader) takeFile(k *Key, e entry) (ok bool) {
	name, n := k.FileKey(), e.value
	wrong := func(rule, fix msg.Message) bool { r.at(n, name, "", rule, fix); return false }
	path, ok := r.scalar(&Key{Name: name}, n)
	switch {
	case !ok:
		return false
	case r.entries[k.Name].value != nil:
		return wrong(msg.M("%s is given too", k.Name), msg.M("keep one of the two lines"))
	case path == "":
		return r.empty(&Key{Name: name, Required: k.Required, With: k.With, Example: "/run/secrets/" + k.Name}, n)
	case !filepath.IsAbs(path):
		return wrong(msg.M("the value must be the absolute path of a file that holds the secret"),
			msg.M("write a path that begins with /; the secret itself belongs to %s", k.Name))
	}
	text, mode, err := readSecret(path)
	if err != nil {
		if _, e := os.Stat(filepath.Dir(path)); e == nil {
			return wrong(msg.M("cannot read the file %s: %v", path, err),
				msg.M("put the secret there, alone in the first line, for the user that runs omsinit to read"))
		}
		return wrong(msg.M("the folder of the file is not there"),
			msg.M("mount the folder into the container, and see whether this is its path there"))
	}
	if mode.Perm()&0o007 != 0 {
		r.warn(n, name, "", msg.M("others can read the file, or write to it (%s)", mode.Perm().String()),
			msg.M("run chmod o= on it; a secret of Kubernetes has defaultMode: 0400"))
	}
	// A value is judged as if it stood in the place of the path.
	value := *n
	value.Tag, value.Style, value.Value, value.LineComment = "!!str", yaml.SingleQuotedStyle, text, ""
	if text, ok = r.scalar(k, &value); !ok {
		return false
	}
	if text == "" {
		return wrong(msg.M("the file %s is empty", path),
			msg.M("put the secret there, alone in the first line, for the user that runs omsinit to read"))
	}
	if text, ok = r.accept(k, &value, text); ok {
		k.set(&r.config, text)
		r.taken[k.Name] = n
	}
	return ok
}

// readSecret returns the text of a file without the line end at its end, which editors and echo put there.
func readSecret(path string) (string, fs.FileMode, error) {
	// Not to wait for whoever would write into a pipe.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", 0, cause(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", 0, cause(err)
	}
	if !info.Mode().IsRegular() {
		return "", 0, msg.Errorf("it is not a file")
	}
	data, err := io.ReadAll(io.LimitReader(f, longestSecret+1))
	switch {
	case err != nil:
		return "", 0, cause(err)
	case len(data) > longestSecret:
		return "", 0, msg.Errorf("it has more than %d bytes", longestSecret)
	}
	text := strings.TrimSuffix(string(data), "\n")
	return strings.TrimSuffix(text, "\r"), info.Mode(), nil
}
