package support

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"

	"omsinit/internal/pattern"
)

// Alias is a name that others need not know, with what kind it is: host, account, region, database.
type Alias struct{ Kind, Name string }

// aliases replaces names and addresses, each by the same one everywhere.
type aliases struct {
	mu    sync.Mutex
	names map[string]string
	count map[string]int
	words *regexp.Regexp // of the names; nil without any
}

func newAliases(names []Alias) *aliases {
	a := &aliases{names: map[string]string{}, count: map[string]int{}}
	var words []string
	for _, n := range names {
		_, known := a.names[n.Name]
		_, noAddress := netip.ParseAddr(n.Name)
		if len(n.Name) < 2 || known || noAddress == nil || n.Name == "localhost" {
			continue
		}
		a.names[n.Name] = a.next(n.Kind, "%s-%d")
		words = append(words, n.Name)
	}
	slices.SortFunc(words, func(x, y string) int { return len(y) - len(x) })
	for i, w := range words {
		words[i] = edge(w[:1]) + regexp.QuoteMeta(w) + edge(w[len(w)-1:])
	}
	if len(words) > 0 {
		a.words = regexp.MustCompile(strings.Join(words, "|"))
	}
	return a
}

// edge keeps a name from being found within a word.
func edge(character string) string {
	if wordCharacter().MatchString(character) {
		return `\b`
	}
	return ""
}

var (
	wordCharacter = pattern.New(`^\w$`)
	emails        = pattern.New(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b`)
	ipv4          = pattern.New(`\b\d{1,3}(?:\.\d{1,3}){3}\b`)
	ipv6          = pattern.New(`[0-9A-Fa-f]{0,4}:(?:[0-9A-Fa-f]{0,4}:)+(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4})`)
	// hexadecimal are the addresses of /proc/net/tcp and tcp6.
	hexadecimal = pattern.New(`\b(?:[0-9A-F]{8}|[0-9A-F]{32}):[0-9A-F]{4}\b`)
)

// next returns the next alias of a kind. Callers hold the lock, or are alone.
func (a *aliases) next(kind, format string) string {
	a.count[kind]++
	return fmt.Sprintf(format, kind, a.count[kind])
}

// of returns the alias of a text, and makes one where there is none yet.
func (a *aliases) of(text string, make func(n int) string, kind string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	alias, ok := a.names[text]
	if !ok {
		a.count[kind]++
		alias = make(a.count[kind])
		a.names[text] = alias
	}
	return alias
}

func (a *aliases) replace(text string) string {
	text = emails().ReplaceAllStringFunc(text, func(s string) string {
		if strings.HasSuffix(s, "@example.com") {
			return s
		}
		return a.of(s, func(n int) string { return fmt.Sprintf("person-%d@example.com", n) }, "person")
	})
	if a.words != nil {
		text = a.words.ReplaceAllStringFunc(text, func(s string) string {
			a.mu.Lock()
			defer a.mu.Unlock()
			return a.names[s]
		})
	}
	text = hexadecimal().ReplaceAllStringFunc(text, a.raw)
	text = ipv4().ReplaceAllStringFunc(text, a.address)
	return ipv6().ReplaceAllStringFunc(text, a.address)
}

// address replaces an address by one of those that are for documents and tests (RFC 2544, RFC 3849). Loopback and the
// address of any stay: they tell nothing.
func (a *aliases) address(s string) string {
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.IsLoopback() || ip.IsUnspecified() || ip.IsMulticast() ||
		documents.Contains(ip) || tests.Contains(ip) {
		return s
	}
	if ip = ip.Unmap(); ip.Is4() {
		return a.of(ip.String(), func(n int) string { return fmt.Sprintf("198.18.%d.%d", n>>8&255, n&255) }, "4")
	}
	return a.of(ip.String(), func(n int) string { return fmt.Sprintf("2001:db8::%x", n) }, "6")
}

var (
	documents = netip.MustParsePrefix("2001:db8::/32")
	tests     = netip.MustParsePrefix("198.18.0.0/15")
)

// raw replaces an address of /proc/net/tcp: bytes of the machine's order, and the port.
func (a *aliases) raw(s string) string {
	digits, port, _ := strings.Cut(s, ":")
	bytes := make([]byte, len(digits)/2)
	for i := range bytes {
		fmt.Sscanf(digits[2*i:2*i+2], "%02X", &bytes[i])
	}
	for i := 0; i+4 <= len(bytes); i += 4 {
		slices.Reverse(bytes[i : i+4])
	}
	ip, _ := netip.AddrFromSlice(bytes)
	return a.address(ip.String()) + "#" + port
}
