package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// Sources are the places Load looks at. The zero value has none, which leaves
// the defaults.
type Sources struct {
	File  string                      // path; empty: no file
	Env   func(string) (string, bool) // os.LookupEnv; nil: no environment
	Flags map[string]string           // the flags given, by the Name of their Setting
}

// Error lists every mistake found in the sources of a configuration.
type Error struct {
	Mistakes []error // each is one sentence that begins with its place
}

// Error returns the mistakes, one a line.
func (e *Error) Error() string { return errors.Join(e.Mistakes...).Error() }

// Unwrap lets errors.Is see the causes, such as fs.ErrNotExist for the file.
func (e *Error) Unwrap() []error { return e.Mistakes }

// Load returns the configuration the sources describe. Its error is an
// [*Error].
func Load(sources Sources) (Config, error) {
	config := Default()
	l := loader{
		config:   &config,
		settings: config.Settings(),
		places:   make(map[string]string),
		mistaken: make(map[string]bool),
	}
	// Each source overwrites the one before it.
	l.file(sources.File)
	l.environment(sources.Env)
	l.flags(sources.Flags)
	l.conflicts()
	if len(l.mistakes) > 0 {
		return Config{}, &Error{l.mistakes}
	}
	return config, nil
}

// loader is the state of one Load.
type loader struct {
	config   *Config
	settings []Setting

	places   map[string]string // where the value of a setting comes from; absent: the default
	mistaken map[string]bool   // settings with a value that was refused
	garbled  bool              // a part of the file was not understood
	mistakes []error
}

func (l *loader) file(path string) {
	if path == "" {
		return
	}
	source, err := readFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: \"k8s-registrar validate --reference\" prints one to start from", err)
		}
		l.mistakes = append(l.mistakes, err)
		l.garbled = true
		return
	}
	for _, line := range parseFile(path, source, l.settings) {
		place := fmt.Sprintf("%s:%d", path, line.number)
		if line.mistake != "" {
			l.mistakes = append(l.mistakes, fmt.Errorf("%s: %s", place, line.mistake))
			l.garbled = true
			continue
		}
		l.set(line.name, line.text, place)
	}
}

func (l *loader) environment(lookup func(string) (string, bool)) {
	if lookup == nil {
		return
	}
	for _, setting := range l.settings {
		if text, ok := lookup(setting.Env()); ok {
			l.set(setting.Name, text, setting.Env())
		}
	}
}

func (l *loader) flags(flags map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		l.set(name, flags[name], "--"+Setting{Name: name}.Flag())
	}
}

// set gives a setting the value a source has for it.
func (l *loader) set(name, text, place string) {
	setting, ok := find(l.settings, name)
	if !ok {
		l.mistakes = append(l.mistakes, fmt.Errorf("%s: %s: unknown setting%s", place, name, didYouMean(name, names(l.settings))))
		return
	}
	l.places[name] = place
	if err := setting.Set(text); err != nil {
		l.mistakes = append(l.mistakes, fmt.Errorf("%s: %s: %w", place, name, err))
		l.mistaken[name] = true
	}
}

// conflicts finds what is wrong only together. It stays silent where a value
// was refused or not found: it would judge a default that nobody chose.
func (l *loader) conflicts() {
	if l.garbled {
		return
	}
	for _, c := range conflicts(*l.config) {
		if !c.exists || l.mistaken[c.first] || l.mistaken[c.second] {
			continue
		}
		var places []string
		for _, name := range []string{c.first, c.second} {
			if place, ok := l.places[name]; ok {
				places = append(places, place)
			}
		}
		l.mistakes = append(l.mistakes, fmt.Errorf("%s: %s", strings.Join(places, ", "), c.sentence))
	}
}

func find(settings []Setting, name string) (Setting, bool) {
	i := slices.IndexFunc(settings, func(s Setting) bool { return s.Name == name })
	if i < 0 {
		return Setting{}, false
	}
	return settings[i], true
}

func names(settings []Setting) []string {
	var list []string
	for _, s := range settings {
		list = append(list, s.Name)
	}
	return list
}
