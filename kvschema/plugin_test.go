package kvschema_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// pythonSpaces is all that unicode.strip removes in Python 2.7.18.
const pythonSpaces = "\t\n\v\f\r\x1c\x1d\x1e\x1f \u0085\u00a0\u1680\u180e" +
	"\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"

// plugin makes tags the way of the program that this one replaces, as a set. It has no
// way to write a comma in a tag; here a backslash before it does that.
func plugin(annotations map[string]string) map[string]bool {
	tags := map[string]bool{}
	for key, value := range annotations {
		switch strings.Split(key, ".")[0] {
		case "traefik":
			tags[key+"="+value] = true
		case "tags":
			parts := strings.Split(value, ",")
			for i, part := range parts {
				if before, escaped := strings.CutSuffix(part, `\`); escaped && i+1 < len(parts) {
					parts[i+1] = before + "," + parts[i+1]
				} else {
					tags[strings.Trim(part, pythonSpaces)] = true
				}
			}
		}
	}
	return tags
}

// Every character of the first plane is a tag of its own here: what is white
// space in Python leaves nothing of it, and any other control character is refused.
func TestEveryCharacterIsTrimmedAsInPython(t *testing.T) {
	for first := rune(0); first < 0xffff; first += 0x100 {
		annotations := map[string]string{"tags": ""}
		for char := first; char < first+0x100; char++ {
			switch {
			case char == ',' || char == '\\' || char >= 0xd800 && char <= 0xdfff: // no tag of its own, no character
			case unicode.IsControl(char):
				_, problem := readCart(t, withAnnotations(marshal(t, map[string]string{"tags": "a" + string(char)})))
				if space := strings.ContainsRune(pythonSpaces, char); space != (problem == "") {
					t.Errorf("%U: white space is %t, got the problem %q", char, space, problem)
				}
			default:
				annotations["tags"] += string(char) + ","
			}
		}
		want := wantTags(plugin(annotations))
		services, problem := readCart(t, withAnnotations(marshal(t, annotations)))
		if problem != "" || len(services) != 1 {
			t.Fatalf("from %U: want a service, got %q", first, problem)
		}
		if got := services[0].TagsOf(0); !slices.Equal(want, got) {
			t.Errorf("from %U (-want +got):\n%s", first, cmp.Diff(want, got))
		}
	}
}

// wantTags are the plugin's, but sorted and without the empty one.
func wantTags(tags map[string]bool) []string {
	delete(tags, "")
	return slices.Sorted(maps.Keys(tags))
}

func marshal(t interface{ Fatal(...any) }, annotations map[string]string) string {
	text, err := json.Marshal(annotations)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What differs from the plugin on purpose is done to its tags: empty ones are
// dropped, and one with a control character is a problem of the whole value.
func TestTagsAreThePlugins(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		annotations := rapid.MapOfN(annotationKeys(), annotationValues(), 0, 8).Draw(rt, "annotations")
		want := wantTags(plugin(annotations))
		refused := slices.ContainsFunc(want, func(tag string) bool { return strings.ContainsFunc(tag, unicode.IsControl) })

		services, problem := readCart(t, withAnnotations(marshal(rt, annotations)))
		switch {
		case refused && (problem == "" || len(services) != 0):
			rt.Fatalf("want a problem for %q, got %+v", want, services)
		case refused:
		case problem != "" || len(services) != 1:
			rt.Fatalf("want %q, got the problem %q", want, problem)
		case !slices.Equal(want, services[0].TagsOf(0)):
			rt.Fatalf("tags:\nwant %q\ngot  %q", want, services[0].TagsOf(0))
		}
	})
}

func annotationKeys() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"tags", "tags.foo", "traefik.enable"}),
		rapid.SampledFrom([]string{
			"traefik", "traefik.", "traefik.enable", "traefik.tags", "traefik.a.b", "Traefik.a", "traefik/x", "traefikx.a",
			"tags", "tags.", "tags.foo", "tags.traefik", "Tags", "tags/x", "tagsx", "x.tags", "", ".", ".tags",
		}),
		rapid.Map(oddText(), func(s string) string { return "traefik." + s }),
		rapid.Map(oddText(), func(s string) string { return "tags" + s }),
		oddText(),
	)
}

// annotationValues are mostly lists, and mostly without control characters.
func annotationValues() *rapid.Generator[string] {
	entry := rapid.OneOf(rapid.SampledFrom([]string{"", "red", "kubernetes", " k8s ", "traefik.enable=true"}), oddText())
	return rapid.Map(rapid.SliceOfN(entry, 0, 6), func(list []string) string { return strings.Join(list, ",") })
}

// oddText is any text, with many of the characters that tags may stumble over.
func oddText() *rapid.Generator[string] {
	spaces := rapid.SampledFrom([]rune(pythonSpaces))
	odd := rapid.SampledFrom([]rune(",.=;:\"'`\\/{}[]$%<>& aZ\u00e9\u0301\u200b\u200d\u2060\ufeff\ufffd\U0001f680"))
	anything := rapid.RuneFrom(nil, unicode.L, unicode.P, unicode.S, unicode.Z, unicode.Cf)
	control := rapid.RuneFrom(nil, unicode.Cc)
	inside := rapid.StringOfN(rapid.OneOf(odd, odd, anything), 0, 6, -1)
	around := rapid.StringOfN(spaces, 0, 2, -1)
	return rapid.Custom(func(t *rapid.T) string {
		text := around.Draw(t, "before") + inside.Draw(t, "inside") + around.Draw(t, "after")
		if rapid.IntRange(0, 9).Draw(t, "controlled") == 0 {
			text += string(control.Draw(t, "control")) + inside.Draw(t, "rest")
		}
		return text
	})
}
