package check

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strconv"
	"sync"

	"omsinit/internal/msg"
	"omsinit/internal/registry"
)

// Scheme returns whether https or http is spoken at an address.
func Scheme(ctx context.Context, address string) (string, error) {
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // whose certificate it is does not matter
	conn, err := dialer.DialContext(ctx, "tcp", address)
	var notTLS tls.RecordHeaderError
	var alert *net.OpError
	switch {
	case err == nil:
		conn.Close()
		return "https", nil
	case errors.As(err, &notTLS):
		return "http", nil
	case errors.As(err, &alert) && alert.Op == "remote error":
		return "https", nil // it refuses in the words of TLS
	}
	return "", err
}

// clusterScheme compares how the nodes of this region speak. The certificate is mounted on each by hand, and behind one
// VIP a browser reaches now one node and now another.
func clusterScheme(ctx context.Context, n *node, f *found) {
	own := "http"
	_, errCert := os.Stat(n.Layout.CertFile())
	_, errKey := os.Stat(n.Layout.KeyFile())
	if errCert == nil && errKey == nil {
		own = "https"
	}
	schemes := make([]string, len(n.cfg.CMNodes)) // "": itself, or it does not answer, which other checks are about
	var wg sync.WaitGroup
	for i, peer := range n.cfg.CMNodes {
		if !registry.SameAddress(peer, n.cfg.NodeAddress(n.HostIP)) {
			wg.Go(func() { schemes[i], _ = n.Scheme(ctx, net.JoinHostPort(peer, strconv.Itoa(n.cfg.NginxPort))) })
		}
	}
	wg.Wait()
	for i, peer := range n.cfg.CMNodes {
		if schemes[i] == "" || schemes[i] == own {
			continue
		}
		f.error("cluster.https", msg.M("the console of %s speaks %s, and that of this node %s", peer, schemes[i], own),
			msg.M("mount the same certificate and key on all nodes of the region, or on none, and start their containers anew"),
			fact("node", peer), fact("scheme", schemes[i]), fact("own", own))
	}
}
