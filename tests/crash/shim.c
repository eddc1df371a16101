/* The suite's fault shim, and ftruncate64(), which SQLite calls and the suite's shim lacks. */
#include "../suites/attacks/faults/fault.c"

int ftruncate64(int fd, off64_t n) { return ftruncate(fd, (off_t)n); }
