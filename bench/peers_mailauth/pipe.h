/* The C end of the pipe: lines of words, octets in hex. helper.py is the other end.
 *   in    a request, its words split at blanks
 *   out   ? TYPE NAME    a question; answered by a line with a DNS packet, or "-" when there is
 * none out   = WORD...      the answer */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static char* read_line(void) {
  static char* line;
  static size_t size;
  ssize_t got = getline(&line, &size, stdin);
  if (got < 0) exit(0);
  line[strcspn(line, "\n")] = 0;
  return line;
}

static unsigned char* unhex(const char* text, size_t* length) {
  *length = strlen(text) / 2;
  unsigned char* octets = calloc(*length + 1, 1);
  for (size_t i = 0; i < *length; i++) sscanf(text + 2 * i, "%2hhx", &octets[i]);
  return octets;
}

/* A DNS packet for a question, or -1. */
static int ask(const char* type, const char* name, unsigned char* packet, size_t size) {
  printf("? %s ", type);
  for (const unsigned char* c = (const unsigned char*)name; *c; c++) printf("%02x", *c);
  puts("");
  fflush(stdout);
  const char* line = read_line();
  if (*line == '-') return -1;
  size_t length;
  unsigned char* octets = unhex(line, &length);
  if (length > size) length = size;
  memcpy(packet, octets, length);
  free(octets);
  return (int)length;
}
