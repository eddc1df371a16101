// Carries the precompiled header; nothing else is compiled here.
