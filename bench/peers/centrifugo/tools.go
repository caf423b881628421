//go:build tools

// Package tools pins the Centrifugo server that the bench builds and measures.
package tools

import _ "github.com/centrifugal/centrifugo/v5"
