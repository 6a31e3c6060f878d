package agent

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

const (
	// mostRows and mostProblems bound the page. All of it is in /status.
	mostRows     = 3000
	mostProblems = 200
	// refreshes from the shortest to the longest time are allowed, in seconds.
	minRefresh, maxRefresh = 2, 3600
)

// page shows the status to people: one document, without a script.
type page struct {
	status   func(now time.Time) Status
	template *template.Template
	policy   string
}

func newPage(status func(now time.Time) Status) page {
	sum := sha256.Sum256([]byte(pageCSS))
	functions := template.FuncMap{ // the ones that depend on a request are replaced there
		"count": plural, "ago": func(time.Time) string { return "" }, "since": func(time.Time) string { return "" },
		"short": func(string) string { return "" },
	}
	return page{
		status:   status,
		template: template.Must(template.New("page").Funcs(functions).Parse(pageHTML)),
		// Keys, tags and errors may hold anything. Whatever gets past the escaping can
		// neither run nor load anything.
		policy: "default-src 'none'; img-src data:; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
}

// pageView is what the template shows.
type pageView struct {
	Status
	Style    template.CSS
	Refresh  int // seconds; 0: never
	Words    string
	Counts   []pageCount
	Rows     []pageRow
	MoreRows int
	// Problems and Warnings hide the status' own list, which has both.
	Problems, Warnings         []ProblemStatus
	MoreProblems, MoreWarnings int
}

type pageCount struct {
	N           int
	Name, Class string
}

type pageRow struct {
	Name, Place string
	Port        int
	Tags        []string
	State       string // in words
	Class       string // its colour
	Output      string
	Changed     string
}

// ServeHTTP implements [http.Handler].
func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	view := newPageView(p.status(now))
	if n, err := strconv.Atoi(r.URL.Query().Get("refresh")); err == nil {
		view.Refresh = min(max(n, minRefresh), maxRefresh)
	}
	var text bytes.Buffer
	document := template.Must(p.template.Clone()).Funcs(template.FuncMap{
		"ago":   view.Ago,
		"since": func(t time.Time) string { return age(view.Time.Sub(t)) },
		"short": func(key string) string { return strings.TrimPrefix(key, view.Watch.Tree) },
	})
	if err := document.Execute(&text, view); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", p.policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	_, _ = text.WriteTo(w) // the client is gone
}

func newPageView(s Status) pageView {
	view := pageView{Status: s, Style: template.CSS(pageCSS), Words: s.Sentence()} //nolint:gosec // it is ours
	checks := s.Checks()
	for _, status := range []string{api.HealthPassing, api.HealthWarning, api.HealthCritical, api.HealthMaint, ""} {
		if n := checks[status]; n > 0 {
			view.Counts = append(view.Counts, pageCount{n, checkWords(status), checkClass(status)})
		}
	}
	services := WorstFirst(s.Services)
	view.MoreRows = max(0, len(services)-mostRows)
	for _, service := range services[:len(services)-view.MoreRows] {
		view.Rows = append(view.Rows, pageRow{
			Name:    service.Name,
			Place:   home(service, s.Watch.Tree),
			Port:    service.Port,
			Tags:    service.Tags,
			State:   checkWords(service.Check),
			Class:   checkClass(service.Check),
			Output:  service.Output,
			Changed: s.ChangedWords(service),
		})
	}
	problems, warnings := s.Parted()
	view.Problems, view.MoreProblems = shortened(problems)
	view.Warnings, view.MoreWarnings = shortened(warnings)
	return view
}

// shortened cuts a list, and says by how much.
func shortened(all []ProblemStatus) (first []ProblemStatus, more int) {
	more = max(0, len(all)-mostProblems)
	return all[:len(all)-more], more
}

// home is where in the tree a service comes from: its namespace, or more if it has
// another name there.
func home(service ServiceStatus, tree string) string {
	key := strings.TrimPrefix(service.Key, tree)
	if folder, name := path.Split(key); name == service.Name {
		return strings.TrimSuffix(folder, "/")
	}
	return key
}
