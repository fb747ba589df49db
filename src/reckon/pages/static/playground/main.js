// The Playground.
