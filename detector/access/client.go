package access

import (
	"strings"
	"unicode/utf8"
)

// Build says how a client-go program was built.
type Build uint8

// Builds. Released carries a commit, Unstamped ends in kubernetes/$Format
// (built without version flags: most controllers, and most attack tools),
// NoBuild is everything that is not of client-go's form.
const (
	NoBuild Build = iota
	Released
	Unstamped
)

func (b Build) String() string { return [...]string{"", "", "$Format"}[b] }

// Shape is what a user agent looks like, whoever sent it.
type Shape uint8

// Shapes.
const (
	Ordinary Shape = iota
	Empty          // no user agent
	Tool           // scripting client or attack tool
	Forged         // a shape that the named program never sends
)

// Client is a user agent reduced to what stays the same over upgrades.
type Client struct {
	Product  string // lower case is not applied: client-go names are exact
	Platform string // os/arch, or ""
	Build    Build
	Shape    Shape
	Attack   bool   // an attack tool, not only a scripting client
	Library  bool   // an HTTP library, as programs use, not a person at a shell
	Key      uint64 // identifies product, platform, build and shape
}

// userAgentLimit is where the API server cuts a user agent
// (k8s.io/apiserver/pkg/audit: maxUserAgentLength, "...TRUNCATED").
const userAgentLimit = 1024

// ParseClient reads a user agent as sent. The result aliases ua.
//
// client-go's form (k8s.io/client-go/rest.DefaultKubernetesUserAgent) is
// name/version (os/arch) kubernetes/commit[/suffix]. Other programs are known by
// their first product token.
func ParseClient(ua string) Client {
	var c Client
	if strings.TrimSpace(ua) == "" {
		c.Shape = Empty
		c.Key = c.Hash()
		return c
	}
	c.Product, c.Platform = product(ua), platform(ua)
	if c.Product == "Mozilla" {
		c.Product, c.Platform = desktopProduct(ua)
	}
	family, commit := lastProduct(ua)
	switch {
	case family == "kubernetes" && strings.HasPrefix(commit, "$Format"):
		c.Build = Unstamped
	case family == "kubernetes" && c.Platform != "":
		c.Build = Released
	case family != "" && c.Platform != "" && strings.HasPrefix(c.Product, family):
		// A program of many controllers, each with a name of its own
		// (cert-manager-certificates-issuing/… cert-manager/commit): the
		// program is what stays the same.
		c.Product = family
		c.Build = Released
	}
	c.Shape = shape(ua, &c)
	c.Key = c.Hash()
	return c
}

// Hash identifies product, platform, build and shape as they are now: under the
// name of a client that is known, one of another shape is not.
func (c *Client) Hash() uint64 {
	kind := int(c.Shape)*3 + int(c.Build)
	return keyOf(c.Product, c.Platform, kinds[kind:kind+1])
}

// kinds has one byte for each shape and build.
const kinds = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"

// AppendText appends the normalised client: "kubectl linux/amd64".
func (c *Client) AppendText(dst []byte) []byte {
	if c.Shape == Empty {
		return append(dst, "none"...)
	}
	dst = append(dst, c.Product...)
	if c.Platform != "" {
		dst = append(dst, ' ')
		dst = append(dst, c.Platform...)
	}
	if c.Build == Unstamped {
		dst = append(dst, " $Format"...)
	}
	return dst
}

// Text is AppendText as a new string.
func (c *Client) Text() string { return string(c.AppendText(nil)) }

// product is the text before the first "/", or before the first space where
// that comes first and no version follows; never the version.
func product(ua string) string {
	ua = strings.TrimLeft(ua, " \t")
	slash := strings.IndexByte(ua, '/')
	paren := strings.IndexByte(ua, '(')
	end := len(ua)
	if slash >= 0 {
		end = slash
	}
	if paren >= 0 && paren < end {
		end = paren
	}
	return strings.TrimRight(ua[:end], " \t")
}

// desktopProduct names the program behind an Electron user agent, such as
// "Mozilla/5.0 (Macintosh; …) AppleWebKit/… Lens/6.5.2 Chrome/… Electron/… Safari/…",
// and the operating system it states. A plain browser is Mozilla.
func desktopProduct(ua string) (name, system string) {
	name = "Mozilla"
	if !strings.Contains(ua, " Electron/") {
		return name, ""
	}
	for rest := ua; rest != ""; {
		var word string
		word, rest, _ = strings.Cut(rest, " ")
		p, _, ok := strings.Cut(word, "/")
		switch p {
		case "Mozilla", "AppleWebKit", "Chrome", "Electron", "Safari", "":
		default:
			if ok && !strings.ContainsAny(p, "(;,)") && len(p) <= 32 {
				name = p
				rest = ""
			}
		}
	}
	switch {
	case strings.Contains(ua, "Macintosh"):
		system = "darwin"
	case strings.Contains(ua, "Windows"):
		system = "windows"
	case strings.Contains(ua, "Linux"):
		system = "linux"
	}
	return name, system
}

// platform is the os/arch pair of client-go's form, or "".
func platform(ua string) string {
	open := strings.IndexByte(ua, '(')
	if open < 0 {
		return ""
	}
	rest := ua[open+1:]
	end := strings.IndexByte(rest, ')')
	if end < 0 || end > 32 {
		return ""
	}
	p := rest[:end]
	slash := false
	for i := 0; i < len(p); i++ {
		switch ch := p[i]; {
		case ch == '/' && !slash && i > 0:
			slash = true
		case ch >= 'a' && ch <= 'z', ch >= '0' && ch <= '9', ch == '_':
		default:
			return ""
		}
	}
	if !slash {
		return ""
	}
	return p
}

// lastProduct splits "… (os/arch) family/commit[/suffix]" into its parts.
func lastProduct(ua string) (family, commit string) {
	end := strings.IndexByte(ua, ')')
	if end < 0 {
		return "", ""
	}
	rest := strings.TrimLeft(ua[end+1:], " ")
	if sp := strings.IndexByte(rest, ' '); sp >= 0 {
		rest = rest[:sp]
	}
	family, commit, ok := strings.Cut(rest, "/")
	if !ok {
		return "", ""
	}
	return family, commit
}

// stamped are programs whose every release carries platform and commit, so that
// any other shape under their name is made up.
var stamped = map[string]bool{
	"kubectl": true, "kubelet": true, "kube-proxy": true, "kube-apiserver": true,
	"kube-scheduler": true, "kube-controller-manager": true,
}

// tools are product tokens of scripting clients, in lower case, from the lists
// of published rules (see AUDIT-EVENTS.md); compared whole, never as a prefix.
var tools = map[string]bool{
	"curl": true, "wget": true, "libcurl": true, "pycurl": true, "aria2": true, "httpie": true,
	"powershell": true, "windowspowershell": true, "postmanruntime": true, "insomnia": true, "mozilla": true,
	"lwp-request": true, "swagger-codegen": true,
}

// libraries are product tokens of HTTP libraries, in the same form.
var libraries = map[string]bool{
	"python-requests": true, "python-urllib": true, "python-urllib3": true, "python-httpx": true, "python": true,
	"python3": true, "aiohttp": true, "go-http-client": true, "java": true, "java-http-client": true, "okhttp": true,
	"apache-httpclient": true, "node-fetch": true, "node": true, "axios": true, "undici": true, "got": true, "bun": true, "deno": true,
	"php": true, "guzzle": true, "guzzlehttp": true, "ruby": true, "faraday": true, "rest-client": true,
	"libwww-perl": true, "lwp": true, "perl": true, "restsharp": true, "reqwest": true, "hyper": true,
}

// attackTools are product tokens of tools made to attack or probe, in lower
// case.
var attackTools = map[string]bool{
	"kdigger": true, "peirates": true, "rakkess": true, "access_matrix": true, "who_can": true, "kubectl-who_can": true,
	"kubectl-who-can": true, "kubectl-access_matrix": true, "kubectl-rakkess": true,
	"trufflehog": true, "azurehound": true, "kube-hunter": true, "kubehound": true, "kubehound-collector": true,
	"httpx": true, "nuclei": true, "burp": true, "kubeletctl": true, "kubesploit": true, "metasploit": true, "nmap": true, "sqlmap": true,
	"masscan": true, "zgrab": true, "nikto": true, "gobuster": true, "ffuf": true, "feroxbuster": true,
}

// attackMarks are words that give an attacker away anywhere in a user agent:
// tools, and the distribution a program was built for.
var attackMarks = []string{"stratus-red-team", "kubehound", "kali", "peirates", "nmap scripting"}

func shape(ua string, c *Client) Shape {
	c.Attack = isAttackTool(ua, c.Product)
	c.Library = !c.Attack && listed(libraries, c.Product)
	if c.Attack || c.Library || listed(tools, c.Product) {
		return Tool
	}
	if len(ua) >= userAgentLimit || !utf8.ValidString(ua) || hasControl(ua) || c.Product == "" {
		return Forged
	}
	if stamped[c.Product] && (c.Build != Released || strings.Contains(ua, "/v0.0.0")) {
		return Forged
	}
	return Ordinary
}

func isAttackTool(ua, product string) bool {
	if listed(attackTools, product) {
		return true
	}
	for _, m := range attackMarks {
		if containsWordFold(ua, m) {
			return true
		}
	}
	return false
}

// listed looks a product up in any case, whole or up to its first space
// ("Python 3.11 aiohttp").
func listed(list map[string]bool, product string) bool {
	var low [32]byte
	n := len(product)
	if n == 0 || n > len(low) {
		return false
	}
	for i := 0; i < n; i++ {
		low[i] = lower(product[i])
	}
	if list[string(low[:n])] {
		return true
	}
	for i, ch := range low[:n] {
		if ch == ' ' {
			return list[string(low[:i])]
		}
	}
	return false
}

// containsWordFold says whether s holds word, in any case, with no letter or
// digit right before it nor, if word ends in a letter, right after it.
func containsWordFold(s, word string) bool {
	first := word[0]
	for i := 0; i+len(word) <= len(s); i++ {
		if lower(s[i]) != first || !strings.EqualFold(s[i:i+len(word)], word) {
			continue
		}
		if i > 0 && alnum(s[i-1]) {
			continue
		}
		end := i + len(word)
		if end < len(s) && alnum(word[len(word)-1]) && alnum(s[end]) {
			continue
		}
		return true
	}
	return false
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

func alnum(b byte) bool {
	b = lower(b)
	return b >= 'a' && b <= 'z' || b >= '0' && b <= '9'
}

func hasControl(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 && s[i] != '\t' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// Pretends says whether the client names a control-plane program that an
// identity of the class never is.
func (c *Client) Pretends(class Class) bool {
	switch c.Product {
	case "kubelet":
		return class != Node
	case "kube-apiserver", "kube-scheduler":
		return class != Component
	case "kube-controller-manager":
		// runs its controllers under service accounts of kube-system
		return class != Component && class != ServiceAccount
	}
	return false
}
