package kvschema

import (
	"fmt"
	"strings"
)

// Trace tells how a value was read. The zero Trace has nothing to tell.
type Trace struct {
	// Nothing says why the Service is not announced though nothing is wrong with it.
	Nothing string
	// Origins says of each tag what asked for it: the key of an annotation,
	// "services.tags" for the configuration, or nothing for one that this program made
	// for Traefik.
	Origins map[string]string
	// Note is something about the Service that no check can tell.
	Note string
}

// Trace returns how a pair is read, for people who ask: it is [Reader.Read] once more,
// which does not keep such things.
func (r Reader) Trace(pair Pair) Trace {
	trace := Trace{Origins: map[string]string{}}
	if ref, ours := RefOf(r.prefix, pair); ours {
		d := draft{rules: r.rules, site: r.site, service: Service{Ref: ref, As: r.rules.as(ref)}, trace: &trace}
		_, _ = d.read(pair.Value) // its result is that of Read
	}
	return trace
}

// leave notes why the Service is not announced, and returns false.
func (d *draft) leave(format string, args ...any) bool {
	if d.trace != nil {
		d.trace.Nothing = fmt.Sprintf(format, args...)
	}
	return false
}

// note notes what is no mistake and may surprise.
func (d *draft) note(text string) {
	if d.trace != nil {
		d.trace.Note = text
	}
}

// from notes what asked for tags. The first that did counts.
func (d *draft) from(origin string, tags []string) {
	if d.trace == nil {
		return
	}
	for _, tag := range tags {
		if _, known := d.trace.Origins[tag]; !known {
			d.trace.Origins[tag] = origin
		}
	}
}

// leaveType notes that Services of a type are not announced.
func (d *draft) leaveType(kind string) bool {
	if kind == "ExternalName" {
		return d.leave("its type is ExternalName, which has no port on any node")
	}
	types := strings.Join(d.rules.Types, ", ")
	if types == "" {
		types = "NodePort"
	}
	return d.leave("its type is %s: services.types announces %s", quote(kind), types)
}
