//go:build !linux

// Command selfbench needs Linux: it pins processes to cores and reads /proc.
package main

import "fmt"

func main() { fmt.Println("selfbench: not measured: it needs Linux") }
