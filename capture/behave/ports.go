package behave

import (
	"context"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// port changes each that a program listens on, but for the CM's. Whoever speaks HTTP must answer afterwards as before:
// a program that still goes to the old port of another shows only then.
func (p *Proof) port(ctx context.Context, self string) error {
	before := p.answers(ctx)
	tried := false
	for _, key := range config.KeysOf(config.ComponentPort) {
		old, _ := p.config.Values()[key].(int)
		if key == "cm_server_port" || !p.listens(old) {
			continue // cm_url, which other nodes have too, names the CM's
		}
		tried = true
		port, err := freePort()
		if err != nil {
			return err
		}
		if err := p.set(ctx, self, key, strconv.Itoa(port)); err != nil {
			return err
		}
		if p.listens(old) || !p.listens(port) {
			p.differs(key, msg.M(
				"after the port was changed, nothing listens on the new one, or something still does on the old one"))
		}
		after := p.answers(ctx)
		deadline := time.Now().Add(answerTime)
		for !maps.Equal(before, after) && time.Now().Before(deadline) && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(500 * time.Millisecond):
			}
			after = p.answers(ctx)
		}
		for _, place := range slices.Sorted(maps.Keys(before)) {
			if before[place] != after[place] {
				p.differs(key, msg.M("after the port was changed, %s answers with HTTP %d and not %d as before: some program still goes to the old port; see readers in pack.yaml", place, after[place], before[place]))
			}
		}
		before = after
		if err := p.held(ctx, key, answerTime); err != nil {
			return err
		}
	}
	if !tried {
		p.differs("ports", msg.M("no program listens on a port of config.yaml"))
	}
	return nil
}

// answerTime is how long a program that was restarted may take to answer as before.
const answerTime = 30 * time.Second

// paths are what is asked of whoever speaks HTTP: its front page, and what is documented (oms-facts §5).
var paths = []string{"/", "/oms/health"}

// answers are the HTTP statuses of the ports of config.yaml, by key and path; 0 is no HTTP.
func (p *Proof) answers(ctx context.Context) map[string]int {
	out := map[string]int{}
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, key := range config.KeysOf(config.ComponentPort) {
		port, _ := p.config.Values()[key].(int)
		for _, host := range p.hosts() {
			if !listens(host, port) {
				continue
			}
			for _, path := range paths {
				place := key + " " + path
				out[place] = 0
				to := "http://" + net.JoinHostPort(host, strconv.Itoa(port)) + path
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
				if err != nil {
					continue
				}
				if resp, err := client.Do(req); err == nil {
					resp.Body.Close()
					out[place] = resp.StatusCode
				}
			}
			break
		}
	}
	return out
}

// hosts are the addresses that a program of this node may listen on.
func (p *Proof) hosts() []string { return []string{"127.0.0.1", p.config.CMNodes[0]} }

func (p *Proof) listens(port int) bool {
	return slices.ContainsFunc(p.hosts(), func(host string) bool { return listens(host, port) })
}

func listens(host string, port int) bool {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(port)), 2*time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
