// Package traefik says what the three generations of Traefik make of a
// service's tags, translates the tags of the first into those of the others,
// and finds beforehand what would do harm.
//
// It is pure: tags in; tags, verdicts, findings and explanations out. What it
// knows was read from Traefik 1.7.34, 2.11 and 3.7.9, and a test in e2e/traefik
// holds the rules against the code of 1.7.34 and 3.7.9.
//
// # Rules of Traefik 1.7
//
// A rule is the value of traefik.frontend.rule. [ParseRule] takes exactly what
// Traefik 1.7 takes:
//
//	rule      = term *( ";" term )         all terms must match
//	term      = name ":" arguments         name and arguments are trimmed
//	arguments = argument *( "," argument ) any argument must match, but for
//	                                       the pairs of Headers and Query
//	name      = matcher / modifier         upper and lower case matter
//
//	matcher   = "Host" / "HostRegexp" / "Path" / "PathPrefix" / "Method" /
//	            "Headers" / "HeadersRegexp" / "Query"
//	modifier  = "PathStrip" / "PathStripRegex" / "PathPrefixStrip" /
//	            "PathPrefixStripRegex" / "AddPrefix" / "ReplacePath" /
//	            "ReplacePathRegex"
//
// Empty terms and empty arguments are dropped, and so are empty pieces between
// colons: "Host:a::b" is "Host:a:b". Nothing can be escaped, so neither ";" nor
// "," can stand in an argument, not even in a regular expression. The strip
// modifiers match as the matcher in their name does; AddPrefix, ReplacePath and
// ReplacePathRegex match everything. Where a modifier comes twice the last one
// changes the path.
//
// Arguments of HostRegexp, Path, PathPrefix, Query and the strips may hold
// variables:
//
//	template  = *( literal / "{" variable [ ":" pattern ] "}" )
//
// where the pattern is a regular expression of Go with balanced braces, and
// without one a variable stands for a label of a host, a segment of a path, or
// any value of a query.
//
// Before all this Traefik expands {{ }} and then reads the result as a string of
// TOML: what the rule sees of "\\d" is "\d", and a lone quote or an escape that
// TOML does not know makes it refuse the configuration of every service.
package traefik
