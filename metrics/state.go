package metrics

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"omsinit/internal/atomicfile"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Applied is what step 3 told the components of the TSDB, in a file of this
// container. The reporter in PID 1 follows it: it reports where, and with what,
// the components do. It holds no secret: the tsdb_* values are known by a
// digest, keyed with a salt, in a file that only root reads.
type Applied struct {
	Version int    `json:"version"`
	State   string `json:"state"` // on, off or left_out
	// Reason is why the TSDB was left out.
	Reason msg.Text  `json:"reason,omitzero"`
	Into   pack.TSDB `json:"into"`
	Salt   string    `json:"salt"`
	Digest string    `json:"digest"`
}

// The states of Applied.
const (
	On  = "on"
	Off = "off"
	// LeftOut: tsdb_enabled is true, and the node goes without all the same.
	LeftOut = "left_out"
)

const appliedVersion = 1

// NewApplied describes a decision. The reason is only for LeftOut.
func NewApplied(state string, reason error, cfg *config.Config, into pack.TSDB) Applied {
	a := Applied{Version: appliedVersion, State: state, Reason: msg.ErrorText(reason), Into: into, Salt: rand.Text()}
	a.Digest = a.digest(cfg)
	return a
}

func (a Applied) digest(cfg *config.Config) string {
	mac := hmac.New(sha256.New, []byte(a.Salt))
	for _, part := range []string{
		cfg.TSDBService, cfg.TSDBURL, cfg.TSDBUsername, cfg.TSDBPassword.Reveal(),
		a.Into.Database, a.Into.RetentionPolicy,
	} {
		fmt.Fprintf(mac, "%d:%s;", len(part), part)
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// Fits reports whether config.yaml has the same tsdb_* values still.
func (a Applied) Fits(cfg *config.Config) bool {
	return cfg.TSDBEnabled == (a.State != Off) && hmac.Equal([]byte(a.Digest), []byte(a.digest(cfg)))
}

// Same reports whether another decision, for the values in cfg, is the same.
func (a Applied) Same(b Applied, cfg *config.Config) bool {
	return a.State == b.State && a.Into == b.Into && a.Reason == b.Reason && a.Fits(cfg) == b.Fits(cfg)
}

// differs is said of a config.yaml that was edited and not applied.
func differs() msg.Message {
	return msg.M("config.yaml has other tsdb_* values than this node runs with; `omsinit reconfigure` applies them")
}

// LoadApplied reads the file. A file that cannot be understood counts as none:
// the next step 3 writes it again.
func LoadApplied(path string) (Applied, bool) {
	var a Applied
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, &a) != nil || a.Version != appliedVersion {
		return Applied{}, false
	}
	return a, true
}

// Write keeps the decision.
func (a Applied) Write(path string) error {
	data, err := json.Marshal(a)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = atomicfile.Write(path, data, atomicfile.Options{Mode: 0o600})
	}
	if err != nil {
		return msg.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}
