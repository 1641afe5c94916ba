package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/llmload/llmload"

// leaves are what every package may import; they import nothing of ours.
var leaves = []string{"internal/strictyaml", "internal/metric", "internal/words", "internal/alarm", "internal/promscrape"}

// allowed says which packages of ours a package may import beside the leaves and what lies inside its own folder: imports
// run one way (docs/design.md, section 1). A package that is not named here is not allowed to be.
var allowed = map[string][]string{
	".":                              {"internal/cli"},
	"internal/cli":                   {"client", "fixtures", "internal/simulate", "mockserver", "mockserver/presets", "report", "report/capacity", "report/ci", "report/compare", "results", "results/dialect", "results/interop", "results/store", "scenarios", "scenarios/runner"},
	"internal/strictyaml":            nil,
	"internal/metric":                nil,
	"internal/words":                 nil,
	"internal/alarm":                 nil,
	"internal/promscrape":            nil,
	"internal/simulate":              {"mockserver", "mockserver/engine", "results", "scenarios", "scenarios/runner"},
	"client":                         nil,
	"client/internal/sse":            nil,
	"fixtures":                       nil,
	"mockserver":                     {"mockserver/engine", "mockserver/presets"},
	"mockserver/engine":              nil,
	"mockserver/internal/jsonsample": nil,
	"mockserver/presets":             nil,
	"report":                         {"report/compare", "results", "results/dialect"},
	"report/capacity":                {"results"},
	"report/ci":                      {"report/compare", "results"},
	"report/compare":                 {"results"},
	"results":                        nil,
	"results/dialect":                {"results"},
	"results/interop":                {"results"},
	"results/store":                  {"results"},
	"scenarios":                      nil,
	"scenarios/runner":               {"scenarios", "client", "results"},
}

// strict packages import nothing of ours at all, not even the leaves.
var strict = append([]string{"mockserver/engine", "mockserver/presets", "client/internal/sse"}, leaves...)

// tools are programs of this repository's own upkeep; nothing imports them, and they may import what they like.
var tools = []string{"internal/selfbench", "internal/readme"}

// TestImportsRunOneWay parses the sources in-process: the result of a `go list` would wrongly be cached as passing.
func TestImportsRunOneWay(t *testing.T) {
	found := imports(t)
	for pkg, list := range found {
		may, known := allowed[pkg]
		if slices.Contains(tools, pkg) {
			continue
		}
		if !known {
			t.Errorf("package %s has no place in the house yet: add it to allowed, and to docs/design.md", pkg)
		}
		for _, imported := range list {
			if !mayImport(pkg, imported, may) {
				t.Errorf("package %s must not import %s", pkg, imported)
			}
		}
	}
	for pkg := range allowed {
		if _, ok := found[pkg]; !ok {
			t.Errorf("package %s is in allowed, and has no source: remove it there", pkg)
		}
	}
}

// TestTheMocksPackagesExportFewNames counts types, functions, constants and variables, not methods and fields.
func TestTheMocksPackagesExportFewNames(t *testing.T) {
	const most = 29
	for pkg := range allowed {
		if !strings.HasPrefix(pkg, "mockserver") {
			continue
		}
		if names := exports(t, pkg); len(names) > most {
			t.Errorf("package %s exports %d names, at most %d: %v", pkg, len(names), most, names)
		}
	}
}

func exports(t *testing.T, pkg string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(pkg, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			names = append(names, namesOf(decl)...)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return !token.IsExported(name) })
}

func namesOf(decl ast.Decl) (names []string) {
	if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
		return []string{f.Name.Name}
	}
	general, _ := decl.(*ast.GenDecl)
	if general == nil {
		return nil
	}
	for _, spec := range general.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			names = append(names, spec.Name.Name)
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				names = append(names, name.Name)
			}
		}
	}
	return names
}

func mayImport(pkg, imported string, may []string) bool {
	switch {
	case slices.Contains(strict, pkg):
		return false
	case slices.Contains(leaves, imported), slices.Contains(may, imported):
		return true
	}
	return strings.HasPrefix(imported, pkg+"/internal/")
}

// imports maps each package, by its folder, to the packages of this module that it imports.
func imports(t *testing.T) map[string][]string {
	out := map[string][]string{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && name != "." && (strings.HasPrefix(name, ".") || name == "testdata") {
			return filepath.SkipDir
		}
		if _, err := os.Stat(filepath.Join(file, "go.mod")); err == nil && file != "." {
			return filepath.SkipDir // a module of its own
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		pkg := path.Dir(filepath.ToSlash(file))
		ours, err := oursIn(file)
		out[pkg] = append(out[pkg], ours...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func oursIn(file string) (ours []string, err error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	for _, spec := range f.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		if name == module {
			ours = append(ours, ".")
		}
		if inner, ok := strings.CutPrefix(name, module+"/"); ok {
			ours = append(ours, inner)
		}
	}
	return ours, nil
}
