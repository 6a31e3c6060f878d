// Package traefiktest makes rules of Traefik 1.7 and requests for tests.
package traefiktest

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// Request is what rules look at. The names of headers are in lower case.
type Request struct {
	Method, Host, Path string
	Headers, Query     map[string]string
}

// DrawRule makes a rule of Traefik 1.7 of few words, so that it often meets
// what [DrawRequest] makes.
func DrawRule(t *rapid.T) string {
	hosts := []string{"a.example", "B.example", "c.a.example"}
	paths := []string{"/", "/x", "/x/", "/x/1", "/y.z", "/x/{id}", "/{n:[0-9]+}", "/x/{id:1|y}", "/{w:[a-z]*}/{n:\\d}"}
	arguments := map[string][]string{
		"Host": hosts, "HostRegexp": append(hosts, "{sub}.example", "{s:[a-c]+}.Example", "{s:a|B}.example", "c{s:.*}"),
		"Path": paths, "PathPrefix": paths, "PathStripRegex": paths, "PathPrefixStripRegex": paths,
		"PathStrip": paths[:5], "PathPrefixStrip": paths[:5],
		"Method": {"GET", "post", "PUT"}, "AddPrefix": {"/p"}, "ReplacePath": {"/r"}, "ReplacePathRegex": {"^/(.*) /$1"},
	}
	names := []string{
		"Host", "HostRegexp", "Path", "PathPrefix", "PathStripRegex", "PathPrefixStripRegex", "PathStrip", "PathPrefixStrip",
		"Method", "AddPrefix", "ReplacePath", "ReplacePathRegex", "Headers", "HeadersRegexp", "Query",
	}
	var terms []string
	for range rapid.IntRange(1, 3).Draw(t, "terms") {
		name := rapid.SampledFrom(names).Draw(t, "name")
		count := rapid.IntRange(1, 3).Draw(t, "arguments")
		var list []string
		for i := range count {
			switch name {
			case "Headers":
				list = append(list, rapid.SampledFrom([]string{"X-A,1", "x-b, ", "X-B,2", "X-A, "}).Draw(t, "header"))
			case "HeadersRegexp":
				list = append(list, rapid.SampledFrom([]string{"X-A,^[0-9]$", "X-B,2", "x-a,."}).Draw(t, "header"))
			case "Query":
				list = append(list, strings.ReplaceAll(
					rapid.SampledFrom([]string{"q=1", "q=", "p={n:[0-9]+}", "p=x{n}"}).Draw(t, "query"), "{n", fmt.Sprintf("{n%d%d", len(terms), i)))
			default:
				list = append(list, rapid.SampledFrom(arguments[name]).Draw(t, "argument"))
			}
		}
		separator := rapid.SampledFrom([]string{",", " , ", ",,"}).Draw(t, "separator")
		if strings.HasPrefix(name, "Headers") {
			separator = ","
		}
		terms = append(terms, name+":"+strings.Join(list, separator))
	}
	return strings.Join(terms, ";")
}

// DrawRequest makes a request.
func DrawRequest(t *rapid.T) Request {
	pairs := func(what string, names ...string) map[string]string {
		made := map[string]string{}
		for _, name := range names {
			if value := rapid.SampledFrom([]string{"-", "", "1", "2", "x1"}).Draw(t, what); value != "-" {
				made[name] = value
			}
		}
		return made
	}
	return Request{
		Method:  rapid.SampledFrom([]string{"GET", "POST", "PUT"}).Draw(t, "method"),
		Host:    rapid.SampledFrom([]string{"a.example", "b.example", "c.a.example", "other"}).Draw(t, "host"),
		Path:    rapid.SampledFrom([]string{"/", "/x", "/x/", "/x/1", "/x/1/2", "/y.z", "/yyz", "/7", "/x/y", "/ab/3"}).Draw(t, "path"),
		Headers: pairs("header value", "x-a", "x-b"),
		Query:   pairs("query value", "q", "p"),
	}
}
