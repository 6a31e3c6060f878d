package consultest

import (
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/hashicorp/consul/api"
)

// Rules are what a token may do, in the words of an ACL policy: "read", "list", "write" or "deny" for each
// prefix, the longest of which wins. What no prefix covers is denied.
//
//	consultest.Rules{
//		Key:     map[string]string{"deployments/": "list"},
//		Service: map[string]string{"": "write"},
//		Node:    "read",
//		Agent:   "read",
//	}
type Rules struct {
	Key     map[string]string
	Service map[string]string
	Node    string
	Agent   string
}

// acl is the ACL system. It is off until DenyByDefault.
type acl struct {
	on      bool
	keyList bool
	tokens  map[string]authorizer
}

func (a acl) defaultPolicy() string {
	if a.on {
		return "deny"
	}
	return "allow"
}

// AllowAll turns the ACLs off, as they are in a new Consul, and forgets all tokens: they are not looked at, and
// every response says that the default policy is "allow".
func (c *Consul) AllowAll() { c.changeACL(func(a *acl) { *a = acl{} }) }

// DenyByDefault turns the ACLs on. Without a token, lists are 404 with a valid index and no word of having been
// filtered, and a single key is 403. An unknown token is 403 "ACL not found". [Consul.Grant] makes tokens
// known.
func (c *Consul) DenyByDefault() {
	c.changeACL(func(a *acl) { a.on = true })
}

// Grant makes a token known and says what it may do; the token "" is everyone without one. A token without the
// right to read sees 404 with a valid index and Filtered; one that may read a part sees 200 with that part and
// Filtered. A blocking query keeps the rights it started with.
func (c *Consul) Grant(token string, rules Rules) {
	c.changeACL(func(a *acl) {
		tokens := maps.Clone(a.tokens)
		if tokens == nil {
			tokens = map[string]authorizer{}
		}
		tokens[token] = authorizer{
			rules:     rules,
			accessor:  fmt.Sprintf("00000000-0000-4000-8000-%012d", len(tokens)),
			anonymous: token == "",
		}
		a.tokens = tokens
	})
}

// Revoke makes a token unknown again. A blocking query goes on with it; the next request is 403.
func (c *Consul) Revoke(token string) {
	c.changeACL(func(a *acl) {
		a.tokens = maps.Clone(a.tokens)
		delete(a.tokens, token)
	})
}

// RequireKeyList is acl.enable_key_list_policy on the servers: to list a prefix the rule must say "list" or
// "write"; with "read" it is 403. A single key still needs "read" only.
func (c *Consul) RequireKeyList(on bool) { c.changeACL(func(a *acl) { a.keyList = on }) }

func (c *Consul) changeACL(change func(*acl)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.acl)
}

func (c *Consul) needsKeyList() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acl.on && c.acl.keyList
}

// resolve finds what the bearer of a request may do. It is done once, when the request comes in.
func (c *Consul) resolve(q *query) (authorizer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if q.operator || !c.acl.on {
		return authorizer{everything: true}, true
	}
	token := q.token()
	found, known := c.acl.tokens[token]
	if token == "" && !known {
		return authorizer{anonymous: true}, true
	}
	return found, known
}

// tokenSelf tells a token who it is. One that is not known never gets here.
func (c *Consul) tokenSelf(q *query) answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.acl.on:
		return plain(http.StatusUnauthorized, "ACL support disabled")
	case q.authz.anonymous:
		return plain(http.StatusForbidden, "token does not exist: ACL not found")
	default:
		return ok(map[string]string{"AccessorID": q.authz.accessor})
	}
}

// authorizer answers what one token may do.
type authorizer struct {
	rules      Rules
	accessor   string
	anonymous  bool
	everything bool
}

// access is a level of it; each includes those below.
type access int

const (
	none access = iota
	read
	list
	write
)

func level(policy string) access {
	switch policy {
	case "read":
		return read
	case "list":
		return list
	case "write":
		return write
	default:
		return none
	}
}

// granted is the level that the longest matching prefix gives.
func granted(rules map[string]string, name string) access {
	best, got := -1, none
	for prefix, policy := range rules {
		if strings.HasPrefix(name, prefix) && len(prefix) > best {
			best, got = len(prefix), level(policy)
		}
	}
	return got
}

func (a authorizer) key(name string, need access) bool {
	return a.everything || granted(a.rules.Key, name) >= need
}

func (a authorizer) service(name string, need access) bool {
	return a.everything || granted(a.rules.Service, name) >= need
}

func (a authorizer) node() bool  { return a.everything || level(a.rules.Node) >= read }
func (a authorizer) agent() bool { return a.everything || level(a.rules.Agent) >= read }

func (a authorizer) visible(pairs []pair) []pair {
	var seen []pair
	for _, p := range pairs {
		if a.key(p.Key, read) {
			seen = append(seen, p)
		}
	}
	return seen
}

func (a authorizer) seesService(service api.AgentService) bool {
	return a.service(service.Service, read)
}
