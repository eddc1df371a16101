/* The suite's fault shim, with the names under which SQLite calls: it truncates by ftruncate64(), which the suite's does not have. */
#include "../suites/attacks/faults/fault.c"

int ftruncate64(int fd, off64_t n) { return ftruncate(fd, (off_t)n); }
