package config

import "fmt"

// needRestart lists the settings that cannot change while the daemon runs, each with
// why. All others can.
func needRestart() map[string]string {
	how := "the tree has been read by it"
	return map[string]string{
		"key_path":                   "another tree is another set of services",
		"instance":                   "the services under the old name would be nobody's",
		"consul.address":             "another agent is another node",
		"watch.wait":                 "queries under way cannot be asked anew",
		"watch.min_interval":         "it paces a watch that is under way",
		"watch.full_read":            "it paces a watch that is under way",
		"watch.queries":              "queries under way cannot be asked anew",
		"services.types":             how,
		"services.ports":             how,
		"services.name":              how,
		"services.namespaces":        how,
		"services.except_namespaces": how,
		"services.opt_in":            how,
		"services.tags":              how,
		"services.meta":              how,
		"services.weight":            how,
		"services.address":           how,
		"services.dual_stack":        how,
		"traefik.generation":         how,
		"traefik.constraint":         how,
		"traefik.exposed_by_default": how,
		"traefik.tls_entry_points":   how,
		"traefik.severity":           how,
		"telemetry.listen":           "the port is bound at the start",
		"telemetry.web_config_file":  "the listener keeps the path; what is in the file may change at any time",
		"telemetry.reload":           "whoever reaches the port could otherwise not be kept out",
		"log.format":                 "whatever reads the log expects one format",
	}
}

// NeedRestart returns a sentence for every setting that differs between the
// configuration in force and a fresh one and that cannot change while the daemon runs.
func NeedRestart(current, fresh Config) []error {
	var sentences []error
	why := needRestart()
	before := current.Settings()
	for i, s := range fresh.Settings() {
		reason, fixed := why[s.Name]
		if old, now := before[i].String(), s.String(); fixed && old != now {
			sentences = append(sentences, fmt.Errorf("%s: it is %q and cannot become %q without a restart: %s", s.Name, old, now, reason))
		}
	}
	return sentences
}
