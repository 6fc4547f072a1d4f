package node

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"omsinit/internal/config"
)

// Digest returns one text for everything that the generated files of the node
// are made from: the values of config.yaml, OMS_HOST_IP, the release of the
// pack, the build of omsinit, and whether there is a certificate. A comment, or
// another spelling of a value, does not make another one. config.yaml holds
// passwords, and a bare hash of it would let others try guesses: what is kept
// is keyed with a salt, in a file that only root can read.
func (n *Node) Digest(salt string) (string, error) {
	p, err := n.Pack()
	if err != nil {
		return "", err
	}
	s := n.Snapshot()
	if s.Err != nil {
		return "", s.Err
	}
	values, err := json.Marshal(revealed(s.Config.Values()))
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, []byte(salt))
	for _, part := range []string{string(values), n.HostIP, p.Release, n.Build, fmt.Sprint(s.https)} {
		fmt.Fprintf(mac, "%d:%s;", len(part), part)
	}
	return hex.EncodeToString(mac.Sum(nil)), nil
}

// Changed reports whether the node has another Digest now than when it was
// read. config.yaml is opened again only if it was touched.
func (n *Node) Changed() bool {
	n.mu.Lock()
	touched := n.snapshot == nil || n.outdated() || n.snapshot.https != n.Layout.HTTPS()
	n.mu.Unlock()
	if !touched {
		return false
	}
	then, _ := n.Digest("")
	now, err := n.Again().Digest("")
	return err != nil || now != then
}

// revealed replaces secrets, which marshal as stars, by their texts.
func revealed(v any) any {
	switch v := v.(type) {
	case config.Secret:
		return v.Reveal()
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = revealed(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = revealed(value)
		}
		return out
	}
	return v
}
