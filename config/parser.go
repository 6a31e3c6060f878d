package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// line is a line of a file that sets something or is wrong.
type line struct {
	number     int
	name, text string // the setting and its value
	mistake    string // or else a sentence
}

// parseFile returns what source says, from top to bottom.
func parseFile(path string, source []byte, settings []Setting) []line {
	if number, ok := tooManyTokens(source); ok {
		return []line{{number: number, mistake: fmt.Sprintf("more than %d words and signs: this is hardly a configuration", maxTokens)}}
	}
	parsed, diagnostics := hclsyntax.ParseConfig(source, path, hcl.InitialPos)
	p := parser{source: source, settings: settings, garbled: make(map[int]bool)}
	p.syntax(diagnostics)
	if body, ok := parsed.Body.(*hclsyntax.Body); ok {
		p.top(body)
	}
	slices.SortStableFunc(p.lines, func(a, b line) int { return cmp.Compare(a.number, b.number) })
	return p.lines
}

// parser is the state of one parseFile.
type parser struct {
	source   []byte
	settings []Setting
	garbled  map[int]bool // lines with a syntax error: nothing more is said of them
	lines    []line
}

func (p *parser) mistake(number int, format string, args ...any) {
	p.lines = append(p.lines, line{number: number, mistake: fmt.Sprintf(format, args...)})
}

// syntax takes the first of HCL's complaints about each line: the others are
// mostly consequences.
func (p *parser) syntax(diagnostics hcl.Diagnostics) {
	for _, d := range diagnostics {
		number := d.Subject.Start.Line
		if p.garbled[number] {
			continue
		}
		p.garbled[number] = true
		p.mistake(number, "%s: %s", lowerFirst(d.Summary), remedy(d))
	}
}

const writeValue = "write a text in quotes, a number of 0 or more, true or false; nothing is evaluated here"

const (
	writeList  = `write texts in quotes, between brackets, such as ["a", "b"]; nothing is evaluated here`
	writeTable = `write names and texts between braces, such as { team = "shop" }; nothing is evaluated here`
)

// remedy replaces HCL's explanation where its words are those of a larger
// language, or where the usual cause is known.
func remedy(d *hcl.Diagnostic) string {
	switch d.Summary {
	case "Missing newline after argument", "Invalid number literal":
		return `write durations, addresses and other texts in quotes, such as "10s"`
	case "Invalid expression":
		return writeValue
	case "Argument or block definition required", "Invalid block definition":
		return "write NAME = VALUE, or BLOCK { and } around such lines"
	case "Invalid single-argument block definition":
		return "write each setting, and the closing brace, on a line of its own"
	case "Invalid multi-line string":
		return "a quote is missing here or above"
	}
	return lowerFirst(strings.TrimSuffix(d.Detail, "."))
}

func lowerFirst(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToLower(text[:1]) + text[1:]
}

func (p *parser) top(body *hclsyntax.Body) {
	p.attributes(body, "")
	opened := make(map[string]int) // the line of each block
	for _, block := range body.Blocks {
		number := block.TypeRange.Start.Line
		if p.garbled[number] {
			continue
		}
		if first, ok := opened[block.Type]; ok {
			p.mistake(number, "%s: the block is already in line %d: put its settings there", block.Type, first)
		} else {
			opened[block.Type] = number
		}
		p.block(block, number)
	}
}

func (p *parser) block(block *hclsyntax.Block, number int) {
	if _, ok := find(p.settings, block.Type); ok {
		p.mistake(number, "%s: it is a setting and not a block: write %s = ...", block.Type, block.Type)
		return
	}
	blocks := p.blockNames()
	if !slices.Contains(blocks, block.Type) {
		p.mistake(number, "%s: unknown block%s", block.Type, didYouMean(block.Type, blocks))
		return
	}
	if len(block.Labels) > 0 {
		p.mistake(number, "%s: the block has no label: write %s {", block.Type, block.Type)
	}
	p.attributes(block.Body, block.Type+".")
	for _, inner := range block.Body.Blocks {
		if n := inner.TypeRange.Start.Line; !p.garbled[n] {
			p.mistake(n, "%s.%s: there are no blocks within %s", block.Type, inner.Type, block.Type)
		}
	}
}

func (p *parser) attributes(body *hclsyntax.Body, prefix string) {
	for _, attribute := range body.Attributes {
		number := attribute.NameRange.Start.Line
		if !p.garbled[number] {
			p.attribute(number, prefix+attribute.Name, attribute.Expr)
		}
	}
}

func (p *parser) attribute(number int, name string, value hclsyntax.Expression) {
	if slices.Contains(p.blockNames(), name) {
		p.mistake(number, "%s: it is a block: write %s { ... } without \"=\"", name, name)
		return
	}
	setting, ok := find(p.settings, name)
	if !ok {
		p.mistake(number, "%s: unknown setting%s", name, didYouMean(name, names(p.settings)))
		return
	}
	read, wrong := literal, "not a value: "+writeValue
	switch {
	case setting.isList():
		read, wrong = list, "not a list: "+writeList
	case setting.isTable():
		read, wrong = table, "not a table: "+writeTable
	}
	text, ok := read(value, p.source)
	if !ok {
		p.mistake(number, "%s: %s", name, wrong)
		return
	}
	p.lines = append(p.lines, line{number: number, name: name, text: text})
}

func (p *parser) blockNames() []string {
	var list []string
	for _, s := range p.settings {
		if block, _, ok := strings.Cut(s.Name, "."); ok {
			list = append(list, block)
		}
	}
	return slices.Compact(list)
}

// literal returns the text of a literal; numbers are left as they are written.
// It never repeats anything else, which may be a secret without its quotes.
func literal(value hclsyntax.Expression, source []byte) (string, bool) {
	switch value := value.(type) {
	case *hclsyntax.LiteralValueExpr:
		// After its first complaint HCL takes a 10s without quotes for 10.
		text, rest := value.Range().SliceBytes(source), source[value.Range().End.Byte:]
		cut := len(rest) > 0 && hclsyntax.ValidIdentifier(string(rest[:1]))
		return string(text), !value.Val.IsNull() && !cut
	case *hclsyntax.TemplateExpr:
		if !value.IsStringLiteral() {
			return "", false
		}
		text, diagnostics := value.Value(nil)
		return text.AsString(), !diagnostics.HasErrors()
	}
	return "", false
}

// list returns the text of a list of literals, as a variable or flag would have it.
func list(value hclsyntax.Expression, source []byte) (string, bool) {
	tuple, ok := value.(*hclsyntax.TupleConsExpr)
	if !ok {
		return "", false
	}
	elements := make([]string, len(tuple.Exprs))
	for i, element := range tuple.Exprs {
		if elements[i], ok = literal(element, source); !ok || elements[i] == "" {
			return "", false // an empty one is the same as no list in a variable
		}
	}
	return joinList(elements), true
}

// table returns the text of names and literals, as a variable or flag would have it.
func table(value hclsyntax.Expression, source []byte) (string, bool) {
	object, ok := value.(*hclsyntax.ObjectConsExpr)
	if !ok {
		return "", false
	}
	entries := make([]string, len(object.Items))
	for i, item := range object.Items {
		name := hcl.ExprAsKeyword(item.KeyExpr)
		if key, wrapped := item.KeyExpr.(*hclsyntax.ObjectConsKeyExpr); name == "" && wrapped {
			name, _ = literal(key.Wrapped, source)
		}
		text, ok := literal(item.ValueExpr, source)
		if !ok || name == "" {
			return "", false
		}
		entries[i] = name + "=" + text
	}
	slices.Sort(entries)
	return joinList(entries), true
}
