package client_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/llmload/llmload/client"
)

// The guide in both languages. What it says of the code is compared with the code.
var guides = []string{"README.md", "README.zh-CN.md"}

func readFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks returns the fenced blocks of a language.
func blocks(text, language string) (found []string) {
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// regions returns the marked parts of the examples, by their text.
func regions(t testing.TB) map[string]string {
	t.Helper()
	found := map[string]string{readFile(t, "outside/main.go"): "outside/main.go"}
	names, err := filepath.Glob("example*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	marked := regexp.MustCompile(`(?ms)^[ \t]*//guide:(\w[\w-]*)\n(.*?)^[ \t]*//guide:end$`)
	for _, name := range names {
		for _, m := range marked.FindAllStringSubmatch(readFile(t, name), -1) {
			found[strings.Trim(dedent(m[2]), "\n")+"\n"] = name + ": " + m[1]
		}
	}
	return found
}

// dedent takes off the indent of the first line that is not empty.
func dedent(text string) string {
	first := strings.TrimLeft(text, "\n")
	indent := first[:len(first)-len(strings.TrimLeft(first, "\t"))]
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(strings.TrimPrefix(line, indent))
	}
	return out.String()
}

// TestGuideSnippets: each snippet is one that is compiled and run, and each of
// those is in the guide.
func TestGuideSnippets(t *testing.T) {
	compiled := regions(t)
	if len(compiled) < 15 {
		t.Fatalf("only %d marked regions were found", len(compiled))
	}
	for _, guide := range guides {
		shown := blocks(readFile(t, guide), "go")
		for _, block := range shown {
			if compiled[block] == "" {
				t.Errorf("%s shows what no example has:\n%s", guide, block)
			}
		}
		for text, name := range compiled {
			if !slices.Contains(shown, text) {
				t.Errorf("%s does not show %s", guide, name)
			}
		}
	}
	if !slices.Equal(blocks(readFile(t, guides[0]), "go"), blocks(readFile(t, guides[1]), "go")) {
		t.Error("the guides show different snippets, or in different order")
	}
}

// TestGuideConfigurationFiles: each file that is shown can be read.
func TestGuideConfigurationFiles(t *testing.T) {
	t.Setenv("LLM_API_KEY", "sk-1")
	files := blocks(readFile(t, guides[0]), "yaml")
	for _, file := range files {
		if _, cfg, err := client.LoadConfig(configFile(t, file)); err != nil || cfg.Timeout == 0 {
			t.Errorf("%v, %v:\n%s", cfg, err, file)
		}
	}
	if len(files) == 0 || len(files) != len(blocks(readFile(t, guides[1]), "yaml")) {
		t.Errorf("%d files are shown; in Chinese another number", len(files))
	}
}

// table returns the cells of the table below a heading, without its head.
func table(t testing.TB, guide, anchor string) (rows [][]string) {
	t.Helper()
	_, rest, ok := strings.Cut(readFile(t, guide), "<!-- table: "+anchor+" -->\n")
	if !ok {
		t.Fatalf("%s has no table %s", guide, anchor)
	}
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	if len(rows) < 3 {
		t.Fatalf("%s: table %s is empty", guide, anchor)
	}
	return rows[2:]
}

// TestGuideTable: what the guide says of servers that misbehave is what
// TestWhatBreaksOtherClients has seen.
func TestGuideTable(t *testing.T) {
	kept := []map[bool]string{{true: "kept", false: "closed"}, {true: "保留", false: "关闭"}}
	quoted := regexp.MustCompile("`[^`]+`")
	for i, guide := range guides {
		rows := table(t, guide, "misbehaviour")
		if len(rows) != len(breakers) {
			t.Fatalf("%s has %d rows, want %d", guide, len(rows), len(breakers))
		}
		for n, tt := range breakers {
			want := []string{tt.came, tt.gets, fmt.Sprint(tt.attempts), kept[i][tt.kept]}
			got := slices.Clone(rows[n])
			if i > 0 { // in another language only names can be compared
				for c := range 2 {
					want[c] = strings.Join(quoted.FindAllString(want[c], -1), " ")
					got[c] = strings.Join(quoted.FindAllString(got[c], -1), " ")
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, row %d:\ngot  %q\nwant %q", guide, n+1, got, want)
			}
		}
	}
}

// TestGuideOptions: the tables of options have all fields, and no others, and
// the file's keys are those that LoadConfig knows.
func TestGuideOptions(t *testing.T) {
	for _, guide := range guides {
		for name, of := range map[string]any{
			"Config": client.Config{}, "GenerateOptions": client.GenerateOptions{}, "Generation": client.Generation{},
			"Request": client.Request{}, "Metrics": client.Metrics{}, "Health": client.Health{},
		} {
			var got, want []string
			for _, row := range table(t, guide, name) {
				for _, field := range strings.Split(row[0], ", ") {
					got = append(got, strings.Trim(field, "`"))
				}
			}
			for f := range reflect.TypeOf(of).Fields() {
				if f.IsExported() {
					want = append(want, f.Name)
				}
			}
			if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
				t.Errorf("%s: table %s has\n%v\nthe code\n%v", guide, name, got, slices.Sorted(slices.Values(want)))
			}
		}
		var keys []string
		for _, row := range table(t, guide, "Config") {
			if key := strings.Trim(row[1], "`"); key != "-" {
				keys = append(keys, key)
			}
		}
		keys = append(keys, "cloud_endpoint")
		if known := fileKeys(t); !slices.Equal(slices.Sorted(slices.Values(keys)), known) {
			t.Errorf("%s has the keys\n%v\nLoadConfig\n%v", guide, slices.Sorted(slices.Values(keys)), known)
		}
	}
}

// fileKeys are the keys that LoadConfig tells of when it meets another.
func fileKeys(t testing.TB) []string {
	t.Helper()
	_, _, err := client.LoadConfig(configFile(t, "llm:\n  cloud_endpoint: http://h:1\n  qqqqqqqqqqqq: 1"))
	m := regexp.MustCompile(`the keys here are (.*)`).FindStringSubmatch(fmt.Sprint(err))
	if m == nil {
		t.Fatalf("LoadConfig says %v", err)
	}
	return slices.Sorted(slices.Values(strings.Split(m[1], ", ")))
}

// TestGuideNamesEverything: each exported name has its place in the guide.
func TestGuideNamesEverything(t *testing.T) {
	names := exported(t)
	if len(names) < 40 {
		t.Fatalf("only %d names were found", len(names))
	}
	for _, guide := range guides {
		text := readFile(t, guide)
		for _, name := range names {
			if !regexp.MustCompile(`\b` + name + `\b`).MatchString(text) {
				t.Errorf("%s does not mention %s", guide, name)
			}
		}
	}
}

// exported lists the package's exported names, methods of exported types too.
func exported(t testing.TB) (names []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			names = append(names, declared(decl)...)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool {
		// What every Go programmer knows: of errors and fmt, and of interfaces.
		return !ast.IsExported(name) || slices.Contains([]string{"Error", "Unwrap", "Timeout", "String", "GoString", "Format", "RoundTrip", "Read", "Close", "UnmarshalText", "UnmarshalNode"}, name)
	})
}

func declared(decl ast.Decl) (names []string) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil || ast.IsExported(receiver(d)) {
			return []string{d.Name.Name}
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, s.Name.Name)
			case *ast.ValueSpec:
				for _, n := range s.Names {
					names = append(names, n.Name)
				}
			}
		}
	}
	return names
}

func receiver(d *ast.FuncDecl) string {
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if ident, ok := typ.(*ast.Ident); ok {
		return ident.Name
	}
	return ""
}

// TestGuideLinks: each link leads to a file or a heading that is there.
func TestGuideLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, guide := range guides {
		text := readFile(t, guide)
		slugs := headings(text)
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			path, anchor, hasAnchor := strings.Cut(m[1], "#")
			switch {
			case strings.Contains(m[1], "://"):
			case path != "":
				if _, err := os.Stat(path); err != nil {
					t.Errorf("%s links to %s: %v", guide, m[1], err)
				}
			case hasAnchor && !slices.Contains(slugs, anchor):
				t.Errorf("%s links to #%s, which is no heading: %v", guide, anchor, slugs)
			}
		}
	}
	if a, b := len(headings(readFile(t, guides[0]))), len(headings(readFile(t, guides[1]))); a != b {
		t.Errorf("the guides have %d and %d headings", a, b)
	}
}

// headings returns the anchors of the headings, as code hosts make them.
func headings(text string) (slugs []string) {
	text = regexp.MustCompile("(?ms)^```.*?^```").ReplaceAllString(text, "")
	for _, m := range regexp.MustCompile(`(?m)^#+ +(.+)$`).FindAllStringSubmatch(text, -1) {
		slug := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		slugs = append(slugs, strings.ReplaceAll(slug, " ", "-"))
	}
	return slugs
}
