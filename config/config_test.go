package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestEveryFieldIsASetting holds the types and the table together: neither has
// a name the other does not know.
func TestEveryFieldIsASetting(t *testing.T) {
	known := make(map[string]bool)
	for _, s := range new(Config).Settings() {
		known[strings.ReplaceAll(s.Name, "_", "")] = true
	}
	for field := range reflect.TypeFor[Config]().Fields() {
		leaves := []string{field.Name}
		if field.Type.Kind() == reflect.Struct {
			leaves = nil
			for inner := range field.Type.Fields() {
				leaves = append(leaves, field.Name+"."+inner.Name)
			}
		}
		for _, name := range leaves {
			if !known[strings.ToLower(name)] {
				t.Errorf("no setting for the field %s", name)
			}
			delete(known, strings.ToLower(name))
		}
	}
	for name := range known {
		t.Errorf("no field for the setting %s", name)
	}
}

func TestSettingNames(t *testing.T) {
	taken := make(map[string]string)
	for _, s := range new(Config).Settings() {
		for _, name := range []string{s.Env(), s.Flag()} {
			if other, ok := taken[name]; ok {
				t.Errorf("%s and %s are both called %s", other, s.Name, name)
			}
			taken[name] = s.Name
		}
		if strings.Count(s.Usage, "`") != 2 && !s.IsBool() {
			t.Errorf("%s: no placeholder in the usage %q", s.Name, s.Usage)
		}
	}
	for name, setting := range map[string]string{
		"K8S_REGISTRAR_CHECK_INTERVAL": "check.interval", "check-interval": "check.interval",
		"K8S_REGISTRAR_KEY_PATH": "key_path", "key-path": "key_path",
		"K8S_REGISTRAR_GUARD_ALLOW_REMOVALS": "guard.allow_removals", "guard-allow-removals": "guard.allow_removals",
	} {
		if taken[name] != setting {
			t.Errorf("%s belongs to %q, want %s", name, taken[name], setting)
		}
	}
}

func TestIsBool(t *testing.T) {
	bools := []string{"guard.allow_removals", "services.opt_in", "services.dual_stack", "telemetry.reload", "traefik.exposed_by_default"}
	for _, s := range new(Config).Settings() {
		if got, want := s.IsBool(), slices.Contains(bools, s.Name); got != want {
			t.Errorf("%s: IsBool is %v, want %v", s.Name, got, want)
		}
	}
}

// TestDefaultsAreTexts: what a setting prints is what it reads, so that a
// default shown in a help text can be typed.
func TestDefaultsAreTexts(t *testing.T) {
	config := Default()
	for _, s := range config.Settings() {
		text := s.String()
		if err := s.Set(text); err != nil {
			t.Errorf("%s: the default is refused: %v", s.Name, err)
		}
		if got := s.String(); got != text {
			t.Errorf("%s: %q became %q", s.Name, text, got)
		}
	}
	if !config.Equal(Default()) {
		t.Errorf("got %+v\nwant %+v", config, Default())
	}
}
