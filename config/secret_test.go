package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const hidden = "hunter2"

func TestSecretIsRevealedOnlyOnRequest(t *testing.T) {
	if got := NewSecret(hidden).Reveal(); got != hidden {
		t.Errorf("Reveal: %q", got)
	}
	if got := (Secret{}).Reveal(); got != "" {
		t.Errorf("Reveal of none: %q", got)
	}
	if NewSecret("") != (Secret{}) {
		t.Error("an empty secret is not the zero one")
	}
	if NewSecret(hidden) != NewSecret(strings.Clone(hidden)) {
		t.Error("equal secrets are not equal")
	}
}

func TestSecretUnderEveryVerb(t *testing.T) {
	secret := NewSecret(hidden)
	config := Default()
	config.Consul.Token = secret
	values := map[string]any{
		"secret":           secret,
		"pointer":          &secret,
		"slice":            []Secret{secret},
		"map":              map[string]Secret{"token": secret},
		"configuration":    config,
		"its pointer":      &config,
		"unexported field": struct{ config Config }{config},
		"panic":            fmt.Errorf("consul: %v", secret),
	}
	leaks := []string{hidden, fmt.Sprintf("%x", hidden), fmt.Sprintf("%X", hidden), fmt.Sprintf("% x", hidden), fmt.Sprintf("%d", []byte(hidden))}
	for name, value := range values {
		for verb := 'A'; verb <= 'z'; verb++ {
			for _, flags := range []string{"", "+", "#", "-20", " ", "0", "+#"} {
				format := "%" + flags + string(verb)
				got := fmt.Sprintf(format, value)
				for _, leak := range leaks {
					if strings.Contains(got, leak) {
						t.Errorf("%s under %s: %s", name, format, got)
					}
				}
			}
		}
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		if got := fmt.Sprintf(format, secret); got != "(set)" {
			t.Errorf("%s prints %q", format, got)
		}
		if got := fmt.Sprintf(format, Secret{}); got != "" {
			t.Errorf("%s prints %q for none", format, got)
		}
	}
}

func TestSecretInLogsAndJSON(t *testing.T) {
	config := Default()
	config.Consul.Token = NewSecret(hidden)
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(text); strings.Contains(got, hidden) || !strings.Contains(got, `"Token":"(set)"`) {
		t.Errorf("JSON: %s", got)
	}

	var out strings.Builder
	slog.New(slog.NewTextHandler(&out, nil)).Info("start", "token", config.Consul.Token, "config", config)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("start", "token", config.Consul.Token, "config", config)
	if strings.Contains(out.String(), hidden) {
		t.Errorf("log: %s", out.String())
	}
}

func TestSecretIsNotInTheTable(t *testing.T) {
	s := setting(t, "consul.token")
	if err := s.Set(hidden); err != nil {
		t.Fatal(err)
	}
	if got := s.String(); got != "(set)" {
		t.Errorf("the setting prints %q", got)
	}
	if got := fmt.Sprintf("%v %+v", s, s.Value); strings.Contains(got, hidden) {
		t.Errorf("the setting prints %q", got)
	}
}
