// A module of its own: it shows what a program that imports client alone depends on.
module example.org/outside

go 1.26.0

require github.com/llmload/llmload v0.0.0

require (
	go.yaml.in/yaml/v4 v4.0.0 // indirect
	golang.org/x/time v0.16.0 // indirect
)

replace github.com/llmload/llmload => ../..
